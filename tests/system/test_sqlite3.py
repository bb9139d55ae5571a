"""What a person sees with the sqlite3 shell while heygend runs: the views of
design, section 6, and the six questions of the README, as they stand there."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import SRCDIR, Case, Daemon, main, until  # noqa: E402

SHELL = shutil.which("sqlite3")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def questions():
    """The README's queries by their questions."""
    with open(os.path.join(SRCDIR, "README.md")) as readme:
        text = readme.read()
    return {question: sql for question, sql in
            re.findall(r"^([A-Z][^\n]*\?)\n\n```sql\n(.*?)```", text,
                       re.M | re.S)}


class Sqlite3(Case):
    settings = {
        "test.clock": "manual",
        "status.default_job": "off",
        "jobs.workers": 1,
        "jobs.slots": 2,
        "jobs.restart_delay_ms": 1000,
        "simulation.distribution": "fixed",
        "simulation.mean_ms": 10000,
        "simulation.error_rate": 0,
        "simulation.eta_error": 0,
        "store.progress_write_ms": 100,
    }

    @classmethod
    def setUpClass(cls):
        if not SHELL:
            raise unittest.SkipTest("there is no sqlite3 shell")
        super().setUpClass()

    def shell(self, sql, *args):
        done = subprocess.run(
            [SHELL, "-readonly", "-json", *args,
             os.path.join(self.daemon.state_dir, "jobs.db"), sql],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout or "[]")

    def ask(self, start, **replace):
        found = [sql for question, sql in questions().items()
                 if question.startswith(start)]
        self.assertEqual(len(found), 1, start)
        for word, value in replace.items():
            found[0] = found[0].replace(word, value)
        return self.shell(found[0])

    def setUp(self):
        self.given = []

    def tearDown(self):
        ids = [job["id"] for job in self.given]
        self.daemon.post("/v1/jobs:cancel", {"ids": ids})
        self.daemon.post("/v1/jobs:delete", {"ids": ids})

    def submit(self, **fields):
        job = self.daemon.submit(**fields)
        self.given.append(job)
        return job

    def advance(self, ms):
        answer = self.daemon.post("/v1/clock:advance", {"ms": ms})
        self.assertEqual(answer.status, 200)

    def job(self, job):
        return self.daemon.get("/v1/jobs/" + job["id"]).json

    # --- the six questions ----------------------------------------------------

    def test_the_readme_has_the_six_questions(self):
        self.assertEqual(len(questions()), 6)

    def test_what_is_running_and_when_does_it_end(self):
        slow = self.submit(title="slow", simulate={"duration_ms": 60000})
        fast = self.submit(title="fast", simulate={"duration_ms": 20000})
        self.advance(4000)

        def seen():
            rows = self.ask("What is running")
            shown = {job["id"]: self.job(job)["progress"]
                     for job in (slow, fast)}
            return rows if all(abs(row["progress"] - shown[row["id"]]) < 0.05
                               for row in rows) else None
        rows = until(seen, "that their progress is in the database")
        self.assertEqual([row["title"] for row in rows], ["fast", "slow"])
        for row, job in zip(rows, (fast, slow)):
            wire = self.job(job)
            self.assertEqual(row["id"], wire["id"])
            self.assertEqual(row["stage"], wire["stage"])
            self.assertAlmostEqual(row["progress"], wire["progress"], 1)
            self.assertAlmostEqual(row["remaining_ms"], wire["remaining_ms"],
                                   delta=1500)
            self.assertRegex(row["estimated_completion_at"], ISO)

    def test_what_is_next(self):
        self.submit(), self.submit()
        low = self.submit(title="low", priority="low")
        late = self.submit(title="late", not_before=time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)))
        urgent = self.submit(title="urgent", priority="urgent")
        rows = self.ask("What is next")
        self.assertEqual([(row["position"], row["id"]) for row in rows],
                         [(1, urgent["id"]), (2, low["id"]),
                          (None, late["id"])])
        for row in rows[:2]:
            self.assertEqual(row["position"], self.job(row)["queue_position"])

    def test_why_did_this_job_fail_attempt_by_attempt(self):
        job = self.submit(on_error="restart", max_attempts=2,
                          simulate={"duration_ms": 2000, "fail_at": 0.5})
        self.advance(10000)
        self.assertEqual(self.job(job)["state"], "error")
        rows = self.ask("Why did this job fail", ID=job["id"])
        self.assertEqual([row["attempt"] for row in rows], [1, 2])
        self.assertEqual(rows[1]["error"], self.job(job)["error"]["code"])
        self.assertEqual([row["progress"] for row in rows], [0.5, 0.5])

    def test_how_long_do_jobs_wait_and_run(self):
        for _ in range(3):
            self.submit(simulate={"duration_ms": 4000})
        self.advance(8000)
        row, = [row for row in self.ask("How long do jobs")
                if row["state"] == "completed"]
        self.assertEqual(row, {
            "state": "completed", "jobs": 3,
            "avg(wait_ms)": 4000 / 3, "max(wait_ms)": 4000,
            "avg(run_ms)": 4000, "max(run_ms)": 4000})

    def test_what_ended_in_the_last_hour_by_result(self):
        def ended():
            return {row["state"]: row["jobs"]
                    for row in self.ask("What ended in the last hour")}
        before = ended()
        self.submit(simulate={"duration_ms": 1000})
        self.submit(simulate={"duration_ms": 1000, "fail_at": 0.2})
        canceled = self.submit()
        self.daemon.post("/v1/jobs/%s:cancel" % canceled["id"])
        self.advance(1500)
        self.assertEqual(
            {state: count - before.get(state, 0)
             for state, count in ended().items()},
            {"completed": 1, "error": 1, "canceled": 1})

    def test_what_will_be_removed_next(self):
        later = self.submit(ttl_s=500, simulate={"duration_ms": 1000})
        sooner = self.submit(ttl_s=50, simulate={"duration_ms": 1000})
        self.advance(1000)
        rows = self.ask("What will be removed")
        self.assertEqual([row["id"] for row in rows],
                         [sooner["id"], later["id"]])
        self.assertEqual(rows[0]["expires_at"],
                         self.job(sooner)["expires_at"])

    # --- the views ----------------------------------------------------------------

    def test_the_views_have_the_columns_they_promise(self):
        self.assertEqual(self.columns("queue")[:2], ["position", "id"])
        self.assertEqual(self.columns("summary"),
                         ["state", "jobs", "oldest_age_s"])
        self.assertEqual(self.columns("history"), [
            "seq", "at", "job", "kind", "from_state", "to_state", "attempt",
            "progress", "detail"])

    def columns(self, view):
        return [row["name"] for row in
                self.shell("SELECT name FROM pragma_table_info('%s')" % view)]

    def test_the_view_of_jobs_says_what_the_wire_says(self):
        self.submit(title="It's", tags=["a", "b"], priority=10, ttl_s=77,
                    source_url="https://a.example/x", on_error="restart")
        self.submit(simulate={"duration_ms": 1000, "fail_at": 0.1})
        self.submit()
        paused = self.submit()
        self.daemon.post("/v1/jobs/%s:pause" % paused["id"])
        self.advance(5000)
        for given in self.given:
            wire = self.job(given)
            row, = self.shell("SELECT * FROM jobs WHERE id = '%s'" %
                              given["id"])
            self.assertEqual((row["tags"] or "").split(), wire["tags"])
            for key in ("seq", "state", "result", "version", "title",
                        "source_url", "priority", "priority_name", "attempt",
                        "max_attempts", "on_error", "submitted_at",
                        "started_at", "finished_at", "expires_at"):
                self.assertEqual(row[key], wire[key], key)
            self.assertEqual(row["error"],
                             wire["error"] and wire["error"]["code"])

    def test_the_longest_jobs_there_can_be_overflow_no_view(self):
        jobs = self.daemon.post("/v1/jobs:batch", {"jobs": [
            {"simulate": {"duration_ms": 2 ** 53 - 1}}] * 1000}).json["jobs"]
        self.given += jobs
        more = self.daemon.post("/v1/jobs:batch", {"jobs": [
            {"simulate": {"duration_ms": 2 ** 53 - 1}}] * 500}).json["jobs"]
        try:
            self.assertEqual(len(self.ask("What is next")), 10)
            rows = self.shell("SELECT max(remaining_ms) AS most FROM queue")
            self.assertGreater(rows[0]["most"], 2 ** 53)
        finally:
            self.daemon.post("/v1/jobs:cancel",
                             {"ids": [job["id"] for job in more]})
            self.daemon.post("/v1/jobs:delete",
                             {"ids": [job["id"] for job in more]})

    def test_the_summary_counts_every_state(self):
        self.submit(), self.submit(), self.submit()
        self.advance(2000)
        rows = {row["state"]: row
                for row in self.shell("SELECT * FROM summary")}
        counts = self.daemon.get("/v1/queue").json["counts"]
        self.assertEqual({state: row["jobs"] for state, row in rows.items()},
                         counts)
        self.assertEqual(rows["queued"]["oldest_age_s"], 2)

    def test_the_history_keeps_a_removed_job(self):
        job = self.daemon.submit()
        self.daemon.post("/v1/jobs/%s:cancel" % job["id"])
        self.daemon.delete("/v1/jobs/" + job["id"])
        rows = self.shell("SELECT kind FROM history WHERE job = '%s'" %
                          job["id"])
        self.assertEqual([row["kind"] for row in rows],
                         ["submitted", "started", "canceled", "removed"])

    def test_a_shell_that_may_only_read_changes_nothing(self):
        done = subprocess.run(
            [SHELL, "-readonly",
             os.path.join(self.daemon.state_dir, "jobs.db"),
             "DELETE FROM job"], capture_output=True, text=True, timeout=30)
        self.assertIn("readonly", done.stderr)


@unittest.skipUnless(SHELL, "there is no sqlite3 shell")
class Progress(unittest.TestCase):
    def test_progress_is_written_with_its_stage_or_in_its_time_only(self):
        with Daemon(dict(Sqlite3.settings, **{
                "store.progress_write_ms": 3600000,
                "simulation.progress_interval_ms": 100})) as d:
            d.submit(simulate={"duration_ms": 100000})

            def written():
                done = subprocess.run(
                    [SHELL, "-readonly",
                     os.path.join(d.state_dir, "jobs.db"),
                     "SELECT stage, round(progress, 4) FROM live"],
                    capture_output=True, text=True, check=True, timeout=30)
                return done.stdout.strip()
            d.advance(9999)
            self.assertEqual(written(), "")
            for ms, row in ((1, "transcribe|0.1"), (14999, "transcribe|0.1"),
                            (1, "translate|0.25"), (19000, "translate|0.25")):
                d.advance(ms)
                self.assertEqual(written(), row)


@unittest.skipUnless(SHELL, "there is no sqlite3 shell")
class Dead(unittest.TestCase):
    def test_the_jobs_of_a_dead_daemon_do_not_seem_to_move(self):
        with Daemon({"status.default_job": "off", "simulation.error_rate": 0,
                     "store.progress_write_ms": 200}) as d:
            id = d.submit(simulate={"duration_ms": 20000})["id"]

            def shown():
                done = subprocess.run(
                    [SHELL, "-readonly",
                     os.path.join(d.state_dir, "jobs.db"),
                     "SELECT progress FROM jobs WHERE id = '%s'" % id],
                    capture_output=True, text=True, check=True, timeout=30)
                return float(done.stdout)
            until(lambda: shown() > 0.05, "that it runs, and is seen to")
            d.kill()
            died = time.monotonic()
            # a row, what was not yet written, and two intervals: no more
            until(lambda: time.monotonic() > died + 0.8, "that it is dead")
            last = shown()
            self.assertLess(last, 0.5)
            until(lambda: time.monotonic() > died + 1.6, "some time later")
            self.assertEqual(shown(), last)


if __name__ == "__main__":
    main(Sqlite3, Progress, Dead)
