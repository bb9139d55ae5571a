"""Nothing acknowledged is lost, whoever dies: crash.py, a few rounds.

HG_SEED repeats a run; HG_CRASH_ROUNDS makes it longer.
"""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Arena  # noqa: E402
from heygend import SLOW, main  # noqa: E402

SEED = os.environ.get("HG_SEED") or str(random.randrange(1 << 32))
ROUNDS = int(os.environ.get("HG_CRASH_ROUNDS", "25"))


class Crash(unittest.TestCase):
    def run_arena(self, victim, seconds):
        print("# HG_SEED=%s" % SEED, flush=True)
        arena = Arena(SEED, 6, victim)
        print("# " + arena.run(ROUNDS, seconds * SLOW), flush=True)

    def test_a_daemon_killed_at_random_instants_loses_nothing(self):
        self.run_arena("daemon", 20)

    def test_workers_killed_at_random_instants_cost_runs_and_no_jobs(self):
        self.run_arena("worker", 10)


if __name__ == "__main__":
    main(Crash)
