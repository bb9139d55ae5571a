"""The same seed gives the same history, whatever the polling.

tests/data/history.txt is that history, event by event.  A run that differs
from it is another version of the draws: what users committed of their own
would change as well.
"""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import SRCDIR, Daemon, main  # noqa: E402
from test_life import MANUAL, ms  # noqa: E402

PATH = os.path.join(SRCDIR, "tests", "data", "history.txt")
SETTINGS = dict(MANUAL, **{
    "jobs.slots": 5, "simulation.seed": 42, "simulation.error_rate": 0.4,
    "simulation.eta_error": 0.3, "jobs.on_error": "restart"})
# the bodies of what is submitted at once, and the Idempotency-Key
GIVEN = (({}, None), ({}, None), ({"priority": "high"}, None),
         ({"simulate": {"seed": 1}}, None), ({}, "nightly-7"),
         ({"simulate": {"fail_at": 0.3, "fail_attempts": 2}}, None),
         ({"simulate": {"duration_ms": 30000, "error_rate": 1},
           "max_attempts": 2}, None), ({"on_error": "stop"}, None))
STEPS, STEP_MS = 40, 7000


def expected():
    with open(PATH, encoding="ascii") as file:
        return [line.rstrip("\n") for line in file
                if line.strip() and not line.startswith("#")]


def submit(d, body, key):
    headers = {"Idempotency-Key": key} if key else {}
    answer = d.post("/v1/jobs", body, headers=headers)
    if answer.status != 202:
        raise AssertionError("not accepted: %r" % answer)
    return answer.json["id"]


def history(d, start, number, id):
    """The lines of one job."""
    events = d.get("/v1/jobs/%s/events?limit=500" % id).json["events"]
    return ["%d %d %s %d %s %s" % (
        number, ms(e["at"]) - start, e["kind"], e["attempt"],
        format(e["progress"], "g"), e["detail"] or "-") for e in events]


def poll(d, ids, step):
    for id in ids:
        d.get("/status?job_id=" + id)
        d.get("/v1/jobs/%s?wait=0" % id)
    d.get("/v1/jobs?ids=" + ",".join(ids))
    d.get("/v1/events?after=0")
    if step % 10 == 0:
        with d.stream("/v1/events?progress=1&ids=" + ids[0]) as stream:
            stream.event()


class Repeatable(unittest.TestCase):
    def lived(self, polled):
        with Daemon(SETTINGS) as d:
            start = ms(d.advance(0))
            ids = [submit(d, *given) for given in GIVEN]
            for step in range(STEPS):
                d.advance(STEP_MS)
                if polled:
                    poll(d, ids, step)
            return [line for number, id in enumerate(ids, 1)
                    for line in history(d, start, number, id)]

    def test_the_same_seed_gives_the_history_that_is_committed(self):
        self.assertEqual(self.lived(False), expected())

    def test_polling_changes_nothing_of_it(self):
        self.assertEqual(self.lived(True), expected())


def shape(d, body, key):
    """What is drawn for a job: when its first attempt ends, and how."""
    id = submit(d, dict(body, on_error="stop"), key)
    d.advance(60000)
    job = d.job(id)
    return (ms(job["finished_at"]) - ms(job["started_at"]),
            job["progress"], job["error"] and job["error"]["code"])


class Keys(unittest.TestCase):
    """Which jobs draw alike."""

    def test_a_seed_or_a_key_of_ones_own_beats_the_ordinal(self):
        with Daemon(SETTINGS) as d, Daemon(SETTINGS) as other:
            for body, key in (({"simulate": {"seed": 5}}, None),
                              ({"simulate": {"seed": 5}}, "any"),
                              ({}, "of-its-own"), ({}, "another")):
                self.assertEqual(shape(d, body, key), shape(other, body, key))
                shape(d, {}, None)	# its ordinals run ahead
            self.assertNotEqual(shape(d, {}, "x"), shape(d, {}, "y"))

    def test_without_either_the_ordinal_of_submission_decides(self):
        with Daemon(SETTINGS) as d, Daemon(SETTINGS) as other:
            first = [shape(d, {}, None) for _ in range(4)]
            self.assertEqual(len(set(first)), 4)
            self.assertEqual([shape(other, {}, None) for _ in range(4)],
                             first)

    def test_a_seed_that_was_not_given_is_drawn_once_logged_and_kept(self):
        def logged(d):
            return re.findall(r"simulation\.seed seed=(\d+)", d.log())
        settings = dict(SETTINGS, **{"simulation.seed": 0})
        with Daemon(settings) as d, Daemon(settings) as other:
            d.stop()
            d.start()
            first, again = logged(d)
            self.assertEqual(first, again)
            self.assertNotEqual(first, logged(other)[0])
            known = dict(SETTINGS, **{"simulation.seed": int(first)})
            with Daemon(known) as same:
                self.assertEqual(logged(same), [first])
                for _ in range(3):
                    self.assertEqual(shape(d, {}, None),
                                     shape(same, {}, None))


if __name__ == "__main__":
    main(Repeatable, Keys)
