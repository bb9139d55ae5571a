"""Nothing acknowledged is lost, whoever dies: crash.py, a few rounds.

HG_SEED repeats a run; HG_CRASH_ROUNDS makes it longer.
"""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import LOSSY_VFS, Arena  # noqa: E402
from heygend import SANITIZER, SLOW, main  # noqa: E402

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
        if SANITIZER not in ("", "no"):
            self.skipTest("a sanitizer wants to be loaded first")
        if not os.path.exists(LOSSY_VFS):
            self.skipTest("test_lossy.so has not been built")
        self.run_arena("daemon", 15, lossy_disk=True)


if __name__ == "__main__":
    main(Crash)
