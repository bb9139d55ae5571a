#!/usr/bin/env python3
"""The library's watches, stepped from a loop of the test's own: what callbacks
and calls in between may do, and what an outage leaves behind."""
import ctypes as C
import select
import time

import hglib as H
from fake import problem
from heygend import SLOW, main
from test_client_wait import Base, later


class Watching(Base):
    def watch(self, c, on_change):
        self.fn = H.job_fn(on_change)
        out = H.P()
        self.assertEqual(H.lib.hg_watch_new(c.handle, self.fn, None,
                                            C.byref(out)), H.OK)
        self.addCleanup(H.lib.hg_watch_free, out.value)
        return out.value

    def step(self, w):
        n = C.c_size_t()
        return H.lib.hg_watch_step(w, C.byref(n)), n.value

    def run_loop(self, w, seconds=10):
        end = time.monotonic() + seconds * SLOW
        steps, (code, pending) = 1, self.step(w)
        while pending and code == H.OK and time.monotonic() < end:
            select.select([H.lib.hg_watch_fd(w)], [], [], end -
                          time.monotonic())
            code, pending = self.step(w)
            steps += 1
        return code, pending, steps

    def run_until(self, w, condition, seconds=10):
        end = time.monotonic() + seconds * SLOW
        self.assertEqual(self.step(w)[0], H.OK)
        while not condition():
            left = end - time.monotonic()
            self.assertGreater(left, 0, "it did not come to that")
            select.select([H.lib.hg_watch_fd(w)], [], [], left)
            self.assertEqual(self.step(w)[0], H.OK)


class Watches(Watching):
    def test_a_loop_of_ones_own_follows_jobs_without_spinning(self):
        for features in ({"stream"}, {"hold"}, set()):
            s = self.server(features)
            c = self.client(s)
            ids = [s.add(remaining_ms=500) for _ in range(3)]
            ended = []
            w = self.watch(c, lambda j: ended.append(j.id) if j.result else 0)
            for id in ids + ids[:1]:
                self.assertEqual(H.lib.hg_watch_add(w, id.encode()), H.OK)
            for n, id in enumerate(ids):
                later(0.2 * n + 0.3, s.end, id)
            code, pending, steps = self.run_loop(w)
            self.assertEqual((code, pending), (H.OK, 0))
            self.assertEqual(sorted(ended), sorted(ids))
            self.assertLess(steps, 200)
            self.assertEqual(s.most, 1)

    def test_jobs_are_added_and_dropped_inside_a_callback(self):
        s = self.server()
        c = self.client(s)
        first, second, third = s.add(), s.add(), s.add()
        ended = []

        def change(j):
            if j.result:
                ended.append(j.id)
            if j.id == first and j.result:
                H.lib.hg_watch_add(w, second.encode())
                H.lib.hg_watch_drop(w, third.encode())
                later(0.2, s.end, second)
        w = self.watch(c, change)
        H.lib.hg_watch_add(w, first.encode())
        H.lib.hg_watch_add(w, third.encode())
        later(0.2, s.end, first)
        self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
        self.assertEqual(ended, [first, second])
        self.assertEqual(H.lib.hg_watch_drop(w, b"nobody"), H.ENOTFOUND)

    def test_an_answer_about_jobs_that_were_dropped_is_no_misunderstanding(
            self):
        s = self.server({"bulk"})
        c = self.client(s, use=H.BULK | H.ETA)
        ended = []
        w = self.watch(c, lambda j: ended.append(j.id) if j.result else 0)
        ids = [s.add() for _ in range(4)]
        for id in ids[2:]:
            s.end(id)
        for id in ids[:2]:
            H.lib.hg_watch_add(w, id.encode())
        self.step(w)			# it has asked
        for old, new in zip(ids, ids[2:]):
            H.lib.hg_watch_drop(w, old.encode())
            H.lib.hg_watch_add(w, new.encode())
        self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
        self.assertEqual(ended, ids[2:])
        self.assertEqual([r.path for r in s.requests], ["/v1/jobs"] * 2)

    def test_an_unknown_job_is_told_and_dropped(self):
        s = self.server()
        c = self.client(s)
        told = []
        w = self.watch(c, lambda j: told.append((j.id, j.err)))
        H.lib.hg_watch_add(w, b"nobody")
        self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
        self.assertEqual(told, [("nobody", H.ENOTFOUND)])

    def test_an_interrupt_and_a_refused_key_end_a_step(self):
        s = self.server()
        c = self.client(s)
        told = []
        w = self.watch(c, lambda j: told.append(j.err))
        H.lib.hg_watch_add(w, s.add().encode())
        self.step(w)
        c.interrupt()
        self.assertTrue(select.select([H.lib.hg_watch_fd(w)], [], [], 5)[0])
        self.assertEqual(self.step(w), (H.EINTERRUPTED, 1))
        s.fail = lambda r: problem(401, "unauthorized")
        with s.lock:
            for connection in s.connections:
                connection.shutdown(2)
        code, pending, _ = self.run_loop(w)
        self.assertEqual((code, pending, told[-1]), (H.EAUTH, 0, H.EAUTH))
        self.assertEqual(c.code, "unauthorized")

    def test_two_watches_of_one_client_share_its_connection_by_polling(self):
        s = self.server()
        c = self.client(s, delay_price=100)
        ended = []
        note = lambda j: ended.append(j.id) if j.result else 0
        a = self.watch(c, note)
        keep = self.fn
        b = self.watch(c, note)
        ids = [s.add(remaining_ms=300), s.add(remaining_ms=300)]
        H.lib.hg_watch_add(a, ids[0].encode())
        H.lib.hg_watch_add(b, ids[1].encode())
        later(0.5, lambda: [s.end(i) for i in ids])
        end = time.monotonic() + 20
        pending = 2
        while pending and time.monotonic() < end:
            pending = self.step(a)[1] + self.step(b)[1]
            select.select([H.lib.hg_watch_fd(a), H.lib.hg_watch_fd(b)], [], [],
                          5)
        self.assertEqual(sorted(ended), ids)
        self.assertEqual(s.most, 1)
        self.assertLessEqual(c.stats.streams, 1)	# once one is alone
        del keep

    def test_a_call_between_two_steps_is_no_harm_to_the_watch(self):
        s = self.server()
        c = self.client(s)
        ended = []
        w = self.watch(c, lambda j: ended.append(j.id) if j.result else 0)
        id, other = s.add(), H.Job(id=s.add())
        H.lib.hg_watch_add(w, id.encode())
        for _ in range(3):
            self.step(w)
            self.assertEqual(c.refresh(other), H.OK)
        later(0.2, s.end, id)
        later(0.3, s.end, other.id)
        self.assertEqual(c.wait(other, 9000), H.OK)
        self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
        self.assertEqual((ended, s.most), ([id], 1))


class Restarts(Watching):
    """A job that ended, began again and is added again."""

    def restart(self, s, id):
        s.change(id, state="queued", result="pending", attempt=2)
        later(0.3, s.end, id)

    def test_a_job_restarted_in_its_last_report_is_followed_to_its_next_end(
            self):
        for features in ({"stream"}, {"hold"}, set()):
            s = self.server(features)
            c = self.client(s)
            id, told = s.add(), []

            def change(j):
                if j.result:
                    told.append(j.result)
                if j.result == H.ERROR:
                    self.restart(s, id)
                    self.assertEqual(H.lib.hg_watch_add(w, id.encode()), H.OK)
                    self.assertEqual(j.result, H.ERROR)
            w = self.watch(c, change)
            H.lib.hg_watch_add(w, id.encode())
            later(0.2, s.end, id, "error")
            self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
            self.assertEqual(told, [H.ERROR, H.COMPLETED])

    def test_an_end_not_yet_told_is_asked_for_again(self):
        for restarts in False, True:
            s = self.server({"bulk"})
            c = self.client(s, use=H.BULK | H.ETA)
            told = []

            def change(j):
                if j.result:
                    told.append((j.id, j.result))
                return j.id == "job-1" and j.result
            w = self.watch(c, change)
            for id in s.add(), s.add():
                s.end(id, "error")
                H.lib.hg_watch_add(w, id.encode())
            self.assertEqual(self.run_loop(w)[0], H.EINTERRUPTED)
            self.assertEqual(told, [("job-1", H.ERROR)])
            if restarts:
                self.restart(s, "job-2")
            H.lib.hg_watch_add(w, b"job-2")
            self.assertEqual(self.run_loop(w)[:2], (H.OK, 0))
            self.assertEqual(told[1:], [
                ("job-2", H.COMPLETED if restarts else H.ERROR)])


class Outages(Watching):
    def fails(self, s, c):
        """A call whose four tries all fail: the circuit was closed."""
        before = len(s.requests)
        s.fail = lambda request: problem(500, "oops")
        self.assertEqual(c.refresh(H.Job(id="job-1")), H.EUNAVAILABLE)
        self.assertEqual(len(s.requests) - before, 4)
        s.fail = None

    def test_a_stream_that_opens_takes_back_the_failures_before_it(self):
        for first_ends in False, True:
            s = self.server()
            c = self.client(s, max_tries=4)
            told = []
            w = self.watch(c, lambda j: told.append((j.id, j.result)))
            H.lib.hg_watch_add(w, s.add().encode())
            self.run_until(w, lambda: told)
            if first_ends:
                s.end("job-1")
                self.run_until(w, lambda: ("job-1", H.COMPLETED) in told)
            self.fails(s, c)
            H.lib.hg_watch_add(w, s.add().encode())
            self.run_until(w, lambda: ("job-2", H.PENDING) in told)
            self.assertEqual(c.stats.streams, 2)
            self.fails(s, c)


class NoticesInCalls(Watching):
    """A job is polled once and then believed for most of an hour; while the
    application is in a call about another one, a webhook tells of its end."""

    def given(self):
        s = self.server(set())
        c = self.client(s, use=H.ETA)
        self.id = s.add(remaining_ms=3600000, submitted_at=time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)))
        self.other = H.Job(id=s.add())

        def webhook(request):
            if self.other.id in request.target and not self.told:
                s.end(self.id)
                c.notify(self.id)
                time.sleep(0.3)	# the call takes the wake-up meanwhile
                self.told.append(time.monotonic())
            return False
        self.told = []
        s.fail = webhook
        return s, c

    def test_a_notice_during_a_call_wakes_the_watch_behind_it(self):
        s, c = self.given()
        ended = []
        w = self.watch(c, lambda j: ended.append(j.id) if j.result else 0)
        H.lib.hg_watch_add(w, self.id.encode())
        self.run_until(w, lambda: c.events("poll.sleep"))
        while select.select([H.lib.hg_watch_fd(w)], [], [], 0)[0]:
            self.assertEqual(self.step(w)[0], H.OK)
        self.assertEqual(c.refresh(self.other), H.OK)
        self.assertTrue(select.select([H.lib.hg_watch_fd(w)], [], [], 0)[0])
        self.run_until(w, lambda: ended)
        self.took(self.told[0], 5)

    def follow(self, act):
        """A wait in whose callback the application does that."""
        s, c = self.given()
        job, acts = H.Job(id=self.id), [act]

        def change(j):
            if acts:
                self.assertEqual(acts.pop()(s, c), H.OK)
        self.assertEqual(c.wait(job, 30000 * SLOW, change), H.OK, c.message)
        self.took(self.told[0], 5)
        self.assertEqual(len(s.seen(self.id)), 2)

    def test_a_notice_during_a_call_of_a_callback_ends_the_wait_around_it(
            self):
        self.follow(lambda s, c: c.refresh(self.other))

    def test_a_notice_during_a_wait_of_a_callback_ends_the_wait_around_it(
            self):
        def act(s, c):
            s.change(self.other.id, remaining_ms=500)
            later(0.5, s.end, self.other.id)
            return c.wait(self.other, 20000 * SLOW)
        self.follow(act)


if __name__ == "__main__":
    main()
