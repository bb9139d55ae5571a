"""Whatever is asked in whatever order: after each few of hundreds of random
requests, lives and moments of the clock every job, its history, the queue
and the counts still agree with one another and with the tables.

SEED=N repeats one."""
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Case, Daemon, main, until  # noqa: E402
from test_life import STATES, TABLE, ms  # noqa: E402

SETTINGS = {"test.clock": "manual", "status.default_job": "off",
            "jobs.workers": 2, "jobs.slots": 3, "jobs.restart_delay_ms": 700,
            "jobs.ttl_completed_s": 60, "jobs.ttl_error_s": 30,
            "jobs.ttl_canceled_s": 20, "jobs.tombstone_s": 40,
            "jobs.aging_s": 5, "simulation.error_rate": 0.3,
            "simulation.eta_error": 0.5}
FINAL = ("completed", "error", "canceled")
STAGES = 6
STEPS = 300


class Asking:
    """What is asked of a daemon, and what it must answer."""

    def __init__(self, test, d, seed):
        self.test, self.d = test, d
        self.random = random.Random(seed)
        self.ids, self.ttl_given, self.paused = [], set(), False

    def now(self):
        return ms(self.d.advance(0))

    def choose(self):
        """One of the latest jobs as it is; None: it is there no more."""
        answer = self.d.get("/v1/jobs/" + self.random.choice(self.ids[-40:]))
        if answer.status == 200:
            return answer.json
        self.test.assertIn(answer.status, (404, 410))
        return None

    def submit(self):
        r = self.random
        fields = {"priority": r.randint(-20, 20),
                  "on_error": r.choice(("stop", "restart")),
                  "max_attempts": r.randint(1, 4)}
        if r.random() < 0.2:
            fields["simulate"] = {"duration_ms": r.randint(0, 20000)}
        if r.random() < 0.2:
            fields["not_before"] = time.strftime(
                "%Y-%m-%dT%H:%M:%SZ",
                time.gmtime(self.now() // 1000 + r.randint(-5, 30)))
        if r.random() < 0.2:
            fields["ttl_s"] = r.choice((-1, 5, 50))
        self.ids.append(self.d.submit(**fields)["id"])
        if "ttl_s" in fields:
            self.ttl_given.add(self.ids[-1])

    def verb(self):
        verb, job = self.random.choice(list(TABLE)), self.choose()
        if job is None:
            return
        answer = self.d.delete("/v1/jobs/" + job["id"]) \
            if verb == "delete" else self.d.verb(job["id"], verb)
        becomes = TABLE[verb][STATES.index(job["state"])]
        if becomes is None:
            problem = self.test.problem(answer, 409, "invalid_state")
            self.test.assertEqual(problem["state"], job["state"])
        elif becomes == "x":
            self.test.assertEqual(answer.status, 204)
        else:
            self.test.assertEqual(
                (answer.status, answer.json["state"], answer.json["version"]),
                (200, job["state"], job["version"]) if becomes == "-" else
                (200, becomes, job["version"] + 1))

    def edit(self):
        r, job = self.random, self.choose()
        if job is None:
            return
        edit = r.choice(({"priority": r.randint(-100, 100)},
                         {"title": "t%d" % r.randint(0, 2)},
                         {"ttl_s": r.choice((-1, 3, None))},
                         {"max_attempts": r.randint(1, 5)}))
        answer = self.d.patch("/v1/jobs/" + job["id"], edit)
        if edit.get("priority", job["priority"]) != job["priority"] and \
                job["state"] not in ("queued", "paused"):
            self.test.problem(answer, 409, "invalid_state")
            return
        self.test.assertEqual(answer.status, 200)
        if "ttl_s" in edit:
            (self.ttl_given.discard if edit["ttl_s"] is None
             else self.ttl_given.add)(job["id"])

    def queue(self):
        self.paused = not self.paused
        self.d.post("/v1/queue:" + ("pause" if self.paused else "resume"))

    def live_again(self):
        (self.d.stop if self.random.random() < 0.5 else self.d.kill)()
        self.d.start()
        until(lambda: self.d.get("/v1/queue").json["slots"] == 6,
              "that both workers are there")
        self.d.advance(0)	# and what they take is decided

    def move(self):
        self.d.advance(self.random.choice(
            (0, 1, 100, 999, 1000, 5000, 20000, 61000)))

    def step(self):
        if not self.ids:
            self.submit()
            return
        act, = self.random.choices(
            (self.submit, self.verb, self.edit, self.queue, self.live_again,
             self.move), (25, 40, 7, 4, 3, 21))
        act()


class Model(unittest.TestCase):
    problem = Case.problem

    def jobs(self, asking):
        found = []
        for at in range(0, len(asking.ids), 100):
            found += asking.d.get("/v1/jobs?ids=" + ",".join(
                asking.ids[at:at + 100])).json["jobs"]
        return [job for job in found if job["state"] in STATES]

    def one(self, job, asking, now):
        """What one job shows fits together."""
        state, final = job["state"], job["state"] in FINAL
        self.assertEqual(job["result"], "pending" if not final else
                         "completed" if state == "completed" else "error")
        self.assertEqual(job["error"] is not None, job["result"] == "error")
        self.assertEqual(job["finished_at"] is not None, final)
        self.assertEqual(job["ttl_s"] is not None,
                         final or job["id"] in asking.ttl_given)
        self.assertEqual(job["result_url"] is not None, state == "completed")
        self.assertGreaterEqual(job["remaining_ms"], 0)
        self.assertEqual(job["queue_position"] is not None,
                         state == "queued" and job["eligible_at"] is None)
        self.assertEqual(job["estimated_completion_at"] is not None,
                         state == "running" or
                         (state == "queued" and not asking.paused))
        if final:
            self.assertEqual(job["remaining_ms"], 0)
        if job["eligible_at"]:
            self.assertGreater(ms(job["eligible_at"]), now)
        if job["expires_at"]:
            self.assertEqual(ms(job["expires_at"]),
                             ms(job["finished_at"]) + 1000 * job["ttl_s"])
            self.assertGreater(ms(job["expires_at"]), now)
        if state == "running":
            self.assertTrue(job["started_at"] and job["stage"])
            self.assertLessEqual(job["progress"], 0.999)
        if state == "completed":
            self.assertEqual(job["progress"], 1)

    def history(self, job, events):
        """Each event goes on where the one before left off; versions count
        them, but for the two that a failure with a restart is told in, and
        for those that a recovery leaves room for."""
        self.assertEqual((events[0]["kind"], events[0]["from"]),
                         ("submitted", None))
        self.assertEqual(events[-1]["to"], job["state"])
        version = 1
        for before, event in zip(events, events[1:]):
            self.assertEqual(event["from"], before["to"])
            self.assertLess(before["seq"], event["seq"])
            self.assertLessEqual(before["at"], event["at"])
            if event["detail"] == "recovery":
                version += STAGES
            version += not (before["kind"] == "failed" and
                            before["to"] == "queued")
        self.assertEqual(job["version"], version, events)

    def all_agrees(self, asking):
        now, jobs = asking.now(), self.jobs(asking)
        queue = asking.d.get("/v1/queue").json
        self.assertEqual(queue["counts"], {
            state: sum(job["state"] == state for job in jobs)
            for state in STATES})
        positions = sorted(job["queue_position"] for job in jobs
                           if job["queue_position"])
        self.assertEqual(positions, list(range(1, len(positions) + 1)))
        if positions and not asking.paused:
            self.assertEqual(queue["running"], queue["slots"])
        for job in jobs:
            self.one(job, asking, now)
            self.history(job, asking.d.get(
                "/v1/jobs/%s/events?limit=1000" %
                job["id"]).json["events"])

    def lived(self, seed):
        with Daemon(dict(SETTINGS, **{"simulation.seed": seed})) as d:
            asking = Asking(self, d, seed)
            for step in range(STEPS):
                asking.step()
                if step % 5 == 4:
                    self.all_agrees(asking)

    def test_everything_agrees_whatever_was_asked_in_whatever_order(self):
        seed = os.environ.get("SEED")
        for seed in [int(seed)] if seed else range(1, 4):
            with self.subTest(seed=seed):
                self.lived(seed)


if __name__ == "__main__":
    main(Model)
