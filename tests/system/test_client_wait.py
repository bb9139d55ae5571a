#!/usr/bin/env python3
"""How the library waits: each layer, forced and reached by falling back; one
connection for any number of jobs; deadlines, interrupts, notices, callbacks."""
import threading
import time
import unittest

import hglib as H
from fake import Fake, Reply, STREAM_HEAD, V1, problem
from heygend import SLOW, Stopwatch, main, until

ALL = H.SSE | H.HOLD | H.ETA | H.HISTORY | H.BULK


def later(seconds, function, *arguments):
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()
    return timer


class Base(unittest.TestCase):
    def server(self, *arguments, **more):
        server = V1(*arguments, **more)
        self.addCleanup(server.close)
        return server

    def client(self, server, **options):
        client = H.Client(server.url, **options)
        self.addCleanup(client.close)
        return client

    def end_asked(self, server, asked, *ids):
        """These jobs end once the server has had so many requests."""
        def end():
            until(lambda: len(server.requests) >= asked)
            for id in ids:
                server.end(id)
        later(0, end)

    def took(self, began, seconds):
        elapsed = time.monotonic() - began
        self.assertLess(elapsed, seconds * SLOW)
        return elapsed


class Layers(Base):
    """One job that ends after 300 ms, on servers that lack more and more."""

    def follow(self, features, use=0, **job):
        s = self.server(features)
        c = self.client(s, use=use)
        job = H.Job(id=s.add(**job))
        later(0.3, s.end, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK, c.message)
        self.assertEqual((job.result, job.state),
                         (H.COMPLETED, H.STATE_COMPLETED))
        self.assertEqual(s.most, 1)
        return s, c

    def test_a_stream_takes_one_call(self):
        s, c = self.follow({"stream"})
        self.assertEqual((c.stats.calls, c.stats.streams), (1, 1))

    def test_a_held_request_takes_one_call(self):
        s, c = self.follow({"hold"}, H.HOLD)
        self.assertEqual((c.stats.calls, c.stats.holds), (1, 1))

    def test_polls_alone_ask_for_nothing_else(self):
        s, c = self.follow({"stream", "hold", "bulk", "cursor"}, H.ETA,
                           remaining_ms=300)
        self.assertEqual((c.stats.holds, c.stats.streams), (0, 0))
        self.assertEqual(c.stats.polls, c.stats.calls)
        self.assertEqual({r.target for r in s.requests},
                         {"/v1/jobs/job-1"})

    def test_history_alone_ignores_estimates(self):
        s, c = self.follow(set(), H.HISTORY, remaining_ms=3600000)
        self.assertEqual(c.stats.polls, c.stats.calls)
        self.assertFalse(any("why=eta" in e for e in c.events("poll.sleep")))

    def test_without_a_stream_requests_are_held(self):
        s, c = self.follow({"hold"})
        self.assertEqual([r.path for r in s.requests],
                         ["/v1/events", "/v1/jobs/job-1"])
        self.assertIn("wait", s.requests[1].query)

    def test_without_holds_it_polls_after_three_quick_answers(self):
        s = self.server(set())
        c = self.client(s, delay_price=100, use=H.HOLD | H.ETA)
        job = H.Job(id=s.add(remaining_ms=300))
        until(lambda: c.wait(job, 3000) and len(s.requests) > 4)
        waits = ["wait" in r.query for r in s.requests]
        self.assertEqual(waits[:3], [True] * 3)
        self.assertFalse(any(waits[3:]))

    def test_support_once_seen_is_not_forgotten_when_busy(self):
        s = self.server({"hold"})
        c = self.client(s, use=H.HOLD, delay_price=100)
        first = H.Job(id=s.add())
        later(0.2, s.end, first.id)
        self.assertEqual(c.wait(first, 9000), H.OK)
        s.features.clear()	# no room: answers at once, without a word
        job = H.Job(id=s.add())
        self.assertEqual(c.wait(job, 2500 * SLOW), H.ETIMEDOUT)
        s.features.add("hold")
        later(1, s.end, job.id)
        self.assertEqual(c.wait(job, 9000), H.OK)
        self.assertFalse(c.events("layer.off"))
        self.assertGreater(len([r for r in s.seen("job-2")
                                if "wait" in r.query]), 3)

    def test_a_503_to_a_hold_is_a_poll_now_and_a_hold_again_next_time(self):
        s = self.server({"hold"})
        c = self.client(s, use=H.HOLD | H.ETA, delay_price=100)
        job = H.Job(id=s.add())
        busy = [problem(503, "busy")]
        s.fail = lambda r: busy.pop() if busy else False
        self.end_asked(s, 3, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK)
        waits = ["wait" in r.query for r in s.requests]
        self.assertEqual(waits[:3], [True, False, True])

    def held_for_a_second(self, **job):
        """A hold that the server ends while the job is pending, and how long
        after it began the next request came."""
        s = self.server({"hold"})
        s.hold_most = 1
        c = self.client(s, use=H.HOLD | H.ETA)
        job = H.Job(id=s.add(**job))
        self.end_asked(s, 2, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK)
        self.assertEqual((c.stats.calls, c.stats.holds), (2, 2))
        return s.requests[1].at - s.requests[0].at

    def test_a_hold_that_ends_with_an_estimate_rests_as_long_as_it_waited(
            self):
        self.assertGreater(self.held_for_a_second(
            remaining_ms=60000,
            submitted_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            estimated_completion_at="2999-01-01T00:00:00Z"), 1.9)

    def test_a_hold_that_ends_without_an_estimate_is_held_again_at_once(self):
        watch = Stopwatch()
        took = self.held_for_a_second()
        self.assertLess(took - watch.waited(), 1.5 * SLOW)

    def test_a_saturated_stream_is_a_hold_for_now(self):
        s = self.server({"stream", "hold"})
        c = self.client(s)
        busy = [problem(503, "busy")]
        s.fail = lambda r: (busy.pop() if busy and r.path == "/v1/events"
                            else False)
        job = H.Job(id=s.add())
        later(0.5, s.end, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK)
        self.assertEqual((c.stats.streams, c.stats.holds), (1, 1))

    def test_a_broken_hold_is_left_after_two(self):
        s = self.server({"hold"})
        c = self.client(s, use=H.HOLD | H.ETA)
        s.fail = lambda r: None if "wait" in r.query else False
        job = H.Job(id=s.add(remaining_ms=300))
        later(2, s.end, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK)
        # curl itself repeats what died with a connection it had kept
        self.assertIn(len([r for r in s.requests if "wait" in r.query]), (2, 3))
        self.assertEqual(c.stats.holds, 2)

    def test_a_finished_handle_is_believed(self):
        s, c = self.follow({"stream"})
        job = H.Job(id=s.add())
        s.end(job.id)
        self.assertEqual(c.refresh(job), H.OK)
        calls = c.stats.calls
        reports = []
        self.assertEqual(c.wait(job, -1, lambda j: reports.append(j.result)),
                         H.OK)
        self.assertEqual((c.stats.calls, reports), (calls, [H.COMPLETED]))

    def test_a_retry_after_stands_in_for_an_estimate(self):
        s = self.server(set())
        s.retry_after = 2
        c = self.client(s, use=H.ETA)
        job = H.Job(id=s.add())
        for fields in ("remaining_ms", "estimated_completion_at"):
            del s.jobs[job.id][fields]
        later(2, s.end, job.id)
        self.assertEqual(c.wait(job, 20000), H.OK)
        self.assertLessEqual(c.stats.calls, 3)

    def test_progress_is_told_by_a_stream_whatever_else_it_says(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())

        def stream(request):
            yield (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; "
                   b"charset=utf-8\r\n\r\n" + s.sse(1, job.id))
            yield b'event: progress\ndata: {"other":1}\n\n'
            s.end(job.id)
            yield s.sse(2, job.id)
        s.stream = stream
        self.assertEqual(c.wait(job, 20000, lambda j: 0), H.OK)
        self.assertEqual(c.stats.calls, 1)
        self.assertEqual(s.requests[0].query.get("progress"), "1")

    def test_a_job_paused_for_long_is_not_lost(self):
        s = self.server(set())
        c = self.client(s, use=H.ETA, delay_price=100)
        job = H.Job(id=s.add(state="paused", remaining_ms=900))
        later(0.3, s.end, job.id, "error")
        self.assertEqual(c.wait(job, 60000), H.OK)
        self.assertEqual((job.result, job.error_code, job.error_message),
                         (H.ERROR, "broken", "It broke."))


class Many(Base):
    def follow(self, n, features, use=0, until_ended=0, deadline_ms=30000):
        s = self.server(features)
        c = self.client(s, use=use)
        ids = [s.add(remaining_ms=400) for _ in range(n)]
        jobs = [H.Job(id=i) for i in ids]
        later(0.4, lambda: [s.end(i) for i in ids])
        reports = []
        self.assertEqual(c.wait_many(jobs, until_ended, deadline_ms,
                                     lambda j: reports.append(
                                         (j.id, j.result))), H.OK, c.message)
        self.assertEqual({j.result for j in jobs}, {H.COMPLETED})
        self.assertEqual({j.err for j in jobs}, {H.OK})
        finals = [id for id, result in reports if result != H.PENDING]
        self.assertEqual(sorted(finals), sorted(ids))
        self.assertEqual(s.most, 1)
        return s, c

    def test_thousands_of_jobs_take_one_cursor_and_one_bulk_status(self):
        s, c = self.follow(2500, {"stream", "hold", "bulk", "cursor"})
        targets = [r.path + ("?" + "&".join(sorted(r.query)) if r.query else "")
                   for r in s.requests]
        self.assertEqual(targets, ["/v1/events"] + ["/v1/jobs?ids"] * 25 +
                         ["/v1/events?after&final"])

    def test_a_hundred_jobs_take_one_stream(self):
        s, c = self.follow(100, {"stream", "hold", "bulk", "cursor"})
        self.assertEqual(c.stats.calls, 1)

    def test_many_jobs_by_held_requests(self):
        s, c = self.follow(300, {"hold", "bulk", "cursor"})
        self.assertGreaterEqual(c.stats.holds, 1)
        self.assertLess(c.stats.calls, 12)

    def test_many_jobs_by_bulk_status(self):
        s, c = self.follow(250, {"bulk"}, H.BULK | H.ETA)
        self.assertTrue(all("ids" in r.query for r in s.requests))

    def test_many_jobs_one_by_one(self):
        s, c = self.follow(40, set())
        self.assertEqual(c.stats.streams, 1)
        self.assertTrue(s.seen("/v1/jobs/job-40"))

    def test_without_leave_for_bulk_status_many_are_held_and_seen_alone(self):
        s = self.server({"hold", "cursor", "bulk"})
        c = self.client(s, use=H.HOLD)
        jobs = [H.Job(id=s.add()) for _ in range(3)]
        self.end_asked(s, 5, jobs[1].id)
        self.assertEqual(c.wait_many(jobs, 1, 20000), H.OK)
        self.assertFalse(s.seen("/v1/jobs?ids"))
        self.assertEqual(sorted(r.path for r in s.requests),
                         ["/v1/events"] * 2 + ["/v1/jobs/" + j.id
                                               for j in jobs])

    def test_a_hundred_and_one_without_bulk_status_are_one_stream(self):
        s, c = self.follow(101, {"stream", "cursor", "bulk"}, H.SSE)
        self.assertFalse(s.seen("/v1/jobs?ids"))
        self.assertEqual(c.stats.streams, 1)

    def test_until_two_have_ended(self):
        s = self.server()
        c = self.client(s)
        ids = [s.add() for _ in range(5)]
        jobs = [H.Job(id=i) for i in ids]
        later(0.1, s.end, ids[1])
        later(0.2, s.end, ids[3], "error")
        self.assertEqual(c.wait_many(jobs, 2, 9000), H.OK)
        self.assertEqual([j.result for j in jobs],
                         [H.PENDING, H.COMPLETED, H.PENDING, H.ERROR,
                          H.PENDING])

    def test_one_handle_twice_counts_twice(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())
        later(0.1, s.end, job.id)
        self.assertEqual(c.wait_many([job, job], 2, 9000), H.OK)

    def test_two_handles_of_one_job_both_end(self):
        s = self.server({"bulk"})
        c = self.client(s)
        id = s.add()
        jobs = [H.Job(id=id), H.Job(id=id)]
        later(0.1, s.end, id)
        self.assertEqual(c.wait_many(jobs, 0, 9000), H.OK)
        self.assertEqual([j.result for j in jobs], [H.COMPLETED] * 2)

    def test_unknown_jobs_do_not_stop_the_others(self):
        for features in ({"stream", "bulk"}, {"bulk"}, {"hold", "cursor",
                                                       "bulk"}, set()):
            s = self.server(features)
            c = self.client(s)
            jobs = [H.Job(id=s.add()), H.Job(id="nobody"), H.Job(id=s.add())]
            later(0.2, s.end, jobs[0].id)
            later(0.3, s.end, jobs[2].id)
            lost = []
            self.assertEqual(c.wait_many(jobs, 0, 20000, lambda j: j.err and
                                         lost.append((j.id, j.err)) and 0),
                             H.EPARTIAL)
            self.assertEqual([j.err for j in jobs], [H.OK, H.ENOTFOUND, H.OK])
            self.assertEqual([j.result for j in jobs],
                             [H.COMPLETED, H.PENDING, H.COMPLETED])
            self.assertEqual(lost, [("nobody", H.ENOTFOUND)])
            self.assertEqual(s.most, 1)

    def test_no_jobs_have_ended_already(self):
        c = self.client(self.server())
        self.assertEqual(c.wait_many([], 0, -1), H.OK)
        self.assertEqual(c.stats.calls, 0)

    def test_one_look_at_many(self):
        s = self.server()
        c = self.client(s)
        jobs = [H.Job(id=s.add()) for _ in range(150)]
        s.end(jobs[7].id)
        self.assertEqual(c.wait_many(jobs, 0, 0), H.ETIMEDOUT)
        self.assertEqual(len(s.requests), 2)
        self.assertEqual([j.result for j in jobs].count(H.COMPLETED), 1)
        for j in jobs:
            if j.result == H.PENDING:
                s.end(j.id)
        self.assertEqual(c.wait_many(jobs, 0, 0), H.OK)

    def test_a_cursor_that_was_reset_loses_nobody(self):
        s = self.server({"hold", "cursor", "bulk"})
        c = self.client(s, use=H.HOLD | H.BULK)
        jobs = [H.Job(id=s.add()) for _ in range(3)]
        resets = [1]

        def reset(request):
            if "wait" not in request.query or not resets:
                return False
            resets.pop()
            for j in jobs:
                s.end(j.id)
            return Reply(200, {"events": [], "next": s.seq, "reset": True})
        s.fail = reset
        self.assertEqual(c.wait_many(jobs, 0, 20000), H.OK, c.message)
        self.assertEqual([r.path for r in s.requests],
                         ["/v1/events", "/v1/jobs"] * 1 + ["/v1/events"] * 2 +
                         ["/v1/jobs"])

    def test_a_stream_that_breaks_in_the_middle_loses_nobody(self):
        s = self.server()
        c = self.client(s)
        jobs = [H.Job(id=s.add()) for _ in range(20)]

        def cut():
            s.end(jobs[3].id)
            with s.lock:
                for connection in s.connections:
                    connection.shutdown(2)
            for j in jobs:
                if j is not jobs[3]:
                    s.end(j.id)
        later(0.3, cut)
        self.assertEqual(c.wait_many(jobs, 0, 20000), H.OK)

    def test_all_handles_of_a_job_that_is_gone_are_told(self):
        for features in ({"stream"}, {"stream", "bulk"}):
            s = self.server(features)
            c = self.client(s)
            jobs = [H.Job(id=i) for i in (s.add(), "nobody", "nobody")]
            lost = []

            def change(j):
                if j.err:
                    lost.append(j.id)
                if len(lost) == 2:
                    s.end(jobs[0].id)
            self.assertEqual(c.wait_many(jobs, 0, 5000 * SLOW, change),
                             H.EPARTIAL, c.message)
            self.assertEqual([j.err for j in jobs],
                             [H.OK, H.ENOTFOUND, H.ENOTFOUND])


class CutOff(Base):
    """A stream's account of what each job is now is cut off behind its first
    event; one of the jobs behind it has ended before."""

    def follow(self, features, first, leave=None, held=True):
        """first: the event; leave: what the application does then; held: the
        server does not end the stream."""
        s = self.server(features)
        c = self.client(s)
        ids = [s.add(), s.add(), "nobody"]
        s.end(ids[1])
        jobs = [H.Job(id=i) for i in (ids if first == "gone" else ids[:2])]
        whole, cut = s.stream, []

        def stream(request):
            if cut:
                yield from whole(request)
                return
            cut.append(request)
            yield STREAM_HEAD + b"retry: 50\n\n"
            if first == "gone":
                yield b'id: %d\nevent: gone\ndata: {"id":"nobody"}\n\n' % s.seq
            else:
                yield s.sse(s.seq, ids[0])
            if held:
                until(lambda: s.gone(request.connection))
        s.stream = stream
        told = []

        def change(j):
            told.append(j.id)
            if leave and len(told) == 1:
                leave(c, ids[0])
        self.assertEqual(c.wait_many(jobs, 1, 5000 * SLOW, change), H.OK,
                         c.message)
        self.assertEqual((jobs[0].result, jobs[1].result),
                         (H.PENDING, H.COMPLETED))
        self.assertEqual(s.most, 1)
        return s

    def test_by_the_connection(self):
        for features in ({"stream"}, {"stream", "bulk"}):
            self.follow(features, "state", held=False)

    def test_by_a_job_that_is_gone(self):
        for features in ({"stream"}, {"stream", "bulk"}):
            self.follow(features, "gone")

    def test_by_a_call_of_the_callback(self):
        for features in ({"stream"}, {"stream", "bulk"}):
            self.follow(features, "state",
                        lambda c, id: c.refresh(H.Job(id=id)))

    def test_by_a_notice(self):
        for features in ({"stream"}, {"stream", "bulk"}):
            self.follow(features, "state", lambda c, id: c.notify(id))

    def test_what_is_not_told_is_asked_for_once_and_then_resumed(self):
        s = self.server({"stream", "bulk"})
        c = self.client(s)
        jobs = [H.Job(id=s.add()) for _ in range(5)]
        whole, position = s.stream, s.seq

        def stream(request):
            s.stream = whole
            yield STREAM_HEAD + b"retry: 50\n\n"
            yield s.sse(position, jobs[0].id) + s.sse(position, jobs[1].id)
            s.end(jobs[0].id)
        s.stream = stream
        self.end_asked(s, 3, *[j.id for j in jobs[1:]])
        self.assertEqual(c.wait_many(jobs, 0, 20000 * SLOW), H.OK, c.message)
        self.assertEqual([r.path for r in s.requests],
                         ["/v1/events", "/v1/jobs", "/v1/events"])
        self.assertEqual(s.requests[1].query["ids"],
                         ",".join(j.id for j in jobs[2:]))
        self.assertEqual(s.requests[2].headers["last-event-id"],
                         str(position))


class Deadlines(Base):
    def test_a_wait_that_timed_out_shows_the_last_state_and_can_go_on(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add(state="running", progress=0.25))
        began = time.monotonic()
        self.assertEqual(c.wait(job, 1000), H.ETIMEDOUT)
        self.assertGreaterEqual(self.took(began, 3), 0.99)
        self.assertEqual((job.state, job.progress, job.err),
                         (H.RUNNING, 0.25, H.OK))
        self.assertEqual(c.message, "still pending when the deadline passed")
        other, again = self.client(s), H.Job(id=job.id)
        later(0.1, s.end, job.id)
        self.assertEqual(other.wait(again, 9000), H.OK)

    def test_what_failed_before_an_answer_came_is_not_told(self):
        for end in H.ETIMEDOUT, H.EINTERRUPTED:
            s = self.server(set())
            c = self.client(s, use=H.ETA, delay_price=100)
            job = H.Job(id=s.add())
            s.fail = lambda r: len(s.requests) == 1 and problem(503, "busy")
            stop = lambda j: end == H.EINTERRUPTED
            self.assertEqual(c.wait(job, 2000, stop), end)
            self.assertGreater(c.tries, 1)
            self.assertEqual((c.status, c.code, c.retry_after_ms),
                             (0, None, -1))

    def test_the_last_poll_falls_just_before_the_deadline(self):
        for _ in range(5):	# a busy machine may be late for it
            s = self.server(set())
            c = self.client(s, use=H.ETA)
            job = H.Job(id=s.add(remaining_ms=3600000))
            watch = Stopwatch()
            self.assertEqual(c.wait(job, 1500), H.ETIMEDOUT)
            last = s.requests[-1].at - watch.began
            if 1.0 < last < 1.5 or watch.waited() < 0.02:
                break
        self.assertGreater(last, 1.0)
        self.assertLess(last, 1.5)

    def test_the_last_look_is_at_all_that_cannot_be_held_any_more(self):
        for use in (H.HOLD, H.HOLD | H.BULK):
            for _ in range(5):	# a busy machine may be late for it
                s = self.server({"hold", "cursor", "bulk"})
                c = self.client(s, use=use)
                jobs = [H.Job(id=s.add()) for _ in range(3)]
                watch = Stopwatch()
                timer = later(0.5, lambda: [s.end(j.id) for j in jobs])
                code = c.wait_many(jobs, 0, 900)
                timer.join()
                if code == H.OK or watch.waited() < 0.02:
                    break
            self.assertEqual(code, H.OK, c.message)
            self.assertEqual(bool(s.seen("ids=")), use != H.HOLD)

    def test_nothing_is_asked_at_the_deadline(self):
        for features, use in ((set(), H.ETA), ({"hold", "cursor"}, H.HOLD),
                              ({"bulk"}, H.ETA | H.BULK)):
            for _ in range(5):	# a busy machine may cut off the last look
                s = self.server(features)
                c = self.client(s, use=use)
                jobs = [H.Job(id=s.add(remaining_ms=3600000))
                        for _ in range(2)]
                watch = Stopwatch()
                self.assertEqual(c.wait(jobs[0], 700), H.ETIMEDOUT)
                self.assertEqual(c.wait_many(jobs, 0, 700), H.ETIMEDOUT)
                if c.stats.calls == len(s.requests) or watch.waited() < 0.02:
                    break
            self.assertEqual(c.stats.calls, len(s.requests))

    def test_one_look_is_one_call(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())
        self.assertEqual(c.wait(job, 0), H.ETIMEDOUT)
        self.assertEqual(c.stats.calls, 1)
        s.end(job.id)
        self.assertEqual(c.wait(job, 0), H.OK)
        self.assertEqual([r.target for r in s.requests],
                         ["/v1/jobs/job-1"] * 2)

    def test_bad_arguments_send_nothing(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())
        self.assertEqual(c.wait(job, -2), H.EINVAL)
        self.assertEqual(c.wait_many([job], 2, 0), H.EINVAL)
        self.assertEqual(H.lib.hg_wait(c.handle, None, 0, H.JobFn(), None),
                         H.EINVAL)
        self.assertEqual(H.lib.hg_wait(None, job.handle, 0, H.JobFn(), None),
                         H.EINVAL)
        self.assertEqual(c.stats.calls, 0)


class Interrupts(Base):
    def interrupted(self, act, seconds=0.3):
        """act(client) ends within 50 ms of the interrupt."""
        since = []

        def poke():
            since.append(Stopwatch())
            self.c.interrupt()
        later(seconds, poke)
        self.assertEqual(act(), H.EINTERRUPTED)
        self.assertLess(since[0].seconds(), 0.05 * SLOW)

    def test_every_state_of_waiting_ends_within_50_ms(self):
        for features, use in ((None, H.SSE), (None, H.HOLD), (set(), H.ETA),
                              (set(), H.HISTORY)):
            s = self.server(features or {"stream", "hold"})
            self.c = self.client(s, use=use)
            job = H.Job(id=s.add(remaining_ms=60000))
            self.interrupted(lambda: self.c.wait(job))

    def test_a_hung_call_and_a_pause_between_tries_end_too(self):
        s = Fake(lambda r: until(lambda: s.gone(r.connection)))
        self.addCleanup(s.close)
        self.c = self.client(s)
        self.interrupted(lambda: self.c.refresh(H.Job(id="j")))
        s.answer = lambda r: Reply(503, "", {"Retry-After": "20"})
        self.interrupted(lambda: self.c.refresh(H.Job(id="j")))
        self.interrupted(lambda: self.c.wait(H.Job(id="j")))

    def test_without_a_call_the_next_one_ends_once(self):
        s = self.server()
        self.c = self.client(s)
        job = H.Job(id=s.add())
        self.c.interrupt()
        self.c.interrupt()
        self.assertEqual(self.c.refresh(job), H.EINTERRUPTED)
        self.assertEqual(self.c.refresh(job), H.OK)
        self.assertEqual(len(s.requests), 1)

    def test_a_callback_stops_a_wait(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())
        self.assertEqual(c.wait(job, -1, lambda j: 1), H.EINTERRUPTED)
        self.assertIn("callback", c.message)


class Callbacks(Base):
    def test_each_change_is_told_and_the_end_once(self):
        s = self.server()
        c = self.client(s)
        job = H.Job(id=s.add())
        seen = []

        def drive():
            until(lambda: seen)
            s.change(job.id, state="running", stage="mix", progress=0.5)
            until(lambda: "mix" in [x[1] for x in seen])
            s.change(job.id, remaining_ms=5)	# no news
            s.end(job.id)
        later(0, drive)
        self.assertEqual(c.wait(job, 9000, lambda j: seen.append(
            (j.state, j.stage, j.progress))), H.OK)
        self.assertEqual(seen, [(H.QUEUED, None, 0), (H.RUNNING, "mix", 0.5),
                                (H.STATE_COMPLETED, "mix", 1)])

    def test_a_callback_may_make_calls(self):
        s = self.server()
        c = self.client(s)
        jobs = [H.Job(id=s.add()) for _ in range(3)]
        other = H.Job(id=s.add())
        codes = []
        for n, j in enumerate(jobs):
            later(0.2 * n + 0.1, s.end, j.id)
        self.assertEqual(c.wait_many(jobs, 0, 9000, lambda j: codes.append(
            c.refresh(other)) if j.result else 0), H.OK)
        self.assertEqual(codes, [H.OK] * 3)
        self.assertEqual(s.most, 1)


class Notices(Base):
    def test_a_notice_ends_a_long_sleep_with_one_call(self):
        s = self.server(set())
        c = self.client(s, use=H.ETA)
        job = H.Job(id=s.add(remaining_ms=3600000))

        notified = []

        def webhook():
            until(lambda: c.events("poll.sleep"), "that it sleeps")
            s.end(job.id)
            c.notify("somebody else")
            notified.append(time.monotonic())
            c.notify(job.id)
        later(0, webhook)
        self.assertEqual(c.wait(job, 60000), H.OK)
        self.took(notified[0], 1)
        self.assertEqual(c.stats.calls, 2)

    def test_more_notices_than_room_are_a_look_at_all(self):
        s = self.server({"bulk"})
        c = self.client(s, use=H.ETA | H.BULK)
        jobs = [H.Job(id=s.add(remaining_ms=3600000)) for _ in range(90)]

        told = threading.Event()

        def webhooks():		# all while one request has no answer yet
            until(lambda: c.events("poll.sleep"), "that it sleeps")
            s.fail = lambda request: not told.wait(60)
            for j in jobs:
                s.end(j.id)
                c.notify(j.id)
            told.set()
        later(0, webhooks)
        self.assertEqual(c.wait_many(jobs, 0, 60000), H.OK)
        self.assertLess(c.stats.calls, 10)


if __name__ == "__main__":
    main()
