"""Jobs: submission, fields, batches, lists, verbs, edits, removal."""
import re
from datetime import datetime, timedelta

import heygend

KEYS = ["id", "seq", "state", "result", "version", "title", "source_url",
        "source_language", "output_language", "tags", "priority",
        "priority_name", "progress", "stage", "remaining_ms",
        "estimated_completion_at", "queue_position", "attempt",
        "max_attempts", "on_error", "not_before", "eligible_at",
        "submitted_at", "started_at", "finished_at", "ttl_s", "expires_at",
        "updated_at", "error", "last_error", "result_url", "simulate"]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LONG = {"duration_ms": 3600000, "error_rate": 0}
NOBODY = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"


class Submission(heygend.Case):
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0}

    def refused(self, body, field, code="invalid_field", **more):
        answer = self.daemon.post("/v1/jobs", body, **more)
        problem = self.problem(answer, 422, code)
        fields = [error["field"] for error in problem["errors"]]
        self.assertIn(field, fields, repr(answer))
        self.assertTrue(all(e["message"] for e in problem["errors"]))
        return problem

    def test_an_empty_job_is_accepted_with_every_key(self):
        answer = self.daemon.post("/v1/jobs", {})
        self.assertEqual(answer.status, 202)
        job = answer.json
        self.assertEqual(sorted(job), sorted(KEYS))
        self.assertEqual(answer.headers["location"], "/v1/jobs/" + job["id"])
        self.assertEqual(answer.headers["etag"],
                         'W/"%d"' % job["version"])
        self.assertTrue(1 <= int(answer.headers["retry-after"]) <= 30)
        self.assertRegex(job["id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}"
                                    r"-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
        self.assertRegex(job["submitted_at"], TIME)
        for key in ("title", "source_url", "source_language",
                    "output_language", "not_before", "eligible_at",
                    "finished_at", "ttl_s", "expires_at", "error",
                    "last_error", "result_url", "simulate"):
            self.assertIsNone(job[key], key)
        self.assertEqual((job["tags"], job["priority"], job["priority_name"],
                          job["on_error"], job["max_attempts"],
                          job["result"], job["attempt"]),
                         ([], 0, "normal", "stop", 3, "pending", 1))
        location = self.daemon.get(answer.headers["location"])
        self.assertEqual(location.json["id"], job["id"])

    def test_every_field_comes_back(self):
        body = {"source_url": "https://example.com/ä?b=c#d",
                "title": "Grüße \"\\\n\u0001 \U0001f600",
                "source_language": "en", "output_language": "pt-BR",
                "tags": ["a", "B.c:d_e-f"], "priority": -100,
                "on_error": "restart", "max_attempts": 100, "ttl_s": 5,
                "not_before": "2099-12-31T23:30:00.5-01:00",
                "simulate": {"duration_ms": 5, "error_rate": 0.25,
                             "fail_at": 0.5, "fail_attempts": 2,
                             "seed": 9007199254740991}}
        job = self.daemon.submit(**body)
        for key, value in body.items():
            if key != "not_before":
                self.assertEqual(job[key], value)
        self.assertEqual(job["not_before"], "2100-01-01T00:30:00.500Z")
        self.assertEqual(job["eligible_at"], job["not_before"])
        self.assertIsNone(job["priority_name"])
        self.assertIsNone(job["queue_position"])

    def test_bounds_are_taken_and_one_beyond_is_not(self):
        good = {"priority": (-100, 100, "low", "normal", "high", "urgent"),
                "max_attempts": (1, 100), "ttl_s": (-1, 1, 2 ** 53 - 1),
                "tags": ([], ["x" * 64], ["t%d" % i for i in range(16)]),
                "title": ("", "x" * 4096), "source_language": ("x" * 64,),
                "source_url": ("http://a", "HTTPS://a/b"),
                "not_before": ("2026-01-01T00:00:00Z",
                               "2026-01-01t00:00:00.123456+23:59")}
        for field, values in good.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.daemon.submit(**{field: value, "simulate": LONG})
        bad = {"priority": (-101, 101, 1.5, "10", "High", "", [], {}, True),
               "max_attempts": (0, 101, "3", 1.5, True),
               "ttl_s": (0, -2, 2 ** 53, "1", 1.5),
               "tags": ("a", [1], [""], ["a b"], ["x" * 65], ["ä"],
                        ["t%d" % i for i in range(17)], {}, [None]),
               "title": (1, "x" * 4097, [], {}, False),
               "source_language": (1, "x" * 65),
               "output_language": (1, "x" * 65),
               "source_url": ("ftp://a", "a", "", "http://", "http:///x",
                              "https://a b", 1, "file:///etc/passwd",
                              "http://" + "x" * 9000),
               "on_error": ("ignore", 1, "", "Stop"),
               "not_before": (1, "tomorrow", "2026-13-01T00:00:00Z",
                              "2026-01-01", "2026-01-01T00:00:00", ""),
               "simulate": (1, [], "x")}
        for field, values in bad.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.refused({field: value}, field if
                                 not (field == "tags" and value and
                                      isinstance(value, list) and
                                      len(value) <= 16) else "tags[0]")

    def test_the_fields_of_simulate_are_checked(self):
        for field, values in {"duration_ms": (-1, 1.5, "1", 2 ** 53),
                              "error_rate": (-0.1, 1.1, "0"),
                              "fail_at": (-0.1, 1.1, True),
                              "fail_attempts": (-1, 0.5, 2 ** 31),
                              "seed": (-1, 2 ** 53, "x", 0.5)}.items():
            for value in values:
                with self.subTest(field=field, value=value):
                    self.refused({"simulate": {field: value}},
                                 "simulate." + field)

    def test_numbers_beyond_all_bounds_are_invalid_fields(self):
        self.refused(b'{"priority":1e999}', "priority")
        self.refused(b'{"max_attempts":123456789012345678901}',
                     "max_attempts")
        self.refused(b'{"priority":1%s}' % (b"0" * 400), "priority")
        self.refused(b'{"ttl_s":0.%s1}' % (b"0" * 70), "ttl_s")

    def test_a_number_may_have_any_number_of_digits(self):
        answer = self.daemon.post("/v1/jobs", (
            '{"x":[-1%s,"%s"],"max_attempts":7.%se0,"simulate":'
            '{"fail_at":0.%s1,"duration_ms":3600000%se-70}}' % (
                "1" * 100, "1" * 100, "0" * 100, "0" * 70, "0" * 70)
        ).encode())
        self.assertEqual(answer.status, 202, repr(answer))
        job = answer.json
        self.assertEqual((job["max_attempts"], job["simulate"]["duration_ms"]),
                         (7, 3600000))

    def test_all_complaints_come_at_once(self):
        problem = self.refused({"priority": 1000, "ttl_s": 0, "tags": [1]},
                               "priority")
        self.assertEqual([error["field"] for error in problem["errors"]],
                         ["priority", "ttl_s", "tags[0]"])

    def test_the_top_level_must_be_an_object(self):
        for body in (b"[]", b"1", b'"x"', b"null", b"true"):
            self.refused(body, "")

    def test_text_that_is_not_json_is_malformed(self):
        for body in (b"", b" ", b"{", b"{}x", b"{} {}", b"{'a':1}",
                     b'{"a":01}', b'{"a":+1}', b'{"a":0x10}', b'{"a":NaN}',
                     b'{"a":1,}', b'{"a":"\\u0000"}', b'{"a":"\x00"}',
                     b'{"a":"\\ud800"}', b'{"a":"\xff"}', b'{"a":"\n"}',
                     b'{"a":1,"a":2}', b'{"a":1,"\\u0061":2}',
                     b"[" * 33 + b"]" * 33, b"[" * 60000,
                     b'{"a":"\xed\xa0\x80"}', b"\xef\xbb\xbf{}"):
            with self.subTest(body=body[:40]):
                answer = self.daemon.post("/v1/jobs", body)
                self.problem(answer, 400, "malformed_json")

    def test_keys_are_case_sensitive_and_unknown_ones_are_ignored(self):
        job = self.daemon.submit(Title="x", PRIORITY=5, nope={"a": [1]})
        self.assertEqual((job["title"], job["priority"]), (None, 0))

    def test_a_strict_client_is_told_of_unknown_fields(self):
        strict = {"Prefer": "handling=strict"}
        self.refused({"titel": "x"}, "titel", "unknown_field",
                     headers=strict)
        self.refused({"simulate": {"x": 1}}, "simulate.x", "unknown_field",
                     headers=strict)
        self.assertEqual(self.daemon.post("/v1/jobs", {"title": "x"},
                                          headers=strict).status, 202)

    def test_a_job_as_it_is_shown_can_be_submitted_again(self):
        job = self.daemon.submit(title="again", tags=["x"])
        again = self.daemon.submit(**job)
        self.assertEqual((again["title"], again["tags"]), ("again", ["x"]))

    # --- batches ------------------------------------------------------------

    def test_a_batch_is_taken_in_order(self):
        titles = ["b%d" % i for i in range(1000)]
        answer = self.daemon.post("/v1/jobs:batch", {
            "jobs": [{"title": title} for title in titles]})
        self.assertEqual(answer.status, 202)
        jobs = answer.json["jobs"]
        self.assertEqual([job["title"] for job in jobs], titles)
        seqs = [job["seq"] for job in jobs]
        self.assertEqual(seqs, list(range(seqs[0], seqs[0] + 1000)))

    def test_a_batch_is_all_or_nothing(self):
        before = self.daemon.get("/v1/queue").json["counts"]
        answer = self.daemon.post("/v1/jobs:batch", {
            "jobs": [{}, {}, {}, {"priority": 1000}, 5]})
        problem = self.problem(answer, 422, "invalid_field")
        self.assertEqual([e["field"] for e in problem["errors"]],
                         ["jobs[3].priority", "jobs[4]"])
        self.assertEqual(sum(before.values()), sum(
            self.daemon.get("/v1/queue").json["counts"].values()))

    def test_a_batch_has_1_to_1000_jobs(self):
        for body in ({}, {"jobs": []}, {"jobs": {}}, {"jobs": None},
                     {"jobs": [{}] * 1001}):
            answer = self.daemon.post("/v1/jobs:batch", body)
            problem = self.problem(answer, 422, "invalid_field")
            self.assertEqual(problem["errors"][0]["field"], "jobs")


class Jobs(heygend.Case):
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0, "simulation.min_ms": 10000,
                "simulation.max_ms": 10000, "jobs.workers": 1,
                "jobs.slots": 100, "simulation.eta_error": 0,
                "jobs.tombstone_s": 600}

    def completed(self, **fields):
        job = self.daemon.submit(simulate={"duration_ms": 1}, **fields)
        self.daemon.advance(1)
        job = self.daemon.job(job["id"])
        self.assertEqual(job["state"], "completed")
        return job

    def gone(self):
        job = self.completed(ttl_s=1)
        self.daemon.advance(1000)
        return job

    # --- one job ------------------------------------------------------------

    def test_unknown_jobs_are_not_found(self):
        for id in (NOBODY, "x", "0" * 36, "default", "X" * 200):
            for path in ("", "/events", "/result"):
                self.problem(self.daemon.get("/v1/jobs/" + id + path), 404,
                             "job_not_found")
            self.problem(self.daemon.verb(id, "pause"), 404, "job_not_found")
            self.problem(self.daemon.delete("/v1/jobs/" + id), 404,
                         "job_not_found")
            self.problem(self.daemon.patch("/v1/jobs/" + id, {}), 404,
                         "job_not_found")

    def test_a_removed_job_is_gone_and_says_how_it_ended(self):
        job = self.gone()
        for answer in (self.daemon.get("/v1/jobs/" + job["id"]),
                       self.daemon.get("/status?job_id=" + job["id"]),
                       self.daemon.get("/v1/jobs/%s/events" % job["id"]),
                       self.daemon.verb(job["id"], "restart"),
                       self.daemon.patch("/v1/jobs/" + job["id"],
                                         {"title": "x"}),
                       self.daemon.delete("/v1/jobs/" + job["id"])):
            problem = self.problem(answer, 410, "job_gone")
            self.assertEqual(
                [problem[key] for key in ("id", "state", "result",
                                          "finished_at")],
                [job["id"], "completed", "completed", job["finished_at"]])

    def test_ids_are_read_in_either_case(self):
        job = self.daemon.submit()
        self.assertEqual(self.daemon.job(job["id"].upper())["id"], job["id"])

    def test_an_unchanged_job_is_not_sent_again(self):
        job = self.daemon.submit(simulate=LONG)
        path = "/v1/jobs/" + job["id"]
        tag = self.daemon.get(path).headers["etag"]
        for match in (tag, tag[2:], '"x", ' + tag, "*", 'W/"9999",' + tag):
            answer = self.daemon.get(path, headers={"If-None-Match": match})
            self.assertEqual((answer.status, answer.body), (304, b""), match)
            self.assertEqual(answer.headers["etag"], tag)
            self.assertIn("retry-after", answer.headers)
        for match in ('"x"', "x", 'W/"', tag[:-1], 'W/"%s0"' % tag[3:-1]):
            answer = self.daemon.get(path, headers={"If-None-Match": match})
            self.assertEqual(answer.status, 200, match)

    def test_the_result_of_a_completed_job_is_a_video(self):
        job = self.completed()
        self.assertEqual(job["result_url"], "%s/v1/jobs/%s/result" %
                         (self.daemon.url, job["id"]))
        answer = self.daemon.get("/v1/jobs/%s/result" % job["id"])
        self.assertEqual(answer.headers["content-type"], "video/mp4")
        self.assertEqual(answer.body[4:8], b"ftyp")
        boxes, at = [], 0
        while at < len(answer.body):
            size = int.from_bytes(answer.body[at:at + 4], "big")
            boxes.append(answer.body[at + 4:at + 8])
            at += size
        self.assertEqual((boxes, at), ([b"ftyp", b"moov", b"mdat"],
                                       len(answer.body)))

    def test_there_is_no_result_before_completion(self):
        job = self.daemon.submit(simulate=LONG)
        answer = self.daemon.get("/v1/jobs/%s/result" % job["id"])
        problem = self.problem(answer, 409, "not_completed")
        self.assertIn(problem["state"], ("queued", "running"))

    def test_a_history_tells_what_happened(self):
        job = self.completed()
        path = "/v1/jobs/%s/events" % job["id"]
        events = self.daemon.get(path).json["events"]
        self.assertEqual(sorted(events[0]), sorted(
            ["seq", "at", "kind", "from", "to", "attempt", "progress",
             "detail"]))
        kinds = [event["kind"] for event in events]
        self.assertEqual((kinds[0], kinds[1], kinds[-1]),
                         ("submitted", "started", "completed"))
        self.assertEqual((events[-1]["from"], events[-1]["to"]),
                         ("running", "completed"))
        seqs = [event["seq"] for event in events]
        self.assertEqual(seqs, sorted(set(seqs)))
        after = self.daemon.get("%s?after=%d" % (path, seqs[0])).json
        self.assertEqual(after["events"], events[1:])
        self.assertEqual(self.daemon.get(path + "?limit=2").json["events"],
                         events[:2])
        for query in ("limit=0", "limit=x", "after=-1", "after=x"):
            self.problem(self.daemon.get(path + "?" + query), 400,
                         "invalid_parameter")

    # --- verbs --------------------------------------------------------------

    def in_state(self, state):
        """A job in that state."""
        hold = "2099-01-01T00:00:00Z"
        if state == "completed":
            return self.completed()["id"]
        if state == "error":
            job = self.daemon.submit(simulate={"duration_ms": 1,
                                               "fail_at": 0.5})
            self.daemon.advance(1)
        else:
            more = {} if state == "running" else {"not_before": hold}
            job = self.daemon.submit(simulate=LONG, **more)
        if state == "paused":
            self.daemon.verb(job["id"], "pause")
        if state == "canceled":
            self.daemon.verb(job["id"], "cancel")
        if state == "running":
            self.daemon.advance(0)
        self.assertEqual(self.daemon.state(job["id"]), state)
        return job["id"]

    table = {	# design.md, section 4; "=": nothing changes, "!": 409
        "pause": {"queued": "paused", "running": "paused", "paused": "=",
                  "completed": "!", "error": "!", "canceled": "!"},
        "resume": {"queued": "=", "running": "=", "paused": "queued",
                   "completed": "!", "error": "!", "canceled": "!"},
        "cancel": {"queued": "canceled", "running": "canceled",
                   "paused": "canceled", "completed": "!", "error": "!",
                   "canceled": "="},
        "restart": {"queued": "!", "running": "!", "paused": "!",
                    "completed": "queued", "error": "queued",
                    "canceled": "queued"},
        "delete": {"queued": "!", "running": "!", "paused": "!",
                   "completed": "x", "error": "x", "canceled": "x"}}

    def test_each_verb_does_to_each_state_what_the_table_says(self):
        for verb, states in self.table.items():
            for state, becomes in states.items():
                with self.subTest(verb=verb, state=state):
                    id = self.in_state(state)
                    before = self.daemon.job(id)
                    if verb == "delete":
                        answer = self.daemon.delete("/v1/jobs/" + id)
                    else:
                        answer = self.daemon.verb(id, verb)
                    self.judge(answer, before, becomes)

    def judge(self, answer, before, becomes):
        if becomes == "!":
            problem = self.problem(answer, 409, "invalid_state")
            self.assertEqual(problem["state"], before["state"])
        elif becomes == "x":
            self.assertEqual((answer.status, answer.body), (204, b""))
            self.problem(self.daemon.get("/v1/jobs/" + before["id"]), 410,
                         "job_gone")
        elif becomes == "=":
            self.assertEqual(answer.status, 200)
            self.assertEqual((answer.json["state"], answer.json["version"]),
                             (before["state"], before["version"]))
        else:
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json["state"], becomes)
            self.assertGreater(answer.json["version"], before["version"])
            self.assertEqual(answer.headers["etag"],
                             'W/"%d"' % answer.json["version"])

    def test_verbs_have_a_second_address(self):
        id = self.in_state("running")
        for verb, state in (("pause", "paused"), ("resume", "queued"),
                            ("cancel", "canceled"), ("restart", "queued")):
            answer = self.daemon.post("/v1/jobs/%s/%s" % (id, verb))
            self.assertEqual(answer.json["state"], state)

    def test_a_canceled_job_is_an_error_called_canceled(self):
        job = self.daemon.job(self.in_state("canceled"))
        self.assertEqual(job["result"], "error")
        self.assertEqual(job["error"]["code"], "canceled")
        self.assertEqual(sorted(job["error"]),
                         ["attempt", "code", "message"])
        self.assertIsNone(job["last_error"])

    def test_a_failed_job_shows_its_error_until_it_is_restarted(self):
        id = self.in_state("error")
        job = self.daemon.job(id)
        self.assertEqual(job["error"], job["last_error"])
        self.assertIn(job["error"]["code"], (
            "download_failed", "audio_invalid", "translation_failed"))
        job = self.daemon.verb(id, "restart").json
        self.assertIsNone(job["error"])
        self.assertEqual((job["attempt"], job["last_error"]["attempt"],
                          job["progress"]), (2, 1, 0))

    def test_if_match_lets_only_the_version_seen_be_changed(self):
        id = self.in_state("queued")
        path = "/v1/jobs/" + id
        tag = self.daemon.get(path).headers["etag"]
        for match in ('"0"', 'W/"999"', "x", '"1", "x'):
            headers = {"If-Match": match if match != '"1", "x' else '"77"'}
            for answer in (self.daemon.verb(id, "pause", headers=headers),
                           self.daemon.patch(path, {"title": "x"},
                                             headers=headers),
                           self.daemon.delete(path, headers=headers)):
                self.problem(answer, 412, "version_mismatch")
        answer = self.daemon.verb(id, "pause", headers={
            "If-Match": '"77", ' + tag})
        self.assertEqual(answer.json["state"], "paused")
        self.problem(self.daemon.verb(id, "resume",
                                      headers={"If-Match": tag}), 412,
                     "version_mismatch")
        self.assertEqual(self.daemon.verb(id, "resume", headers={
            "If-Match": "*"}).status, 200)

    # --- many at once -------------------------------------------------------

    def test_a_bulk_verb_answers_for_each_id(self):
        running, done = self.in_state("running"), self.in_state("completed")
        gone = self.gone()["id"]
        ids = [running, done, NOBODY, "x", gone]
        answer = self.daemon.post("/v1/jobs:pause", {"ids": ids})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["results"], [
            {"id": running, "status": 200, "state": "paused"},
            {"id": done, "status": 409, "code": "invalid_state"},
            {"id": NOBODY, "status": 404, "code": "job_not_found"},
            {"id": "x", "status": 404, "code": "job_not_found"},
            {"id": gone, "status": 410, "code": "job_gone"}])
        for verb, state in (("resume", "queued"), ("cancel", "canceled"),
                            ("restart", "queued")):
            answer = self.daemon.post("/v1/jobs:" + verb, {"ids": [running]})
            self.assertEqual(answer.json["results"], [
                {"id": running, "status": 200, "state": state}])

    def test_a_bulk_delete_removes(self):
        id = self.in_state("completed")
        answer = self.daemon.post("/v1/jobs:delete",
                                  {"ids": [id, self.in_state("paused")]})
        results = answer.json["results"]
        self.assertEqual([r["status"] for r in results], [204, 409])
        self.problem(self.daemon.get("/v1/jobs/" + id), 410, "job_gone")

    def test_a_bulk_verb_takes_up_to_1000_ids(self):
        answer = self.daemon.post("/v1/jobs:pause", {"ids": [NOBODY] * 1000})
        self.assertEqual(len(answer.json["results"]), 1000)
        self.assertEqual(self.daemon.post("/v1/jobs:pause",
                                          {"ids": []}).json,
                         {"results": []})
        for ids in ([NOBODY] * 1001, "x", None, {}):
            problem = self.problem(
                self.daemon.post("/v1/jobs:pause", {"ids": ids}), 422,
                "invalid_field")
            self.assertEqual(problem["errors"][0]["field"], "ids")
        problem = self.problem(
            self.daemon.post("/v1/jobs:pause", {"ids": ["x", 5]}), 422,
            "invalid_field")
        self.assertEqual(problem["errors"][0]["field"], "ids[1]")

    # --- edits --------------------------------------------------------------

    def test_what_may_be_edited_is(self):
        job = self.daemon.submit(not_before="2099-01-01T00:00:00Z")
        path = "/v1/jobs/" + job["id"]
        edit = {"priority": "urgent", "on_error": "restart",
                "max_attempts": 7, "title": "new", "tags": ["x", "y"],
                "ttl_s": 60}
        answer = self.daemon.patch(path, edit)
        self.assertEqual(answer.status, 200, repr(answer))
        self.assertEqual(answer.json["version"], job["version"] + 1)
        for key, value in dict(edit, priority=20).items():
            self.assertEqual(answer.json[key], value)
        again = self.daemon.patch(path, edit)
        self.assertEqual(again.json["version"], job["version"] + 1)
        none = self.daemon.patch(path, dict.fromkeys(edit))
        for key in edit:
            self.assertEqual(none.json[key], job[key], key)

    def test_either_type_of_patch_is_taken_and_no_other(self):
        job = self.daemon.submit()
        path = "/v1/jobs/" + job["id"]
        for type in ("application/json", "application/merge-patch+json"):
            answer = self.daemon.patch(path, {"title": type},
                                       headers={"Content-Type": type})
            self.assertEqual(answer.json["title"], type)
        answer = self.daemon.patch(path, {}, headers={
            "Content-Type": "application/json-patch+json"})
        self.problem(answer, 415, "unsupported_media_type")
        self.assertIn("application/merge-patch+json",
                      answer.headers["accept-patch"])
        answer = self.daemon.post("/v1/jobs", {}, headers={
            "Content-Type": "application/merge-patch+json"})
        self.problem(answer, 415, "unsupported_media_type")

    def test_fixed_fields_are_immutable(self):
        job = self.daemon.submit()
        path = "/v1/jobs/" + job["id"]
        for key in KEYS:
            if key in ("priority", "on_error", "max_attempts", "title",
                       "tags", "ttl_s"):
                continue
            problem = self.problem(self.daemon.patch(path, {key: job[key]}),
                                   422, "immutable_field")
            self.assertEqual(problem["errors"][0]["field"], key)
        self.assertEqual(self.daemon.patch(path, {"nope": 1}).status, 200)
        self.problem(self.daemon.patch(path, {"nope": 1}, headers={
            "Prefer": "handling=strict"}), 422, "unknown_field")

    def test_an_edit_is_all_or_nothing(self):
        job = self.daemon.submit(title="old")
        path = "/v1/jobs/" + job["id"]
        self.problem(self.daemon.patch(path, {"title": "x", "ttl_s": 0}),
                     422, "invalid_field")
        self.assertEqual(self.daemon.job(job["id"])["title"], "old")

    def test_the_priority_is_fixed_while_running_and_at_the_end(self):
        for state in ("running", "completed", "error", "canceled"):
            id = self.in_state(state)
            answer = self.daemon.patch("/v1/jobs/" + id, {
                "priority": 5, "title": "x"})
            problem = self.problem(answer, 409, "invalid_state")
            self.assertEqual(problem["state"], state)
            self.assertIsNone(self.daemon.job(id)["title"])

    def test_a_new_ttl_counts_from_the_end(self):
        job = self.completed()
        answer = self.daemon.patch("/v1/jobs/" + job["id"], {"ttl_s": 2})
        self.assertEqual(answer.json["ttl_s"], 2)
        self.daemon.advance(1999)
        self.assertEqual(self.daemon.state(job["id"]), "completed")
        self.daemon.advance(1)
        self.problem(self.daemon.get("/v1/jobs/" + job["id"]), 410,
                     "job_gone")

    # --- lists --------------------------------------------------------------

    def test_jobs_can_be_asked_for_by_their_ids(self):
        a, b = self.daemon.submit()["id"], self.completed()["id"]
        gone = self.gone()
        ids = [b, NOBODY, a, gone["id"], "what", b]
        jobs = self.daemon.get("/v1/jobs?ids=" + ",".join(ids)).json["jobs"]
        self.assertEqual([job["id"] for job in jobs], ids)
        self.assertEqual(jobs[0]["state"], "completed")
        self.assertEqual(sorted(jobs[0]), sorted(KEYS))
        self.assertEqual(jobs[1], {"id": NOBODY, "state": "not_found"})
        self.assertEqual(jobs[3], {"id": gone["id"], "state": "gone",
                                   "result": "completed",
                                   "finished_at": gone["finished_at"]})
        self.assertEqual(jobs[4], {"id": "what", "state": "not_found"})

    def test_a_list_is_newest_first_and_filtered(self):
        ids = [self.daemon.submit(tags=["list", "n%d" % (i % 2)],
                                  simulate=LONG)["id"] for i in range(6)]
        self.daemon.verb(ids[0], "cancel")

        def ask(query):
            page = self.daemon.get("/v1/jobs?" + query).json
            self.assertEqual(sorted(page), ["jobs", "next_page_token"])
            return [job["id"] for job in page["jobs"]]
        self.assertEqual(ask("tag=list"), ids[::-1])
        self.assertEqual(ask("tag=list&tag=n1"), ids[5::-2])
        self.assertEqual(ask("tag=list&state=canceled"), ids[:1])
        self.assertEqual(ask("tag=list&state=running,queued"), ids[:0:-1])
        self.assertEqual(ask("tag=list&limit=2"), ids[:3:-1])
        self.assertEqual(ask("tag=nobody"), [])

    def test_pages_show_each_job_once_while_new_ones_arrive(self):
        ids = [self.daemon.submit(tags=["pages"], simulate=LONG)["id"]
               for _ in range(25)]
        seen, token = [], ""
        while True:
            page = self.daemon.get("/v1/jobs?tag=pages&limit=7&page_token=" +
                                   token).json
            seen += [job["id"] for job in page["jobs"]]
            token = page["next_page_token"]
            if token is None:
                break
            self.assertEqual(len(page["jobs"]), 7)
            self.daemon.submit(tags=["pages"])
        self.assertEqual(seen, ids[::-1])

    def test_limits_above_500_are_clamped(self):
        answer = self.daemon.get("/v1/jobs?limit=100000000")
        self.assertEqual(answer.status, 200)
        self.assertLessEqual(len(answer.json["jobs"]), 500)

    def test_a_mangled_page_token_is_refused(self):
        for _ in range(3):
            self.daemon.submit(tags=["mangle"])
        token = self.daemon.get("/v1/jobs?limit=1").json["next_page_token"]
        for bad in (token[:-1], token + "0", "x" + token, token[::-1],
                    "1-0000000000000000", token.upper() + "x",
                    ("0" if token[0] != "0" else "1") + token[1:]):
            self.problem(self.daemon.get("/v1/jobs?page_token=" + bad), 400,
                         "invalid_parameter")

    # --- the queue, the server ----------------------------------------------

    def test_the_queue_can_be_paused_and_resumed(self):
        answer = self.daemon.post("/v1/queue:pause")
        self.assertEqual((answer.status, answer.json["paused"]),
                         (200, True))
        job = self.daemon.submit()
        job = self.daemon.job(job["id"])
        self.assertEqual(job["state"], "queued")
        self.assertIsNone(job["estimated_completion_at"])
        answer = self.daemon.get("/v1/jobs/" + job["id"])
        self.assertEqual(answer.headers["retry-after"], "30")
        answer = self.daemon.post("/v1/queue:resume")
        self.assertFalse(answer.json["paused"])
        queue = self.daemon.get("/v1/queue").json
        self.assertEqual(sorted(queue), sorted(
            ["paused", "slots", "running", "queued", "oldest_wait_ms",
             "workers", "counts"]))
        self.assertEqual(sorted(queue["workers"][0]), sorted(
            ["pid", "running", "slots", "since", "restarts"]))
        self.assertEqual(sorted(queue["counts"]), sorted(
            ["queued", "running", "paused", "completed", "error",
             "canceled"]))
        self.assertEqual(queue["slots"], 100)

    def test_the_queue_tells_what_each_worker_runs_now(self):
        def running():
            return sum(worker["running"] for worker in
                       self.daemon.get("/v1/queue").json["workers"])
        before = running()
        self.daemon.submit(simulate={"duration_ms": 5000, "error_rate": 0})
        self.assertEqual(running(), before + 1)
        self.daemon.advance(3600000)
        self.assertEqual(running(), 0)

    def test_the_server_says_what_it_can(self):
        about = self.daemon.get("/v1").json
        self.assertEqual(about["limits"]["max_wait_s"], 60)
        self.assertIn("sse", about["features"])
        self.assertTrue(about["version"])

    def test_the_clock_moves_by_what_is_asked(self):
        before = self.daemon.advance(0)
        after = self.daemon.advance(60000)
        self.assertEqual(after[14:16], "%02d" %
                         ((int(before[14:16]) + 1) % 60))
        for body in ({}, {"ms": -1}, {"ms": "1"}, {"ms": 1.5}):
            self.problem(self.daemon.post("/v1/clock:advance", body), 422,
                         "invalid_field")

    def test_a_job_of_all_time_shows_a_number_that_json_takes(self):
        id = self.daemon.submit(simulate={"duration_ms": 2 ** 53 - 1})["id"]
        self.daemon.until_state(id, "running")
        for ms in 1, 10 ** 12:
            self.daemon.advance(ms)
            self.assertLess(self.daemon.job(id)["remaining_ms"], 2 ** 53)
        self.daemon.verb(id, "cancel")


class EndOfTime(heygend.Case):
    settings = {"test.clock": "manual", "status.default_job": "off"}

    def test_the_clock_ends_with_the_last_time_that_can_be_written(self):
        left = (datetime(9999, 12, 31, 23, 59, 59, 999000) -
                datetime.fromisoformat(self.daemon.advance(0)[:-1]))
        left = left // timedelta(milliseconds=1)
        id = self.daemon.submit(simulate={"duration_ms": left})["id"]
        for ms in left + 1, 2 ** 53 - 1:
            problem = self.problem(self.daemon.post(
                "/v1/clock:advance", {"ms": ms}), 422, "invalid_field")
            self.assertIn("from 0 to %d" % left,
                          problem["errors"][0]["message"])
        self.assertEqual(self.daemon.advance(left),
                         "9999-12-31T23:59:59.999Z")
        self.daemon.until_state(id, "completed")
        for _ in range(2):
            self.assertEqual(self.daemon.get("/readyz").status, 200)
            self.daemon.submit(simulate={"duration_ms": 0})
            heygend.until(
                lambda: self.daemon.get("/v1/queue").json["queued"] == 0,
                "an empty queue")
            self.daemon.stop()
            self.daemon.start()


class RealClock(heygend.Case):
    def test_a_real_clock_cannot_be_moved(self):
        path = "/v1/clock:advance"
        for answer in (self.daemon.post(path, {"ms": 1}),
                       self.daemon.post(path), self.daemon.get(path)):
            self.problem(answer, 404, "no_route")

    def test_it_is_alive_and_ready(self):
        self.assertEqual(self.daemon.get("/healthz").status, 200)
        self.assertEqual(self.daemon.get("/readyz").status, 200)

    def test_the_default_job_is_protected(self):
        self.assertEqual(self.daemon.job("default")["priority"], 100)
        # whatever its state
        self.problem(self.daemon.delete("/v1/jobs/default"), 409,
                     "protected")
        self.daemon.verb("default", "cancel")
        self.problem(self.daemon.delete("/v1/jobs/default"), 409,
                     "protected")
        answer = self.daemon.post("/v1/jobs:delete", {"ids": ["default"]})
        self.assertEqual(answer.json["results"], [
            {"id": "default", "status": 409, "code": "protected"}])


class Full(heygend.Case):
    settings = {"jobs.max_jobs": 3, "status.default_job": "off"}

    def test_no_more_than_max_jobs_are_taken(self):
        first = [self.daemon.post("/v1/jobs", {}, headers={
            "Idempotency-Key": "n%d" % n}).json["id"] for n in range(3)]
        again = self.daemon.post("/v1/jobs", {}, headers={
            "Idempotency-Key": "n0"})	# it has been taken already
        self.assertEqual((again.status, again.json["id"]), (202, first[0]))
        for path, body in (("/v1/jobs", {}), ("/v1/jobs:batch",
                                              {"jobs": [{}]})):
            answer = self.daemon.post(path, body)
            self.problem(answer, 429, "queue_full")
            self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)


if __name__ == "__main__":
    heygend.main(Submission, Jobs, EndOfTime, RealClock, Full)
