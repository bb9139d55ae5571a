#!/usr/bin/env python3
"""A change that the database refuses for its own sake, for ever, costs that
change and no other: not the turn it came in, not the daemon."""
import os
import signal
import sqlite3
import threading

from heygend import Case, main, until

POISON = """CREATE TRIGGER poison BEFORE %s ON job
WHEN NEW.title = 'poison' %s
BEGIN SELECT RAISE(ABORT, 'poisoned'); END"""


class Poisoned(Case):
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0, "jobs.workers": 1,
                "jobs.slots": 8}

    @classmethod
    def tearDownClass(cls):
        try:			# the log has errors, and should
            cls.daemon.stop(clean_log=False)
        finally:
            cls.daemon.remove()

    def sql(self, text):
        db = sqlite3.connect(os.path.join(self.daemon.state_dir, "jobs.db"),
                             timeout=10)
        with db:
            db.execute(text)
        db.close()

    def poisoned(self, what, when=""):
        self.sql(POISON % (what, when))
        self.addCleanup(self.sql, "DROP TRIGGER IF EXISTS poison")

    def submit(self, title, ms=1000):
        return self.daemon.submit(title=title,
                                  simulate={"duration_ms": ms})["id"]


class RefusedRows(Poisoned):
    def test_a_command_that_cannot_be_stored_fails_alone(self):
        d = self.daemon
        self.poisoned("INSERT")
        answers = {}

        def ask(n):
            title = "poison" if n % 5 == 0 else "good"
            answers[n] = title, d.post("/v1/jobs", {"title": title})
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for title, answer in answers.values():
            if title == "poison":
                self.problem(answer, 500, "internal")
            else:
                self.assertEqual(answer.status, 202)
                self.assertEqual(d.get("/v1/jobs/" +
                                       answer.json["id"]).status, 200)
        self.assertEqual(d.get("/readyz").status, 200)
        self.assertIn("command.failed", d.log())
        d.post("/v1/jobs:cancel", {"ids": [
            a.json["id"] for t, a in answers.values() if t == "good"]})

    def test_a_batch_with_one_such_job_stores_none_of_it(self):
        d = self.daemon
        self.poisoned("INSERT")
        before = d.get("/v1/queue").json["counts"]
        self.problem(d.post("/v1/jobs:batch", {"jobs": [
            {"title": "good"}, {"title": "poison"}]}), 500, "internal")
        self.assertEqual(d.get("/v1/queue").json["counts"], before)

    def test_an_end_that_cannot_be_stored_is_an_internal_error(self):
        d = self.daemon
        bad, good = self.submit("poison"), self.submit("good")
        d.advance(0)
        self.poisoned("UPDATE", "AND NEW.state = 'completed'")
        d.advance(1000)
        self.assertEqual(d.state(good), "completed")
        job = d.job(bad)
        self.assertEqual((job["state"], job["error"]["code"]),
                         ("error", "internal"))
        self.assertIn("record.failed", d.log())

    def test_a_job_that_cannot_be_started_stops_nothing_else(self):
        d = self.daemon
        first = [self.submit("first") for _ in range(8)]
        bad, good = self.submit("bad"), self.submit("good")
        self.sql("DELETE FROM job WHERE id = '%s'" % bad)
        self.assertEqual(d.verb(first[0], "cancel").status, 200)
        self.assertEqual(d.state(good), "running")
        self.assertEqual(d.state(bad), "queued")
        self.assertIn("job.set_aside", d.log())
        self.assertNotIn("store.failed", d.log())
        self.assertEqual(d.get("/readyz").status, 200)
        # a restart of the daemon forgets what is not in its database
        self.problem(d.verb(bad, "cancel"), 500, "internal")
        d.advance(2000)
        self.assertEqual(d.state(good), "completed")

    def test_a_record_that_can_never_be_stored_is_dropped_and_told(self):
        d = self.daemon
        bad, good = self.submit("poison"), self.submit("good")
        d.advance(0)
        self.poisoned("UPDATE")
        d.advance(1000)
        self.assertEqual(d.state(good), "completed")
        self.assertEqual(d.state(bad), "running")
        self.assertIn("record.dropped", d.log())
        # its worker has no job, and takes others
        self.assertEqual(d.get("/v1/queue").json["workers"][0]["running"], 0)
        self.problem(d.verb(bad, "cancel"), 500, "internal")
        self.assertEqual(d.get("/readyz").status, 200)
        # a new life asks a worker again
        self.sql("DROP TRIGGER poison")
        d.stop(clean_log=False)
        d.restart()
        d.advance(1000)
        d.advance(1000)
        until(lambda: d.state(bad) == "completed", "that it ends")


class ManyRefusedRows(Poisoned):
    """More than one turn sets aside."""
    settings = dict(Poisoned.settings, **{"jobs.slots": 200})

    def worker(self, key):
        """None: there is none at the moment, for one is being started."""
        workers = self.daemon.get("/v1/queue").json["workers"]
        return workers[0][key] if workers else None

    def poisoned_runs(self, count):
        jobs = self.daemon.post("/v1/jobs:batch", {"jobs": [
            {"title": "poison", "simulate": {"duration_ms": 1000}}
        ] * count}).json["jobs"]
        until(lambda: self.worker("running") == count, "that they run")
        self.poisoned("UPDATE")
        return [job["id"] for job in jobs]

    def test_no_lost_run_keeps_its_slot(self):
        d = self.daemon
        ids = self.poisoned_runs(150)
        lost = self.worker("pid")
        os.kill(lost, signal.SIGKILL)
        until(lambda: self.worker("pid") not in (None, lost),
              "another worker")
        until(lambda: self.worker("running") == 0, "that it has no run")
        # and none of them is lost with the next worker
        good = self.submit("good")
        d.advance(1000)
        self.assertEqual(d.state(good), "completed")
        self.sql("DROP TRIGGER poison")
        d.post("/v1/jobs:cancel", {"ids": ids})

    def test_a_start_does_without_them(self):
        d = self.daemon
        ids = self.poisoned_runs(150)
        d.stop(clean_log=False)
        d.restart()
        self.assertEqual(d.state(ids[0]), "running")
        good = self.submit("good")
        d.advance(1000)
        self.assertEqual(d.state(good), "completed")
        self.sql("DROP TRIGGER poison")
        d.post("/v1/jobs:cancel", {"ids": ids})


class RefusedDefault(Poisoned):
    settings = dict(Poisoned.settings,
                    **{"status.default_job": "first_request"})

    def all_updates_poisoned(self):
        self.sql("CREATE TRIGGER poison BEFORE UPDATE ON job "
                 "BEGIN SELECT RAISE(ABORT, 'poisoned'); END")

    def result(self):
        return self.daemon.get("/status").json["result"]

    def test_a_first_request_that_is_refused_leaves_it_to_the_next(self):
        d = self.daemon
        self.assertEqual(self.result(), "pending")
        d.advance(60000)
        self.assertEqual(self.result(), "completed")
        d.stop()
        d.restart()
        self.all_updates_poisoned()
        self.assertEqual(self.result(), "completed")
        self.assertIn("command.failed", d.log())
        self.sql("DROP TRIGGER poison")
        self.assertEqual(self.result(), "pending")

    def test_one_that_cannot_begin_is_no_reason_not_to_start(self):
        d = self.daemon
        self.result()
        d.verb("default", "cancel")
        d.stop(clean_log=False)
        self.all_updates_poisoned()
        d.settings["status.default_job"] = "start"
        d.restart()
        self.assertEqual(self.result(), "error")
        self.assertIn("chore.failed chore=default", d.log())
        d.stop(clean_log=False)
        self.sql("DROP TRIGGER poison")
        d.restart()
        self.assertEqual(self.result(), "pending")
        d.settings["status.default_job"] = "first_request"


if __name__ == "__main__":
    main()
