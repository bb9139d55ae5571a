#!/usr/bin/env python3
"""The library against the real daemon: every layer, forced by `use` and reached
by falling back through a proxy that refuses, saturates, or cuts; verbs, lists,
restarts of the daemon, keys."""
import ctypes as C
import json
import os
import re
import socket
import subprocess
import threading
import time
import unittest

import hglib as H
from fake import Fake, Reply, problem
from heygend import SLOW, Case, Daemon, main, program, until


class Proxy(Fake):
    """Between client and daemon.  spoil(request) may return a Reply or None (the
    connection closes), a number (the answer is cut after so many bytes), or a
    changed target; False leaves the request alone."""

    def __init__(self, daemon, spoil=None):
        self.daemon, self.spoil = daemon, spoil or (lambda request: False)
        super().__init__()

    def answer(self, request):
        target, left = request.target, None
        spoilt = self.spoil(request)
        if spoilt is None or isinstance(spoilt, Reply):
            return spoilt
        if isinstance(spoilt, str):
            target = spoilt
        elif spoilt is not False:
            left = spoilt
        return self.relay(request, target, left)

    def relay(self, request, target, left):
        host = re.sub("^http://", "", self.daemon.url)
        lines = ["%s %s HTTP/1.1" % (request.method, target), "Host: " + host,
                 "Connection: close"]
        lines += ["%s: %s" % pair for pair in request.headers.items()
                  if pair[0] not in ("host", "connection")]
        address = host.rsplit(":", 1)
        with socket.create_connection((address[0], int(address[1]))) as up:
            up.sendall(("\r\n".join(lines) + "\r\n\r\n").encode() +
                       request.body)
            up.settimeout(0.05)
            while left is None or left > 0:
                try:
                    data = up.recv(65536)
                except socket.timeout:
                    if self.gone(request.connection):
                        return
                    continue
                if not data:
                    return
                yield data if left is None else data[:left]
                left = None if left is None else left - len(data)


def streams(request):
    return "event-stream" in request.headers.get("accept", "")


def holds(request):
    return "wait" in request.query


def without_wait(request):
    return re.sub(r"[?&]wait=\d+", "", request.target)


class Layers(Case):
    settings = {"simulation.error_rate": 0}

    def client(self, url=None, **options):
        client = H.Client(url or self.daemon.url, **options)
        self.addCleanup(client.close)
        return client

    def proxy(self, spoil=None):
        proxy = Proxy(self.daemon, spoil)
        self.addCleanup(proxy.close)
        return proxy

    def one(self, url=None, ms=1200, **options):
        c = self.client(url, delay_price=10, **options)
        code, job = c.submit(sim_duration_ms=ms)
        self.assertEqual(code, H.OK, c.message)
        before = c.stats.calls
        self.assertEqual(c.wait(job, 30000 * SLOW), H.OK, c.message)
        self.assertEqual((job.result, job.state, job.progress),
                         (H.COMPLETED, H.STATE_COMPLETED, 1))
        self.assertIn("/v1/jobs/%s/result" % job.id, job.result_url)
        self.assertGreaterEqual(job.finished_at, job.submitted_at)
        return c, c.stats.calls - before

    def many(self, n, url=None, **options):
        c = self.client(url, delay_price=10, **options)
        code, jobs = c.submit_many(n, sim_duration_ms=200)
        self.assertEqual(code, H.OK, c.message)
        before = c.stats.calls
        self.assertEqual(c.wait_many(jobs, 0, 60000 * SLOW), H.OK, c.message)
        self.assertEqual({(j.result, j.err) for j in jobs},
                         {(H.COMPLETED, H.OK)})
        return c, c.stats.calls - before

    # --- forced

    def test_a_stream_by_force_is_one_call(self):
        c, calls = self.one(use=H.SSE)
        self.assertEqual((calls, c.stats.streams), (1, 1))
        c, calls = self.many(30, use=H.SSE)
        self.assertEqual(calls, 1)

    def test_a_hold_by_force_is_one_call(self):
        c, calls = self.one(use=H.HOLD)
        self.assertEqual((calls, c.stats.holds), (1, 1))
        c, calls = self.many(30, use=H.HOLD | H.BULK)
        self.assertGreater(c.stats.holds, 0)
        self.assertEqual(c.stats.streams, 0)

    def test_estimates_by_force_are_polls(self):
        c, calls = self.one(use=H.ETA)
        self.assertEqual(c.stats.holds + c.stats.streams, 0)
        self.assertLess(calls, 8)
        self.assertTrue(any("why=eta" in e for e in c.events("poll.sleep")))

    def test_history_by_force_learns_and_is_carried_over(self):
        c, _ = self.one(use=H.HISTORY, ms=500)
        blob, size = H.P(), C.c_size_t()
        self.assertEqual(H.lib.hg_client_save(c.handle, C.byref(blob),
                                              C.byref(size)), H.OK)
        data = C.string_at(blob.value, size.value)
        H.lib.hg_free(blob)
        other = self.client(use=H.HISTORY)
        self.assertEqual(H.lib.hg_client_load(other.handle, data, len(data)),
                         H.OK)
        for bad in data[:-1], data[:8] + b"x" + data[9:], b"", b"foreign":
            self.assertEqual(H.lib.hg_client_load(other.handle, bad, len(bad)),
                             H.EINVAL)

    def test_bulk_by_force_is_a_few_calls(self):
        c, calls = self.many(150, use=H.BULK | H.ETA)
        self.assertEqual(c.stats.holds + c.stats.streams, 0)
        self.assertLess(calls, 120)

    def test_a_thousand_jobs_take_one_connection(self):
        proxy = self.proxy()
        c, calls = self.many(1000, proxy.url)
        self.assertEqual(proxy.most, 1)
        self.assertLessEqual(calls, 13)
        self.assertEqual(c.stats.streams, 1)

    # --- reached by falling back

    def test_from_a_stream_to_holds(self):
        for name, spoil in (
                ("refused", lambda r: streams(r) and problem(404, "no_route")),
                ("saturated", lambda r: streams(r) and problem(
                    503, "busy")),
                ("cut", lambda r: streams(r) and 900)):
            with self.subTest(name):
                proxy = self.proxy(spoil)
                c, calls = self.one(proxy.url, ms=2500)
                self.assertGreater(c.stats.holds, 0)
                self.assertLess(calls, 9)
                self.assertEqual(proxy.most, 1)
                c, calls = self.many(20, proxy.url)
                self.assertEqual(proxy.most, 1)

    def test_from_holds_to_polls(self):
        for name, spoil in (
                ("refused", lambda r: holds(r) and problem(405, "no_hold")),
                ("saturated", lambda r: holds(r) and problem(503, "busy")),
                ("not held", lambda r: holds(r) and without_wait(r)),
                ("cut", lambda r: holds(r) and 150)):
            with self.subTest(name):
                proxy = self.proxy(spoil)
                c, calls = self.one(proxy.url, ms=2000,
                                    use=H.HOLD | H.ETA | H.BULK)
                self.assertGreater(calls, 1)
                self.assertEqual(proxy.most, 1)
                self.many(20, proxy.url, use=H.HOLD | H.ETA | H.BULK)
                self.assertEqual(proxy.most, 1)

    def test_from_bulk_to_one_by_one(self):
        for name, spoil in (
                ("refused", lambda r: "ids" in r.query and problem(
                    404, "no_route")),
                ("ignored", lambda r: "ids" in r.query and "/v1/jobs?limit=1"),
                ("cut", lambda r: "ids" in r.query and 300)):
            with self.subTest(name):
                proxy = self.proxy(spoil)
                self.many(10, proxy.url, use=H.BULK | H.ETA)
                self.assertEqual(proxy.most, 1)

    def test_down_to_plain_status(self):
        spoil = lambda r: (r.path.startswith("/v1") and r.method == "GET" and
                           Reply(404, "nothing here", kind="text/plain"))
        proxy = self.proxy(spoil)
        id = self.daemon.submit(simulate={"duration_ms": 600})["id"]
        c = self.client(proxy.url, delay_price=10)
        job = H.Job(id=id)
        self.assertEqual(c.wait(job, 30000), H.OK, c.message)
        self.assertEqual((job.result, job.state), (H.COMPLETED,
                                                   H.STATE_COMPLETED))
        self.assertTrue(proxy.seen("/status?job_id="))

    def test_the_default_job_of_a_plain_get_status(self):
        c = self.client()
        job = H.Job()
        code = c.refresh(job)
        self.assertIn(code, (H.OK, H.ENOTFOUND), c.message)

    # --- what happens to jobs meanwhile

    def test_a_restarted_job_ends_once_with_its_last_attempt(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=300, sim_fail_attempts=1,
                             on_error=2, max_attempts=3)
        ends = []
        self.assertEqual(c.wait(job, 30000, lambda j: j.result and
                                ends.append(j.result) and 0), H.OK)
        self.assertEqual((job.result, job.attempt, ends),
                         (H.COMPLETED, 2, [H.COMPLETED]))

    def test_a_failed_and_a_canceled_job_are_errors(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=200, sim_fail_at=0.5)
        self.assertEqual(c.wait(job, 30000), H.OK)
        self.assertEqual((job.result, job.state), (H.ERROR, H.STATE_ERROR))
        self.assertTrue(job.error_code and job.error_message)
        code, job = c.submit(sim_duration_ms=60000)
        other, same = self.client(), H.Job(id=job.id)
        canceling = threading.Timer(0.3, lambda: other.verb("cancel", same))
        canceling.start()
        self.assertEqual(c.wait(job, 30000), H.OK)
        canceling.join()	# its client must outlive it
        self.assertEqual((job.result, job.state), (H.ERROR, H.CANCELED))

    def test_a_paused_job_is_waited_for(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=2000)
        self.assertEqual(c.verb("pause", job), H.OK, c.message)
        self.assertEqual(job.state, H.PAUSED)
        self.assertEqual(c.wait(job, 300), H.ETIMEDOUT)
        id = job.id
        resuming = threading.Timer(0.3, lambda: self.daemon.verb(id, "resume"))
        resuming.start()
        self.assertEqual(c.wait(job, 30000), H.OK)
        resuming.join()
        self.assertEqual(job.result, H.COMPLETED)

    def test_a_job_removed_meanwhile_ends_with_its_result(self):
        c = self.client(use=H.ETA)
        code, job = c.submit(sim_duration_ms=100)
        other = H.Job(id=job.id)
        self.daemon.until_state(job.id, "completed")
        self.assertEqual(c.verb("remove", other), H.OK)
        self.assertEqual(c.wait(job, 30000), H.OK, c.message)
        self.assertEqual(job.result, H.COMPLETED)
        self.assertEqual(c.refresh(other), H.EGONE)
        jobs = [H.Job(id=job.id), H.Job(id=job.id)]
        for use in 0, H.BULK, H.HOLD:
            d = self.client(use=use)
            self.assertEqual(d.wait_many(jobs, 0, 30000), H.OK, d.message)
            jobs = [H.Job(id=job.id), H.Job(id=job.id)]

    def test_another_process_that_knows_only_the_id_goes_on(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=1500)
        self.assertEqual(c.wait(job, 200), H.ETIMEDOUT)
        done = subprocess.run(
            [program("client/examples/event_loop"), job.id], text=True,
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=30 * SLOW,
            env=dict(os.environ, HEYGENCTL_SERVER=self.daemon.url))
        self.assertIn("%s completed" % job.id, done.stdout)

    # --- calls

    def test_a_refusal_tells_why(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=100)
        self.assertEqual(c.wait(job, 30000), H.OK)
        self.assertEqual(c.verb("pause", job), H.ESTATE)
        self.assertEqual((c.status, c.code), (409, "invalid_state"))
        self.assertIn("invalid_state", c.message)
        self.assertTrue(H.lib.hg_error_request_id(c.handle))
        self.assertEqual(job.state, H.STATE_COMPLETED)
        self.assertEqual(c.submit(priority=5000)[0], H.EREJECTED)
        self.assertIn("priority", c.message)
        self.assertEqual(c.verb("cancel", H.Job(id="nobody")), H.ENOTFOUND)

    def test_a_key_given_submits_once(self):
        c = self.client()
        key = "key-%d" % time.time_ns()
        first = c.submit(title="a", idempotency_key=key)[1]
        self.assertEqual(c.submit(title="a", idempotency_key=key)[1].id,
                         first.id)
        self.assertEqual(c.submit(title="b", idempotency_key=key)[0],
                         H.EREJECTED)
        self.assertEqual(c.code, "idempotency_mismatch")
        self.assertEqual(c.submit(title="a", idempotency_key="no blanks")[0],
                         H.EINVAL)

    def test_lists_page_through_all_jobs_once(self):
        c = self.client()
        tag = "t%d" % time.time_ns()
        code, jobs = c.submit_many(25, tags=[tag], sim_duration_ms=50)
        self.assertEqual(code, H.OK, c.message)
        seen, token = [], None
        while True:
            code, page = c.list("tag=%s&limit=10" % tag, token)
            self.assertEqual(code, H.OK, c.message)
            seen += [j.id for j in page]
            token = page.token
            if not token:
                break
        self.assertEqual(sorted(seen), sorted(j.id for j in jobs))
        self.assertEqual(c.list("limit=0")[0], H.EREJECTED)

    def test_events_and_queue_are_json(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=100)
        self.assertEqual(c.wait(job, 30000), H.OK)
        after, kinds = 0, []
        while True:
            out = H.P()
            self.assertEqual(H.lib.hg_job_events(c.handle, job.handle, after,
                                                 C.byref(out)), H.OK)
            page = [json.loads(H.lib.hg_events_at(out, i))
                    for i in range(H.lib.hg_events_count(out))]
            H.lib.hg_events_free(out)
            if not page:
                break
            kinds += [e["kind"] for e in page]
            after = page[-1]["seq"]
        self.assertEqual((kinds[0], kinds[-1]), ("submitted", "completed"))
        for verb, paused in (b"pause", True), (b"resume", False):
            out = H.P()
            self.assertEqual(H.lib.hg_queue(c.handle, verb, C.byref(out)),
                             H.OK, c.message)
            self.assertEqual(json.loads(C.string_at(out.value))["paused"],
                             paused)
            H.lib.hg_free(out)
        self.assertEqual(H.lib.hg_queue(c.handle, b"stop", C.byref(out)),
                         H.EINVAL)

    def test_priority_and_restart_show_in_the_handle(self):
        c = self.client()
        code, job = c.submit(sim_duration_ms=60000, not_before=int(
            time.time() * 1000) + 3600000)
        self.assertEqual(c.verb("set_priority", job, 7), H.OK, c.message)
        self.assertEqual((job.priority, job.state), (7, H.QUEUED))
        self.assertEqual(c.verb("cancel", job), H.OK)
        self.assertEqual(c.verb("restart", job), H.OK)
        self.assertIn(job.state, (H.QUEUED, H.RUNNING))
        self.assertEqual(c.verb("cancel", job), H.OK)


class Restarts(unittest.TestCase):
    def test_a_wait_outlives_a_restart_of_the_daemon(self):
        with Daemon({"simulation.error_rate": 0}) as daemon:
            proxy = Proxy(daemon)
            self.addCleanup(proxy.close)
            for use in H.SSE, H.HOLD, H.ETA:
                with H.Client(proxy.url, use=use, delay_price=10) as c:
                    code, job = c.submit(sim_duration_ms=2500)
                    codes = []
                    waiter = threading.Thread(target=lambda: codes.append(
                        c.wait(job, 60000 * SLOW)))
                    waiter.start()
                    until(lambda: daemon.state(job.id) == "running")
                    proxy.spoil = lambda r: None
                    daemon.stop()
                    daemon.start()
                    proxy.spoil = lambda r: False
                    waiter.join()
                    self.assertEqual((codes, job.result, job.err),
                                     ([H.OK], H.COMPLETED, H.OK), c.message)


class Keys(unittest.TestCase):
    def test_a_key_opens_and_a_wrong_one_is_told(self):
        with Daemon() as daemon:
            keys = os.path.join(daemon.dir, "keys")
            with open(keys, "w") as f:
                f.write("# keys\nsesame-open-sesame-open\n")
            os.chmod(keys, 0o600)
            daemon.stop()
            daemon.settings["http.api_key_file"] = keys
            daemon.start()
            for key, code in (("sesame-open-sesame-open", H.OK),
                              ("another-key-of-some-length", H.EAUTH),
                              (None, H.EAUTH)):
                with H.Client(daemon.url, api_key=key) as c:
                    self.assertEqual(c.submit(title="x")[0], code, c.message)
                    self.assertFalse(any("sesame" in str(e) for e in c.logged))
                    job = H.Job(id="nobody")
                    self.assertEqual(c.wait(job, 5000),
                                     H.ENOTFOUND if key and code == H.OK
                                     else H.EAUTH)


if __name__ == "__main__":
    main()
