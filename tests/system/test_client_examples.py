#!/usr/bin/env python3
"""The examples of the library, built and run against the real daemon."""
import os
import re
import subprocess
import sys
import threading
import unittest

import hglib as H
from fake import Fake, Reply
from heygend import Case, DEADLINE, SRCDIR, Daemon, main, program, until


class Examples(Case):
    settings = {"simulation.error_rate": 0, "simulation.time_scale": 20}

    def run_example(self, name, *arguments, status=0, input=None, url=None,
                    **env):
        done = subprocess.run(
            [program("client/examples/" + name), *map(str, arguments)], input=input, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE,
            env=dict(os.environ, HEYGENCTL_SERVER=url or self.daemon.url,
                     **env))
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_submit_and_wait_prints_where_the_result_is(self):
        done = self.run_example("submit_and_wait")
        self.assertRegex(done.stdout, r"^http://.*/v1/jobs/[^/]+/result\n$")

    def test_submit_and_wait_says_when_there_is_no_server(self):
        done = self.run_example("submit_and_wait", status=1,
                                url="http://127.0.0.1:1")
        self.assertIn("cannot be reached", done.stderr)

    def test_wait_many_tells_of_each_job(self):
        done = self.run_example("wait_many", 20)
        self.assertEqual(len(re.findall(r"^\S+  http://", done.stdout, re.M)),
                         20)
        self.assertRegex(done.stdout, r"20 of 20 have ended, after \d calls")

    def test_event_loop_follows_what_stdin_adds_and_drops(self):
        quick = [self.daemon.submit(simulate={"duration_ms": 300})["id"]
                 for _ in range(2)]
        slow = self.daemon.submit(simulate={"duration_ms": 60000})["id"]
        done = self.run_example("event_loop", quick[0], slow,
                                input="+%s\n-%s\n" % (quick[1], slow))
        for id in quick:
            self.assertIn("%s completed\n" % id, done.stdout)
        self.daemon.verb(slow, "cancel")

    def test_cancel_on_timeout_cancels_what_takes_too_long(self):
        done = self.run_example("cancel_on_timeout", 400, 60000)
        self.assertRegex(done.stdout, r" is at \d+ %: canceled\ncanceled\n$")
        done = self.run_example("cancel_on_timeout", 20000, 200)
        self.assertEqual(done.stdout, "completed\n")

    def test_plain_status_waits_and_keeps_what_it_learnt(self):
        history = os.path.join(self.daemon.dir, "history")
        for path, form in (("/status", ()), ("/status?job_id=7", ("7",)),
                           ("/video/7/state", ("7", "/video/{id}/state"))):
            words = ["completed", "pending", "pending"]

            def answer(request):
                if request.target != path:
                    return Reply(404, "not here", kind="text/plain")
                return Reply(200, {"result": words.pop()})
            with Fake(answer) as server:
                done = self.run_example("plain_status", server.url, *form,
                                        HISTORY=history)
                self.assertEqual((done.stdout, words), ("completed\n", []))
                self.assertIn("poll.sleep", done.stderr)
        self.assertGreater(os.path.getsize(history), 0)

    def test_the_python_example_submits_and_waits(self):
        done = subprocess.run(
            [sys.executable, os.path.join(SRCDIR, "client", "examples",
                                          "submit_and_wait.py"),
             self.daemon.url], text=True, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=DEADLINE,
            env=dict(os.environ, LIBHEYGEN_CLIENT=H.find_library(),
                     **H.PRELOADED))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"^http://.*/result\n$")


if __name__ == "__main__":
    main()
