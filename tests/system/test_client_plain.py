#!/usr/bin/env python3
"""The library against servers that have nothing but GET /status.

Each is an independent small server on Python's own HTTP server, knowing nothing
of /v1, of held requests or of streams."""
import http.server
import json
import threading
import time
import unittest
from urllib.parse import quote

import hglib as H
from heygend import SLOW, main


class Plain(http.server.ThreadingHTTPServer):
    """status(path) is the answer: a dict, None for 404, or a number."""
    daemon_threads = True

    def __init__(self, status):
        self.status, self.paths = status, []
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server_port
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.paths.append(self.path)
        found = self.server.status(self.path)
        body = json.dumps(found if isinstance(found, dict) else
                          {"error": "not here"}).encode()
        self.send_response(200 if isinstance(found, dict) else found or 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()	# and no Content-Type at all
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


class Job:
    """Pending for a while, then a result; what the assignment asks for."""

    def __init__(self, seconds, result="completed"):
        self.at, self.result = time.monotonic() + seconds, result

    def __call__(self):
        return {"result": self.result if time.monotonic() > self.at
                else "pending"}


class Servers(unittest.TestCase):
    def serve(self, status, **options):
        self.server = Plain(status)
        self.addCleanup(self.server.close)
        self.client = H.Client(self.server.url, delay_price=10, **options)
        self.addCleanup(self.client.close)

    def follow(self, id, results=((0.5, "completed", H.COMPLETED),
                                  (0.3, "error", H.ERROR))):
        for seconds, word, result in results:
            self.job = Job(seconds, word)
            job = H.Job(id=id)
            self.assertEqual(self.client.wait(job, 20000), H.OK,
                             self.client.message)
            self.assertEqual((job.result, job.err), (result, H.OK))

    def test_the_query_form_is_found_out_and_kept(self):
        self.serve(lambda p: self.job() if p == "/status?job_id=a%2Fb" else 0)
        self.follow("a/b")
        strangers = [p for p in self.server.paths
                     if not p.startswith("/status?")]
        self.assertLessEqual(len(strangers), 2)	# a stream, a job: once each
        # the second job did not ask again
        last = self.server.paths[-1]
        self.assertEqual(last, "/status?job_id=a%2Fb")
        self.assertEqual(self.client.refresh(H.Job(id="c")), H.ENOTFOUND)
        self.assertEqual(self.server.paths[-1], "/status?job_id=c")

    def test_the_path_form_is_found_out_and_kept(self):
        self.serve(lambda p: self.job() if p == "/status/j-1" else 0)
        self.follow("j-1")
        self.assertLessEqual(len([p for p in self.server.paths
                                  if p != "/status/j-1"]), 3)

    def test_a_server_without_ids_is_asked_for_its_one_job(self):
        self.serve(lambda p: self.job() if p == "/status" else 0)
        self.follow(None)
        self.assertEqual(set(self.server.paths), {"/status"})

    def test_one_refresh_finds_the_form_too(self):
        for form in "/status?job_id=j", "/status/j":
            self.serve(lambda p: {"result": "pending"} if p == form else 0)
            job = H.Job(id="j")
            self.assertEqual(self.client.refresh(job), H.OK)
            self.assertEqual((job.result, job.state, job.progress),
                             (H.PENDING, H.UNKNOWN, -1))
            self.assertEqual(self.client.refresh(job), H.OK)
            self.assertEqual(self.server.paths[-2:], [form] * 2)

    def test_nowhere_is_not_found(self):
        self.serve(lambda p: 0)
        self.assertEqual(self.client.refresh(H.Job(id="j")), H.ENOTFOUND)
        self.assertEqual(self.server.paths, ["/v1/jobs/j", "/status?job_id=j",
                                             "/status/j"])
        job = H.Job(id="j")
        self.assertEqual(self.client.wait(job, 5000), H.ENOTFOUND)
        self.assertEqual(job.err, H.ENOTFOUND)

    def test_a_path_given_is_taken_at_its_word(self):
        for option, id, path in (
                ("/api/{id}/state", "x y", "/api/x%20y/state"),
                ("/api?k=1", "x", "/api?k=1&job_id=x"),
                ("/api", "x", "/api?job_id=x"), ("/api", None, "/api")):
            self.serve(lambda p: self.job() if p == path else 0,
                       status_path=option)
            self.follow(id, [(0.2, "completed", H.COMPLETED)])
            self.assertEqual(set(self.server.paths), {path})
        self.serve(lambda p: 0, status_path="/api/{id}")
        self.assertEqual(self.client.refresh(H.Job()), H.EINVAL)
        self.assertEqual(self.server.paths, [])

    def test_many_jobs_of_each_form(self):
        for form in "/status?job_id=", "/status/":
            jobs = {"%s%d" % (form, n): Job(0.1 * n) for n in range(8)}
            self.serve(lambda p: jobs[p]() if p in jobs else 0)
            handles = [H.Job(id=str(n)) for n in range(8)]
            self.assertEqual(self.client.wait_many(handles, 0, 30000), H.OK,
                             self.client.message)
            self.assertEqual({j.result for j in handles}, {H.COMPLETED})
            other = H.Job(id="8")
            self.assertEqual(self.client.wait_many([handles[0], other], 0,
                                                   30000), H.EPARTIAL)
            self.assertEqual(other.err, H.ENOTFOUND)

    def test_ids_too_long_for_one_address_are_asked_for_one_by_one(self):
        for names in (["%064x" % n for n in range(97)],
                      ["\u00e9" * 127 + str(n) for n in range(9)]):
            jobs = {"/status/" + quote(name): Job(0.5) for name in names}
            self.serve(lambda p: jobs[p]() if p in jobs else 0)
            handles = [H.Job(id=name) for name in names]
            self.assertEqual(self.client.wait_many(handles, 0, 30000 * SLOW),
                             H.OK, self.client.message)
            strangers = [p for p in self.server.paths if p not in jobs]
            self.assertLessEqual(len(strangers), 5)

    def test_an_estimate_and_a_retry_after_are_heeded(self):
        end = time.monotonic() + 1.5
        self.serve(lambda p: {"result": "pending" if time.monotonic() < end
                              else "completed", "remaining_ms":
                              int(max(end - time.monotonic(), 0) * 1000)}
                   if p == "/status" else 0)
        job = H.Job()
        self.assertEqual(self.client.wait(job, 20000), H.OK)
        self.assertLess(len(self.server.paths), 9)

    def test_what_only_our_own_server_has_is_unsupported(self):
        self.serve(lambda p: {"result": "pending"} if p == "/status/j" else 0)
        job = H.Job(id="j")
        self.assertEqual(self.client.refresh(job), H.OK)
        self.assertEqual(self.client.list()[0], H.EUNSUPPORTED)
        self.assertIn("no /v1", self.client.message)

    def test_a_failing_status_fails_no_job(self):
        count = [0]

        def status(path):
            count[0] += 1
            return 500 if count[0] % 3 == 0 else self.job()
        self.serve(status, status_path="/status")
        self.follow("j", [(1.0, "completed", H.COMPLETED)])


if __name__ == "__main__":
    main()
