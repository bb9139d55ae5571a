#!/usr/bin/env python3
"""heygenctl and the library without memory or descriptors: at the Nth time
they ask, for every N, they fail with a sentence or do what they were asked."""
import errno
import json
import os
import shutil
import tempfile

from ctl import ctl
from heygend import main
from refuse import Refused

MOST = 400	# runs of one command; far more than it asks


class Ctl(Refused):
    program = "heygenctl"

    def setUp(self):
        self.daemon = self.given({
            "test.clock": "manual", "status.default_job": "off",
            "jobs.workers": 1, "simulation.error_rate": 0})
        self.daemon.start()
        self.addCleanup(self.daemon.remove)
        self.dir = tempfile.mkdtemp(prefix="heygenctl-refused-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.id = self.daemon.submit(title="A \u00e9 title", tags=["a", "b"],
                                     source_url="https://example.com/a.mp4",
                                     simulate={"duration_ms": 1000})["id"]
        self.daemon.advance(1000)
        self.waiting = self.daemon.submit(
            not_before="2999-01-01T00:00:00Z")["id"]

    def once(self, args, what, nth, times, error):
        with self.refusal(what, nth, times, error):
            done = ctl(*args, server=self.daemon.url, env=self.refusal.env)
        told = "%s call %d: %r" % (what, nth, done)
        if self.refusal.hits == 0 or done.code == 0:
            self.assertEqual(done.code, 0, told)
        else:
            self.assertIn(done.code, (1, 2, 3, 4, 5, 64), told)
            self.assertRegex(done.err, r"(?m)^heygenctl: .*\S", told)
        return self.refusal.hits > 0

    def every(self, what, error, *args):
        """How many calls there are, in a run that is refused nothing."""
        # who waits tries again, for as long as nothing ends it
        for times in (1,) if args[0] == "wait" else (1, 0):
            nth = 1
            while self.once(args, what, nth, times, error):
                # one by one where it begins, then every fifth
                nth += 1 if nth < 16 else 5
                self.assertLess(nth, MOST)
        return nth - 1

    def test_a_command_without_memory_says_so(self):
        request = os.path.join(self.dir, "request.json")
        with open(request, "w") as f:
            json.dump({"title": "From a file", "tags": ["x", "y"],
                       "simulate": {"duration_ms": 10, "fail_at": 0.5}}, f)
        for args in (("show", self.id), ("list",), ("list", "-o", "json"),
                     ("events", self.id), ("queue",), ("ping",),
                     ("wait", self.id), ("status", self.id),
                     ("submit", "--json-file", request),
                     ("pause", self.waiting), ("help", "submit"),
                     ("completion", "bash")):
            with self.subTest(args=args):
                print("#", args[0], self.every("memory", errno.ENOMEM, *args),
                      flush=True)

    def test_a_command_that_the_kernel_refuses_something_says_so(self):
        for what, error in (("epoll_create1", errno.EMFILE),
                            ("timerfd_create", errno.EMFILE),
                            ("eventfd", errno.EMFILE),
                            ("epoll_ctl", errno.ENOMEM),
                            ("pipe2", errno.EMFILE)):
            with self.subTest(what=what):
                self.every(what, error, "wait", self.id)


if __name__ == "__main__":
    main()
