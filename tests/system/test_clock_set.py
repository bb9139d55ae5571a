"""The wall clock is set, the daemon is stopped for a while: nothing is stuck.

tests/unit/clock_shim.c is the clock; nobody tells the daemon that it was set.
"""
import os
import signal
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Daemon, main, preload, until  # noqa: E402
from test_life import ms  # noqa: E402

HOUR = 3600 * 1000
SETTINGS = {"status.default_job": "off", "jobs.workers": 1, "jobs.slots": 2,
            "jobs.worker_timeout_s": 3, "jobs.restart_delay_ms": 4000,
            "simulation.error_rate": 0, "simulation.progress_interval_ms": 100}
FAILS_ONCE = {"duration_ms": 10, "fail_at": 0.5, "fail_attempts": 1}


def text(wall_ms):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_ms // 1000))


class ClockSet(unittest.TestCase):
    def setUp(self):
        shim = preload("test_clock_shim")
        self.daemon = Daemon(SETTINGS)
        self.addCleanup(self.daemon.remove)
        self.clock_path = os.path.join(self.daemon.dir, "clock")
        self.set_clock(0)
        self.daemon.env.update(LD_PRELOAD=shim,
                               HEYGEND_TEST_CLOCK=self.clock_path)
        self.daemon.start()

    def set_clock(self, off_ms):
        """In place: it is mapped."""
        fd = os.open(self.clock_path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, struct.pack("=q", off_ms))
        os.close(fd)
        self.off_ms = off_ms

    def now(self):
        return int(time.time() * 1000) + self.off_ms

    def given_one_that_waits_for_its_restart(self):
        d = self.daemon
        job = d.submit(on_error="restart", simulate=FAILS_ONCE)
        until(lambda: d.job(job["id"])["attempt"] == 2, "that it fails")
        return job["id"]

    def no_negative_times(self, *ids):
        queue = self.daemon.get("/v1/queue").json
        self.assertGreaterEqual(queue["oldest_wait_ms"], 0)
        self.assertLess(queue["oldest_wait_ms"], HOUR / 2)
        for id in ids:
            job = self.daemon.job(id)
            self.assertGreaterEqual(job["remaining_ms"], 0)
            self.assertLess(job["remaining_ms"], 60000, job)

    def noticed(self):
        """The turn that says so, and what it decided, are over."""
        until(lambda: "clock.set" in self.daemon.log(), "that it is noticed")
        self.daemon.submit(not_before="2999-01-01T00:00:00Z")

    def test_nothing_waits_an_hour_longer_when_the_clock_is_set_back(self):
        d = self.daemon
        begun = time.monotonic()
        restarts = self.given_one_that_waits_for_its_restart()
        runs = d.submit(simulate={"duration_ms": 3000})["id"]
        d.until_state(runs, "running")
        d.post("/v1/queue:pause")
        waits = [d.submit(simulate={"duration_ms": 10})["id"]
                 for _ in range(3)]
        paused = d.submit(simulate={"duration_ms": 10})["id"]
        d.verb(paused, "pause")
        self.set_clock(-HOUR)
        self.noticed()
        self.no_negative_times(restarts, runs, *waits)
        d.patch("/v1/jobs/" + waits[0], {"priority": 5})
        d.verb(waits[1], "pause")
        d.verb(waits[1], "resume")
        d.verb(paused, "resume")
        after = d.submit(simulate={"duration_ms": 10})["id"]
        places = [d.job(id)["queue_position"]
                  for id in [waits[0], waits[2], after]]
        self.assertEqual(places, sorted(places))
        self.assertNotIn(None, places)
        d.post("/v1/queue:resume")
        for id in [restarts, runs, paused, after] + waits:
            job = d.until_state(id, "completed")
            self.assertGreaterEqual(ms(job["expires_at"]) -
                                    ms(job["finished_at"]), 0)
        self.assertGreaterEqual(time.monotonic() - begun, 3.9)
        self.daemon.stop()

    def test_a_delay_stays_a_delay_when_the_clock_is_set_forward(self):
        d = self.daemon
        restarts = self.given_one_that_waits_for_its_restart()
        before = d.job(restarts)
        promised = d.submit(not_before=text(self.now() + HOUR // 2),
                            simulate={"duration_ms": 10})["id"]
        ttl = d.submit(simulate={"duration_ms": 10}, ttl_s=1800)["id"]
        d.until_state(ttl, "completed")
        self.set_clock(HOUR)
        self.noticed()
        now = d.job(restarts)
        if now["state"] == "queued":
            self.assertAlmostEqual(ms(now["eligible_at"]) -
                                   ms(before["eligible_at"]), HOUR, delta=50)
            self.assertLessEqual(now["remaining_ms"], 4000 + 20000)
        d.until_state(promised, "completed")
        d.until_state(restarts, "completed")
        until(lambda: d.get("/v1/jobs/" + ttl).status == 410, "that it is gone")
        self.daemon.stop()

    def test_a_promise_in_wall_time_is_kept_when_the_clock_is_set_back(self):
        d = self.daemon
        at = (self.now() // 1000 + 4) * 1000
        job = d.submit(not_before=text(at), simulate={"duration_ms": 10})
        self.set_clock(-HOUR)
        self.assertLess(int(time.time() * 1000), at, "too slow to tell")
        self.noticed()
        time.sleep(max(0, at / 1000 + 0.5 - time.time()))  # would have begun
        now = d.job(job["id"])
        self.assertEqual((now["state"], now["queue_position"]),
                         ("queued", None))
        self.set_clock(0)
        d.until_state(job["id"], "completed")
        self.daemon.stop()

    def test_a_start_at_an_earlier_time_leaves_nothing_stuck(self):
        d = self.daemon
        restarts = self.given_one_that_waits_for_its_restart()
        runs = d.submit(simulate={"duration_ms": 3000})["id"]
        d.until_state(runs, "running")
        d.post("/v1/queue:pause")
        waits = d.submit(simulate={"duration_ms": 10})["id"]
        paused = d.submit(simulate={"duration_ms": 10})["id"]
        d.verb(paused, "pause")
        d.kill()
        self.set_clock(-HOUR)
        d.start()
        d.verb(paused, "resume")
        d.post("/v1/queue:resume")
        for id in (restarts, runs, waits, paused):
            d.until_state(id, "completed")
        self.daemon.stop()


class Stopped(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(SETTINGS)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def kinds(self, id):
        return [event["kind"] for event in self.daemon.get(
            "/v1/jobs/%s/events" % id).json["events"]]

    def stop_for_4_s(self, *pids):
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(4)		# longer than worker_timeout_s
        for pid in reversed(pids):	# the workers, then who watches them
            os.kill(pid, signal.SIGCONT)

    def test_a_daemon_that_was_stopped_with_its_workers_goes_on(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 6000})["id"]
        d.until_state(id, "running")
        for _ in range(2):
            self.stop_for_4_s(d.process.pid, *d.children())
        d.until_state(id, "completed")
        self.assertNotIn("requeued", self.kinds(id))
        self.assertNotIn("worker.lost", d.log())
        d.stop()

    def test_who_goes_on_first_does_not_take_the_others_for_dead(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 5000})["id"]
        d.until_state(id, "running")
        workers = d.children()
        for pid in [d.process.pid] + workers:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(3.3)		# hardly longer than worker_timeout_s
        os.kill(d.process.pid, signal.SIGCONT)
        time.sleep(0.05)
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
        d.until_state(id, "completed")
        self.assertNotIn("worker.lost", d.log())
        d.stop()

    def test_a_daemon_that_was_stopped_finds_what_happened_meanwhile(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 2000})["id"]
        # it is shown as running before its worker is told to
        until(lambda: d.job(id)["stage"] not in (None, "download"),
              "that it runs")
        self.stop_for_4_s(d.process.pid)
        job = d.until_state(id, "completed")
        # when it happened, not when it was heard of
        took = ms(job["finished_at"]) - ms(job["started_at"])
        self.assertTrue(1800 < took < 3500, took)
        self.assertNotIn("worker.lost", d.log())
        d.stop()

    def test_a_worker_that_was_stopped_costs_a_run(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 3000})["id"]
        d.until_state(id, "running")
        worker = d.children()[0]
        os.kill(worker, signal.SIGSTOP)
        job = d.until_state(id, "completed")
        self.assertEqual(self.kinds(id).count("requeued"), 1)
        self.assertEqual(job["attempt"], 1)
        self.assertIn("silent", d.log())
        d.stop()


if __name__ == "__main__":
    main(ClockSet, Stopped)
