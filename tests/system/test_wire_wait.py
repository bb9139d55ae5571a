"""Polling and waiting: GET /status, Retry-After, wait, until=change."""
import contextlib
import signal
import threading
import time

import heygend

NOBODY = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
LONG = {"duration_ms": 3600000}


class InBackground:
    """A request under way; answer() waits for it."""

    def __init__(self, ask):
        self.result, self.error = None, None
        self.thread = threading.Thread(target=self.run, args=(ask,))
        self.thread.start()

    def run(self, ask):
        try:
            self.result = ask()
        except BaseException as error:
            self.error = error

    def waits(self):
        return self.thread.is_alive()

    def answer(self):
        self.thread.join(heygend.DEADLINE)
        if self.error:
            raise self.error
        return self.result


class Waiting(heygend.Case):
    settings = {"test.clock": "manual", "simulation.error_rate": 0,
                "simulation.eta_error": 0, "jobs.workers": 1,
                "jobs.slots": 50, "http.max_wait_s": 20,
                "simulation.distribution": "fixed",
                "simulation.mean_ms": 25000}

    def held(self, path, **more):
        """A request that is being held by now."""
        self.daemon.until_held(wait=0)
        request = InBackground(lambda: self.daemon.get(path, **more))
        self.daemon.until_held(wait=1)
        return request

    # --- GET /status --------------------------------------------------------

    def test_the_default_job_is_what_status_alone_shows(self):
        answer = self.daemon.get("/status")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.json["job_id"], "default")
        self.assertIn(answer.json["result"], ("pending", "completed"))
        self.assertEqual(self.daemon.get("/status?job_id=default")
                         .json["job_id"], "default")

    def test_both_forms_of_status_say_the_same(self):
        job = self.daemon.submit(simulate=LONG)
        a = self.daemon.get("/status?job_id=" + job["id"])
        b = self.daemon.get("/status/" + job["id"])
        self.assertEqual(a.json, b.json)
        self.assertEqual(sorted(a.json), sorted(
            ["result", "job_id", "state", "progress", "remaining_ms",
             "estimated_completion_at"]))
        self.assertEqual(a.headers["cache-control"], "no-store")

    def test_status_of_each_end_is_what_the_assignment_asks(self):
        for simulate, result in (({"duration_ms": 1}, "completed"),
                                 ({"duration_ms": 1, "fail_at": 0}, "error")):
            job = self.daemon.submit(simulate=simulate)
            self.daemon.advance(1)
            status = self.daemon.get("/status?job_id=" + job["id"]).json
            self.assertEqual(status["result"], result)
            self.assertNotIn("message", status)
            self.assertEqual("error" in status, result == "error")
            if result == "error":
                self.assertTrue(status["error"]["code"])
                self.assertTrue(status["error"]["message"])

    def test_an_unknown_job_has_no_status(self):
        for path in ("/status/" + NOBODY, "/status?job_id=" + NOBODY,
                     "/status?job_id=", "/status?job_id=x"):
            self.problem(self.daemon.get(path), 404, "job_not_found")

    def test_a_job_id_may_be_percent_encoded(self):
        job = self.daemon.submit(simulate=LONG)
        coded = "".join("%%%02x" % ord(c) for c in job["id"])
        for path in ("/status?job_id=" + coded, "/status/" + coded,
                     "/status?x=1&job_id=%s&y" % job["id"]):
            self.assertEqual(self.daemon.get(path).json["job_id"], job["id"])

    # --- Retry-After --------------------------------------------------------

    def test_retry_after_is_the_time_left_in_whole_seconds(self):
        job = self.daemon.submit(simulate={"duration_ms": 5400})
        self.daemon.advance(0)
        for path in ("/status/" + job["id"], "/v1/jobs/" + job["id"]):
            self.assertEqual(self.daemon.get(path).headers["retry-after"],
                             "6")
        self.daemon.advance(5399)
        self.assertEqual(self.daemon.get("/status/" + job["id"])
                         .headers["retry-after"], "1")
        self.daemon.advance(1)
        self.assertNotIn("retry-after",
                         self.daemon.get("/status/" + job["id"]).headers)

    def test_retry_after_has_a_maximum_which_also_stands_for_no_eta(self):
        job = self.daemon.submit(simulate=LONG)
        path = "/v1/jobs/" + job["id"]
        self.assertEqual(self.daemon.get(path).headers["retry-after"], "30")
        self.daemon.verb(job["id"], "pause")
        answer = self.daemon.get(path)
        self.assertIsNone(answer.json["estimated_completion_at"])
        self.assertEqual(answer.headers["retry-after"], "30")

    # --- wait ---------------------------------------------------------------

    def test_a_wait_ends_when_the_job_is_final(self):
        for path in ("/status?job_id=%s&wait=15", "/v1/jobs/%s?wait=15",
                     "/status/%s?wait=15"):
            job = self.daemon.submit(simulate={"duration_ms": 1000})
            request = self.held(path % job["id"])
            self.daemon.advance(999)
            self.assertTrue(request.waits())
            self.daemon.advance(1)
            answer = request.answer()
            self.assertEqual(answer.json["result"], "completed")
            self.assertEqual(answer.headers["preference-applied"], "wait=15")
            self.assertNotIn("retry-after", answer.headers)

    def test_a_wait_that_runs_out_says_come_back_at_once(self):
        job = self.daemon.submit(simulate=LONG)
        began = time.monotonic()
        answer = self.daemon.get("/v1/jobs/%s?wait=1" % job["id"])
        self.assertGreaterEqual(time.monotonic() - began, 0.99)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["retry-after"], "0")
        self.assertEqual(answer.headers["preference-applied"], "wait=1")
        answer = self.daemon.get("/v1/jobs/%s?wait=1" % job["id"], headers={
            "If-None-Match": answer.headers["etag"]})
        self.assertEqual((answer.status, answer.body), (304, b""))
        self.assertEqual(answer.headers["retry-after"], "0")
        self.assertEqual(answer.headers["preference-applied"], "wait=1")

    def test_the_preference_is_the_header_too_and_the_smaller_counts(self):
        job = self.daemon.submit(simulate={"duration_ms": 1})
        self.daemon.advance(1)
        path = "/v1/jobs/" + job["id"]
        for query, prefer, applied in (
                ("", "wait=5", "wait=5"), ("?wait=7", "wait=5", "wait=5"),
                ("?wait=3", "wait=5", "wait=3"), ("?wait=0", None, "wait=0"),
                ("?wait=9999", None, "wait=20"),
                ("?wait=99999999999999999999999", None, "wait=20"),
                ("", "handling=strict, wait=4", "wait=4"),
                ("", 'respond-async, wait="6"', "wait=6"),
                ("", "wait=99999999999999999999999999", "wait=20"),
                ("", "wait=00000000000000000000000003", "wait=3"),
                ("", "wait=+3", None),
                ("", "Wait=5; x=1", "wait=5"), ("", "wait=x", None),
                ("", "wait=-1", None), ("", "wait", None),
                ("", "waiting=5", None), ("?wait=2", "wait=x", "wait=2"),
                ("", None, None)):
            with self.subTest(query=query, prefer=prefer):
                answer = self.daemon.get(path + query,
                                         headers={"Prefer": prefer})
                self.assertEqual(answer.status, 200)
                self.assertEqual(answer.headers.get("preference-applied"),
                                 applied)

    def test_a_malformed_wait_is_a_bad_parameter(self):
        job = self.daemon.submit()
        for query in ("wait=x", "wait=-1", "wait=1.5", "wait=", "wait=+1",
                      "wait=1s", "wait=1&until=never"):
            for path in ("/v1/jobs/", "/status/"):
                self.problem(self.daemon.get("%s%s?%s" % (
                    path, job["id"], query)), 400, "invalid_parameter")

    def test_until_change_ends_with_the_next_version(self):
        job = self.daemon.submit(simulate=LONG)
        self.daemon.advance(0)
        path = "/v1/jobs/%s?wait=15&until=change" % job["id"]
        request = self.held(path)
        self.daemon.patch("/v1/jobs/" + job["id"], {"title": "new"})
        answer = request.answer()
        self.assertEqual(answer.json["title"], "new")
        self.assertIn("preference-applied", answer.headers)

    def test_until_change_is_measured_from_the_tag_given(self):
        job = self.daemon.submit(simulate=LONG)
        self.daemon.advance(0)
        path = "/v1/jobs/%s?wait=15&until=change" % job["id"]
        answer = self.daemon.get(path, headers={"If-None-Match": 'W/"999"'})
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["preference-applied"], "wait=15")
        request = self.held(path, headers={
            "If-None-Match": answer.headers["etag"]})
        self.daemon.verb(job["id"], "pause")
        self.assertEqual(request.answer().json["state"], "paused")

    def test_without_until_a_change_does_not_end_the_wait(self):
        job = self.daemon.submit(simulate=LONG)
        request = self.held("/v1/jobs/%s?wait=15" % job["id"])
        self.daemon.verb(job["id"], "pause")
        self.daemon.verb(job["id"], "resume")
        self.assertTrue(request.waits())
        self.daemon.verb(job["id"], "cancel")
        self.assertEqual(request.answer().json["state"], "canceled")

    def test_a_job_removed_under_a_waiter_is_gone(self):
        job = self.daemon.submit(simulate=LONG, ttl_s=1)
        request = self.held("/v1/jobs/%s?wait=15" % job["id"])
        self.daemon.verb(job["id"], "cancel")
        self.assertEqual(request.answer().json["result"], "error")
        self.daemon.advance(1000)
        self.problem(self.daemon.get("/v1/jobs/%s?wait=15" % job["id"]), 410,
                     "job_gone")

    def test_head_waits_as_get_does(self):
        job = self.daemon.submit(simulate=LONG)
        answer = self.daemon.request("HEAD",
                                     "/v1/jobs/%s?wait=1" % job["id"])
        self.assertEqual(answer.headers["preference-applied"], "wait=1")

    # --- /status as a stream ------------------------------------------------

    def test_status_can_be_streamed_to_its_end(self):
        job = self.daemon.submit(simulate={"duration_ms": 1000})
        with self.daemon.stream("/status?job_id=" + job["id"]) as stream:
            self.assertEqual(stream.headers["content-type"],
                             "text/event-stream")
            self.assertEqual(stream.headers["cache-control"], "no-store")
            self.assertEqual(stream.headers["x-accel-buffering"], "no")
            first = stream.event()
            self.assertEqual(sorted(first), ["data"])
            self.assertEqual(first["data"]["result"], "pending")
            self.daemon.advance(1000)
            events = stream.until(
                lambda e: e["data"]["result"] != "pending")
            self.assertEqual(events[-1]["data"]["result"], "completed")
            self.assertIsNone(stream.event())

    def test_a_stream_of_a_status_tells_each_change(self):
        job = self.daemon.submit(simulate=LONG)
        with self.daemon.stream("/status/" + job["id"]) as stream:
            states = [stream.event()["data"]["state"]]
            for verb in ("pause", "resume", "pause", "cancel"):
                self.daemon.verb(job["id"], verb)
                # a free slot takes the resumed one in the same turn
                states.append(stream.event()["data"]["state"])
            self.assertIsNone(stream.event())
        self.assertEqual(states, ["running", "paused", "running", "paused",
                                  "canceled"])

    def test_the_status_says_what_the_job_says(self):
        job = self.daemon.submit(simulate=LONG)
        self.daemon.advance(5000)
        status = self.daemon.get("/status/" + job["id"]).json
        job = self.daemon.job(job["id"])
        self.assertEqual(status.pop("job_id"), job["id"])
        for key, value in status.items():
            self.assertEqual(value, job[key], key)

    def test_a_final_job_streams_one_event(self):
        job = self.daemon.submit(simulate=LONG)
        self.daemon.verb(job["id"], "cancel")
        with self.daemon.stream("/status/" + job["id"]) as stream:
            data = stream.event()["data"]
            self.assertEqual((data["result"], data["error"]["code"]),
                             ("error", "canceled"))
            self.assertIsNone(stream.event())

    def test_an_unknown_job_does_not_stream(self):
        answer = self.daemon.get("/status/" + NOBODY, headers={
            "Accept": "text/event-stream"})
        self.problem(answer, 404, "job_not_found")


class NoDefault(heygend.Case):
    settings = {"status.default_job": "off"}

    def test_without_a_default_job_status_alone_is_not_found(self):
        self.problem(self.daemon.get("/status"), 404, "no_default_job")
        self.problem(self.daemon.get("/v1/jobs/default"), 404,
                     "job_not_found")


class FirstRequest(heygend.Case):
    settings = {"status.default_job": "first_request"}

    def test_the_default_job_begins_with_the_first_request(self):
        self.assertEqual(self.daemon.get("/v1/queue").json["running"], 0)
        self.problem(self.daemon.get("/v1/jobs/default"), 404,
                     "job_not_found")
        answer = self.daemon.get("/status")
        self.assertEqual((answer.status, answer.json["job_id"]),
                         (200, "default"))


class Room(heygend.Case):
    """threads 40: eight may be held."""
    settings = {"http.threads": 40, "http.max_wait_s": 60,
                "status.default_job": "off"}

    def test_waiters_and_streams_leave_32_threads_free(self):
        job = self.daemon.submit(simulate=LONG)
        path = "/v1/jobs/%s?wait=30" % job["id"]
        held = [self.daemon.raw(self.daemon.message("GET", path))
                for _ in range(5)]
        held += [self.daemon.stream("/v1/events").raw for _ in range(2)]
        held += [self.daemon.stream("/status/" + job["id"]).raw]
        try:
            self.daemon.until_held(wait=5, stream=3)
            answer = self.daemon.get("/v1/jobs/%s?wait=1" % job["id"])
            self.assertEqual(answer.status, 200)
            self.assertNotIn("preference-applied", answer.headers)
            answer = self.daemon.get("/v1/events", headers={
                "Accept": "text/event-stream"})
            self.problem(answer, 503, "busy")
            self.assertIn("retry-after", answer.headers)
            answer = self.daemon.get("/v1/events?wait=30")
            self.assertEqual(answer.json["events"], [])
            self.assertNotIn("preference-applied", answer.headers)
            self.daemon.verb(job["id"], "cancel")
            for raw in held[:5]:
                answer = raw.answer()
                self.assertEqual(answer.json["state"], "canceled")
                self.assertEqual(answer.headers["preference-applied"],
                                 "wait=30")
        finally:
            for raw in held:
                raw.close()

    def test_connections_end_while_few_threads_are_free(self):
        idle = [self.daemon.raw() for _ in range(26)]
        try:
            def closes():
                with self.daemon.raw(self.daemon.message("GET",
                                                         "/v1")) as raw:
                    return "connection" in raw.answer().headers
            heygend.until(closes)
        finally:
            for raw in idle:
                raw.close()
        heygend.until(lambda: not closes())


class Drain(heygend.Case):
    settings = {"status.default_job": "off"}

    def test_a_stop_wakes_the_waiters_and_answers_them(self):
        job = self.daemon.submit(simulate=LONG)
        with self.daemon.raw(self.daemon.message(
                "GET", "/v1/jobs/%s?wait=60" % job["id"])) as waiter, \
                self.daemon.raw(self.daemon.message(
                    "GET", "/v1/events?wait=60")) as poller, \
                self.daemon.stream("/v1/events") as stream:
            self.daemon.until_held(wait=1, events=1, stream=1)
            self.assertIsNotNone(stream.block())
            began = time.monotonic()
            self.daemon.stop()
            self.assertLess(time.monotonic() - began, 8 * heygend.SLOW)
            answer = waiter.answer()
            self.assertEqual((answer.status, answer.json["result"]),
                             (200, "pending"))
            self.assertEqual(poller.answer().status, 200)
            self.assertIsNone(stream.event())
        self.daemon.start()
        self.assertEqual(self.daemon.job(job["id"])["result"], "pending")

    def test_a_hangup_while_it_stops_changes_nothing(self):
        d = self.daemon
        with d.raw(d.message("POST", "/v1/jobs", b"{}", {
                "Expect": "100-continue"})[:-2]) as slow:
            self.assertEqual(slow.head()[0], 100)
            d.process.send_signal(signal.SIGTERM)
            heygend.until(lambda: "daemon.stopping" in d.log())
            d.process.send_signal(signal.SIGHUP)
            heygend.until(lambda: "settings.re" in d.log())
            slow.send(b"{}")
            self.problem(slow.answer(), 503, "draining")
        d.wait(0)
        self.assertIn("settings.refused", d.log())
        self.assertNotIn("settings.reloaded", d.log())
        d.start()

    def test_a_stop_wakes_those_who_wait_for_nobody(self):
        job = self.daemon.submit(simulate=LONG)["id"]
        self.daemon.verb(job, "cancel")
        self.assertEqual(self.daemon.delete("/v1/jobs/" + job).status, 204)
        with contextlib.ExitStack() as stack:
            polls = [stack.enter_context(self.daemon.raw(self.daemon.message(
                "GET", "/v1/events?wait=60&ids=" + ids)))
                for ids in (job, NOBODY, "nobody")]
            self.daemon.until_held(events=len(polls))
            watch = heygend.Stopwatch()
            self.daemon.stop()
            self.assertLess(watch.seconds(), 5 * heygend.SLOW)
            for poll in polls:
                answer = poll.answer()
                self.assertEqual((answer.status, answer.json["events"]),
                                 (200, []))
                self.assertEqual(answer.headers["preference-applied"],
                                 "wait=60")
        self.daemon.start()


if __name__ == "__main__":
    heygend.main(Waiting, NoDefault, FirstRequest, Room, Drain)
