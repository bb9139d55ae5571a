"""What `make proof` says is what was shown: the runs of tests/proof, with
stand-ins for what takes an hour."""
import argparse
import contextlib
import io
import os
import sys
import tempfile
import unittest
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, os.pardir, "proof"))
import crowd  # noqa: E402
import disk  # noqa: E402
import store  # noqa: E402
from crash import prove  # noqa: E402
from crash_check import Wrong  # noqa: E402
from crash_clients import Unknown  # noqa: E402
from heygend import main  # noqa: E402


def outcome(run):
    """(exit status, what was said, what was said to be skipped)."""
    said, status = io.StringIO(), 0
    with tempfile.NamedTemporaryFile("r") as skipped, \
            mock.patch.dict(os.environ, PROOF_SKIPPED=skipped.name), \
            contextlib.redirect_stdout(said), \
            contextlib.redirect_stderr(io.StringIO()):
        try:
            run()
        except SystemExit as end:
            status = end.code
        return status, said.getvalue(), skipped.read()


class Arena:
    """Does so many rounds, then what it is told to."""

    def __init__(self, kills, error=None):
        self.kills, self.error = kills, error

    def run(self, _rounds, _seconds):
        if self.error:
            raise self.error
        return "nothing lost"


def proved(arena):
    return outcome(lambda: prove(arena, "crash", "--seed 7", argparse.Namespace(
        rounds=10, seconds=60)))


class Kills(unittest.TestCase):
    def test_all_rounds_and_nothing_wrong_is_proven(self):
        self.assertEqual(proved(Arena(10)), (0, "crash: nothing lost\n", ""))

    def test_whatever_goes_wrong_is_summed_up_with_the_seed(self):
        for error in (Wrong("lost"), Unknown("no answer"), OSError("gone"),
                      KeyError("state")):
            with self.subTest(error=error):
                status, said, _ = proved(Arena(10, error))
                self.assertEqual(status, 1)
                self.assertIn("crash: FAILED, --seed 7: %s" % error, said)

    def test_whoever_has_not_done_all_rounds_has_failed_and_says_the_seed(self):
        status, said, _ = proved(Arena(9))
        self.assertEqual(status, 1)
        self.assertIn("CUT SHORT, --seed 7: 9 of 10 rounds in 60 s", said)


class Part:
    """Of a proof: fails as soon as a command does."""
    name = "full"

    def __init__(self, *_):
        pass

    def run(self, *_):
        disk.run("false")


class Disks(unittest.TestCase):
    def run_parts(self, why_not):
        with mock.patch.object(disk, "why_not", lambda _: why_not), \
                mock.patch.object(store, "PARTS", {"full": [Part]}), \
                mock.patch.object(sys, "argv", ["store.py", "--seed", "7"]):
            return outcome(store.main)

    def test_a_machine_that_lends_no_disk_skips_the_proof(self):
        status, said, skipped = self.run_parts("only root may mount")
        self.assertEqual((status, skipped), (77, "proof-store\n"))
        self.assertIn("store: skipped: only root may mount", said)

    def test_a_disk_that_fails_later_is_a_failure(self):
        status, said, skipped = self.run_parts(None)
        self.assertEqual((status, skipped), (1, ""))
        self.assertIn("store: FAILED, --seed 7, disk full: false: 1", said)

    def test_only_root_gets_a_disk(self):
        with mock.patch.object(os, "geteuid", lambda: 1000):
            self.assertEqual(disk.why_not("/nowhere"), "only root may mount")


def crowd_part(name, why_not=None, error=None):
    class One(crowd.Part):
        def run(self):
            if error:
                raise error
            return "nobody noticed"
    One.name, One.why_not = name, staticmethod(lambda: why_not)
    One.__init__ = lambda self, *_: None
    return One


class Crowds(unittest.TestCase):
    def run_parts(self, *parts):
        with mock.patch.object(crowd, "PARTS", parts), \
                mock.patch.object(crowd, "rise", lambda: True), \
                mock.patch.object(sys, "argv", ["crowd.py", "--seed", "7"]):
            return outcome(crowd.main)

    def test_a_part_that_cannot_be_tried_is_not_met(self):
        status, said, skipped = self.run_parts(
            crowd_part("idle"), crowd_part("gone", "only root"))
        self.assertEqual((status, skipped), (77, "proof-crowd (gone)\n"))
        self.assertIn("proof-crowd: idle: met: nobody noticed", said)
        self.assertIn("proof-crowd: gone: skipped: only root", said)

    def test_one_that_failed_is_not_hidden_by_one_that_was_skipped(self):
        status, said, skipped = self.run_parts(
            crowd_part("idle", None, crowd.NotMet("p99 above 50 ms")),
            crowd_part("gone", "only root"))
        self.assertEqual((status, skipped), (1, ""))
        self.assertIn("proof-crowd: idle: FAILED, --seed 7 --only idle: "
                      "p99 above 50 ms", said)

    def test_a_part_that_is_none_is_not_passed_over(self):
        with mock.patch.object(crowd, "rise", lambda: True), \
                mock.patch.object(sys, "argv", ["crowd.py", "--only",
                                                "idle,gnoe"]):
            self.assertEqual(outcome(crowd.main)[0], 2)


def report(p99_ms, failed=0):
    return {"failed": failed, "all": {
        "requests": 9, "p50_ms": 1, "p99_ms": p99_ms, "max_ms": 99}}


class Judged(unittest.TestCase):
    """What a crowd may cost whoever asks beside it."""

    def judge(self, beside=3, alone=2, next_door=3, mb=(20, 60, 60, 62, 62)):
        part = crowd.Part.__new__(crowd.Part)
        part.daemon = mock.Mock(settings={"http.threads": 512})
        part.crowds, part.more, part.recovered_s = [], [], [0, 0]
        part.alone = [report(alone), report(80)]
        part.beside, part.next_door = [report(3), report(beside)], [
            report(next_door)] * 2
        part.samples = [{"MB": n, "threads": 514, "descriptors": 14}
                        for n in mb]
        part.judge()

    def test_who_keeps_its_promises_is_met(self):
        self.judge()

    def test_50_ms_are_the_limit(self):
        with self.assertRaisesRegex(crowd.NotMet, "p99 above 50.0 ms"):
            self.judge(beside=51)

    def test_what_the_machine_took_before_is_allowed_on_top(self):
        self.judge(beside=59, alone=20)

    def test_a_neighbour_that_is_slowed_down_allows_nothing(self):
        with self.assertRaisesRegex(crowd.NotMet, "p99 above 50.0 ms"):
            self.judge(beside=51, next_door=51)

    def test_what_a_crowd_adds_has_a_bound(self):
        with self.assertRaisesRegex(crowd.NotMet, "crowd 1 added 70.0 MB"):
            self.judge(mb=(20, 90, 90, 91, 91))

    def test_a_second_crowd_adds_little_of_what_the_first_has_added(self):
        with self.assertRaisesRegex(crowd.NotMet, "crowd 2 added 40.0 MB"):
            self.judge(mb=(20, 60, 60, 100, 100))


if __name__ == "__main__":
    main(Kills, Disks, Crowds, Judged)
