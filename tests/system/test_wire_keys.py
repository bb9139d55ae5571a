"""Idempotency-Key on every POST."""
import heygend

LONG = {"duration_ms": 3600000}


class IdempotencyKeys(heygend.Case):
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0}

    def post(self, path, body=None, key="k", **headers):
        headers["Idempotency-Key"] = key
        return self.daemon.post(path, body, headers=headers)

    def test_the_same_request_is_done_once(self):
        first = self.post("/v1/jobs", {"simulate": LONG}, "once")
        again = self.post("/v1/jobs", {"simulate": LONG}, '"once"')
        self.assertEqual((first.status, again.status), (202, 202))
        self.assertEqual(again.json["id"], first.json["id"])
        self.assertEqual(again.headers["location"],
                         first.headers["location"])
        self.assertNotIn("idempotency-replayed", first.headers)
        self.assertEqual(again.headers["idempotency-replayed"], "true")

    def test_the_answer_shows_the_job_as_it_is_now(self):
        id = self.post("/v1/jobs", {"simulate": LONG}, "now").json["id"]
        self.daemon.verb(id, "cancel")
        again = self.post("/v1/jobs", {"simulate": LONG}, "now")
        self.assertEqual((again.status, again.json["state"]),
                         (202, "canceled"))
        self.daemon.delete("/v1/jobs/" + id)
        again = self.post("/v1/jobs", {"simulate": LONG}, "now")
        self.problem(again, 410, "job_gone")

    def test_another_body_is_a_mismatch(self):
        self.post("/v1/jobs", b'{"title":"a"}', "mix")
        for body in (b'{"title":"b"}', b'{"title": "a"}'):
            self.problem(self.post("/v1/jobs", body, "mix"), 422,
                         "idempotency_mismatch")

    def test_a_key_belongs_to_its_address(self):
        a = self.post("/v1/jobs", {"simulate": LONG}, "scope").json
        b = self.post("/v1/jobs:batch", {"jobs": [{"simulate": LONG}]},
                      "scope").json["jobs"][0]
        self.assertNotEqual(a["id"], b["id"])

    def test_a_batch_is_replayed_whole(self):
        body = {"jobs": [{"simulate": LONG}] * 5}
        first = self.post("/v1/jobs:batch", body, "batch").json["jobs"]
        again = self.post("/v1/jobs:batch", body, "batch")
        self.assertEqual(again.status, 202)
        self.assertEqual([job["id"] for job in again.json["jobs"]],
                         [job["id"] for job in first])

    def test_verbs_have_keys_and_their_two_addresses_are_one(self):
        id = self.daemon.submit(simulate=LONG)["id"]
        first = self.post("/v1/jobs/%s:pause" % id, key="verb")
        self.assertEqual(first.json["state"], "paused")
        self.daemon.verb(id, "resume")
        again = self.post("/v1/jobs/%s/pause" % id, key="verb")
        self.assertEqual(again.status, 200)
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.assertNotEqual(self.daemon.state(id), "paused")

    def test_bulk_verbs_and_the_queue_have_keys(self):
        id = self.daemon.submit(simulate=LONG)["id"]
        first = self.post("/v1/jobs:cancel", {"ids": [id, "x"]}, "bulk")
        again = self.post("/v1/jobs:cancel", {"ids": [id, "x"]}, "bulk")
        self.assertEqual(again.json, first.json)
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.post("/v1/queue:pause", key="queue")
        self.daemon.post("/v1/queue:resume")
        again = self.post("/v1/queue:pause", key="queue")
        self.assertEqual(again.status, 200)
        self.assertFalse(self.daemon.get("/v1/queue").json["paused"])

    def test_a_bulk_verb_replayed_tells_which_jobs_have_gone_since(self):
        ids = [self.daemon.submit(simulate=LONG)["id"] for _ in range(2)]
        self.post("/v1/jobs:cancel", {"ids": ids}, "gone")
        self.daemon.delete("/v1/jobs/" + ids[0])
        again = self.post("/v1/jobs:cancel", {"ids": ids}, "gone")
        self.assertEqual(again.json["results"], [
            {"id": ids[0], "status": 410, "code": "job_gone"},
            {"id": ids[1], "status": 200, "state": "canceled"}])
        first = self.post("/v1/jobs:delete", {"ids": ids[1:]}, "away")
        self.assertEqual(first.json["results"], [
            {"id": ids[1], "status": 204, "state": "canceled"}])
        again = self.post("/v1/jobs:delete", {"ids": ids[1:]}, "away")
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.assertEqual(again.json, first.json)

    def test_a_bulk_verb_on_no_job_at_all_keeps_its_key(self):
        for ids in ([], ["x"]):
            key = "none-%d" % len(ids)
            first = self.post("/v1/jobs:pause", {"ids": ids}, key)
            again = self.post("/v1/jobs:pause", {"ids": ids}, key)
            self.assertEqual((again.status, again.json), (200, first.json))
            self.assertEqual(again.headers.get("idempotency-replayed"), "true")
            self.problem(self.post("/v1/jobs:pause", {"ids": ["y"]}, key),
                         422, "idempotency_mismatch")

    def test_the_clock_is_not_moved_twice_by_one_key(self):
        first = self.post("/v1/clock:advance", {"ms": 5000}, "tick")
        self.assertEqual(first.status, 200)
        again = self.post("/v1/clock:advance", {"ms": 5000}, "tick")
        self.assertEqual(again.json["now"], first.json["now"])

    def test_a_refusal_is_not_kept(self):
        self.problem(self.post("/v1/jobs", {"priority": 999}, "refused"),
                     422, "invalid_field")
        self.assertEqual(self.post("/v1/jobs", {}, "refused").status, 202)

    def test_a_conflict_is_not_kept_either(self):
        id = self.daemon.submit(simulate=LONG)["id"]
        path = "/v1/jobs/%s:restart" % id
        self.problem(self.post(path, key="later"), 409, "invalid_state")
        self.daemon.verb(id, "cancel")
        answer = self.post(path, key="later")
        self.assertEqual((answer.status, answer.json["attempt"]), (200, 2))
        self.assertNotIn("idempotency-replayed", answer.headers)

    def test_one_key_is_good_for_each_job(self):
        for _ in range(2):
            id = self.daemon.submit(simulate=LONG)["id"]
            answer = self.post("/v1/jobs/%s:pause" % id, key="each")
            self.assertEqual(answer.json["state"], "paused")
            self.assertNotIn("idempotency-replayed", answer.headers)
            answer = self.post("/v1/jobs/%s:cancel" % id, key="each")
            self.assertEqual(answer.json["state"], "canceled")

    def test_a_batch_of_which_one_has_gone_is_gone(self):
        body = {"jobs": [{"simulate": LONG}] * 3}
        jobs = self.post("/v1/jobs:batch", body, "part").json["jobs"]
        self.daemon.verb(jobs[1]["id"], "cancel")
        self.daemon.delete("/v1/jobs/" + jobs[1]["id"])
        problem = self.problem(self.post("/v1/jobs:batch", body, "part"), 410,
                               "job_gone")
        self.assertEqual(problem["id"], jobs[1]["id"])

    def test_a_job_stays_gone_for_its_key_when_nothing_else_knows_it(self):
        body = {"simulate": LONG}
        id = self.post("/v1/jobs", body, "long-gone").json["id"]
        self.daemon.verb(id, "cancel")
        self.daemon.delete("/v1/jobs/" + id)
        self.daemon.advance(2 * 3600 * 1000)
        self.problem(self.daemon.get("/v1/jobs/" + id), 404, "job_not_found")
        self.problem(self.post("/v1/jobs", body, "long-gone"), 410,
                     "job_gone")

    def test_malformed_keys_are_told(self):
        for key in ("", '""', "a b", "x" * 256, '"a', 'a"', "ä", "a,b",
                    '"a" "b"', "a;b"):
            self.problem(self.post("/v1/jobs", {}, key), 400,
                         "invalid_idempotency_key")
        for key in ("x" * 255, '"%s"' % ("x" * 255), "A_z.0:-"):
            self.assertEqual(self.post("/v1/jobs", {}, key).status, 202)
        with self.daemon.raw(
                b"POST /v1/queue:resume HTTP/1.1\r\nHost: localhost\r\n"
                b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n") as raw:
            self.problem(raw.answer(), 400, "invalid_idempotency_key")

    def test_no_id_is_too_long_for_a_key(self):
        id = self.daemon.submit(simulate=LONG)["id"]
        for length in (1, 37, 255, *range(480, 520), 645, 900, 1000):
            for path in ("/v1/jobs/%s:pause", "/v1/jobs/%s/pause"):
                self.problem(self.post(path % ("a" * length), key="y" * 255),
                             404, "job_not_found")
        again = self.post("/v1/jobs/%s:pause" % id, key="y" * 255)
        self.assertEqual(again.json["state"], "paused")

    def test_a_key_is_forgotten_after_a_day(self):
        first = self.post("/v1/jobs", {"ttl_s": -1}, "day").json["id"]
        self.daemon.advance(86400000 - 1)
        self.assertEqual(self.post("/v1/jobs", {"ttl_s": -1},
                                   "day").json["id"], first)
        self.daemon.advance(2)
        fresh = heygend.until(lambda: self.post(
            "/v1/jobs", {"ttl_s": -1}, "day").json["id"] != first)
        self.assertTrue(fresh)

    def test_keys_outlive_the_daemon(self):
        first = self.post("/v1/jobs", {"simulate": LONG}, "life").json["id"]
        self.daemon.kill()
        self.daemon.start()
        again = self.post("/v1/jobs", {"simulate": LONG}, "life")
        self.assertEqual(again.json["id"], first)


if __name__ == "__main__":
    heygend.main(IdempotencyKeys)
