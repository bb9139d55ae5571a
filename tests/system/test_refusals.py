#!/usr/bin/env python3
"""A kernel that refuses and memory that ends: whatever heygend is denied, at
the Nth time it asks, for every N, it says so and loses nothing."""
import errno
import os
import signal

from heygend import DEADLINE, main, until
from refuse import IDLE, Refused


class Start(Refused):
    """Each is tried with a fresh state directory."""

    def try_to_start(self, what, nth, error):
        """True: the plan was reached.  Ready and sound, or a sentence."""
        d = self.given()
        d.args += ["--state-dir", os.path.join(d.dir, "made", "state")]
        try:
            with self.refusal(what, nth, error=error):
                d.spawn()
                line = d.process.stdout.readline()
            hit = self.refusal.hits > 0
            if line:
                d.port = int(line.rsplit(b":", 1)[1])
                self.serves(d)
                d.stop(clean_log=False)
            else:
                self.assertIn(d.wait(), (1, 78))
                self.assertRegex(d.log(), r"(?m)^(<3>)?heygend: .*\S")
            return hit
        except BaseException as trouble:
            raise AssertionError("%s, call %d: %s\n%s" % (
                what, nth, trouble, d.log())) from trouble
        finally:
            d.remove()

    def serves(self, d):
        until(lambda: d.get("/readyz").status == 200, "readiness")
        id = d.submit(simulate={"duration_ms": 10})["id"]
        self.assertEqual(d.get("/status?job_id=" + id).status, 200)
        d.advance(10)
        d.advance(10)
        d.until_state(id, "completed")

    def every(self, what, error):
        nth = 1
        while self.try_to_start(what, nth, error):
            nth += 1
        return nth - 1

    def test_a_start_without_memory_says_so_or_serves(self):
        self.assertGreater(self.every("memory", errno.ENOMEM), 20)

    def test_a_start_that_the_kernel_refuses_says_so_or_serves(self):
        for what, error in (
                ("mkdir", errno.EROFS), ("chmod", errno.EPERM),
                ("open", errno.EMFILE), ("fcntl", errno.ENOLCK),
                ("getrlimit", errno.EPERM), ("socket", errno.EMFILE),
                ("bind", errno.EADDRINUSE), ("listen", errno.EADDRINUSE),
                ("epoll_create1", errno.EMFILE), ("epoll_ctl", errno.ENOMEM),
                ("eventfd", errno.ENFILE), ("timerfd_create", errno.EMFILE),
                ("signalfd", errno.ENFILE), ("socketpair", errno.EMFILE),
                ("posix_spawn", errno.EAGAIN),
                ("pthread_create", errno.EAGAIN)):
            with self.subTest(what=what):
                self.assertGreater(self.every(what, error), 0)


TAGGED = {"title": "A title", "tags": ["one", "two"], "on_error": "restart",
          "source_url": "https://example.com/a.mp4",
          "output_language": "es", "priority": "high",
          "simulate": {"duration_ms": 1000}}
EVENT_STREAM = {"Accept": "text/event-stream"}


def key(n):
    return {"Idempotency-Key": "key-%d" % n}


# name, method, path, body, headers, what it answers.  {job} runs, {queued}
# waits, {paused}, {done}, {gone}: jobs of each attempt; {n} is its number.
REQUESTS = (
    ("status", "GET", "/status?job_id={job}", None, None, 200),
    ("status of none", "GET", "/status?job_id=none", None, None, 404),
    ("a job", "GET", "/v1/jobs/{queued}", None, None, 200),
    ("a gone job", "GET", "/v1/jobs/{gone}", None, None, 410),
    ("a job's head", "HEAD", "/v1/jobs/{job}", None, None, 200),
    ("a job's events", "GET", "/v1/jobs/{done}/events", None, None, 200),
    ("a result", "GET", "/v1/jobs/{done}/result", None, None, 200),
    ("a list", "GET", "/v1/jobs?state=running,queued&tag=one&limit=2&"
     "order=asc", None, None, 200),
    ("some by id", "GET", "/v1/jobs?ids={job},{gone},none", None, None, 200),
    ("events", "GET", "/v1/events?after=0", None, None, 200),
    ("events of ids", "GET", "/v1/events?after=0&ids={job},none&final=1",
     None, None, 200),
    ("a stream", "GET", "/v1/events?after=0&progress=1", None, EVENT_STREAM,
     200),
    ("a stream of ids", "GET", "/v1/events?ids={job},{done},none&progress=1",
     None, EVENT_STREAM, 200),
    ("a status stream", "GET", "/status?job_id={job}", None, EVENT_STREAM,
     200),
    ("a submission", "POST", "/v1/jobs", TAGGED, None, 202),
    ("a kept submission", "POST", "/v1/jobs", TAGGED, key, 202),
    ("a batch", "POST", "/v1/jobs:batch", {"jobs": [TAGGED] * 12}, key, 202),
    ("nonsense", "POST", "/v1/jobs", {"tags": [7], "priority": "?", "x": 10 ** 70},
     {"Prefer": "handling=strict"}, 422),
    ("no JSON", "POST", "/v1/jobs", b"{]", None, 400),
    ("a patch", "PATCH", "/v1/jobs/{queued}",
     {"title": "Other", "tags": ["three"], "priority": 7}, None, 200),
    ("pause", "POST", "/v1/jobs/{job}:pause", None, None, 200),
    ("resume", "POST", "/v1/jobs/{paused}:resume", None, None, 200),
    ("cancel", "POST", "/v1/jobs/{job}:cancel", None, key, 200),
    ("restart", "POST", "/v1/jobs/{done}:restart", None, None, 200),
    ("removal", "DELETE", "/v1/jobs/{done}", None, None, 204),
    ("many at once", "POST", "/v1/jobs:cancel",
     {"ids": ["{job}", "{queued}", "{gone}", "none"]}, key, 200),
    ("the queue", "GET", "/v1/queue", None, None, 200),
    ("a paused queue", "POST", "/v1/queue:pause", None, None, 200),
    ("a queue that goes on", "POST", "/v1/queue:resume", None, None, 200),
    ("time", "POST", "/v1/clock:advance", {"ms": 100}, None, 200),
    ("what it is", "GET", "/v1", None, None, 200),
    ("readiness", "GET", "/readyz", None, None, 200),
    ("metrics", "GET", "/metrics", None, None, 200),
    ("its description", "GET", "/openapi.json", None, None, 200),
    ("the dashboard", "GET", "/", None, {"Accept-Encoding": "gzip"}, 200),
    ("no address", "GET", "/nothing", None, None, 404),
)


class Requests(Refused):
    """Each request fails at each of its allocations: once, and from there
    on.  The answer is the right one or a failure that says so; nobody else
    notices."""
    settings = dict(IDLE, **{"http.threads": 200, "jobs.slots": 2})

    def given_jobs(self, d):
        """One in each state that the requests need."""
        jobs = {}
        for name in ("done", "gone", "paused"):
            jobs[name] = d.submit(simulate={"duration_ms": 1})["id"]
        d.verb(jobs["paused"], "pause")
        d.advance(1)
        d.advance(1)
        d.delete("/v1/jobs/" + jobs["gone"])
        for name in ("job", "second", "queued"):
            jobs[name] = d.submit(simulate={"duration_ms": 3600000})["id"]
        d.advance(1)
        return jobs

    def fill(self, part, jobs):
        if isinstance(part, str) and "{" in part:
            return part.format(**jobs)
        if isinstance(part, list):
            return [self.fill(item, jobs) for item in part]
        if isinstance(part, dict):
            return {k: self.fill(v, jobs) for k, v in part.items()}
        return part

    def ask(self, d, request, jobs, n):
        """The answer; None: the connection was closed without one."""
        name, method, path, body, headers, _ = request
        headers = headers(n) if callable(headers) else dict(headers or {})
        headers.setdefault("Connection", "close")
        raw = d.raw(d.message(method, self.fill(path, jobs),
                              self.fill(body, jobs), headers))
        with raw:
            try:
                if "Accept" in headers:
                    status, _ = raw.head()
                    if status == 200:
                        self.follow(raw)
                    return status, None
                answer = raw.answer(head_only=method == "HEAD")
                return answer.status, answer.body and answer.code
            except EOFError:
                return None

    def follow(self, raw):
        """A little of a stream, or its end."""
        raw.timeout(0.05)
        try:
            while raw.more() and b"\n\n" not in raw.pending[15:]:
                pass
        except TimeoutError:
            pass

    def lives(self, d):
        """It serves, or has left as it may and serves in its next life."""
        def serves():
            if d.process.poll() is not None:
                self.assertIn(".no_memory", d.log().splitlines()[-1])
                self.assertEqual(d.process.returncode, -signal.SIGABRT)
                d.kill()
                d.restart()
            try:
                return d.get("/readyz").status == 200
            except (EOFError, OSError):
                return False
        until(serves, "readiness")

    def attempt(self, d, request, nth, times):
        """True: the plan was reached."""
        jobs = self.given_jobs(d)
        n = nth * 2 + (times > 0)
        with self.refusal("memory", nth, times):
            got = self.ask(d, request, jobs, n)
        hit = self.refusal.hits > 0
        what = "%s, %s from allocation %d: %r" % (request[0], times, nth, got)
        if got is None and times == 1:
            d.process.wait(DEADLINE)	# lives() looks how
        elif got is None:
            self.assertTrue(hit, what)
        elif got[0] != request[5]:
            self.assertTrue(hit, what)
            self.assertIn(got[0], (500, 503), what)
            self.assertIn(got[1], (None, b"", "internal",
                                   "store_unavailable"))
        self.lives(d)
        self.end(d, jobs)
        # the same again, where nothing is refused
        if got is None or got[0] != request[5]:
            jobs = self.given_jobs(d)
            got = self.ask(d, request, jobs, n + 10000)
            self.assertEqual(got and got[0], request[5], what)
            self.end(d, jobs)
        return hit

    def end(self, d, jobs):
        d.post("/v1/queue:resume")
        d.post("/v1/jobs:cancel", {"ids": list(jobs.values())})

    def every(self, request):
        with self.given(self.settings) as d:
            for times in 1, 0:
                nth = 1
                while self.attempt(d, request, nth, times):
                    nth += 1
            d.stop(clean_log=False)
            return nth

    def test_a_request_without_memory_fails_alone_and_says_so(self):
        for request in REQUESTS:
            with self.subTest(request=request[0]):
                print("#", request[0], self.every(request), flush=True)


if __name__ == "__main__":
    main()
