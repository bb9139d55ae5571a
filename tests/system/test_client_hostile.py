#!/usr/bin/env python3
"""What the library says of a server that misbehaves: for each way the code, the
sentence, how often it was tried; and that a failed request fails no job."""
import json
import os
import socket
import struct
import threading
import time
import unittest

import hglib as H
from fake import Fake, Reply, V1, STREAM_HEAD, problem
from heygend import SLOW, main, until

GOOD = {"id": "j", "state": "running", "result": "pending", "version": 1}
DONE = {"id": "j", "state": "completed", "result": "completed", "version": 9}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def reset(connection):
    """The connection ends with a RST, not a FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
    connection.close()


def resetting(data):
    """Sends a part, then resets."""
    def answer(request):
        if data:
            request.connection.sendall(data)
        reset(request.connection)
    return answer


def status(code, headers=(), body="no JSON"):
    return lambda request: Reply(code, body, headers, "text/plain")


def ok(body, kind="application/json"):
    return lambda request: Reply(200, body, kind=kind)


def head_of(n):
    return HEAD + b"Content-Length: %d\r\n\r\n" % n


DEEP = '{"result":' + "[" * 40 + "]" * 40 + "}"

# name, answer, code, tries of 3, HTTP status, a part of the sentence
CASES = [
    ("reset_before_the_headers", resetting(b""),
     H.ENETWORK, 3, 0, "connection broke"),
    ("reset_inside_the_headers", resetting(b"HTTP/1.1 200 OK\r\nConte"),
     H.ENETWORK, 3, 200, "connection broke"),
    ("reset_inside_the_body", resetting(head_of(99) + b'{"result":'),
     H.ENETWORK, 3, 200, "connection broke"),
    ("a_body_cut_short", lambda r: head_of(99) + b'{"result":',
     H.ENETWORK, 3, 200, "connection broke"),
    ("no_answer_at_all", lambda r: None, H.ENETWORK, 3, 0, "Empty reply"),
    ("500", status(500), H.EUNAVAILABLE, 3, 500, "(500)"),
    ("502", status(502), H.EUNAVAILABLE, 3, 502, "(502)"),
    ("503", lambda r: problem(503, "busy"), H.EUNAVAILABLE, 3, 503,
     "because of busy (503 busy)"),
    ("504", status(504), H.EUNAVAILABLE, 3, 504, "(504)"),
    ("501", status(501), H.EUNAVAILABLE, 1, 501, "(501)"),
    ("408", status(408), H.EUNAVAILABLE, 3, 408, "(408)"),
    ("425", status(425), H.EUNAVAILABLE, 3, 425, "(425)"),
    ("429_without_a_hint", status(429), H.ERATELIMIT, 3, 429, "(429)"),
    ("429_with_seconds", status(429, {"Retry-After": "0"}), H.ERATELIMIT, 3,
     429, "(429)"),
    ("429_with_a_date_gone_by",
     status(429, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}),
     H.ERATELIMIT, 3, 429, "(429)"),
    ("429_with_nonsense", status(429, {"Retry-After": "soon, I hope"}),
     H.ERATELIMIT, 3, 429, "(429)"),
    ("400", lambda r: problem(400, "invalid_parameter"), H.EREJECTED, 1, 400,
     "invalid_parameter"),
    ("401", lambda r: problem(401, "unauthorized"), H.EAUTH, 1, 401,
     "unauthorized"),
    ("403", status(403), H.EAUTH, 1, 403, "API key"),
    ("404", lambda r: problem(404, "job_not_found"), H.ENOTFOUND, 1, 404,
     "job_not_found"),
    ("405", status(405), H.EUNSUPPORTED, 1, 405, "(405)"),
    ("406", status(406), H.EUNSUPPORTED, 1, 406, "(406)"),
    ("409", lambda r: problem(409, "invalid_state", state="completed"),
     H.ESTATE, 1, 409, "invalid_state"),
    ("410", lambda r: problem(410, "job_gone"), H.EGONE, 1, 410, "job_gone"),
    ("413", status(413), H.EREJECTED, 1, 413, "(413)"),
    ("415", status(415), H.EREJECTED, 1, 415, "(415)"),
    ("422", lambda r: problem(422, "invalid_field", errors=[
        {"field": "priority", "message": "is too large"}]),
     H.EREJECTED, 1, 422, "invalid_field: priority: is too large (422"),
    ("422_whose_detail_names_the_field", lambda r: Reply(422, {
        "code": "invalid_field", "detail": "title is too long.", "errors": [
            {"field": "title", "message": "is too long"}]}),
     H.EREJECTED, 1, 422, "jobs/j: title is too long. (422 invalid_field)"),
    ("a_redirect_to_itself", lambda r: Reply(302, "", {"Location": r.target}),
     H.EPROTOCOL, 1, 302, "redirects are not followed"),
    ("HTML", ok("<html><body>Log in</body></html>", "text/html"),
     H.EPROTOCOL, 1, 200, "not the JSON"),
    ("an_empty_body", ok(""), H.EPROTOCOL, 1, 200, "not the JSON"),
    ("204", lambda r: Reply(204), H.EPROTOCOL, 1, 204, "(204) has no body"),
    ("304", lambda r: Reply(304), H.EPROTOCOL, 1, 304, "(304) has no body"),
    ("truncated_JSON", ok('{"id":"j","result":"pend'), H.EPROTOCOL, 1, 200,
     "not the JSON"),
    ("deep_JSON", ok(DEEP), H.EPROTOCOL, 1, 200, "not the JSON"),
    ("a_key_twice", ok('{"id":"j","result":"pending","result":"error"}'),
     H.EPROTOCOL, 1, 200, "not the JSON"),
    ("bytes_that_are_no_UTF8", ok(b'{"id":"j","result":"\xff"}'),
     H.EPROTOCOL, 1, 200, "not the JSON"),
    ("a_number_of_64_characters", ok(
        '{"id":"j","result":"pending","progress":0.%s}' % ("1" * 62)),
     H.EPROTOCOL, 1, 200, "not the JSON"),
    ("an_array", ok("[1]"), H.EPROTOCOL, 1, 200, "not the JSON"),
    ("no_result", ok('{"id":"j"}'), H.EPROTOCOL, 1, 200, "not what was asked"),
    ("a_result_that_is_a_number", ok('{"id":"j","result":5}'), H.EPROTOCOL, 1,
     200, "not what was asked"),
    ("another_job", ok(dict(GOOD, id="k")), H.EPROTOCOL, 1, 200,
     "not what was asked"),
    ("9_MiB", ok(b'{"id":"j","result":"pending","x":"' + b"x" * (9 << 20) +
                 b'"}'), H.EPROTOCOL, 1, 200, "over 8 MiB"),
    ("65_KiB_of_headers", lambda r: Reply(200, GOOD, {
        "X-%d" % i: "x" * 1000 for i in range(66)}), H.EPROTOCOL, 1, 200,
     "64 KiB"),
    ("no_HTTP", lambda r: b"SSH-2.0-OpenSSH_9.2\r\n", H.EPROTOCOL, 1, 0,
     "HTTP/0.9"),
]


class Single(unittest.TestCase):
    def ask(self, answer, **options):
        self.server = Fake(answer)
        self.addCleanup(self.server.close)
        options = dict(dict(max_tries=3, timeout_ms=20000 * SLOW), **options)
        self.client = H.Client(self.server.url, **options)
        self.addCleanup(self.client.close)
        self.job = H.Job(id="j")
        return self.client.refresh(self.job)

    def test_a_refused_connection_is_tried_again_and_is_a_network_error(self):
        self.ask(ok(GOOD))
        self.server.close()
        with H.Client(self.server.url, max_tries=3) as client:
            self.assertEqual(client.refresh(self.job), H.ENETWORK)
            self.assertEqual((client.tries, client.status), (3, 0))
            self.assertIn("cannot be reached", client.message)
            self.assertEqual((client.stats.calls, client.stats.retries), (3, 2))

    def test_a_name_without_an_address_is_a_network_error(self):
        with H.Client("http://nobody.invalid", max_tries=1) as client:
            self.assertEqual(client.refresh(H.Job(id="j")), H.ENETWORK)
            self.assertIn("name", client.message)

    def test_a_retry_that_succeeds_leaves_no_details(self):
        answers = [problem(503, "busy"), Reply(200, GOOD)]
        self.assertEqual(self.ask(lambda r: answers.pop(0)), H.OK)
        self.assertEqual((self.client.message, self.client.code,
                          self.client.status, self.client.tries,
                          self.client.retry_after_ms), ("", None, 0, 0, -1))
        self.assertEqual(self.client.stats.retries, 1)

    def test_an_answer_that_makes_no_sense_tells_of_no_try_before_it(self):
        answers = [Reply(503, {"code": "busy"}, {"Retry-After": "0"}),
                   Reply(200, {})]
        self.assertEqual(self.ask(lambda r: answers.pop(0)), H.EPROTOCOL)
        self.assertEqual((self.client.code, self.client.status,
                          self.client.retry_after_ms, self.client.tries),
                         (None, 200, -1, 2))
        self.assertIn("is JSON", self.client.message)

    def test_retry_after_is_a_floor(self):
        answers = [Reply(429, "", {"Retry-After": "1"}), Reply(200, GOOD)]
        began = time.monotonic()
        self.assertEqual(self.ask(lambda r: answers.pop(0)), H.OK)
        self.assertGreaterEqual(time.monotonic() - began, 0.99)

    def test_an_absurd_retry_after_ends_the_call_instead_of_its_time(self):
        began = time.monotonic()
        self.assertEqual(self.ask(status(429, {"Retry-After": "9" * 20}),
                                  timeout_ms=3000), H.ERATELIMIT)
        self.assertLess(time.monotonic() - began, 3)
        self.assertEqual(self.client.tries, 1)

    def test_a_hung_connection_ends_with_the_time_out(self):
        def hang(request):
            until(lambda: self.server.gone(request.connection))
        began = time.monotonic()
        self.assertEqual(self.ask(hang, timeout_ms=300), H.ETIMEDOUT)
        self.assertGreater(time.monotonic() - began, 0.29)
        self.assertEqual((self.client.tries, self.client.status), (1, 0))
        self.assertIn("no answer in time", self.client.message)

    def test_a_slow_drip_ends_with_the_time_out(self):
        def drip(request):
            yield head_of(1000)
            for _ in range(1000):
                yield b" "
                time.sleep(0.02)
        self.assertEqual(self.ask(drip, timeout_ms=1500), H.ETIMEDOUT)
        self.assertIn("only a part", self.client.message)

    def test_a_time_out_after_a_failure_tells_the_failure(self):
        def answer(request):
            if len(self.server.requests) == 1:
                return problem(503, "busy")
            until(lambda: self.server.gone(request.connection))
        self.assertEqual(self.ask(answer, timeout_ms=1200), H.EUNAVAILABLE)
        self.assertEqual((self.client.status, self.client.code,
                          self.client.tries), (503, "busy", 2))
        self.assertIn("because of busy", self.client.message)

    def test_five_failures_in_a_row_open_the_circuit(self):
        self.assertEqual(self.ask(status(500), max_tries=10), H.EUNAVAILABLE)
        self.assertEqual(len(self.server.requests), 5)
        self.assertEqual(self.client.refresh(self.job), H.ECIRCUIT)
        self.assertEqual(len(self.server.requests), 5)
        self.assertEqual(self.client.tries, 0)
        self.assertGreater(self.client.retry_after_ms, 5000)
        self.assertLessEqual(self.client.retry_after_ms, 30000)

    def test_one_look_fails_at_once_while_the_circuit_is_open(self):
        self.assertEqual(self.ask(status(500), max_tries=5), H.EUNAVAILABLE)
        jobs = [self.job, H.Job(id="k")]
        began = time.monotonic()
        for look in (lambda: self.client.wait(self.job, 0),
                     lambda: self.client.wait_many(jobs, 0, 0)):
            self.assertEqual(look(), H.ECIRCUIT)
            self.assertIn("too many requests", self.client.message)
            self.assertGreater(self.client.retry_after_ms, 5000)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(len(self.server.requests), 5)
        self.assertFalse(self.client.events("poll.sleep"))

    def test_one_look_that_opens_the_circuit_tells_the_failure(self):
        self.assertEqual(self.ask(ok(GOOD), max_tries=10), H.OK)
        self.server.answer = status(500)
        self.assertEqual(self.client.wait(self.job, 0), H.EUNAVAILABLE)
        self.assertEqual(self.client.status, 500)
        self.assertEqual(len(self.server.requests), 6)

    def test_an_unknown_word_as_result_is_pending(self):
        self.assertEqual(self.ask(ok(dict(GOOD, result="maybe",
                                          state="thinking"))), H.OK)
        self.assertEqual((self.job.result, self.job.state),
                         (H.PENDING, H.UNKNOWN))

    def test_wrong_types_beside_the_result_are_unknown(self):
        self.assertEqual(self.ask(ok(dict(
            GOOD, state=3, progress="half", remaining_ms=-5, title=7,
            stage=["a"], attempt=1e300, priority={}, submitted_at=17,
            error=False, result_url=0))), H.OK)
        j = self.job
        self.assertEqual((j.state, j.progress, j.remaining_ms, j.title, j.stage,
                          j.attempt, j.priority, j.submitted_at, j.error_code,
                          j.result_url), (0, -1, -1, None, None, 0, 0, -1, None,
                                          None))

    def test_a_failed_call_leaves_the_handle_as_it_was(self):
        answers = [Reply(200, GOOD)] + [status(500)(None)] * 3
        self.assertEqual(self.ask(lambda r: answers.pop(0)), H.OK)
        self.assertEqual(self.client.refresh(self.job), H.EUNAVAILABLE)
        self.assertEqual((self.job.state, self.job.result),
                         (H.RUNNING, H.PENDING))
        self.assertEqual(json.loads(self.job.json), GOOD)

    def test_a_submission_is_repeated_under_the_same_key(self):
        answers = [status(503)(None), None, Reply(202, GOOD)]
        self.server = Fake(lambda r: answers.pop(0))
        self.addCleanup(self.server.close)
        with H.Client(self.server.url) as client:
            code, job = client.submit(title="x")
            self.assertEqual((code, job.id), (H.OK, "j"))
        keys = {r.headers["idempotency-key"] for r in self.server.requests}
        self.assertEqual((len(self.server.requests), len(keys)), (3, 1))

    def removal(self, *answers, before=False):
        """What becomes of one; before: on a connection that is kept."""
        answers = list(answers)
        self.server = Fake(lambda r: Reply(200, GOOD) if r.method == "GET" else
                           answers.pop(0))
        self.addCleanup(self.server.close)
        with H.Client(self.server.url) as client:
            if before:
                self.assertEqual(client.refresh(H.Job(id="j")), H.OK)
            code = client.verb("remove", H.Job(id="j"))
        self.assertEqual(answers, [])
        return code

    def test_a_removal_whose_answer_was_lost_is_done(self):
        for lost in None, problem(502, "bad_gateway"), b"HTTP/1.1 20":
            for last in problem(410, "job_gone"), problem(404, "job_not_found"):
                for before in False, True:
                    self.assertEqual(self.removal(lost, last, before=before),
                                     H.OK)

    def test_a_removal_that_was_turned_away_is_not_done(self):
        for away in problem(503, "busy"), problem(429, "too_many"):
            self.assertEqual(self.removal(away, problem(410, "job_gone")),
                             H.EGONE)
            self.assertEqual(self.removal(away, problem(404, "job_not_found")),
                             H.ENOTFOUND)
        self.assertEqual(self.removal(problem(404, "job_not_found")),
                         H.ENOTFOUND)
        self.assertEqual(self.removal(None, problem(404, "no_route")),
                         H.EUNSUPPORTED)

    def test_the_servers_words_are_kept_without_control_characters(self):
        self.assertEqual(self.ask(lambda r: Reply(
            422, {"code": "bad\n\x1b[31mword", "detail": "\x07é" * 400},
            {"Request-Id": "7f-3"})), H.EREJECTED)
        self.assertEqual(self.client.code, "bad  [31mword")
        self.assertLess(len(self.client.message.encode()), 512)
        self.assertNotIn("\x07", self.client.message)
        self.assertEqual(H.lib.hg_error_request_id(self.client.handle), b"7f-3")


def single(name, answer, code, tries, http, words):
    def test(self):
        self.assertEqual(self.ask(answer), code, self.client.message)
        self.assertEqual((self.client.tries, self.client.status),
                         (tries, http), self.client.message)
        self.assertIn(words, self.client.message)
        self.assertEqual(self.job.result, H.PENDING)
        self.assertEqual(self.server.most, 1)
    setattr(Single, "test_a_call_answered_by_" + name, test)


for case in CASES:
    single(*case)

# In a wait these are outages: the job ends well as soon as the server does.
OUTAGES = [case for case in CASES if case[0] in (
    "reset_before_the_headers", "reset_inside_the_body", "a_body_cut_short",
    "no_answer_at_all", "500", "503", "504", "408", "429_with_seconds",
    "429_with_nonsense")] + [
    ("HTML", ok("<html/>", "text/html"), 0, 0, 0, ""),
    ("truncated_JSON", ok('{"id":"j","resu'), 0, 0, 0, ""),
    ("a_redirect", lambda r: Reply(302, "", {"Location": "/"}), 0, 0, 0, "")]

# And these end a wait.
ENDS = [("401", H.EAUTH), ("403", H.EAUTH), ("404", H.ENOTFOUND),
        ("410", H.EGONE), ("400", H.EREJECTED), ("405", H.EUNSUPPORTED),
        ("HTML", H.EPROTOCOL), ("truncated_JSON", H.EPROTOCOL),
        ("deep_JSON", H.EPROTOCOL), ("9_MiB", H.EPROTOCOL),
        ("a_result_that_is_a_number", H.EPROTOCOL), ("204", H.EPROTOCOL),
        ("another_job", H.EPROTOCOL),
        ("a_redirect_to_itself", H.EPROTOCOL), ("no_HTTP", H.EPROTOCOL)]


class Wait(unittest.TestCase):
    def serve(self, answer, **options):
        self.server = Fake(answer)
        self.addCleanup(self.server.close)
        self.client = H.Client(self.server.url, **options)
        self.addCleanup(self.client.close)
        self.job = H.Job(id="j")

    def test_a_410_that_knows_the_result_ends_a_wait_with_it(self):
        for word, result in ("completed", H.COMPLETED), ("error", H.ERROR):
            self.serve(lambda r: problem(
                410, "job_gone", id="j", state="gone", result=word,
                finished_at="2026-11-22T12:00:31.250Z"))
            self.assertEqual(self.client.wait(self.job, 5000), H.OK)
            self.assertEqual(self.job.result, result)
            self.assertEqual(self.job.finished_at, 1795348831250)

    def test_a_removed_job_that_was_canceled_is_canceled(self):
        for word, state in (("canceled", H.CANCELED), ("error", H.STATE_ERROR),
                            ("thinking", H.STATE_ERROR), (7, H.STATE_ERROR)):
            self.serve(lambda r: problem(410, "job_gone", id="j", state=word,
                                         result="error"))
            self.assertEqual(self.client.wait(self.job, 5000), H.OK)
            self.assertEqual((self.job.result, self.job.state),
                             (H.ERROR, state))
            other = H.Job(id="j")
            self.assertEqual(self.client.refresh(other), H.EGONE)
            self.assertEqual((other.result, other.state), (H.ERROR, state))

    def test_three_unknown_words_in_a_row_end_a_wait(self):
        self.serve(ok(dict(GOOD, result="maybe", remaining_ms=1)), use=H.ETA)
        self.assertEqual(self.client.wait(self.job, 20000), H.EPROTOCOL)
        self.assertEqual(len(self.server.requests), 3)
        self.assertIn("three times", self.client.message)
        self.assertEqual(self.job.result, H.PENDING)

    def test_a_refusing_server_makes_a_wait_time_out(self):
        self.serve(ok(GOOD))
        self.server.close()
        began = time.monotonic()
        self.assertEqual(self.client.wait(self.job, 700), H.ETIMEDOUT)
        self.assertGreater(time.monotonic() - began, 0.69)
        self.assertIn("the last request failed", self.client.message)
        self.assertEqual(self.job.err, H.OK)

    def test_a_job_of_another_name_that_has_ended_ends_nothing(self):
        self.serve(ok(dict(DONE, id="k")), use=H.ETA)
        self.assertEqual(self.client.wait(self.job, 20000), H.EPROTOCOL)
        self.assertEqual(self.job.result, H.PENDING)

    def test_one_look_at_a_refusing_server_tells_why(self):
        self.serve(ok(GOOD), max_tries=2)
        self.server.close()
        self.assertEqual(self.client.wait(self.job, 0), H.ENETWORK)

    def test_a_hung_poll_is_given_up_and_repeated(self):
        def answer(request):
            if len(self.server.requests) < 3:
                until(lambda: self.server.gone(request.connection))
                return None
            return Reply(200, DONE)
        self.serve(answer, use=H.ETA, timeout_ms=200)
        self.assertEqual(self.client.wait(self.job, 20000), H.OK)
        # more, if what is answered at once comes too late
        self.assertGreaterEqual(len(self.server.requests), 3)

    def test_a_number_of_jobs_survives_every_second_request_failing(self):
        with V1({"bulk"}) as server, H.Client(server.url) as client:
            ids = [server.add(remaining_ms=200) for _ in range(30)]
            count = [0]

            def fail(request):
                count[0] += 1
                return None if count[0] % 2 else False
            server.fail = fail
            threading.Timer(0.5, lambda: [server.end(i) for i in ids]).start()
            jobs = [H.Job(id=i) for i in ids]
            self.assertEqual(client.wait_many(jobs, 0, 30000), H.OK)
            self.assertEqual({j.result for j in jobs}, {H.COMPLETED})
            self.assertEqual({j.err for j in jobs}, {H.OK})
            self.assertEqual(server.most, 1)


def outage(name, answer, use, layer):
    def test(self):
        def serve(request):
            if len(self.server.requests) <= 2:
                return answer(request)
            if request.path == "/v1/events":
                return problem(404, "no_route")
            return Reply(200, DONE)
        self.serve(serve, use=use)
        self.assertEqual(self.client.wait(self.job, 30000), H.OK,
                         self.client.message)
        self.assertEqual((self.job.result, self.job.err), (H.COMPLETED, H.OK))
        self.assertEqual(self.server.most, 1)
    setattr(Wait, "test_a_wait_by_%s_outlives_%s" % (layer, name), test)


def end(name, code):
    answer = next(case[1] for case in CASES if case[0] == name)

    def test(self):
        self.serve(answer, use=H.ETA)
        self.assertEqual(self.client.wait(self.job, 20000), code,
                         self.client.message)
        self.assertNotEqual(self.client.message, "")
        self.assertEqual((self.job.result, self.job.err), (H.PENDING, code))
        self.assertLessEqual(len(self.server.requests), 3)
    setattr(Wait, "test_a_wait_ends_at_" + name, test)


for case in OUTAGES:
    outage(case[0], case[1], H.ETA, "polls")
    outage(case[0], case[1], H.HOLD, "held_requests")
    outage(case[0], case[1], H.SSE, "a_stream")
for case in ENDS:
    end(*case)


def event(kind, seq, **job):
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), json.dumps(
        {"seq": seq, "kind": kind, "job": dict(GOOD, **job)}).encode())


class Streams(unittest.TestCase):
    """Each test gives the streams one after the other; a look finds the job
    pending until the last stream was asked for."""

    def wait(self, *streams, deadline_ms=20000, **options):
        streams = list(streams)

        def answer(request):
            if request.path == "/v1/events":
                if "event-stream" not in request.headers["accept"]:
                    return problem(404, "no_route")
                return streams.pop(0)(request) if streams else None
            return Reply(200, GOOD if streams else DONE)
        server = self.server = Fake(answer)
        self.addCleanup(server.close)
        self.client = H.Client(server.url, **options)
        self.addCleanup(self.client.close)
        self.job = H.Job(id="j")
        self.reports = []
        code = self.client.wait(self.job, deadline_ms, lambda j:
                                self.reports.append((j.state, j.result)))
        self.assertEqual(server.most, 1)
        return code

    def stream(self, *pieces, hold=False):
        def answer(request):
            yield STREAM_HEAD + b"retry: 50\n\n"
            for i, piece in enumerate(pieces):
                yield piece
                if i == 0 and piece.startswith(b"id") and len(pieces) > 1:
                    until(lambda: self.reports)
            if hold:
                until(lambda: self.server.gone(request.connection))
        return answer

    def test_a_stream_that_ends_the_job_is_one_call(self):
        self.assertEqual(self.wait(self.stream(
            event("state", 1), event("state", 2, result="completed",
                                     state="completed", version=2))), H.OK)
        self.assertEqual(self.client.stats.calls, 1)
        self.assertEqual(self.reports, [(H.RUNNING, H.PENDING),
                                        (H.STATE_COMPLETED, H.COMPLETED)])

    def test_a_stream_in_pieces_of_one_byte_is_the_same(self):
        data = event("state", 1) + event("state", 2, result="error",
                                         state="canceled", version=2)
        self.assertEqual(self.wait(self.stream(
            *[data[i:i + 1] for i in range(len(data))])), H.OK)
        self.assertEqual(self.job.state, H.CANCELED)

    def test_half_a_line_is_forgotten_and_the_stream_resumed(self):
        first = self.stream(event("state", 7), event(
            "state", 8, result="completed", version=2)[:-9])
        second = self.stream(event("state", 8, result="completed", version=2))
        self.assertEqual(self.wait(first, second), H.OK)
        self.assertEqual([r.headers.get("last-event-id")
                          for r in self.server.requests], [None, "7"])

    def test_repeated_events_are_reported_once(self):
        self.assertEqual(self.wait(self.stream(
            *[event("state", 5)] * 50, event("state", 6, result="completed",
                                             version=2))), H.OK)
        self.assertEqual(len(self.reports), 2)

    def test_a_stream_that_jumps_back_undoes_nothing(self):
        self.assertEqual(self.wait(self.stream(
            event("state", 9, version=5, stage="mix"),
            event("state", 3, version=2, stage="old"),
            event("state", 10, version=6, result="completed"))), H.OK)
        self.assertEqual(len(self.reports), 2)

    def test_a_reset_begins_the_stream_anew(self):
        first = self.stream(event("state", 7), b"event: reset\ndata: {}\n\n",
                            hold=True)
        second = self.stream(event("state", 1, result="completed", version=2))
        self.assertEqual(self.wait(first, second), H.OK)
        self.assertEqual([r.headers.get("last-event-id")
                          for r in self.server.requests], [None, None])

    def test_a_stream_of_garbage_is_left_for_the_next_layer(self):
        garbage = self.stream(b"event: state\ndata: {]\n\n", hold=True)
        self.assertEqual(self.wait(garbage, garbage), H.OK)
        self.assertEqual(self.client.stats.streams, 2)

    def test_a_stream_that_breaks_twice_is_left_for_the_next_layer(self):
        broken = self.stream(event("state", 1))
        self.assertEqual(self.wait(broken, broken), H.OK)
        self.assertEqual(self.client.stats.streams, 2)
        self.assertTrue(self.client.events("layer.off"))

    def test_a_stream_that_says_end_too_early_is_checked(self):
        end = self.stream(event("state", 1), b"event: end\ndata: {}\n\n")
        self.assertEqual(self.wait(end, end), H.OK)

    def test_a_stream_refused_with_204_is_checked(self):
        none = lambda request: Reply(204)
        self.assertEqual(self.wait(none, none), H.OK)

    def test_a_job_that_the_stream_calls_gone_is_looked_at(self):
        gone = self.stream(b'event: gone\ndata: {"id":"j"}\n\n', hold=True)
        self.assertEqual(self.wait(gone), H.OK)
        self.assertEqual(len(self.server.requests), 2)

    def test_a_busy_server_is_asked_for_the_stream_again(self):
        busy = lambda request: problem(503, "busy")
        # a look ends it here, for the streams are used up
        self.assertEqual(self.wait(busy), H.OK)
        self.assertEqual(self.client.stats.streams, 1)

    def test_an_endless_line_is_no_answer(self):
        def endless(request):
            yield STREAM_HEAD
            for _ in range(9 * 16):
                yield b"x" * (1 << 16)
        self.assertEqual(self.wait(endless, endless), H.OK)

    def test_a_stream_that_stalls_does_not_pass_the_deadline(self):
        began = time.monotonic()
        self.assertEqual(self.wait(self.stream(event("state", 1), hold=True),
                                   deadline_ms=1000), H.ETIMEDOUT)
        self.assertLess(time.monotonic() - began, 3 * SLOW)
        self.assertEqual(self.job.state, H.RUNNING)


if __name__ == "__main__":
    main()
