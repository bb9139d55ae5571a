"""The log has nothing secret in it, whatever comes in and however much is
logged; and nothing that comes in can forge a line of it."""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Daemon, main, until  # noqa: E402

KEY = "right-key-0123456789"
WRONG = "wrong-key-0123456789"
SECRET = "s3cret-never-to-be-logged"
EVENT = re.compile(r"<[0-7]>[a-z_]+(\.[a-z_]+)+( [a-z_]+=\S.*)?$")


class Log(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.NamedTemporaryFile("w")	# mode 0600
        cls.addClassCleanup(cls.keys.close)
        cls.keys.write("# operators\n%s\n" % KEY)
        cls.keys.flush()
        cls.daemon = Daemon({"http.api_key_file": cls.keys.name,
                             "simulation.min_ms": 1, "simulation.max_ms": 1,
                             "log.level": "debug"})
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()

    def ask(self, method, path, body=None, **headers):
        return self.daemon.request(method, path, body, headers=headers)

    def logged(self, mark):
        """The log, once the request with that id is in it."""
        until(lambda: "request_id=" + mark in self.daemon.log(),
              "that %s is logged" % mark)
        return self.daemon.log()

    def test_no_key_is_logged_right_or_wrong(self):
        for n, (name, value) in enumerate((
                ("Authorization", "Bearer " + KEY), ("X-Api-Key", KEY),
                ("Authorization", "Bearer " + WRONG), ("X-Api-Key", WRONG),
                ("Authorization", "Basic " + WRONG), ("Cookie", WRONG))):
            answer = self.ask("GET", "/v1/queue", **{
                name: value, "Request-Id": "key-%d" % n})
            self.assertEqual(answer.status, 200 if n < 2 else 401)
        log = self.logged("key-5")
        self.assertNotIn(KEY, log)
        self.assertNotIn(WRONG, log)

    def test_no_body_is_logged_good_or_bad(self):
        bodies = ({"title": SECRET, "tags": [SECRET],
                   "source_url": "https://user:%s@a.example/" % SECRET},
                  {"priority": SECRET}, {SECRET: SECRET, "max_attempts": 0},
                  ("{\"title\": \"%s" % SECRET).encode())
        for n, body in enumerate(bodies):
            self.ask("POST", "/v1/jobs", body, Authorization="Bearer " + KEY,
                     **{"Request-Id": "body-%d" % n,
                        "Idempotency-Key": SECRET})
        self.assertNotIn(SECRET, self.logged("body-3"))

    def test_each_change_of_a_job_is_a_line(self):
        def ask(method, path, body=None):
            answer = self.ask(method, path, body, **{"X-Api-Key": KEY})
            self.assertLess(answer.status, 300)
            return answer
        id = ask("POST", "/v1/jobs",
                 {"simulate": {"duration_ms": 60000}}).json["id"]
        path = "/v1/jobs/" + id
        ask("POST", path + ":pause")
        ask("PATCH", path, {"title": SECRET})
        for verb in ("resume", "cancel", "restart", "cancel"):
            ask("POST", "%s:%s" % (path, verb))
        ask("DELETE", path)
        lines = until(lambda: (found := [
            line for line in self.daemon.log().splitlines()
            if "job=" + id in line]) and "job.removed" in found[-1] and found)
        told = []
        for line in lines:
            match = re.fullmatch(r"<[67]>job\.([a-z]+) job=%s state=([a-z]+|-) "
                                 r"attempt=([12])( detail=\S+)?" % id, line)
            self.assertTrue(match, line)
            if match.group(1) not in ("started", "stage"):
                told.append(match.groups()[:3])
        self.assertEqual(told, [
            ("submitted", "queued", "1"), ("paused", "paused", "1"),
            ("changed", "paused", "1"), ("resumed", "queued", "1"),
            ("canceled", "canceled", "1"), ("restarted", "queued", "2"),
            ("canceled", "canceled", "2"), ("removed", "-", "2")])

    def test_each_attempt_and_its_end_is_a_line(self):
        id = self.ask("POST", "/v1/jobs", {
            "on_error": "restart", "simulate": {
                "duration_ms": 1, "fail_at": 1, "fail_attempts": 1}},
            **{"X-Api-Key": KEY}).json["id"]
        lines = until(lambda: (found := re.findall(
            r"^<6>job\.([a-z]+) job=%s state=([a-z]+) attempt=(\d)" % id,
            self.daemon.log(), re.M)) and found[-1][0] == "completed" and
            found)
        self.assertEqual([line for line in lines if line[0] != "stage"], [
            ("submitted", "queued", "1"), ("started", "running", "1"),
            ("failed", "queued", "1"), ("restarted", "queued", "2"),
            ("started", "running", "2"), ("completed", "completed", "2")])

    def test_no_query_is_logged(self):
        self.ask("GET", "/v1/jobs?tag=a&api_key=" + SECRET,
                 Authorization="Bearer " + KEY, **{"Request-Id": "query"})
        self.assertNotIn(SECRET, self.logged("query"))

    def test_a_path_cannot_forge_a_line(self):
        self.ask("GET", "/v1/x%0A<3>forged.event%20a=b", **{
            "Authorization": "Bearer " + KEY, "Request-Id": "forged"})
        for line in self.logged("forged").splitlines():
            self.assertRegex(line, EVENT)


main(Log)
