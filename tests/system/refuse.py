"""refuse.py -- a kernel and an allocator that refuse: refuse_shim.c's plan.

    refusal = Refusal("heygend")
    with Daemon(env=refusal.env) as d:
        with refusal("memory", 3):	# the third allocation from here on
            d.get("/status")
        refusal.hits			# 1, if there was a third one
"""
import ctypes
import errno
import mmap
import os
import tempfile
import unittest

from heygend import SANITIZER, Daemon, preload

IDLE = {"status.default_job": "off", "jobs.workers": 1, "http.threads": 40,
        "test.clock": "manual", "log.level": "info",
        "simulation.error_rate": 0}


class Plan(ctypes.Structure):
    _fields_ = [("function", ctypes.c_char * 32), ("nth", ctypes.c_int64),
                ("times", ctypes.c_int64), ("error", ctypes.c_int64),
                ("seen", ctypes.c_int64), ("hits", ctypes.c_int64),
                ("on", ctypes.c_int64)]


class Refusal:
    """For every process of one program, until close()."""

    def __init__(self, program):
        file, self.path = tempfile.mkstemp(prefix="heygend-refuse-")
        os.truncate(file, ctypes.sizeof(Plan))
        self.map = mmap.mmap(file, ctypes.sizeof(Plan))
        os.close(file)
        self.plan = Plan.from_buffer(self.map)
        self.env = {"LD_PRELOAD": preload("test_refuse_shim"),
                    "HEYGEND_TEST_REFUSE": "%s:%s" % (program, self.path)}

    def close(self):
        os.unlink(self.path)

    def begin(self, function, nth, times=1, error=errno.ENOMEM):
        plan = self.plan
        plan.on = 0
        plan.function, plan.nth = function.encode(), nth
        plan.times, plan.error = times, error
        plan.seen = plan.hits = 0
        plan.on = 1

    def end(self):
        self.plan.on = 0

    @property
    def seen(self):
        return self.plan.seen

    @property
    def hits(self):
        return self.plan.hits

    def __call__(self, *plan, **more):
        self.begin(*plan, **more)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Refused(unittest.TestCase):
    program = "heygend"
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if SANITIZER not in ("", "no"):
            raise unittest.SkipTest("a sanitizer has an allocator of its own")
        cls.refusal = Refusal(cls.program)

    @classmethod
    def tearDownClass(cls):
        cls.refusal.close()

    def given(self, settings=IDLE, **more):
        return Daemon(dict(settings), env=self.refusal.env, **more)
