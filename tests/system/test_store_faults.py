"""A real daemon on a disk that fails or dawdles: tests/unit/vfs_fault.h."""
import os
import resource
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import (  # noqa: E402
    Daemon, main, preload, until, write_whole)

IDLE = {"status.default_job": "off", "simulation.min_ms": 3600000,
        "simulation.max_ms": 3600000}


class BrokenDisk(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        vfs = preload("test_vfs")
        self.daemon = Daemon(IDLE)
        self.plan_path = os.path.join(self.daemon.dir, "plan")
        self.daemon.env.update(LD_PRELOAD=vfs,
                               HEYGEND_TEST_VFS=self.plan_path)
        self.daemon.start()
        self.addCleanup(self.daemon.remove)

    def plan(self, text):
        write_whole(self.plan_path, text)

    def ready(self):
        return self.daemon.get("/readyz").status == 200

    def states(self):
        jobs, token = {}, ""
        while token is not None:
            page = self.daemon.get("/v1/jobs?limit=500&page_token=" + token
                                   if token else "/v1/jobs?limit=500").json
            jobs.update((job["id"], job["state"]) for job in page["jobs"])
            token = page["next_page_token"]
        return jobs

    def restart(self):
        self.daemon.stop()
        self.daemon.start()

    def stop(self):
        """The log has errors, and should."""
        self.daemon.stop(clean_log=False)

    def test_a_full_disk_refuses_changes_and_nothing_else(self):
        d = self.daemon
        job = d.submit()
        self.plan("write 1 0 full")
        for _ in range(5):
            answer = d.post("/v1/jobs", {})
            self.assertEqual((answer.status, answer.code),
                             (503, "store_unavailable"))
            self.assertIn("Retry-After", dict(answer.all_headers))
            self.assertIn("unknown", answer.json["detail"])
        until(lambda: not self.ready(), "that it says so")
        self.assertEqual(d.get("/v1/jobs/" + job["id"]).status, 200)
        self.assertEqual(d.get("/healthz").status, 200)
        self.assertEqual(list(self.states()), [job["id"]])
        self.assertEqual(d.get("/v1/jobs/%s/events" % job["id"]).status, 200)
        self.plan("")
        until(self.ready, "that it recovers by itself")
        self.assertEqual(d.post("/v1/jobs", {}).status, 202)
        self.assertEqual(len(self.states()), 2)
        self.assertIn("store.recovered", d.log())
        self.stop()

    def bulk(self, *ids):
        results = self.daemon.post("/v1/jobs:pause", {"ids": ids}).json
        return [(result["status"], result.get("code", result.get("state")))
                for result in results["results"]]

    def test_a_bulk_verb_says_of_which_ids_the_store_could_not_tell(self):
        d = self.daemon
        job, removed = d.submit()["id"], d.submit()["id"]
        d.verb(removed, "cancel")
        self.assertEqual(d.delete("/v1/jobs/" + removed).status, 204)
        nobody = removed[:-1] + ("0" if removed[-1] != "0" else "1")
        unknown = (503, "store_unavailable")
        self.restart()			# nothing has been read yet
        self.plan("open 1 0 ioerr")
        self.assertEqual(self.bulk(nobody, job, removed, "x"), [
            unknown, (200, "paused"), unknown, (404, "job_not_found")])
        # what all of them may take together the first has taken
        self.plan("open 1 1 delay=5100")
        self.assertEqual(self.bulk(removed, nobody, removed)[1:],
                         [unknown] * 2)
        self.plan("")
        self.assertEqual(self.bulk(nobody, job, removed), [
            (404, "job_not_found"), (200, "paused"), (410, "job_gone")])
        self.stop()

    def test_a_slow_disk_delays_changes_and_no_reading(self):
        d = self.daemon
        job = d.submit()
        self.plan("sync 1 1 delay=4000")
        answers = []
        begun = time.monotonic()
        writer = threading.Thread(
            target=lambda: answers.append(d.post("/v1/jobs", {})))
        writer.start()
        reads = 0
        while writer.is_alive():
            before = time.monotonic()
            self.assertEqual(d.get("/status/" + job["id"]).status, 200)
            self.assertLess(time.monotonic() - before, 3)
            reads += 1
        writer.join()
        self.assertEqual(answers[0].status, 202)
        self.assertGreaterEqual(time.monotonic() - begun, 3.9)
        self.assertGreater(reads, 3)
        self.stop()

    def test_a_checkpoint_waits_until_no_change_waits(self):
        d, over = self.daemon, []
        # long enough for those who were answered to come back meanwhile
        self.plan("sync 1 0 delay=500")
        d.submit()

        def submit():
            while not over:
                self.assertEqual(d.post("/v1/jobs", {}).status, 202)
        writers = [threading.Thread(target=submit) for _ in range(12)]
        path = os.path.join(d.state_dir, "jobs.db")
        for writer in writers:
            writer.start()
        written, end = set(), time.monotonic() + 5
        while time.monotonic() < end:
            written.add(os.stat(path).st_mtime_ns)
            time.sleep(0.02)
        over.append(True)
        for writer in writers:
            writer.join()
        # the one that was due before, and one in a moment of quiet
        self.assertLessEqual(len(written), 3)
        latest = os.stat(path).st_mtime_ns
        until(lambda: os.stat(path).st_mtime_ns > latest,
              "the checkpoint once it is quiet")
        self.stop()

    def test_a_log_that_cannot_be_copied_is_told(self):
        d = self.daemon
        d.submit()

        def is_told():		# a busy second, and the log has been copied
            self.plan("write,sync 1 0 ioerr")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                if "store.upkeep_failed" in d.log():
                    return True
                time.sleep(0.05)
            self.plan("")
            self.assertEqual(d.post("/v1/jobs", {}).status, 202)
            return False
        until(is_told, "that it says so")
        self.assertIn("disk I/O error", d.log())
        self.plan("")
        path = os.path.join(d.state_dir, "jobs.db")
        latest = os.stat(path).st_mtime_ns
        self.assertEqual(d.post("/v1/jobs", {}).status, 202)
        until(lambda: os.stat(path).st_mtime_ns > latest, "the next one")
        self.stop()

    def walk(self, plan):
        """Breaks the Nth operation, for every N that a few changes and a
        checkpoint need; nothing acknowledged may be lost."""
        d, acknowledged, unknown = self.daemon, {}, 0
        for n in range(1, 31):
            self.plan(plan % n)
            for _ in range(2):
                answer = d.post("/v1/jobs", {})
                if answer.status == 202:
                    acknowledged[answer.json["id"]] = answer.json["state"]
                else:
                    self.assertEqual((answer.status, answer.code),
                                     (503, "store_unavailable"))
                    unknown += 1
                for job in list(acknowledged)[-1:]:
                    answer = d.post("/v1/jobs/%s:pause" % job)
                    if answer.status == 200:
                        acknowledged[job] = "paused"
                    else:
                        self.assertEqual(answer.status, 503)
                        acknowledged[job] = None	# one or the other
            self.plan("")
            until(self.ready, "that it recovers from " + plan % n)
        self.assertGreater(unknown, 3)
        for look in ("at once", "after kill -9"):
            states = self.states()
            for job, state in acknowledged.items():
                self.assertIn(job, states, look)
                if state == "paused":
                    self.assertEqual(states[job], state, look)
            d.kill()
            d.restart()
        self.assertEqual(d.post("/v1/jobs", {}).status, 202)
        self.stop()

    def test_the_nth_write_or_sync_fails_and_nothing_acknowledged_is_lost(
            self):
        self.walk("write,sync,truncate %d 1 ioerr")

    def test_the_nth_write_is_cut_short_and_nothing_acknowledged_is_lost(
            self):
        self.walk("write %d 3 short")

    def test_a_start_on_a_broken_disk_fails_and_the_next_one_works(self):
        d = self.daemon
        job = d.submit()
        d.kill()
        # the index of the log is made anew, and that fails
        os.unlink(os.path.join(d.state_dir, "jobs.db-shm"))
        self.plan("all 1 0 ioerr")
        d.spawn()
        d.wait(1)
        self.assertIn("jobs.db", d.log())
        self.plan("")
        d.start()
        self.assertEqual(list(self.states()), [job["id"]])
        self.stop()


class FileSize(unittest.TestCase):
    """ulimit -f: what a disk that is full is to one process."""

    def setUp(self):
        self.daemon = Daemon(dict(IDLE, **{"log.level": "info"}))
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.acknowledged = []

    def limit_to_what_there_is(self):
        largest = max(os.path.getsize(os.path.join(
            self.daemon.state_dir, name)) for name in ("jobs.db",
                                                       "jobs.db-wal"))
        pid = self.daemon.process.pid
        self.had = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest, self.had[1]))

    def raise_the_limit(self):
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_FSIZE,
                         self.had)

    def submit_some(self):
        """Remembers what was acknowledged; the answer."""
        answer = self.daemon.post("/v1/jobs:batch", {
            "jobs": [{"title": "x" * 200}] * 50})
        if answer.status == 202:
            self.acknowledged += [job["id"] for job in answer.json["jobs"]]
        return answer

    def refused(self):
        answer = self.submit_some()
        self.assertIn(answer.status, (202, 503))
        return answer if answer.status == 503 else None

    def ready(self):
        return self.daemon.get("/readyz").status == 200

    def assert_all_there(self):
        for id in self.acknowledged:
            self.assertEqual(self.daemon.get("/v1/jobs/" + id).status, 200, id)

    def test_a_limit_of_its_files_is_a_full_disk_until_it_is_raised(self):
        d = self.daemon
        job = d.submit()["id"]
        self.limit_to_what_there_is()
        answer = until(self.refused, "that the limit is hit", step=0)
        self.assertEqual(answer.code, "store_unavailable")
        self.assertIn("Retry-After", dict(answer.all_headers))
        self.assertEqual(d.post("/v1/jobs/%s:pause" % job).code,
                         "store_unavailable")
        until(lambda: not self.ready(), "that it says so")
        for path in ("/v1/jobs", "/v1/jobs/%s/events" % job, "/healthz",
                     "/status?job_id=" + job, "/v1/queue"):
            self.assertEqual(d.get(path).status, 200, path)
        self.assert_all_there()
        self.raise_the_limit()
        until(self.ready, "that it recovers by itself")
        self.assertEqual(self.submit_some().status, 202)
        self.assertIn("store.recovered", d.log())
        d.kill()
        d.start()
        self.assert_all_there()
        d.stop(clean_log=False)

    def test_killed_at_the_limit_it_has_lost_nothing_acknowledged(self):
        self.limit_to_what_there_is()
        until(self.refused, "that the limit is hit", step=0)
        self.daemon.kill()
        self.daemon.start()
        self.assert_all_there()
        self.assertEqual(self.submit_some().status, 202)
        self.daemon.stop(clean_log=False)


main(BrokenDisk, FileSize)
