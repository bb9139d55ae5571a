"""Who may come in: keys, hosts, origins."""
import os
import shutil
import subprocess
import tempfile
import unittest

import heygend

KEY, OTHER = "k" * 16, "another-key-of-some-length-0123456789"


class Keyed(heygend.Case):
    """A daemon that wants a key, and has these settings besides."""
    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = heygend.Daemon(cls.settings)
        path = os.path.join(cls.daemon.dir, "keys")
        with open(path, "w") as file:
            file.write("# keys\n\n%s\n  %s  \r\n%s\n" % (KEY, OTHER,
                                                         "m" * 128))
        os.chmod(path, 0o600)
        cls.daemon.settings["http.api_key_file"] = path
        cls.daemon.start()


class Keys(Keyed):
    def test_a_key_is_taken_from_either_header(self):
        for key in (KEY, OTHER, "m" * 128):
            for headers in ({"X-Api-Key": key},
                            {"Authorization": "Bearer " + key},
                            {"Authorization": "bearer " + key}):
                answer = self.daemon.get("/v1", headers=headers)
                self.assertEqual(answer.status, 200)

    def test_a_missing_and_a_wrong_key_are_answered_alike(self):
        bodies = set()
        for headers in ({}, {"X-Api-Key": "x" * 16}, {"X-Api-Key": ""},
                        {"X-Api-Key": KEY + "x"}, {"X-Api-Key": KEY[:-1]},
                        {"X-Api-Key": "# keys"}, {"X-Api-Key": "y" * 5000},
                        {"Authorization": "Basic " + KEY},
                        {"Authorization": "Bearer"}):
            for path in ("/v1", "/v1/jobs", "/status", "/nope"):
                answer = self.daemon.get(path, headers=headers)
                self.problem(answer, 401, "unauthorized")
                self.assertEqual(answer.headers["www-authenticate"],
                                 "Bearer")
                bodies.add(answer.body)
        self.assertEqual(len(bodies), 1)

    def test_health_and_the_dashboard_need_no_key(self):
        for path in ("/", "/healthz", "/readyz", "/app.js"):
            self.assertEqual(self.daemon.get(path).status, 200, path)
            self.assertEqual(self.daemon.request("OPTIONS", path).status, 204)
            self.problem(self.daemon.post(path), 405, "method_not_allowed")

    def test_no_key_is_ever_logged(self):
        self.daemon.get("/v1", headers={"X-Api-Key": KEY})
        self.assertNotIn(KEY, self.daemon.log())


class KeyFiles(unittest.TestCase):
    def refused(self, text, mode=0o600):
        daemon = heygend.Daemon()
        try:
            path = os.path.join(daemon.dir, "keys")
            with open(path, "w") as file:
                file.write(text)
            os.chmod(path, mode)
            daemon.settings["http.api_key_file"] = path
            daemon.spawn()
            self.assertEqual(daemon.wait(), 78)
            self.assertIn(path, daemon.log())
        finally:
            daemon.remove()

    def test_a_file_that_others_can_read_is_refused(self):
        self.refused(KEY, 0o644)

    def test_a_file_that_its_group_can_read_is_taken(self):
        folder = tempfile.mkdtemp(prefix="heygend-keys-")
        try:
            path = os.path.join(folder, "keys")
            with open(path, "w") as file:
                file.write(KEY + "\n")
            os.chmod(path, 0o640)
            with heygend.Daemon({"http.api_key_file": path}) as daemon:
                self.assertEqual(daemon.get("/v1").status, 401)
                self.assertEqual(daemon.get("/v1", headers={
                    "X-Api-Key": KEY}).status, 200)
        finally:
            shutil.rmtree(folder)

    def test_a_short_key_is_refused(self):
        self.refused("k" * 15)

    def test_a_long_key_is_refused(self):
        self.refused("k" * 129)

    def test_a_file_without_a_key_is_refused(self):
        self.refused("# nothing\n\n")

    def test_an_address_off_loopback_needs_keys(self):
        daemon = heygend.Daemon({"http.listen": "0.0.0.0:0"})
        try:
            daemon.spawn()
            self.assertEqual(daemon.wait(), 78)
        finally:
            daemon.remove()

    def test_a_port_that_is_taken_is_named(self):
        with heygend.Daemon() as first:
            second = heygend.Daemon(
                {"http.listen": "127.0.0.1:%d" % first.port})
            try:
                second.spawn()
                self.assertEqual(second.wait(), 1)
                self.assertIn("cannot listen on 127.0.0.1:%d" % first.port,
                              second.log())
            finally:
                second.remove()


class Sites(heygend.Case):
    settings = {"http.hosts": "api.example.com, other.example:8443",
                "http.cors_origins":
                    "https://app.example.com,http://localhost:3000"}

    def get(self, path="/v1", method="GET", **headers):
        fields = {name.replace("_", "-"): value
                  for name, value in headers.items()}
        return self.daemon.request(method, path, headers=fields)

    def test_hosts_that_are_ours_are_served(self):
        for host in ("127.0.0.1:%d" % self.daemon.port, "127.0.0.1",
                     "localhost", "LocalHost:1234", "api.example.com",
                     "API.example.com:99", "other.example:8443"):
            self.assertEqual(self.get(Host=host).status, 200, host)

    def test_other_hosts_are_misdirected(self):
        for host in ("evil.example", "localhost.evil.example", "127.0.0.2",
                     "other.example", "other.example:80", "10.0.0.1:80",
                     "xlocalhost", "127.0.0.1.evil.example"):
            for path in ("/", "/v1", "/status", "/nope"):
                answer = self.get(path, Host=host)
                self.problem(answer, 421, "misdirected_request")

    def test_a_host_that_is_none_is_malformed(self):
        for host in ("", "a b", "x/y", "a\"b", "x" * 300):
            self.problem(self.get(Host=host), 400, "malformed_request")

    def test_our_own_origin_is_let_in(self):
        here = "http://127.0.0.1:%d" % self.daemon.port
        self.assertEqual(self.get(Origin=here).status, 200)
        self.assertEqual(self.get(Origin=here, Sec_Fetch_Site="same-origin")
                         .status, 200)

    def test_foreign_origins_are_refused(self):
        for origin in ("null", "https://evil.example", "http://localhost",
                       "https://app.example.com.evil.example",
                       "https://app.example.com:444",
                       "http://app.example.com", ""):
            for method in ("GET", "POST", "OPTIONS"):
                with self.subTest(origin=origin, method=method):
                    answer = self.get("/v1/jobs", method, Origin=origin)
                    self.problem(answer, 403, "foreign_origin")
                    self.assertNotIn("access-control-allow-origin",
                                     answer.headers)

    def test_what_a_browser_calls_cross_site_is_refused(self):
        self.problem(self.get(Sec_Fetch_Site="cross-site"), 403,
                     "foreign_origin")
        for site in ("same-origin", "same-site", "none"):
            self.assertEqual(self.get(Sec_Fetch_Site=site).status, 200)

    def test_a_listed_origin_gets_the_headers_of_cors(self):
        for origin in ("https://app.example.com", "http://localhost:3000"):
            answer = self.get("/v1/jobs", Origin=origin,
                              Sec_Fetch_Site="cross-site")
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["access-control-allow-origin"],
                             origin)
            exposed = answer.headers["access-control-expose-headers"]
            for name in ("ETag", "Retry-After", "Location",
                         "Preference-Applied", "Request-Id"):
                self.assertIn(name, exposed)
            problem = self.get("/v1/nope", Origin=origin)
            self.assertEqual(problem.headers["access-control-allow-origin"],
                             origin)

    def test_a_preflight_is_answered(self):
        answer = self.get("/v1/jobs/x", "OPTIONS",
                          Origin="https://app.example.com",
                          Access_Control_Request_Method="PATCH",
                          Access_Control_Request_Headers="if-match")
        self.assertEqual(answer.status, 204)
        self.assertIn("PATCH",
                      answer.headers["access-control-allow-methods"])
        for name in ("Idempotency-Key", "If-Match", "Prefer", "X-Api-Key",
                     "Last-Event-ID", "Content-Type", "Authorization"):
            self.assertIn(name,
                          answer.headers["access-control-allow-headers"])

    def test_urls_in_answers_bear_the_host_that_was_asked(self):
        job = self.daemon.submit(simulate={"duration_ms": 1})
        self.daemon.until_state(job["id"], "completed", "error")
        for host in ("localhost:77", "api.example.com"):
            answer = self.get("/v1/jobs/" + job["id"], Host=host).json
            if answer["state"] == "completed":
                self.assertEqual(answer["result_url"],
                                 "http://%s/v1/jobs/%s/result" %
                                 (host, job["id"]))


class Preflight(Keyed):
    """A browser sends no key with a preflight."""
    settings = {"http.cors_origins": "https://app.example.com",
                "http.public_url": "https://pub.example/hg/"}

    def test_a_preflight_needs_no_key_but_the_request_does(self):
        headers = {"Origin": "https://app.example.com",
                   "Access-Control-Request-Method": "GET"}
        self.assertEqual(self.daemon.request("OPTIONS", "/v1/jobs",
                                             headers=headers).status, 204)
        answer = self.daemon.get("/v1/jobs", headers=headers)
        self.problem(answer, 401, "unauthorized")
        self.assertEqual(answer.headers["access-control-allow-origin"],
                         "https://app.example.com")


class Everywhere(Keyed):
    """With keys it may listen on all addresses."""
    settings = {"http.listen": "0.0.0.0:0", "http.hosts": "api.example.com"}

    def test_any_address_is_its_own_and_no_other_name(self):
        for host, status in (("127.0.0.1", 200), ("10.1.2.3:80", 200),
                             ("localhost", 200), ("api.example.com", 200),
                             ("evil.example", 421), ("10.1.2.3.evil", 421)):
            answer = self.daemon.get("/v1", headers={"Host": host,
                                                     "X-Api-Key": KEY})
            self.assertEqual(answer.status, status, host)


class Dashboard(heygend.Case):
    def test_it_is_served_with_its_policy(self):
        answer = self.daemon.get("/")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["content-type"].startswith(
            "text/html"))
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'self'", policy)
        self.assertNotIn("unsafe", policy)

    def test_it_is_not_sent_again_while_it_is_the_same(self):
        tag = self.daemon.get("/").headers["etag"]
        answer = self.daemon.get("/", headers={"If-None-Match": tag})
        self.assertEqual((answer.status, answer.body), (304, b""))
        answer = self.daemon.get("/", headers={"If-None-Match": '"x"'})
        self.assertEqual(answer.status, 200)

    def test_it_is_compressed_for_who_takes_that(self):
        import gzip
        plain = self.daemon.get("/")
        self.assertNotIn("content-encoding", plain.headers)
        for accept in ("gzip", "deflate, gzip;q=0.5", "gzip, br"):
            answer = self.daemon.get("/", headers={"Accept-Encoding": accept})
            self.assertEqual(answer.headers["content-encoding"], "gzip")
            self.assertEqual(gzip.decompress(answer.body), plain.body)
        answer = self.daemon.get("/", headers={
            "Accept-Encoding": "gzip;q=0"})
        self.assertNotIn("content-encoding", answer.headers)

    def test_a_link_from_elsewhere_may_lead_to_it(self):
        answer = self.daemon.get("/", headers={
            "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
        self.assertEqual(answer.status, 200)


if __name__ == "__main__":
    heygend.main(Keys, KeyFiles, Sites, Preflight, Everywhere, Dashboard)
