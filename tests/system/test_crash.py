"""Nothing acknowledged is lost, whoever dies: crash.py, a few rounds.

HG_SEED repeats a run; HG_CRASH_ROUNDS makes it longer.
"""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lossy  # noqa: E402
from crash import Arena  # noqa: E402
from heygend import SLOW, Daemon, main, preload  # noqa: E402

SEED = os.environ.get("HG_SEED") or str(random.randrange(1 << 32))
ROUNDS = int(os.environ.get("HG_CRASH_ROUNDS", "25"))


class Crash(unittest.TestCase):
    def run_arena(self, victim, seconds, lossy_disk=False):
        print("# HG_SEED=%s" % SEED, flush=True)
        arena = Arena(SEED, 6, victim, lossy_disk=lossy_disk)
        print("# " + arena.run(ROUNDS, seconds * SLOW), flush=True)

    def test_a_daemon_killed_at_random_instants_loses_nothing(self):
        self.run_arena("daemon", 20)

    def test_workers_killed_at_random_instants_cost_runs_and_no_jobs(self):
        self.run_arena("worker", 10)

    def test_a_disk_that_loses_what_was_not_synced_loses_nothing_else(self):
        preload("test_lossy")
        self.run_arena("daemon", 15, lossy_disk=True)


class Numbers(unittest.TestCase):
    def test_what_was_shown_and_lost_leaves_its_numbers_unused(self):
        lossy_vfs = preload("test_lossy")
        daemon = Daemon({"status.default_job": "off", "jobs.slots": 16,
                         "simulation.error_rate": 0}, env={
            "LD_PRELOAD": lossy_vfs,
            "HEYGEND_TEST_LOSSY": "1"})
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.post("/v1/jobs:batch", {"jobs": [
            {"simulate": {"duration_ms": 10000}}] * 32})
        stages = []
        with daemon.stream("/v1/events?after=0") as stream:
            while len(stages) < 40:	# and no change that is synced
                event = stream.event()
                if event["data"]["kind"] == "stage":
                    stages.append(int(event["id"]))
        daemon.kill()
        for file in ("jobs.db", "jobs.db-wal"):
            lossy.lose(os.path.join(daemon.state_dir, file), random, True)
        daemon.start()
        events = daemon.get("/v1/events?after=1").json["events"]
        again = [event["seq"] for event in events
                 if event["kind"] == "requeued"]
        self.assertEqual(len(again), 32)
        self.assertGreater(min(again), max(stages))
        daemon.stop()


if __name__ == "__main__":
    main(Crash, Numbers)
