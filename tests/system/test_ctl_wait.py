#!/usr/bin/env python3
"""heygenctl waiting: run, wait, watch, their exit codes and signals."""
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from ctl import Scripted, ctl, finish, not_found, start
from heygend import (Case, DEADLINE, SANITIZER, SLOW, VALGRIND, main,
                     preload, until)

UNKNOWN = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
SHELLS = {os.path.realpath("/bin/" + name) for name in ("sh", "bash")}
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Waiting(Case):
    """The clock stands still unless a test moves it."""
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0}

    def ctl(self, *args, code=0, **more):
        done = ctl(*args, server=self.daemon.url, **more)
        self.assertEqual(done.code, code, done)
        return done

    def start(self, *args, **more):
        process = start(*args, server=self.daemon.url, **more)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr, process.stdin):
                if pipe:
                    pipe.close()
        self.addCleanup(end)
        return process

    def given(self, state="running", **fields):
        simulate = {"duration_ms": 1000}
        if state == "error":
            simulate["error_rate"] = 1
        id = self.daemon.submit(simulate=simulate, **fields)["id"]
        if state in ("paused", "canceled"):
            self.daemon.verb(id, {"paused": "pause",
                                  "canceled": "cancel"}[state])
        elif state != "running":
            self.daemon.advance(2000)
        self.daemon.until_state(id, state)
        return id

    def held(self, process):
        """It has a connection: it asks, or waits for the answer."""
        def connected():
            folder = "/proc/%d/fd" % process.pid
            self.assertIsNone(process.poll())
            try:
                mine = {os.readlink(os.path.join(folder, fd))
                        for fd in os.listdir(folder)}
            except FileNotFoundError:
                return False
            with open("/proc/%d/net/tcp" % process.pid) as table:
                rows = [row.split() for row in table.readlines()[1:]]
            return any(row[3] == "01" and "socket:[%s]" % row[9] in mine
                       for row in rows)
        until(connected, "that a connection is there")

    def heeds(self, process, number, step=0.01):
        """It has its own way to take this signal, and not the shell that
        libtool starts it by."""
        def caught():
            self.assertIsNone(process.poll())
            if os.readlink("/proc/%d/exe" % process.pid) in SHELLS:
                return False
            with open("/proc/%d/status" % process.pid) as status:
                mask = re.search(r"^SigCgt:\s*(\w+)", status.read(), re.M)
            return int(mask.group(1), 16) >> (number - 1) & 1
        until(caught, "that signal %d is caught" % number, step=step)


class Ends(Waiting):
    def test_the_exit_code_tells_how_the_job_ended(self):
        for state, code in (("completed", 0), ("error", 5), ("canceled", 6)):
            id = self.given(state)
            done = self.ctl("wait", id, code=code)
            self.assertRegex(done.lines[1], "^%s +%s" % (id, state))

    def test_several_jobs_come_to_the_worst_code(self):
        good, bad = self.given("completed"), self.given("error")
        gone, away = self.given("canceled"), self.given("completed")
        self.daemon.delete("/v1/jobs/" + away)
        for ids, code in (((good, bad), 5), ((gone, good), 6),
                          ((gone, bad), 5), ((good, UNKNOWN, bad), 7),
                          ((gone, UNKNOWN), 7), ((good, good), 0)):
            with self.subTest(ids=ids):
                self.ctl("wait", *ids, code=code)
        running = self.given()
        self.ctl("wait", running, UNKNOWN, bad, "--timeout", "1s", code=4)

    def test_an_unknown_id_is_named_and_the_others_are_waited_for(self):
        id = self.given()
        process = self.start("wait", id, UNKNOWN, "-o", "id")
        self.held(process)
        self.daemon.advance(2000)
        done = finish(process)
        self.assertEqual((done.code, done.out), (7, id + "\n"))
        self.assertIn("cannot wait for %s: there is no such job" % UNKNOWN,
                      done.err)

    def test_a_job_that_ends_while_waited_for_is_told_at_once(self):
        id = self.given()
        process = self.start("wait", id, "-o", "json")
        self.held(process)
        self.daemon.advance(1500)
        done = finish(process)
        self.assertEqual((done.code, done.json["state"]), (0, "completed"))

    def test_every_form_of_several_jobs(self):
        ids = [self.given("completed", title="one"),
               self.given("canceled", title="two")]
        done = self.ctl("wait", *ids, "-o", "json", code=6)
        self.assertEqual([job["id"] for job in done.json["jobs"]], ids)
        done = self.ctl("wait", *ids, "-o", "jsonl", code=6)
        self.assertEqual({json.loads(line)["id"] for line in done.lines},
                         set(ids))
        done = self.ctl("wait", *ids, "-o", "id", code=6)
        self.assertEqual(set(done.lines), set(ids))
        done = self.ctl("wait", *ids, "-o", "tsv", code=6)
        self.assertEqual(len(done.lines), 3)
        done = self.ctl("wait", *ids, code=6)
        self.assertEqual(len(done.lines), 3)
        done = self.ctl("wait", "-", code=6, input="\n".join(ids))
        self.assertEqual(len(done.lines), 3)

    def test_jsonl_is_a_job_a_line_as_it_ends(self):
        quick = self.given(title="quick")
        slow = self.daemon.submit(simulate={"duration_ms": 60000})["id"]
        process = self.start("wait", slow, quick, "-o", "jsonl")
        self.held(process)
        self.daemon.advance(2000)
        line = process.stdout.readline()
        self.assertEqual(json.loads(line)["id"], quick)
        self.assertIsNone(process.poll())
        self.daemon.advance(60000)
        done = finish(process)
        self.assertEqual((done.code, json.loads(done.out)["id"]), (0, slow))

    def test_any_ends_with_the_first(self):
        slow, quick = self.given(), self.given()
        self.daemon.verb(slow, "pause")
        process = self.start("wait", slow, quick, "--any", "-o", "id")
        self.held(process)
        self.daemon.advance(2000)
        done = finish(process)
        self.assertEqual((done.code, done.out), (0, quick + "\n"))
        self.assertEqual(self.daemon.state(slow), "paused")

    def test_each_change_is_a_plain_line_where_there_is_no_terminal(self):
        id = self.given("paused", title="Launch")
        process = self.start("wait", id, "--use", "sse")
        first = process.stderr.readline()
        self.daemon.verb(id, "resume")
        self.daemon.until_state(id, "running")
        self.daemon.advance(2000)
        done = finish(process)
        lines = [line for line in [first] + done.err.splitlines()
                 if line.startswith(id + "  Launch  ")]
        self.assertEqual(lines[0], first)
        self.assertIn("paused", first)
        self.assertRegex(lines[-1], r"completed")
        self.assertNotIn("\033", done.err)
        self.assertNotIn("\r", done.err)

    def test_quiet_says_nothing_but_errors(self):
        done = self.ctl("wait", "-q", self.given("completed"))
        self.assertEqual(done.err, "")
        done = self.ctl("run", "-q", "--duration", "1h", "--timeout", "300ms",
                        code=4)
        self.assertIn("timed out", done.err)

    def test_verbose_says_why(self):
        done = self.ctl("wait", "-v", self.given(), "--timeout", "1s", code=4)
        self.assertRegex(done.err, r"(?m)^heygenctl: (layer|poll|stream)\.")

    def test_stats_count_requests_and_the_delay(self):
        id = self.given()
        process = self.start("wait", id, "--stats")
        self.held(process)
        self.daemon.advance(2000)
        err = finish(process).err
        self.assertRegex(err, r"(?m)^heygenctl: calls \d+, retries \d+, .*"
                              r"delay (-?\d+\.\d+ s|unknown)")

    def test_each_layer_can_be_asked_for(self):
        for layer in ("sse", "hold", "eta", "history", "bulk", "sse,hold"):
            id = self.given()
            process = self.start("wait", id, "--use", layer, "--profile",
                                 "latency", "-o", "id")
            self.daemon.advance(2000)
            done = finish(process)
            self.assertEqual((done.code, done.out), (0, id + "\n"), done)

    def test_history_is_kept_in_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "history")
            id = self.given("completed")
            done = self.ctl("wait", id, "--history", path)
            self.assertGreater(os.path.getsize(path), 0)
            self.assertNotIn("history", done.err)
            self.assertNotIn("history", self.ctl("wait", id, "--history",
                                                 path).err)
            done = self.ctl("wait", id, "--history",
                            os.path.join(folder, "no", "such"), code=1)
            self.assertIn("cannot be written", done.err)
            self.assertEqual(os.listdir(folder), ["history"])

    def test_a_file_that_is_no_history_is_left_alone(self):
        id = self.given("completed")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "history")
            open(path, "w").close()
            self.ctl("wait", id, "--history", path)	# empty: the first run
            with open(path, "rb") as file:
                ours = file.read()
            self.assertTrue(ours)
            for other in (b"precious\n", ours[:-1], ours + b"x"):
                with open(path, "wb") as file:
                    file.write(other)
                for verb in ("wait", "watch"):
                    done = self.ctl(verb, id, "--history", path)
                    self.assertIn("not a history of ours", done.err)
                    with open(path, "rb") as file:
                        self.assertEqual(file.read(), other)
            done = self.ctl("wait", id, "--history", folder)
            self.assertIn("it is left alone", done.err)
            self.assertEqual(os.listdir(folder), ["history"])


class TimesOut(Waiting):
    def test_a_timeout_exits_4_and_says_how_to_go_on(self):
        id = self.given()
        begun = time.monotonic()
        timeout = "2 s" if SLOW == 1 else "5 s"
        done = self.ctl("wait", id, "--timeout", timeout.replace(" ", ""),
                        "-o", "json", code=4)
        self.assertGreater(time.monotonic() - begun, 1.9)
        self.assertIn("timed out after %s; the job goes on: heygenctl "
                      "wait %s\n" % (timeout, id), done.err)
        self.assertEqual((done.json["id"], done.json["state"]),
                         (id, "running"))
        self.assertEqual(self.daemon.state(id), "running")
        self.daemon.advance(2000)
        self.ctl("wait", id)

    def test_the_state_is_shown_also_where_nothing_was_told_of_it(self):
        id = self.given()
        for layer in ("hold", "sse", "eta"):
            for timeout in ("1s", "2s") if SLOW == 1 else ("5s",):
                done = self.ctl("wait", id, "--use", layer, "--timeout",
                                timeout, "-o", "json", code=4)
                self.assertEqual(done.json["state"], "running", layer)

    def test_several_that_go_on_are_named(self):
        a, b = self.given(), self.given()
        done = self.ctl("wait", a, b, "--timeout", "300ms", "-o", "id",
                        code=4)
        self.assertEqual(done.out, "")
        self.assertIn("2 jobs go on: heygenctl wait %s %s" % (a, b), done.err)

    def test_no_time_is_one_look(self):
        b = self.given("completed")
        a = self.given()
        done = self.ctl("wait", a, "--timeout", "0s", "-o", "json", code=4)
        self.assertEqual(done.json["state"], "running")
        self.ctl("wait", b, "--timeout", "0s")
        self.ctl("wait", UNKNOWN, "--timeout", "0s", code=7)

    def test_cancel_on_timeout_cancels_what_has_not_ended(self):
        ended, a, b = self.given("completed"), self.given(), self.given()
        done = self.ctl("wait", ended, a, b, "--timeout", "1s",
                        "--cancel-on-timeout", "-o", "jsonl", code=4)
        self.assertEqual({job["id"]: job["state"] for job in
                          map(json.loads, done.lines)},
                         {ended: "completed", a: "canceled", b: "canceled"})
        self.assertEqual(self.daemon.state(a), "canceled")
        self.assertNotIn("go on", done.err)

    def test_a_wait_outlives_a_server_that_is_away(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        done = ctl("wait", "x", "--timeout", "700ms",
                   server="http://127.0.0.1:%d" % port)
        self.assertEqual(done.code, 4, done)

    def test_one_look_that_fails_is_a_failure(self):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = "http://127.0.0.1:%d" % mute.getsockname()[1]
            for ids in ["x"], ["x", "y"]:
                done = ctl("wait", *ids, "--timeout", "0s",
                           "--request-timeout", "300ms", server=url)
                self.assertEqual(done.code, 1, done)
                self.assertIn("cannot wait: ", done.err)
        done = ctl("wait", "x", "--timeout", "0s", "--request-timeout", "2s",
                   server=url)
        self.assertEqual(done.code, 1, done)
        self.assertIn("cannot be reached", done.err)
        self.assertNotIn("timed out", done.err)


@unittest.skipIf(VALGRIND, "a clock is preloaded")
class Outage(Waiting):
    """Five minutes go by at once: the program's monotonic clock is as far
    behind until then, so that its timers, which the kernel keeps, are not
    late afterwards but early before."""
    BEHIND = -301000

    def setUp(self):
        file, self.clock = tempfile.mkstemp(prefix="heygenctl-clock-")
        os.close(file)
        self.addCleanup(os.unlink, self.clock)
        self.env = {"LD_PRELOAD": preload("test_clock_shim"),
                    "HEYGEND_TEST_CLOCK": self.clock}
        self.behind(self.BEHIND)

    def behind(self, mono_ms):
        with open(self.clock, "r+b") as clock:
            clock.write(struct.pack("=qq", 0, mono_ms))

    def read_until(self, process, *words):
        """Standard error as far as the line that has all these words."""
        timer = threading.Timer(DEADLINE, process.kill)
        timer.start()
        self.addCleanup(timer.cancel)
        for line in process.stderr:
            if all(word in line for word in words):
                return
        self.fail("nobody said " + " ".join(words))

    def test_five_minutes_of_failures_end_a_wait_without_a_deadline(self):
        def answer(method, path, headers):
            return status, {}, {"detail": "broken"}
        many = [UNKNOWN[:-2] + "%02x" % i for i in range(60)]
        for status, *args in (
                (500, "wait", "x"), (500, "wait", "--use", "bulk", *many),
                (500, "watch", "x"), (500, "wait", "x", "--use", "sse"),
                (500, "watch", "--tag", "t"), (501, "watch", "--tag", "t")):
            self.behind(self.BEHIND)
            with Scripted(answer) as server:
                process = start(*args, server=server.url, env=self.env)
                until(lambda: len(server.asked) > 1)
                self.assertIsNone(process.poll())
                self.behind(0)
                done = finish(process)
            self.assertEqual(done.code, 1, done)
            self.assertIn("nothing but failures from %s for five minutes" %
                          server.url, done.err)

    def test_an_answer_in_between_ends_the_outage(self):
        broken = True

        def answer(method, path, headers):
            if not path.startswith("/status"):
                return not_found()
            if broken:
                return 500, {}, {"detail": "broken"}
            return 200, {}, {"result": "pending"}
        with Scripted(answer) as server:
            process = start("wait", "x", "--profile", "latency", "-v",
                            server=server.url, env=self.env)
            until(lambda: ("GET", "/status?job_id=x") in server.asked)
            broken = False
            self.read_until(process, "poll.sleep")
            self.behind(0)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(1.5)
            process.send_signal(signal.SIGINT)
            self.assertEqual(finish(process).code, 130)

    def test_silence_is_no_outage(self):
        id = self.given("paused")
        for args in (("wait", id, "--use", "sse"), ("wait", id),
                     ("watch", "--tag", "none")):
            self.behind(self.BEHIND)
            process = self.start(*args, env=self.env)
            self.held(process)
            self.behind(0)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(1.5)
            process.send_signal(signal.SIGINT)
            self.assertEqual(finish(process).code, 130)

    def test_the_last_look_counts(self):
        broken = True

        def answer(method, path, headers):
            if broken:
                return 503, {}, {"detail": "broken"}
            return 200, {}, {"id": "x", "result": "completed"}
        with Scripted(answer) as server:
            process = start("wait", "x", "-v", server=server.url, env=self.env)
            self.read_until(process, "poll.sleep", "why=breaker")
            broken = False	# while it sleeps
            self.behind(0)
            done = finish(process)
        self.assertEqual(done.code, 0, done)


class Runs(Waiting):
    def test_run_submits_and_waits(self):
        process = self.start("run", "--duration", "1s", "--title", "Launch",
                             "-o", "json")
        until(lambda: self.daemon.get("/v1/jobs?state=running").json["jobs"])
        self.daemon.advance(2000)
        done = finish(process)
        self.assertEqual(done.code, 0, done)
        self.assertEqual((done.json["title"], done.json["state"]),
                         ("Launch", "completed"))

    def test_run_of_several_prints_their_ids_at_once(self):
        process = self.start("run", "--count", "3", "--duration", "1s", "-o",
                             "id")
        ids = [process.stdout.readline().strip() for _ in range(3)]
        self.assertEqual([self.daemon.state(id) for id in ids],
                         [self.daemon.state(id) for id in ids])
        self.daemon.advance(3000)
        done = finish(process)
        self.assertEqual((done.code, done.out), (0, ""))

    def test_run_exits_as_the_job_ends(self):
        for args, code in ((("--error-rate", "1"), 5),
                           (("--fail-at", "0.5"), 5)):
            process = self.start("run", "--duration", "1s", *args)
            until(lambda: self.daemon.get("/v1/jobs?state=running").json[
                "jobs"])
            self.daemon.advance(3000)
            self.assertEqual(finish(process).code, code)

    def test_a_job_canceled_by_another_is_6(self):
        process = self.start("run", "--not-before", "1h", "-o", "id")
        id = process.stdout.readline().strip()
        self.daemon.verb(id, "cancel")
        self.assertEqual(finish(process).code, 6)


class Signals(Waiting):
    def test_the_first_interrupt_ends_the_wait_and_not_the_job(self):
        id = self.given()
        for args in (["wait", id], ["wait", id, "-o", "json"],
                     ["wait", id, "--use", "eta"], ["wait", id, "-q"],
                     ["watch", id]):
            process = self.start(*args)
            self.held(process)
            process.send_signal(signal.SIGINT)
            done = finish(process)	# nothing else would end it
            self.assertEqual(done.code, 130, done)
            self.assertIn("interrupted; the job goes on: heygenctl wait %s"
                          % id, done.err)
            self.assertEqual(self.daemon.state(id), "running")

    def test_run_says_the_id_when_interrupted(self):
        process = self.start("run", "--duration", "1h", "-o", "json")
        self.assertRegex(process.stderr.readline(), ID)	# it waits
        process.send_signal(signal.SIGINT)
        done = finish(process)
        self.assertEqual(done.code, 130)
        self.assertRegex(done.err, "heygenctl wait " + done.json["id"])
        self.assertEqual(done.json["result"], "pending")

    def test_an_interrupt_outweighs_what_has_ended(self):
        bad, id = self.given("error"), self.given()
        process = self.start("wait", bad, id, UNKNOWN, "-o", "id")
        self.assertEqual(process.stdout.readline().strip(), bad)
        process.send_signal(signal.SIGINT)
        self.assertEqual(finish(process).code, 130)

    def test_a_request_under_way_is_given_up(self):
        hung, url = self.hung()
        for args in self.ASKING:
            process = start(*args, server=url)
            with hung.accept()[0] as connection:
                self.assertTrue(connection.recv(1))	# it has asked
                process.send_signal(signal.SIGINT)
                self.assertEqual(finish(process).code, 130)

    @unittest.skipIf("thread" in SANITIZER, "ThreadSanitizer keeps a signal "
                     "back until the next call, which may wait first")
    def test_an_interrupt_before_the_first_request_is_not_lost(self):
        _, url = self.hung()
        for args in self.ASKING * 3:
            process = start(*args, server=url)
            self.heeds(process, signal.SIGINT, step=0)
            process.send_signal(signal.SIGINT)
            self.assertIn(finish(process).code, (130, -signal.SIGINT))

    ASKING = [["submit"], ["list"], ["cancel", "x"], ["wait", "x"]]

    def hung(self):
        """A server that takes connections and says nothing, ever."""
        hung = socket.create_server(("127.0.0.1", 0))
        hung.settimeout(DEADLINE)
        self.addCleanup(hung.close)
        return hung, "http://127.0.0.1:%d" % hung.getsockname()[1]

    def test_interrupts_in_a_row_end_it_in_any_case(self):
        process = self.start("wait", self.given())
        self.held(process)
        until(lambda: process.send_signal(signal.SIGINT) or
              process.poll() is not None, "an end", step=0)
        self.assertIn(process.returncode, (130, -signal.SIGINT))

    def test_an_interrupt_that_was_ignored_stays_ignored(self):
        id = self.given()
        process = self.start("wait", id, preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_IGN))
        self.held(process)
        process.send_signal(signal.SIGINT)
        self.daemon.verb(id, "cancel")
        self.assertEqual(finish(process).code, 6)


class Watches(Waiting):
    def test_watch_prints_a_line_a_change_and_ends_with_the_jobs(self):
        id = self.given("paused", title="Launch")
        process = self.start("watch", id)
        self.assertRegex(process.stdout.readline(),
                         r"^\d\d:\d\d:\d\d  %s  Launch  paused" % id)
        self.daemon.verb(id, "resume")
        self.daemon.until_state(id, "running")
        self.daemon.advance(2000)
        done = finish(process)
        self.assertEqual(done.code, 0, done)
        self.assertIn("completed", done.lines[-1])

    def test_watch_has_every_form(self):
        id = self.given("canceled")
        self.assertEqual(self.ctl("watch", id, "-o", "id", code=6).out,
                         id + "\n")
        done = self.ctl("watch", id, "-o", "json", code=6)
        self.assertEqual([job["state"] for job in done.json["jobs"]],
                         ["canceled"])
        done = self.ctl("watch", id, "-o", "jsonl", code=6)
        self.assertEqual(json.loads(done.out)["state"], "canceled")
        self.assertEqual(len(self.ctl("watch", id, "-o", "tsv",
                                      code=6).lines), 2)
        self.assertEqual(self.ctl("watch", UNKNOWN, code=7).out, "")

    def test_watch_of_a_tag_waits_for_the_first_and_ends_with_the_last(self):
        lists = 'heygend_http_requests_total{route="/v1/jobs",code="200"}'
        before = self.daemon.metric(lists)
        process = self.start("watch", "--tag", "t1", "-o", "jsonl")
        until(lambda: self.daemon.metric(lists) > before + 1, "two looks")
        self.assertIsNone(process.poll())
        first = self.given(tags=["t1"])
        self.given(tags=["t2"])
        line = json.loads(process.stdout.readline())
        self.assertEqual(line["id"], first)
        second = self.given(tags=["t1"])
        seen = json.loads(process.stdout.readline())
        while seen["id"] == first:
            seen = json.loads(process.stdout.readline())
        self.assertEqual(seen["id"], second)
        self.daemon.advance(3000)
        done = finish(process)
        self.assertEqual(done.code, 0, done)
        ends = [json.loads(line) for line in done.lines]
        self.assertEqual({job["id"] for job in ends
                          if job["state"] == "completed"}, {first, second})

    def test_watch_of_all_goes_on_until_it_is_interrupted(self):
        process = self.start("watch", "-o", "jsonl")
        id = self.given()
        while json.loads(process.stdout.readline())["id"] != id:
            pass
        self.daemon.advance(2000)
        while json.loads(process.stdout.readline())["state"] != "completed":
            pass
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(finish(process).code, 130)

    def test_watch_can_time_out(self):
        done = self.ctl("watch", "--tag", "none", "--timeout", "400ms",
                        code=4)
        self.assertEqual(done.out, "")

    def test_a_list_that_does_not_come_delays_no_time_out(self):
        done = threading.Event()
        with Scripted(lambda *_: done.wait(2 * DEADLINE) and None) as server:
            for args in (), ("--tag", "t"):
                begun = time.monotonic()
                end = ctl("watch", *args, "--timeout", "1s", server=server.url)
                self.assertLess(time.monotonic() - begun, 10 * SLOW)
                self.assertEqual((end.code, end.out, end.err), (
                    4, "", "heygenctl: timed out after 1 s\n"))
            done.set()

    def test_watch_without_patience_looks_once(self):
        id = self.given("paused", tags=["once"])
        for args in ("--tag", "once"), (id,):
            done = self.ctl("watch", *args, "--timeout", "0s", "-o", "jsonl",
                            code=4)
            self.assertEqual(json.loads(done.out)["state"], "paused")
        self.daemon.verb(id, "cancel")
        self.ctl("watch", "--tag", "once", "--timeout", "0s", code=6)
        with Scripted(lambda *_: (503, {}, {})) as server:
            done = ctl("watch", "--timeout", "0s", server=server.url)
        self.assertEqual(done.code, 1, done)

    def test_what_the_server_refuses_ends_a_watch(self):
        refusals = [self.ctl("watch", "--tag", "a b", code=1)]
        with Scripted(not_found) as server:
            refusals.append(ctl("watch", server=server.url))
        with Scripted(lambda *_: (401, {}, {})) as server:
            refusals.append(ctl("watch", server=server.url))
        self.assertEqual([done.code for done in refusals], [1, 1, 3])
        for done in refusals:
            self.assertRegex(done.err, r"\Aheygenctl: cannot list jobs: .*\n\Z")

    def test_what_makes_no_sense_three_times_ends_a_watch(self):
        with Scripted(lambda *_: (200, {}, {"jobs": 7})) as server:
            done = ctl("watch", "--tag", "t", server=server.url)
            self.assertEqual(len(server.asked), 3)
        self.assertEqual(done.code, 1, done)


class Plain(Case):
    """Servers that have only GET /status."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def test_a_plain_server_is_waited_for(self):
        begun = time.monotonic()

        def answer(method, path, headers):
            if not path.startswith("/status?job_id=j1"):
                return not_found()
            ended = time.monotonic() - begun > 1
            return 200, {}, {"result": "completed" if ended else "pending"}
        with Scripted(answer) as server:
            done = ctl("wait", "j1", "-o", "json", server=server.url)
        self.assertEqual((done.code, done.json), (0, {"result": "completed"}))

    def test_an_error_there_is_5(self):
        def answer(method, path, headers):
            if path.startswith("/status"):
                return 200, {}, {"result": "error"}
            return not_found()
        with Scripted(answer) as server:
            self.assertEqual(ctl("wait", "j1", server=server.url).code, 5)


if __name__ == "__main__":
    main()
