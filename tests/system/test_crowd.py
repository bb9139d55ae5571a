"""More peers than threads, or than descriptors: who has to leave, and who
never has to.  The whole crowd is in tests/proof."""
import collections
import os
import resource
import socket
import threading
import time

import heygend

LONG = {"duration_ms": 3600000}
THREADS = 40		# the least that can be set


class Crowded(heygend.Case):
    """Whoever comes, leaves."""

    def setUp(self):
        self.raws = []
        self.addCleanup(self.leave)

    def leave(self):
        for raw in self.raws:
            raw.close()
        heygend.until(lambda: self.descriptors() < 30, "all have left")

    def come(self, count, data=b""):
        """Connections that say this, and then nothing."""
        came = [self.daemon.raw(data) for _ in range(count)]
        self.raws += came
        return came

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.daemon.process.pid))

    def answered_at_once(self):
        """Ten plain requests, far faster than any time-out of the crowd."""
        for _ in range(10):
            began = time.monotonic()
            self.assertEqual(self.daemon.get("/v1").status, 200)
            self.assertLess(time.monotonic() - began, 5 * heygend.SLOW)


class Room(Crowded):
    settings = {"status.default_job": "off", "http.threads": THREADS}

    def test_who_says_nothing_makes_room_the_oldest_first(self):
        evicted = "heygend_connections_evicted_total"
        before = self.daemon.metric(evicted)
        oldest, *_ = self.come(4 * THREADS)
        self.answered_at_once()
        self.assertTrue(oldest.eof())
        self.assertGreater(self.daemon.metric(evicted), before)

    def test_who_drips_a_head_makes_room(self):
        self.come(4 * THREADS, b"GET /v1 HTTP/1.1\r\nHost: ")
        self.answered_at_once()

    def test_who_has_been_answered_and_rests_makes_room(self):
        for raw in self.come(THREADS, self.daemon.message("GET", "/v1")):
            self.assertEqual(raw.answer().status, 200)
        self.come(2 * THREADS)
        self.answered_at_once()

    def test_a_body_without_room_to_wait_for_it_is_answered_503(self):
        raws = self.come(2 * THREADS, self.daemon.message(
            "POST", "/v1/jobs", b"{", {"Content-Length": "100"}))
        self.answered_at_once()
        # those who came at about the same time are asked to leave in any
        # order; who is never in the way is timed out
        answer = next(answer for answer in (raw.answer() for raw in raws)
                      if answer.status != 408)
        self.problem(answer, 503, "busy")
        self.assertEqual(answer.headers["retry-after"], "1")
        self.assertEqual(answer.headers["connection"], "close")

    def test_who_does_not_read_makes_room(self):
        self.daemon.post("/v1/jobs:batch", {
            "jobs": [{"title": "x" * 200, "simulate": LONG}] * 500})
        data = self.daemon.message("GET", "/v1/jobs?limit=500")
        for _ in range(2 * THREADS):
            raw = heygend.Raw.__new__(heygend.Raw)
            raw.socket, raw.pending = socket.socket(), b""
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
            raw.socket.settimeout(heygend.DEADLINE)
            raw.socket.connect(("127.0.0.1", self.daemon.port))
            raw.send(data)
            self.raws.append(raw)
        self.answered_at_once()

    def test_a_long_poll_and_a_stream_never_make_room(self):
        job = self.daemon.submit(simulate=LONG)
        with self.daemon.raw(self.daemon.message(
                "GET", "/v1/jobs/%s?wait=60" % job["id"])) as waiter, \
                self.daemon.stream("/v1/events") as stream:
            self.assertEqual(stream.status, 200)
            self.daemon.until_held(wait=1, stream=1)
            self.come(4 * THREADS)
            self.answered_at_once()
            self.daemon.verb(job["id"], "cancel")
            answer = waiter.answer()
            self.assertEqual(answer.json["state"], "canceled")
            stream.until(lambda e: e.get("event") == "state" and
                         e["data"]["job"]["state"] == "canceled")

    def test_who_goes_on_talking_after_the_end_is_left_alone(self):
        (raw,) = self.come(1, self.daemon.message(
            "GET", "/v1", headers={"Connection": "close"}))
        self.assertEqual(raw.answer().status, 200)
        taken = self.descriptors()

        def talks():
            try:
                raw.send(b"x")
            except OSError:
                return True		# the daemon has closed it
            return self.descriptors() < taken
        heygend.until(talks, "the end of the farewell", 10 * heygend.SLOW,
                      step=0.2)

    def test_a_kept_connection_may_rest_longer_than_a_second(self):
        (raw,) = self.come(1, self.daemon.message("GET", "/v1"))
        self.assertEqual(raw.answer().status, 200)
        raw.timeout(1.5)
        with self.assertRaises(TimeoutError):
            raw.more()			# it would be the end
        raw.timeout(heygend.DEADLINE)
        raw.send(self.daemon.message("GET", "/v1"))
        self.assertEqual(raw.answer().status, 200)


class Descriptors(Crowded):
    settings = {"status.default_job": "off", "http.threads": 100}

    def test_without_descriptors_newcomers_are_served_and_nothing_spins(self):
        pid = self.daemon.process.pid
        had = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE,
                         (self.descriptors() + 40, had[1]))
        try:
            self.come(80)
            self.answered_at_once()
            heygend.until(lambda: "http.starved" in self.daemon.log())
        finally:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, had)
        self.answered_at_once()


class Leaving(heygend.Case):
    settings = {"status.default_job": "off"}

    def test_a_stop_waits_for_nobody_who_rests(self):
        raws = [self.daemon.raw(self.daemon.message("GET", "/v1"))
                for _ in range(50)]
        try:
            for raw in raws:
                self.assertEqual(raw.answer().status, 200)
            raws += [self.daemon.raw(b"GET / HTTP/1.1\r\n")
                     for _ in range(50)]
            began = time.monotonic()
            self.daemon.stop()
            self.assertLess(time.monotonic() - began, 8 * heygend.SLOW)
        finally:
            for raw in raws:
                raw.close()


class Halves(heygend.Case):
    """Submissions whose bodies come, if at all, behind their heads."""
    settings = {"status.default_job": "off", "http.drain_s": 1,
                "http.threads": 64}

    def setUp(self):
        self.head = self.daemon.message("POST", "/v1/jobs", b"",
                                        {"Content-Length": "2",
                                         "Expect": "100-continue"})
        self.seen = collections.Counter()

    def submit_in_halves(self, over):
        """Again and again, on new connections, until nobody listens."""
        while not over.is_set():
            try:
                with self.daemon.raw(self.head) as raw:
                    if raw.head()[0] == 100:
                        raw.send(b"{}")
                        answer = raw.answer()
                        self.seen[answer.status, answer.code] += 1
            except (OSError, EOFError):
                pass			# the end, or too many at the door

    def test_a_stop_says_that_it_and_not_the_peer_is_the_cause(self):
        over = threading.Event()
        others = [threading.Thread(target=self.submit_in_halves,
                                   args=(over,)) for _ in range(16)]
        for other in others:
            other.start()
        try:
            heygend.until(lambda: self.seen[202, None] > 100)
            # last of all: no body is waited for as long as a slow machine
            with self.daemon.raw(self.head) as held:
                self.assertEqual(held.head()[0], 100)
                self.daemon.process.terminate()
                answer = held.answer()
            self.daemon.wait(0)
        finally:
            over.set()
            for other in others:
                other.join()
        self.problem(answer, 503, "draining")
        self.assertLessEqual(set(self.seen),
                             {(202, None), (503, "draining")})


if __name__ == "__main__":
    heygend.main()
