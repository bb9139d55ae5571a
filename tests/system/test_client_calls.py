#!/usr/bin/env python3
"""What the library promises beside waiting: structs and their sizes, options,
what is sent, getters, the log."""
import ctypes as C
import json
import os
import threading
import unittest

import hglib as H
from fake import Fake, Reply, V1, problem
from heygend import main, until

lib = H.lib


def interrupt_asked(server, client, asked):
    """Interrupts the client once the server has had so many requests."""
    def interrupt():
        until(lambda: len(server.requests) >= asked)
        client.interrupt()
    threading.Thread(target=interrupt, daemon=True).start()


class Structs(unittest.TestCase):
    def new(self, o):
        out = H.P()
        code = lib.hg_client_new(o if o is None else C.byref(o), C.byref(out))
        if code == H.OK:
            lib.hg_client_free(out)
        else:
            self.assertIsNone(out.value)	# untouched
        return code

    def test_a_size_of_zero_is_refused_and_a_smaller_one_is_not(self):
        o = H.Options()
        self.assertEqual(self.new(o), H.EINVAL)
        o.size = 4
        self.assertEqual(self.new(o), H.EINVAL)
        for size in (8, 16, 24, C.sizeof(o)):
            o.size = size
            self.assertEqual(self.new(o), H.OK)

    def test_fields_beyond_the_size_are_not_looked_at(self):
        o = H.Options(size=16, profile=99)
        self.assertEqual(self.new(o), H.OK)

    def test_a_larger_struct_is_accepted_if_its_tail_is_zero(self):
        class Larger(C.Structure):
            _fields_ = [("o", H.Options), ("tail", C.c_char * 100)]
        for tail, code in (b"", H.OK), (b"\0" * 98 + b"x", H.EINVAL):
            large = Larger()
            large.o.size = C.sizeof(large)
            C.memmove(C.addressof(large) + C.sizeof(H.Options), tail, len(tail))
            self.assertEqual(self.new(large.o), code)

    def test_the_same_holds_for_requests(self):
        with V1() as server, H.Client(server.url) as c:
            r, out = H.request(title="x"), H.P()
            for size, code in ((0, H.EINVAL), (3, H.EINVAL), (16, H.OK),
                               (C.sizeof(r), H.OK)):
                r.size = size
                self.assertEqual(lib.hg_submit(c.handle, C.byref(r),
                                               C.byref(out)), code)
                if code == H.OK:
                    lib.hg_job_free(out)
            bodies = [json.loads(r.body) for r in server.requests]
            self.assertEqual(bodies, [{}, {"title": "x"}])

    def test_init_zeroes_and_sets_the_size(self):
        o = H.Options(profile=7, timeout_ms=3)
        lib.hg_client_options_init(C.byref(o), C.sizeof(o))
        self.assertEqual((o.size, o.profile, o.timeout_ms),
                         (C.sizeof(o), 0, 0))
        lib.hg_client_options_init(None, 8)
        lib.hg_request_init(None, 8)
        self.assertEqual(self.new(None), H.OK)

    def test_statistics_fill_what_the_caller_has_room_for(self):
        with V1() as server, H.Client(server.url) as c:
            c.submit()
            s = H.Stats(size=24, holds=77)
            lib.hg_client_stats(c.handle, C.byref(s))
            self.assertEqual((s.size, s.calls, s.retries, s.holds),
                             (24, 1, 0, 77))
            s = H.Stats(calls=5)
            lib.hg_client_stats(c.handle, C.byref(s))
            self.assertEqual(s.calls, 5)
            self.assertGreater(c.stats.bytes_in, 100)


class Options(unittest.TestCase):
    def refused(self, **options):
        with self.assertRaises(ValueError) as caught:
            H.Client(options.pop("url", "http://127.0.0.1:1"), **options)
        self.assertEqual(caught.exception.args, (H.EINVAL,))

    def test_addresses_that_cannot_be_meant_are_refused(self):
        for url in ("ftp://x", "x:80", "http://", "http:///x", "http://u:p@x",
                    "http://x?q=1", "http://x#f", "http://x y", "http://x\n",
                    "file:///etc/passwd", "http://:80"):
            self.refused(url=url)

    def test_values_out_of_range_are_refused(self):
        for options in (dict(profile=3), dict(profile=-1), dict(use=32),
                        dict(use=-1), dict(delay_price=-1.0),
                        dict(delay_price=float("nan")),
                        dict(delay_price=1e9), dict(api_key="a\r\nX: y"),
                        dict(api_key="a b"), dict(user_agent="a\nb"),
                        dict(status_path="status"),
                        dict(status_path="/a b")):
            self.refused(**options)

    def test_the_environment_names_the_server_unless_the_options_do(self):
        with V1() as server:
            os.environ["HEYGENCTL_SERVER"] = server.url + "/"
            try:
                with H.Client(None) as c:
                    self.assertEqual(c.submit()[0], H.OK, c.message)
                os.environ["HEYGENCTL_SERVER"] = "nonsense"
                self.refused(url=None)
                with H.Client(server.url) as c:
                    self.assertEqual(c.submit()[0], H.OK)
            finally:
                del os.environ["HEYGENCTL_SERVER"]
            self.assertEqual(len(server.requests), 2)

    def test_key_agent_and_prefix_are_sent(self):
        server = Fake(lambda r: Reply(200, {"id": "j", "result": "pending"}))
        with server, H.Client(server.url + "/api//", api_key="secret-key",
                              user_agent="a test/1 (é)") as c:
            self.assertEqual(c.refresh(H.Job(id="j")), H.OK, c.message)
            request = server.requests[0]
            self.assertEqual(request.target, "/api/v1/jobs/j")
            self.assertEqual(request.headers["x-api-key"], "secret-key")
            self.assertEqual(request.headers["user-agent"].encode("latin-1"),
                             "a test/1 (é)".encode())
            self.assertFalse([e for e in c.logged if "secret" in str(e)])

    def test_without_an_agent_the_library_names_itself(self):
        with V1() as server, H.Client(server.url) as c:
            c.submit()
            self.assertEqual(server.requests[0].headers["user-agent"],
                             "libheygen-client/" + H.text(lib.hg_version()))


class Calls(unittest.TestCase):
    def setUp(self):
        self.server = V1()
        self.addCleanup(self.server.close)
        self.client = H.Client(self.server.url)
        self.addCleanup(self.client.close)

    def test_a_submission_has_a_fresh_key_unless_one_is_given(self):
        for key in None, None, "mine":
            self.assertEqual(self.client.submit(idempotency_key=key)[0], H.OK)
        self.assertEqual(self.client.submit_many(2)[0], H.OK)
        keys = [r.headers["idempotency-key"] for r in self.server.requests]
        self.assertEqual((len(set(keys)), keys[2]), (4, "mine"))
        for key in keys:
            self.assertRegex(key, r"^[A-Za-z0-9_.:-]{4,255}$")
        self.assertEqual({r.headers["content-type"]
                          for r in self.server.requests}, {"application/json"})

    def test_verbs_have_a_key_and_no_body(self):
        id = self.server.add()
        for verb, target in (("pause", ":pause"), ("resume", ":resume"),
                             ("cancel", ":cancel"), ("restart", ":restart")):
            self.client.verb(verb, H.Job(id=id))
            request = self.server.requests[-1]
            self.assertEqual((request.method, request.target, request.body),
                             ("POST", "/v1/jobs/%s%s" % (id, target), b""))
            self.assertIn("idempotency-key", request.headers)
            self.assertNotIn("content-type", request.headers)
        self.client.verb("remove", H.Job(id=id))
        self.assertEqual(self.server.requests[-1].method, "DELETE")
        self.client.verb("set_priority", H.Job(id=id), -3)
        self.assertEqual((self.server.requests[-1].method,
                          json.loads(self.server.requests[-1].body)),
                         ("PATCH", {"priority": -3}))

    def test_ids_are_encoded(self):
        self.client.refresh(H.Job(id="a/b?c#d e%é:"))
        self.assertEqual(self.server.requests[0].target,
                         "/v1/jobs/a%2Fb%3Fc%23d%20e%25%C3%A9%3A")

    def test_bad_arguments_send_nothing_and_say_so(self):
        c, n = self.client, C.c_size_t()
        out = H.P()
        x = H.Job(id="x")
        for code in (lib.hg_submit(c.handle, None, C.byref(out)),
                     lib.hg_submit(c.handle, H.request(), None),
                     lib.hg_submit(None, H.request(), C.byref(out)),
                     c.submit(title=b"\xff")[0], c.submit(ttl_s=-2)[0],
                     c.submit(tags=["x"] * 17)[0],
                     c.submit(idempotency_key="")[0],
                     lib.hg_submit_many(c.handle, None, 1, C.byref(out)),
                     c.submit_many(1001)[0], c.submit_many(0)[0],
                     lib.hg_refresh(c.handle, None),
                     c.verb("pause", H.Job()),
                     lib.hg_list(c.handle, None, None, None),
                     lib.hg_job_events(c.handle, x.handle, -1,
                                       C.byref(out)),
                     lib.hg_queue(c.handle, b"halt", C.byref(out)),
                     lib.hg_watch_new(None, H.JobFn(), None, C.byref(out)),
                     lib.hg_watch_add(None, b"x"),
                     lib.hg_watch_step(None, C.byref(n)),
                     lib.hg_client_save(c.handle, None, None),
                     lib.hg_client_load(c.handle, b"nonsense", 8)):
            self.assertEqual(code, H.EINVAL)
        self.assertIsNone(out.value)
        self.assertEqual(self.server.requests, [])
        self.assertNotEqual(c.message, "")
        for id in b"", b"x" * 256, b"a\nb", b"\xff":
            self.assertEqual(lib.hg_job_new(id, C.byref(out)), H.EINVAL)

    def test_one_key_belongs_to_a_whole_batch(self):
        def many(*keys):
            requests = [H.request(idempotency_key=k) for k in keys]
            array = (C.POINTER(H.Request) * len(keys))(
                *[C.pointer(r) for r in requests])
            out = H.P()
            code = lib.hg_submit_many(self.client.handle, array, len(keys),
                                      C.byref(out))
            lib.hg_jobs_free(out)
            return code
        self.assertEqual(many("k", None, "k"), H.OK)
        self.assertEqual(many("k", "l"), H.EINVAL)
        self.assertEqual(many(None, "k"), H.EINVAL)
        self.assertEqual(self.server.requests[0].headers["idempotency-key"],
                         "k")

    def test_a_batch_that_comes_back_short_makes_no_sense(self):
        self.server.fail = lambda r: Reply(202, {"jobs": []})
        self.assertEqual(self.client.submit_many(2)[0], H.EPROTOCOL)
        self.server.fail = lambda r: Reply(202, {"id": "", "result": "pending"})
        self.assertEqual(self.client.submit()[0], H.EPROTOCOL)

    def test_a_list_passes_its_query_on(self):
        self.server.fail = lambda r: Reply(200, {
            "jobs": [dict(id="a", result="error", state="error")],
            "next_page_token": "to ken" if "page" not in r.target else None})
        code, page = self.client.list("state=error&tag=é x")
        self.assertEqual((code, [j.id for j in page], page.token),
                         (H.OK, ["a"], "to ken"))
        code, page = self.client.list("state=error", page.token)
        self.assertEqual((code, page.token), (H.OK, None))
        self.assertEqual([r.target for r in self.server.requests],
                         ["/v1/jobs?state=error&tag=%C3%A9%20x",
                          "/v1/jobs?state=error&page_token=to%20ken"])
        self.assertIsNone(lib.hg_jobs_at(page.handle, 1))

    def test_a_server_without_v1_is_unsupported(self):
        self.server.fail = lambda r: Reply(404, "nope", kind="text/plain")
        self.assertEqual(self.client.submit()[0], H.EUNSUPPORTED)
        self.assertEqual(self.client.list()[0], H.EUNSUPPORTED)
        self.assertEqual(self.client.verb("cancel", H.Job(id="j")),
                         H.EUNSUPPORTED)

    def test_an_answer_without_end_may_be_404_405_or_a_refusal(self):
        self.server.fail = lambda r: problem(405, "method")
        self.assertEqual(self.client.submit()[0], H.EUNSUPPORTED)

    def test_one_connection_serves_call_after_call(self):
        for _ in range(20):
            self.assertEqual(self.client.submit()[0], H.OK)
        self.assertEqual(self.server.accepted, 1)


class Getters(unittest.TestCase):
    def test_getters_accept_null(self):
        for name in ("id title stage result_url error_code error_message "
                     "json").split():
            self.assertIsNone(getattr(lib, "hg_job_" + name)(None))
        for name in ("remaining_ms estimated_completion_at submitted_at "
                     "finished_at progress").split():
            self.assertEqual(getattr(lib, "hg_job_" + name)(None), -1)
        for name in "state result err priority attempt".split():
            self.assertEqual(getattr(lib, "hg_job_" + name)(None), 0)
        self.assertEqual(lib.hg_jobs_count(None), 0)
        self.assertIsNone(lib.hg_jobs_at(None, 0))
        self.assertIsNone(lib.hg_jobs_next_page_token(None))
        self.assertEqual(lib.hg_events_count(None), 0)
        self.assertIsNone(lib.hg_events_at(None, 0))
        self.assertEqual(lib.hg_error_message(None), b"")
        self.assertIsNone(lib.hg_error_code(None))
        self.assertEqual(lib.hg_error_http_status(None), 0)
        self.assertEqual(lib.hg_watch_fd(None), -1)
        lib.hg_client_stats(None, None)

    def test_freeing_nothing_is_fine(self):
        for name in ("client job jobs events watch").split():
            getattr(lib, "hg_%s_free" % name)(None)
        lib.hg_free(None)
        lib.hg_interrupt(None)
        lib.hg_notify(None, b"x")

    def test_every_code_has_its_words(self):
        words = {lib.hg_strerror(code) for code in range(0, -17, -1)}
        self.assertEqual(len(words), 17)
        self.assertEqual(lib.hg_strerror(-99), b"unknown error")
        self.assertEqual(lib.hg_strerror(7), b"unknown error")

    def test_a_new_handle_knows_nothing_but_its_id(self):
        j = H.Job(id="x")
        self.assertEqual((j.id, j.json, j.state, j.result, j.progress,
                          j.remaining_ms), ("x", None, 0, 0, -1, -1))


class Logs(unittest.TestCase):
    def test_every_call_sleep_retry_and_change_of_layer_is_told(self):
        answers = [problem(503, "busy")]
        with V1(set()) as server, H.Client(server.url, delay_price=20) as c:
            server.fail = lambda r: answers.pop() if answers else False
            code, job = c.submit(title="a secret title")
            job = H.Job(id=job.id)
            threading.Timer(1, server.end, [job.id]).start()
            self.assertEqual(c.wait(job, 20000), H.OK)
            self.assertEqual(len(c.events("call")), c.stats.calls)
            self.assertEqual(len(c.events("call.retry")), 1)
            self.assertRegex(c.events("poll.sleep")[0],
                             r"^job=job-1 ms=\d+ why=[a-z_]+$")
            self.assertTrue(c.events("layer.change"))
            self.assertTrue(c.events("layer.off"))
            self.assertFalse([e for e in c.logged if "secret" in str(e)])

    def test_calls_that_are_cut_off_are_told_with_the_reason(self):
        def another(j):
            self.assertEqual(c.refresh(H.Job(id=other)), H.OK)
            interrupt_asked(server, c, len(server.requests) + 1)
        with V1() as server:
            job, other = server.add(), server.add()
            for deadline_ms, on_change, calls, words in (
                    (700, None, 1, ["deadline"]),
                    (-1, lambda j: 1, 1, ["interrupted"]),
                    (-1, another, 3, ["another", "interrupted"])):
                with H.Client(server.url, use=H.SSE) as c:
                    c.wait(H.Job(id=job), deadline_ms, on_change)
                    told = c.events("call")
                    self.assertEqual((len(told), c.stats.calls),
                                     (calls, calls), told)
                    cut = [e for e in told if "cut=" in e]
                    self.assertEqual([e[e.index("cut=") + 4:] for e in cut],
                                     words)
                    for e in cut:
                        self.assertRegex(e, r"^method=GET path=/v1/events\S+ "
                                            r"status=\d+ ms=\d+ bytes=\d+ ")

    def test_a_call_that_is_interrupted_is_told(self):
        with Fake(lambda r: until(lambda: server.gone(r.connection))) as server:
            with H.Client(server.url) as c:
                interrupt_asked(server, c, 1)
                self.assertEqual(c.refresh(H.Job(id="j")), H.EINTERRUPTED)
                self.assertRegex(c.events("call")[0], r"^method=GET path=/v1/"
                                 r"jobs/j status=0 ms=\d+ bytes=0 "
                                 r"cut=interrupted$")

    def test_the_level_is_a_limit(self):
        for level, told in (0, 0), (6, 0), (7, 1):
            with V1() as server, H.Client(server.url, log_level=level) as c:
                c.submit()
                self.assertEqual(len(c.events("call")), told)


if __name__ == "__main__":
    main()
