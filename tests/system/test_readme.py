"""What the README says can be typed works as it stands there."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import DEADLINE, SRCDIR, Case, main, until  # noqa: E402
from test_sqlite3 import SHELL, questions  # noqa: E402


def commands():
    """The lines of the API by example, one a command."""
    with open(os.path.join(SRCDIR, "README.md")) as readme:
        text = readme.read()
    block = text.split("## The API by example\n")[1].split("\n## ")[0]
    lines = [line[4:] for line in block.splitlines()
             if line.startswith("    ")]
    return [line for line in "\n".join(lines).replace("\\\n", " ").split("\n")
            if line and not line.startswith("#")]


class Links(unittest.TestCase):
    def test_what_it_refers_to_is_there(self):
        for page in ("README.md", "HACKING.md"):
            with open(os.path.join(SRCDIR, page)) as text:
                links = re.findall(r"\]\(([^)]+)\)", text.read())
            for link in links:
                self.assertTrue(link.startswith("http") or os.path.exists(
                    os.path.join(SRCDIR, link)), link)


@unittest.skipUnless(shutil.which("curl"), "there is no curl")
class Curl(Case):
    settings = {"simulation.time_scale": 20, "simulation.error_rate": 0,
                "jobs.restart_delay_ms": 1}

    def command(self, *words):
        found = [line for line in commands()
                 if all(word in line for word in words)]
        self.assertEqual(len(found), 1, words)
        return found[0].replace("localhost:8080",
                                "localhost:%d" % self.daemon.port)

    def start(self, *words, id=""):
        return subprocess.Popen(
            ["sh", "-c", "exec " + re.sub(r"\bID\b", id,
                                          self.command(*words))],
            stdout=subprocess.PIPE, text=True)

    def run_it(self, *words, id=""):
        with self.start(*words, id=id) as curl:
            out = curl.communicate(timeout=DEADLINE * 3)[0]
        self.assertEqual(curl.returncode, 0)
        return json.loads(out) if out else None

    def test_each_of_its_commands_is_tried_here(self):
        self.assertEqual(len(commands()), 9)
        self.assertEqual(sum(line.startswith("curl ")
                             for line in commands()), 8)

    def test_a_job_is_submitted_asked_for_and_waited_for(self):
        self.daemon.post("/v1/queue:pause")
        job = self.run_it("Launch")
        self.assertEqual((job["title"], job["output_language"],
                          job["priority_name"]), ("Launch", "es", "high"))
        status = self.run_it("job_id=ID", id=job["id"])
        self.assertEqual((status["job_id"], status["result"]),
                         (job["id"], "pending"))
        self.daemon.post("/v1/queue:resume")
        self.assertEqual(self.run_it("?wait=30", id=job["id"])["result"],
                         "completed")
        self.run_it("DELETE", id=job["id"])
        self.assertEqual(self.daemon.get("/v1/jobs/" + job["id"]).status, 410)

    def test_the_job_default_is_always_there(self):
        self.assertEqual(self.run_it("/status  ")["job_id"], "default")

    def test_a_job_is_paused(self):
        id = self.daemon.submit(simulate={"duration_ms": 10 ** 9})["id"]
        self.assertEqual(self.run_it(":pause", id=id)["state"], "paused")

    def test_events_come_as_they_happen(self):
        with self.start("-sN") as curl:
            try:
                self.assertEqual(curl.stdout.readline(), "retry: 2000\n")
                self.assertEqual(curl.stdout.readline(), "\n")
                self.daemon.submit()
                self.assertRegex(curl.stdout.readline(), r"^id: \d+\n$")
                self.assertEqual(curl.stdout.readline(), "event: state\n")
            finally:
                curl.terminate()

    def test_a_job_that_fails_once_then_succeeds(self):
        job = self.run_it("fail_attempts")
        job = self.daemon.until_state(job["id"], "completed")
        self.assertEqual((job["attempt"], job["last_error"]["attempt"]),
                         (2, 1))


@unittest.skipUnless(SHELL, "there is no sqlite3 shell")
class Questions(Case):
    """The six questions beside a daemon that works, in real time."""
    settings = {"jobs.workers": 1, "jobs.slots": 1, "jobs.ttl_completed_s": 60,
                "store.progress_write_ms": 100, "simulation.error_rate": 0}

    def ask(self, sql, id):
        done = subprocess.run(
            [SHELL, "-readonly", "-json",
             os.path.join(self.daemon.state_dir, "jobs.db"),
             sql.replace("'ID'", "'%s'" % id)],
            capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout or "[]")

    def test_each_of_the_six_has_an_answer_while_jobs_run(self):
        d = self.daemon
        d.verb("default", "cancel")
        done = d.submit(simulate={"duration_ms": 1})["id"]
        d.until_state(done, "completed")
        failed = d.submit(simulate={"duration_ms": 1, "fail_at": 1})["id"]
        d.until_state(failed, "error")
        runs = d.submit(simulate={"duration_ms": 60000})["id"]
        waits = d.submit()["id"]
        d.until_state(runs, "running")
        sql = list(questions().values())
        found = until(lambda: (rows := self.ask(sql[0], "")) and
                      rows[0]["progress"] > 0 and rows,
                      "that it is seen to run")
        self.assertEqual([row["id"] for row in found], [runs])
        self.assertAlmostEqual(found[0]["remaining_ms"],
                               d.job(runs)["remaining_ms"], delta=2000)
        self.assertEqual([(row["position"], row["id"])
                          for row in self.ask(sql[1], "")], [(1, waits)])
        why, = self.ask(sql[2], failed)
        self.assertEqual((why["attempt"], why["error"], why["progress"]),
                         (1, d.job(failed)["error"]["code"], 1))
        self.assertEqual({row["state"]: row["jobs"]
                          for row in self.ask(sql[3], "")},
                         {"completed": 1, "error": 1, "canceled": 1,
                          "running": 1, "queued": 1})
        self.assertEqual({(row["result"], row["state"], row["jobs"])
                          for row in self.ask(sql[4], "")},
                         {("completed", "completed", 1),
                          ("error", "error", 1), ("error", "canceled", 1)})
        self.assertEqual([row["id"] for row in self.ask(sql[5], "")],
                         [done, failed])


if __name__ == "__main__":
    main(Links, Curl, Questions)
