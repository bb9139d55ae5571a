"""Workers that die, hang, lie or are missing cost a run and never a job."""
import os
import shlex
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash_check import Event, walk  # noqa: E402
from heygend import (  # noqa: E402
    DEADLINE, SLOW, VALGRIND, Daemon, alive, main, program, until,
    write_whole)
from test_life import ms  # noqa: E402

BAD = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "bad_worker.py")
SETTINGS = {"status.default_job": "off", "jobs.workers": 1, "jobs.slots": 2,
            "jobs.worker_timeout_s": 20 * SLOW, "simulation.error_rate": 0,
            "simulation.min_ms": 50, "simulation.max_ms": 50}


class Crew(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(SETTINGS)
        self.addCleanup(self.daemon.remove)
        self.worker = os.path.join(self.daemon.dir, "worker")
        self.mode_path = os.path.join(self.daemon.dir, "mode")
        self.daemon.env.update(HEYGEN_WORKER=self.worker,
                               HG_BAD_WORKER=self.mode_path,
                               HG_GOOD_WORKER=program("heygen-worker"))

    def make_worker(self):
        with open(self.worker + ".new", "w") as script:
            script.write("#!/bin/sh\nexec %s %s\n" % (
                shlex.quote(sys.executable), shlex.quote(BAD)))
        os.chmod(self.worker + ".new", 0o755)
        os.rename(self.worker + ".new", self.worker)

    def mode(self, mode):
        write_whole(self.mode_path, mode)

    def start(self, mode):
        self.mode(mode)
        self.make_worker()
        self.daemon.start()

    def events(self, id):
        return self.daemon.get("/v1/jobs/%s/events?limit=500" %
                               id).json["events"]

    def kinds(self, id):
        return [e["kind"] for e in self.events(id)]

    def lost(self):
        return self.daemon.log().count("worker.lost")

    def good_from_now_on(self):
        """The bad ones that live are sent away."""
        self.mode("good")
        for pid in self.daemon.children():
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as line:
                    if b"bad_worker" in line.read():
                        os.kill(pid, 9)
            except OSError:
                pass		# it has just left

    def end_of(self, id):
        """The state that its history ends in, which follows the rules."""
        return walk(None, [Event.told(e) for e in self.events(id)], True)

    def given_a_job(self):
        return self.daemon.submit()["id"]

    def it_costs_a_run_and_no_job(self, mode, why):
        """Bad for one loss, then good: the job completes."""
        d = self.daemon
        self.start(mode + " once")
        id = self.given_a_job()
        job = d.until_state(id, "completed", deadline=2 * DEADLINE)
        self.assertEqual(self.kinds(id).count("requeued"), 1)
        self.assertEqual(job["attempt"], 1)
        self.assertIsNone(job["last_error"])
        self.assertEqual(self.end_of(id), "completed")
        self.assertIn('reason="%s"' % why, d.log())
        d.stop()

    def test_one_that_sends_garbage_is_sent_away(self):
        self.it_costs_a_run_and_no_job("garbage", "it spoke nonsense")

    def test_one_that_tells_what_cannot_be_is_sent_away(self):
        self.it_costs_a_run_and_no_job("lies", "it spoke nonsense")

    def test_one_whose_packets_are_too_long_is_sent_away(self):
        self.it_costs_a_run_and_no_job("oversized", "it spoke nonsense")

    def test_one_whose_packets_are_empty_is_sent_away(self):
        self.it_costs_a_run_and_no_job("empty", "it ended")

    def test_one_that_neither_reads_nor_speaks_is_sent_away(self):
        self.daemon.settings["jobs.worker_timeout_s"] = 5 * SLOW
        self.it_costs_a_run_and_no_job("mute", "silent")

    def test_one_that_speaks_and_does_not_read_is_sent_away(self):
        self.daemon.settings["jobs.worker_timeout_s"] = 5 * SLOW
        self.it_costs_a_run_and_no_job("deaf", "it does not listen")

    def test_one_that_dies_with_each_job_is_replaced(self):
        self.it_costs_a_run_and_no_job("dies", "it ended")

    def test_three_losses_without_progress_end_a_job_and_only_that(self):
        d = self.daemon
        self.start("dies")
        id = self.given_a_job()
        job = d.until_state(id, "error")
        self.assertEqual((job["error"]["code"], job["error"]["attempt"]),
                         ("worker_lost", 1))
        self.assertEqual(self.kinds(id), ["submitted"] +
                         ["started", "requeued"] * 2 + ["started", "failed"])
        self.assertEqual(self.end_of(id), "error")
        self.good_from_now_on()
        d.until_state(self.given_a_job(), "completed")
        self.assertEqual(d.verb(id, "restart").status, 200)
        d.until_state(id, "completed")
        d.stop()

    def test_losses_with_progress_in_between_never_end_a_job(self):
        d = self.daemon
        self.start("dies_with_progress")
        id = d.submit(simulate={"duration_ms": 600000})["id"]
        until(lambda: self.kinds(id).count("requeued") >= 4, "four losses",
              60)
        self.assertGreaterEqual(d.job(id)["progress"], 0.4)
        self.assertIsNone(d.job(id)["last_error"])
        d.stop()

    def test_records_of_other_runs_change_nothing(self):
        d = self.daemon
        self.start("wrong_runs")
        ids = [self.given_a_job() for _ in range(5)]
        for id in ids:
            job = d.until_state(id, "completed")
            self.assertEqual(self.end_of(id), "completed")
            self.assertEqual(self.kinds(id).count("completed"), 1)
            self.assertGreaterEqual(ms(job["finished_at"]),
                                    ms(job["started_at"]))
        self.assertEqual(self.lost(), 0)
        d.stop()

    def test_the_end_of_a_run_that_is_over_does_not_count(self):
        d = self.daemon
        self.start("stubborn")
        paused, canceled, resumed = [self.given_a_job() for _ in range(3)]
        d.until_state(paused, "running")
        self.assertEqual(d.verb(paused, "pause").status, 200)
        d.until_state(canceled, "running")
        self.assertEqual(d.verb(canceled, "cancel").status, 200)
        d.until_state(resumed, "running")
        d.verb(resumed, "pause")
        d.verb(resumed, "resume")
        d.until_state(resumed, "completed")
        # what is told of the others came before that
        self.assertEqual(self.kinds(resumed), [
            "submitted", "started", "paused", "resumed", "started",
            "completed"])
        self.assertEqual(d.state(paused), "paused")
        self.assertEqual(d.state(canceled), "canceled")
        d.stop()

    def test_a_flood_drowns_nobody(self):
        d = self.daemon
        self.start("flood")
        id = self.given_a_job()
        d.until_state(id, "running")
        served = 0
        while d.state(id) == "running":
            self.assertEqual(d.post("/v1/jobs", {}).status, 202)
            served += 1
        self.assertGreater(served, 2)
        self.assertEqual(d.until_state(id, "completed")["attempt"], 1)
        self.good_from_now_on()
        d.stop()

    @unittest.skipIf(VALGRIND, "its vfork is a fork, and posix_spawn does not "
                     "hear there that a program is missing")
    def test_a_worker_that_is_missing_is_waited_for(self):
        d = self.daemon
        self.mode("good")
        d.start()
        answer = d.get("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertIn("worker", answer.json["detail"])
        self.assertEqual(d.get("/healthz").status, 200)
        id = self.given_a_job()
        until(lambda: "worker.start_failed" in d.log(), "that the log tells")

        def has_no_end_in_sight():	# one that is being started is counted
            job = d.job(id)
            self.assertEqual((job["state"], job["queue_position"]),
                             ("queued", 1))
            return job["estimated_completion_at"] is None
        until(has_no_end_in_sight, "that there is no estimate")
        until(lambda: d.get("/v1/queue").json["slots"] == 0, "no slots")
        self.make_worker()
        d.until_state(id, "completed")
        until(lambda: d.get("/readyz").status == 200, "that it is ready")
        d.stop(clean_log=False)

    def test_a_worker_that_came_back_is_shown_also_if_nothing_runs(self):
        d = self.daemon
        d.settings["jobs.workers"] = 2
        self.start("good")

        def shown():
            return [worker["pid"] for worker in
                    d.get("/v1/queue").json["workers"]]

        def both():
            pids = shown()
            return pids if len(pids) == 2 else None
        before = until(both, "both workers")
        os.kill(before[0], 9)
        until(lambda: len(set(shown()) - {before[0]}) == 2,
              "that the new one is shown")
        self.assertEqual(d.get("/v1/queue").json["slots"], 4)
        d.stop()

    def test_no_worker_outlives_a_daemon_that_is_killed(self):
        d = self.daemon
        self.start("good")
        until(d.children, "that there are workers")
        d.until_state(self.given_a_job(), "completed")
        workers = d.children()
        d.kill()
        until(lambda: not any(alive(pid) for pid in workers),
              "that they leave")

    def test_killing_workers_while_many_wait_wakes_each_waiter(self):
        d = self.daemon
        self.start("good")
        ids = [d.submit(simulate={"duration_ms": 5000})["id"]
               for _ in range(4)]
        answers = []
        waiters = [threading.Thread(target=lambda id=id: answers.append(
            d.get("/v1/jobs/%s?wait=60" % id, timeout=70).json["state"]))
            for id in ids]
        for waiter in waiters:
            waiter.start()
        for losses in (1, 2):
            d.until_state(ids[0], "running")
            for pid in d.children():
                os.kill(pid, 9)
            until(lambda: self.kinds(ids[0]).count("requeued") == losses,
                  "the loss")
        for waiter in waiters:
            waiter.join(70)
        self.assertEqual(answers, ["completed"] * 4)
        d.stop()


if __name__ == "__main__":
    main(Crew)
