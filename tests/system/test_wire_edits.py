"""PATCH: what it may change in which state, and what comes of it."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Case, main  # noqa: E402
from test_life import MANUAL, ms  # noqa: E402

FAILS = {"duration_ms": 1000, "fail_at": 0.5}


class Edits(Case):
    settings = dict(MANUAL, **{"jobs.slots": 10})

    def tearDown(self):
        self.daemon.post("/v1/queue:resume")

    def in_state(self, state):
        d = self.daemon
        if state == "queued":
            return d.submit(not_before="2999-01-01T00:00:00Z")["id"]
        id = d.submit(simulate=dict(FAILS) if state == "error"
                      else {"duration_ms": 1000})["id"]
        if state in ("paused", "canceled"):
            d.verb(id, {"paused": "pause", "canceled": "cancel"}[state])
        elif state != "running":
            d.advance(1000)
        self.assertEqual(d.state(id), state)
        return id

    def patch(self, id, **fields):
        return self.daemon.patch("/v1/jobs/" + id, fields)

    def test_everything_but_the_priority_may_be_changed_in_any_state(self):
        for state in ("queued", "running", "paused", "completed", "error",
                      "canceled"):
            with self.subTest(state=state):
                id = self.in_state(state)
                version = self.daemon.job(id)["version"]
                for fields in ({"title": "x"}, {"tags": ["y"]},
                               {"ttl_s": 99999}, {"max_attempts": 9},
                               {"on_error": "restart"}):
                    answer = self.patch(id, **fields)
                    version += 1
                    self.assertEqual((answer.status, answer.json["version"],
                                      answer.json["state"]),
                                     (200, version, state))
                    self.assertEqual(answer.headers["etag"],
                                     'W/"%d"' % version)
                event = self.daemon.get("/v1/jobs/%s/events" % id).json[
                    "events"][-1]
                self.assertEqual((event["kind"], event["from"], event["to"],
                                  event["detail"]),
                                 ("changed", state, state, "on_error"))
                answer = self.patch(id, priority=7)
                if state in ("queued", "paused"):
                    self.assertEqual(answer.json["priority"], 7)
                else:
                    problem = self.problem(answer, 409, "invalid_state")
                    self.assertEqual(problem["state"], state)

    def test_the_priority_that_it_has_is_no_change(self):
        id = self.in_state("running")
        version = self.daemon.job(id)["version"]
        answer = self.patch(id, priority=0)
        self.assertEqual((answer.status, answer.json["version"]),
                         (200, version))

    def test_what_is_to_come_of_a_failure_may_be_changed_while_it_runs(self):
        d = self.daemon
        stops = d.submit(on_error="restart", simulate=FAILS)["id"]
        goes_on = d.submit(simulate=FAILS)["id"]
        d.advance(100)
        self.patch(stops, on_error="stop")
        self.patch(goes_on, on_error="restart", max_attempts=2)
        d.advance(400)
        self.assertEqual((d.state(stops), d.state(goes_on)),
                         ("error", "queued"))
        self.assertEqual(d.job(goes_on)["attempt"], 2)
        d.advance(5000)
        job = d.job(goes_on)
        self.assertEqual((job["state"], job["attempt"]), ("error", 2))

    def test_the_progress_goes_on_through_an_edit(self):
        id = self.daemon.submit(simulate={"duration_ms": 10000})["id"]
        self.daemon.advance(4400)
        job = self.patch(id, title="new").json
        self.assertEqual((job["progress"], job["remaining_ms"]), (0.44, 5600))
        self.daemon.advance(5600)
        self.assertEqual(self.daemon.state(id), "completed")

    def test_a_new_priority_keeps_the_time_waited(self):
        d = self.daemon
        d.post("/v1/queue:pause")
        old = d.submit()["id"]
        d.advance(60000)
        young = d.submit(priority=1)["id"]
        self.patch(old, priority=1)
        positions = [d.job(id)["queue_position"] for id in (old, young)]
        self.assertEqual(positions, [1, 2])
        d.post("/v1/jobs:cancel", {"ids": [old, young]})

    def test_a_ttl_that_has_passed_already_removes_at_once(self):
        d = self.daemon
        id = self.in_state("completed")
        d.advance(10000)
        answer = self.patch(id, ttl_s=5)
        self.assertIn(answer.status, (200, 410))
        self.problem(d.get("/v1/jobs/" + id), 410, "job_gone")
        d.advance(0)
        self.assertNotIn(id, [job["id"] for job in
                              d.get("/v1/jobs").json["jobs"]])

    def test_a_time_to_live_counts_from_the_end_whenever_it_is_set(self):
        d = self.daemon
        id = self.in_state("running")
        self.assertIsNone(self.patch(id, ttl_s=60).json["expires_at"])
        d.advance(1000)
        job = d.job(id)
        self.assertEqual((job["ttl_s"], ms(job["expires_at"])),
                         (60, ms(job["finished_at"]) + 60000))
        d.advance(10000)
        job = self.patch(id, ttl_s=30).json
        self.assertEqual(ms(job["expires_at"]),
                         ms(job["finished_at"]) + 30000)

    def test_an_empty_edit_is_none(self):
        id = self.in_state("queued")
        before = self.daemon.job(id)
        answer = self.patch(id)
        self.assertEqual((answer.status, answer.json["version"]),
                         (200, before["version"]))
        self.assertEqual(answer.json["updated_at"], before["updated_at"])

    def test_the_longest_title_and_17_tags_are_told_apart(self):
        id = self.in_state("queued")
        self.assertEqual(self.patch(id, title="x" * 4096,
                                    tags=["t"] * 16).status, 200)
        for fields, field in (({"title": "x" * 4097}, "title"),
                              ({"tags": ["t"] * 17}, "tags"),
                              ({"max_attempts": 101}, "max_attempts"),
                              ({"ttl_s": 0}, "ttl_s"),
                              ({"priority": "10"}, "priority"),
                              ({"on_error": "Stop"}, "on_error")):
            problem = self.problem(self.patch(id, **fields), 422,
                                   "invalid_field")
            self.assertEqual(problem["errors"][0]["field"], field)


if __name__ == "__main__":
    main(Edits)
