#!/usr/bin/env python3
"""The library under torture, in threads, in signal handlers, over many rounds:
what client_probe does, against the servers it needs."""
import os
import struct
import subprocess
import tempfile
import unittest

from fake import Fake, Reply, STREAM_HEAD, V1, problem
from heygend import (DEADLINE, SANITIZER, SLOW, VALGRIND, main, preload,
                     program)


def job(id, ended):
    return {"id": id, "state": "completed" if ended else "running",
            "result": "completed" if ended else "pending", "version": 1,
            "progress": 0.5, "remaining_ms": None if ended else 1,
            "title": "A title", "stage": "mix", "output_language": "es"}


class Quick(Fake):
    """Every second answer about a job says that it has ended."""

    def answer(self, request):
        self.turn = not getattr(self, "turn", False)
        path, query = request.path, request.query
        if path == "/v1/events":
            return self.events(request)
        if path.startswith("/v1/queue"):
            return Reply(200, {"paused": False})
        if request.method == "DELETE":
            return Reply(204)
        if path.endswith("/events"):
            return Reply(200, {"events": [{"seq": 1}, {"seq": 2}]})
        if path == "/v1/jobs:batch":
            return Reply(202, {"jobs": [job(i, False) for i in "abc"]})
        if path == "/v1/jobs":
            if request.method == "POST":
                return Reply(202, job("a", False))
            ids = query.get("ids", "a,b").split(",")
            return Reply(200, {"jobs": [job(i, self.turn) for i in ids],
                               "next_page_token": "t"})
        return Reply(200, job(path[9:].split(":")[0], self.turn),
                     {"Preference-Applied": "wait=1"})

    def events(self, request):
        ids = request.query.get("ids", "a,b,c").split(",")
        if "event-stream" not in request.headers["accept"]:
            return Reply(200, {"events": [{"seq": 9, "job": job(i, True)}
                                          for i in ids], "next": 9})
        return self.stream(ids)

    def stream(self, ids):
        yield STREAM_HEAD
        for ended in False, True:
            for id in ids:
                body = str({"job": job(id, ended)}).replace("'", '"')
                body = body.replace("None", "null")
                yield b"id: 7\nevent: state\ndata: %s\n\n" % body.encode()


class Probe(unittest.TestCase):
    def probe(self, *arguments, seconds=60):
        done = subprocess.run([program("client_probe"), *map(str, arguments)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=seconds * SLOW, env=dict(
                                  os.environ, ASAN_OPTIONS=":".join(
                                      [os.environ.get("ASAN_OPTIONS", ""),
                                       "quarantine_size_mb=2"]).strip(":"),
                                  VALGRIND_OPTS="--freelist-vol=2000000"))
        for line in done.stdout.splitlines():
            print("#", line)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_every_allocation_that_fails_is_told_and_nothing_is_lost(self):
        with Quick() as server:
            self.probe("torture", server.url, seconds=120)
            self.assertEqual(server.most, 1)

    def test_eight_clients_in_eight_threads_with_interrupts_from_a_ninth(self):
        with Quick() as server:
            self.probe("threads", server.url, 25)

    def test_a_signal_handler_interrupts_a_wait_within_50_ms(self):
        with V1({"stream"}) as server:
            server.add("never")
            self.probe("signal", server.url)

    def test_a_name_that_takes_long_is_interrupted_within_50_ms(self):
        self.probe("resolver")

    def test_memory_and_descriptors_are_flat_over_ten_thousand_rounds(self):
        turn = [0]

        def answer(request):
            turn[0] += 1
            if turn[0] % 7 == 0:
                return problem(500, "oops")
            if turn[0] % 11 == 0:
                return None
            if turn[0] % 13 == 0:
                return Reply(200, "<html/>")
            if turn[0] % 17 == 0:
                return problem(404, "job_not_found")
            return Reply(200, job("a", turn[0] % 3 == 0))
        with Fake(answer) as server:
            # AddressSanitizer keeps what was freed: the count of rounds there
            # is for what it finds, not for the memory
            rounds = 10000 if SANITIZER in ("", "no") else 1000
            self.probe("flat", server.url, rounds, seconds=120)

    @unittest.skipIf(VALGRIND, "a clock is preloaded")
    def test_a_call_takes_over_a_probe_whose_answer_nobody_reads(self):
        for call in "wait", "refresh":
            broken = True

            def answer(request):
                if broken:
                    return problem(500, "oops")
                return Reply(200, job(request.path.rpartition("/")[2], True))
            with tempfile.NamedTemporaryFile() as clock, \
                    Fake(answer) as server:
                clock.write(struct.pack("=qq", 0, -31000))	# monotonic
                clock.flush()
                process = subprocess.Popen(
                    [program("client_probe"), "circuit", server.url, call],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                    env=dict(os.environ, HEYGEND_TEST_CLOCK=clock.name,
                             LD_PRELOAD=preload("test_clock_shim")))
                self.addCleanup(process.kill)
                self.assertEqual(process.stdout.readline(), "open\n")
                broken = False
                clock.seek(0)
                clock.write(struct.pack("=qq", 0, 0))	# the pause is over
                clock.flush()
                told, _ = process.communicate("\n", timeout=DEADLINE)
            self.assertEqual((process.returncode, told), (0, "success \n"))


if __name__ == "__main__":
    main()
