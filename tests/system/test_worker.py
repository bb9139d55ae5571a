"""The real heygen-worker at the end of a real socket pair.

The test is the daemon: it sends orders, owns the clock, and reads records.
"""
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from heygend import (
    DEADLINE, SANITIZER, VALGRIND, alive, main, program, until)

MAGIC = 0x48470001
HEADER = struct.Struct("=IHH")
ORDER = struct.Struct("=IIIIq80s")
SETTINGS = struct.Struct("=Q7dqii")
CLOCK = struct.Struct("=qqdq")
RUN = struct.Struct("=QdIIqddii")
RECORD = struct.Struct("=IIIHHqqqdqqII")
BATCH = 64
FOREVER = 2**63 - 1

ALIVE, PROGRESS, COMPLETED, FAILED = 1, 2, 3, 4
DOWNLOAD, TRANSCRIBE, TRANSLATE, SYNTHESIZE, LIP_SYNC, RENDER = range(1, 7)
BEGINS = {DOWNLOAD: 0, TRANSCRIBE: 0.1, TRANSLATE: 0.25, SYNTHESIZE: 0.45,
          LIP_SYNC: 0.7, RENDER: 0.9}
UNIFORM = 1


class Record:
    FIELDS = ("kind", "run", "slot", "stage", "error", "job", "at",
              "remaining", "progress", "tick", "next", "running", "reserved")

    def __init__(self, data):
        for name, value in zip(self.FIELDS, RECORD.unpack(data)):
            setattr(self, name, value)

    def __repr__(self):
        return str(vars(self))


def settings_order(seed=42, mean=20000, sigma=0.8, low=10000, high=30000,
                   error_rate=0.0, eta_error=0.0, time_scale=1.0,
                   interval=1000, distribution=UNIFORM):
    body = SETTINGS.pack(seed, mean, sigma, low, high, error_rate, eta_error,
                         time_scale, interval, distribution, 0)
    return ORDER.pack(1, 0, 0, 0, 0, body)


def clock_order(now, tick, rate=0.0, since=0):
    return ORDER.pack(2, 0, 0, 0, 0, CLOCK.pack(now, tick, rate, since))


def run_order(job, run=1, slot=None, key=None, progress=0.0, attempt=1,
              duration=None, error_rate=None, fail_at=None, fail_attempts=None):
    given = ((duration is not None) | (error_rate is not None) << 1 |
             (fail_at is not None) << 2 | (fail_attempts is not None) << 3)
    body = RUN.pack(job if key is None else key, progress, attempt, given,
                    duration or 0, error_rate or 0.0, fail_at or 0.0,
                    fail_attempts or 0, 0)
    return ORDER.pack(3, run, job if slot is None else slot, 0, job, body)


def stop_order(job, run=1, slot=None):
    return ORDER.pack(4, run, job if slot is None else slot, 0, job, b"")


def spawn(end, stderr):
    """Starts a worker with this socket on descriptor 3."""
    path = program("heygen-worker")
    return os.posix_spawn(path, [path], os.environ, file_actions=[
        (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
        (os.POSIX_SPAWN_DUP2, end.fileno(), 3)])


class Worker:
    def __init__(self):
        self.socket, end = socket.socketpair(socket.AF_UNIX,
                                             socket.SOCK_SEQPACKET)
        self.socket.settimeout(DEADLINE)
        self.stderr = tempfile.TemporaryFile()
        self.pid = spawn(end, self.stderr)
        end.close()
        self.tick = 0
        self.status = None
        self.end = time.monotonic() + 4 * DEADLINE

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.socket.close()
        if kind is not None and self.status is None:
            os.kill(self.pid, signal.SIGKILL)
        if self.status is None:
            status = self.wait()
            if kind is None and status != 0:
                raise AssertionError("exit %d: %s" % (status, self.said()))
        self.stderr.close()

    def wait(self):
        def ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return pid
        until(ended, "the worker's end")
        return self.status

    def said(self):
        self.stderr.seek(0)
        return self.stderr.read().decode()

    def orders(self, *orders):
        for at in range(0, len(orders), BATCH):
            some = orders[at:at + BATCH]
            self.socket.send(HEADER.pack(MAGIC, len(some), ORDER.size) +
                             b"".join(some))

    def packet(self):
        """The records of the next packet."""
        data = self.socket.recv(65536)
        if time.monotonic() > self.end:
            raise TimeoutError("the worker lives, but the test does not end")
        if not data:
            raise EOFError("the worker has left: " + self.said())
        magic, count, size = HEADER.unpack_from(data)
        assert (magic, size) == (MAGIC, RECORD.size), data[:8]
        assert len(data) == HEADER.size + count * size, len(data)
        return [Record(data[HEADER.size + i * size:][:size])
                for i in range(count)]

    def settle(self, now, *orders, **clock):
        """Orders, then the clock: the records up to its answer, and it."""
        self.tick += 1
        self.orders(*orders, clock_order(now, self.tick, **clock))
        records = []
        while True:
            records += self.packet()
            if records[-1].kind == ALIVE and records[-1].tick == self.tick:
                news = [r for r in records if r.kind != ALIVE]
                return news, records[-1]


class Started(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.worker = Worker()
        self.settings()
        self.addCleanup(self.worker.__exit__, None)

    def settings(self, now=1000000, **settings):
        self.now = now
        self.worker.settle(now, settings_order(**settings))

    def run_to_end(self, *orders, job=1):
        """Sends orders and lets time pass from one deadline to the next;
        all records."""
        news, alive = self.worker.settle(self.now, *orders)
        while alive.next != FOREVER:
            self.now = alive.next
            more, alive = self.worker.settle(self.now)
            news += more
        return news


class Life(Started):
    def test_a_run_passes_its_stages_to_the_millisecond(self):
        news = self.run_to_end(run_order(1, run=7, slot=3, duration=10000))
        changes = [r for r in news if r.kind != PROGRESS or
                   r.at - 1000000 in [BEGINS[s] * 10000 for s in BEGINS]]
        self.assertEqual(
            [(r.kind, r.stage, r.at - 1000000, r.remaining) for r in changes],
            [(PROGRESS, DOWNLOAD, 0, 10000), (PROGRESS, TRANSCRIBE, 1000, 9000),
             (PROGRESS, TRANSLATE, 2500, 7500),
             (PROGRESS, SYNTHESIZE, 4500, 5500),
             (PROGRESS, LIP_SYNC, 7000, 3000), (PROGRESS, RENDER, 9000, 1000),
             (COMPLETED, RENDER, 10000, 0)])
        self.assertEqual({(r.run, r.slot, r.job) for r in news}, {(7, 3, 1)})
        self.assertEqual(news[-1].progress, 1)

    def test_nothing_goes_off_a_millisecond_early(self):
        self.worker.settle(self.now, run_order(1, duration=10000))
        news, alive = self.worker.settle(self.now + 999)
        self.assertEqual((news, alive.next), ([], self.now + 1000))
        news, alive = self.worker.settle(self.now + 1000)
        self.assertEqual([r.stage for r in news], [TRANSCRIBE])
        self.assertEqual(alive.next, self.now + 2500)

    def test_progress_is_told_at_each_interval(self):
        self.settings(interval=100)
        self.worker.settle(self.now, run_order(1, duration=10000))
        for elapsed in range(100, 1000, 100):
            news, alive = self.worker.settle(self.now + elapsed)
            self.assertEqual([(r.kind, r.at, r.stage) for r in news],
                             [(PROGRESS, self.now + elapsed, DOWNLOAD)])
            self.assertAlmostEqual(news[0].progress, elapsed / 10000)
            self.assertEqual(alive.running, 1)

    def test_a_leap_tells_every_stage_at_its_own_instant_in_time_order(self):
        orders = [run_order(job, duration=1000 * job) for job in range(1, 41)]
        self.worker.settle(self.now, *orders)
        news, alive = self.worker.settle(self.now + 3600000)
        self.assertEqual(alive.next, FOREVER)
        self.assertEqual(alive.running, 0)
        self.assertEqual([r.at for r in news], sorted(r.at for r in news))
        for job in range(1, 41):
            mine = [r for r in news if r.job == job]
            self.assertEqual([r.at for r in mine if r.kind == COMPLETED],
                             [self.now + 1000 * job])
            for stage in range(TRANSCRIBE, RENDER + 1):
                self.assertIn(self.now + round(BEGINS[stage] * 1000 * job),
                              [r.at for r in mine if r.stage == stage])
            self.assertEqual([r.progress for r in mine],
                             sorted(r.progress for r in mine))

    def test_a_run_of_one_millisecond_has_all_its_stages(self):
        news = self.run_to_end(run_order(1, duration=0))
        self.assertEqual([r.stage for r in news],
                         [DOWNLOAD, TRANSCRIBE, TRANSLATE, SYNTHESIZE,
                          LIP_SYNC, RENDER, RENDER])
        self.assertEqual({r.at - self.now for r in news}, {-1, 0})

    def test_a_run_goes_on_from_its_progress_at_the_same_pace(self):
        news = self.run_to_end(run_order(1, progress=0.5, duration=10000))
        self.assertEqual((news[0].progress, news[0].stage, news[0].remaining),
                         (0.5, SYNTHESIZE, 5000))
        self.assertEqual(news[-1].at, 1000000 + 5000)

    def test_time_scale_divides_drawn_and_given_durations(self):
        for orders in ([run_order(1, duration=60000)], [run_order(1)]):
            self.settings()
            slow = self.run_to_end(*orders)
            self.settings(time_scale=60.0)
            fast = self.run_to_end(*orders)
            self.assertEqual(fast[-1].at - 1000000,
                             round((slow[-1].at - 1000000) / 60))

    def test_settings_are_for_the_runs_that_begin_after_them(self):
        self.worker.settle(self.now, run_order(1, fail_attempts=0))
        news = self.run_to_end(settings_order(error_rate=1.0), run_order(2))
        self.assertEqual({r.job: r.kind for r in news if r.kind > PROGRESS},
                         {1: COMPLETED, 2: FAILED})

    def test_a_stopped_run_says_nothing_more(self):
        self.worker.settle(self.now, run_order(1, duration=1000),
                           run_order(2, duration=1000))
        news, alive = self.worker.settle(self.now, stop_order(1))
        self.assertEqual((news, alive.running), ([], 1))
        news = self.run_to_end()
        self.assertEqual({r.job for r in news}, {2})

    def test_a_slot_is_free_for_another_run_after_a_stop(self):
        news = self.run_to_end(run_order(1, slot=5, duration=1000),
                               stop_order(1, slot=5),
                               run_order(2, slot=5, duration=2000))
        self.assertEqual({r.job for r in news}, {2})

    def test_a_stop_that_comes_too_late_is_no_harm(self):
        self.run_to_end(run_order(1, slot=0, duration=1))
        self.worker.settle(self.now, stop_order(1, slot=0),
                           stop_order(9, slot=900000))
        self.worker.settle(self.now, run_order(2, slot=0, duration=1000),
                           stop_order(1, slot=0), stop_order(2, 9, slot=0))
        self.assertEqual(self.run_to_end()[-1].kind, COMPLETED)


class Failure(Started):
    def ends(self, **fields):
        """How each of 40 runs ends: (kind, progress)."""
        news = self.run_to_end(*[run_order(job, **fields)
                                 for job in range(1, 41)])
        return [(r.kind, r.progress) for r in news if r.kind > PROGRESS]

    def test_rates_of_0_and_1_are_exact(self):
        self.settings(error_rate=1.0)
        self.assertEqual({kind for kind, _ in self.ends()}, {FAILED})
        self.assertEqual({kind for kind, _ in self.ends(error_rate=0.0)},
                         {COMPLETED})
        self.settings(error_rate=0.0)
        self.assertEqual({kind for kind, _ in self.ends()}, {COMPLETED})
        self.assertEqual({kind for kind, _ in self.ends(error_rate=1.0)},
                         {FAILED})

    def test_a_rate_between_fails_some_with_all_three_errors(self):
        self.settings(error_rate=0.5)
        news = self.run_to_end(*[run_order(job) for job in range(1, 201)])
        failed = [r for r in news if r.kind == FAILED]
        self.assertTrue(60 < len(failed) < 140, len(failed))
        self.assertEqual({r.error for r in failed}, {1, 2, 3})

    def test_fail_at_alone_is_certain_failure_there(self):
        for at in (0.0, 0.3, 1.0):
            self.settings()
            news = self.run_to_end(run_order(1, duration=1000, fail_at=at))
            self.assertEqual((news[-1].kind, news[-1].progress, news[-1].at),
                             (FAILED, at, 1000000 + 1000 * at))

    def test_a_run_that_fails_at_0_fails_at_once(self):
        news, alive = self.worker.settle(self.now, run_order(1, fail_at=0.0))
        self.assertEqual([(r.kind, r.at) for r in news],
                         [(PROGRESS, self.now), (FAILED, self.now)])
        self.assertEqual((alive.next, alive.running), (FOREVER, 0))

    def test_fail_at_with_a_rate_is_where_it_fails_if_it_does(self):
        ends = self.ends(fail_at=0.5, error_rate=0.5)
        self.assertEqual(set(ends), {(FAILED, 0.5), (COMPLETED, 1.0)})

    def test_fail_attempts_fails_the_first_ones_and_no_later_one(self):
        self.settings(error_rate=1.0)
        kinds = [self.run_to_end(run_order(1, attempt=attempt, fail_at=0.2,
                                           fail_attempts=2))[-1]
                 for attempt in (1, 2, 3, 4)]
        self.assertEqual([(r.kind, r.progress) for r in kinds],
                         [(FAILED, 0.2), (FAILED, 0.2), (COMPLETED, 1),
                          (COMPLETED, 1)])

    def test_the_estimate_does_not_know_of_the_failure(self):
        news = self.run_to_end(run_order(1, duration=1000, fail_at=0.15))
        self.assertEqual([r.remaining for r in news], [1000, 900, 0])


class Draws(Started):
    def history(self, *orders):
        self.settings(error_rate=0.3, eta_error=0.2)
        return [(r.kind, r.job, r.stage, r.error, r.at, r.remaining,
                 r.progress) for r in self.run_to_end(*orders)]

    def test_the_same_seed_gives_the_same_history(self):
        orders = [run_order(job) for job in range(1, 31)]
        first = self.history(*orders)
        self.assertEqual(first, self.history(*orders))
        self.worker.socket.close()
        self.worker.wait()
        self.worker = Worker()
        self.assertEqual(first, self.history(*orders))
        self.worker.__exit__(None)

    def test_run_numbers_slots_and_company_change_no_draw(self):
        def ends(history):
            return sorted(h for h in history if h[0] > PROGRESS)
        one = [run_order(job, run=1) for job in range(1, 31)]
        other = [run_order(job, run=99, slot=500 - job)
                 for job in range(30, 0, -1)]
        self.assertEqual(ends(self.history(*one)), ends(self.history(*other)))

    def test_another_seed_key_or_attempt_gives_another_history(self):
        def end(order, seed=1):
            self.settings(seed=seed)
            return self.run_to_end(order)[-1].at
        ends = {end(run_order(1)), end(run_order(1), seed=2),
                end(run_order(1, key=7)), end(run_order(1, attempt=2))}
        self.assertEqual(len(ends), 4)

    def test_the_estimate_errs_less_and_less(self):
        self.settings(eta_error=0.3, interval=100)
        self.worker.settle(self.now, run_order(1, duration=10000))
        shares = []
        for elapsed in range(0, 10000, 100):
            news, _ = self.worker.settle(self.now + elapsed)
            for r in news:
                left = self.now + 10000 - r.at
                shares.append(abs(r.remaining - left) / left)
        self.assertTrue(0 < shares[0] <= 0.3, shares[0])
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertLess(shares[-1], 0.01)


class Socket(Started):
    def test_a_full_socket_loses_no_stage_and_no_end(self):
        jobs = 20000
        orders = [run_order(job, duration=1000) for job in range(jobs)]
        sender = self.worker
        taken, full = [], 0
        sender.socket.setblocking(False)
        orders += [clock_order(self.now + elapsed, 1000 + elapsed)
                   for elapsed in range(0, 1001, 50)]
        packets = [orders[at:at + BATCH] for at in range(0, len(orders), BATCH)]
        while packets:		# as long as it takes orders, read nothing
            try:
                sender.orders(*packets[0])
                packets.pop(0)
            except BlockingIOError:
                full += 1
                select.select([], [sender.socket], [], DEADLINE)
        sender.socket.settimeout(DEADLINE)
        while not taken or (taken[-1].kind, taken[-1].tick) != (ALIVE, 2000):
            taken += sender.packet()
        by_job = {}
        for r in taken:
            by_job.setdefault(r.job, []).append(r)
        by_job[0] = [r for r in by_job[0] if r.kind != ALIVE]
        for job in range(jobs):
            mine = by_job[job]
            self.assertEqual(sorted({r.stage for r in mine}),
                             list(range(DOWNLOAD, RENDER + 1)))
            self.assertEqual([r.kind for r in mine].count(COMPLETED), 1)
            self.assertEqual(mine[-1].kind, COMPLETED)
            self.assertEqual(mine[-1].at, self.now + 1000)
            self.assertEqual([r.at for r in mine], sorted(r.at for r in mine))
            self.assertLessEqual(len(mine), 30)

    def test_it_leaves_at_the_end_of_file(self):
        self.worker.settle(self.now, run_order(1))
        self.worker.socket.close()
        self.assertEqual(self.worker.wait(), 0)
        self.assertEqual(self.worker.said(), "")

    def test_it_leaves_when_nobody_reads_any_more(self):
        self.settings(interval=1)
        orders = [run_order(job, duration=100000) for job in range(5000)]
        self.worker.orders(*orders)
        for elapsed in range(1, 20):
            self.worker.orders(clock_order(self.now + elapsed, elapsed))
        self.worker.socket.close()
        self.assertEqual(self.worker.wait(), 0)
        self.assertEqual(self.worker.said(), "")

    def test_signals_for_the_whole_group_do_not_end_it(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(self.worker.pid, number)
        self.worker.settle(self.now)
        self.assertTrue(alive(self.worker.pid))

    @unittest.skipIf(VALGRIND, "it holds files of its own open")
    def test_it_holds_nothing_open_but_what_it_needs(self):
        path = "/proc/%d/fd" % self.worker.pid
        held = {fd: os.readlink(os.path.join(path, fd))
                for fd in os.listdir(path)}
        self.assertNotIn("0", held)
        self.assertNotIn("1", held)
        self.assertRegex(held.pop("3"), "^socket:")
        held.pop("2")
        self.assertEqual(sorted(held.values()),
                         ["anon_inode:[eventpoll]", "anon_inode:[timerfd]"])


class RealTime(Started):
    def test_runs_end_in_real_time(self):
        self.worker.settle(5000, rate=1.0)
        begin = time.monotonic()
        self.worker.orders(run_order(1, duration=300))
        news = []
        while not news or news[-1].kind != COMPLETED:
            news += [r for r in self.worker.packet() if r.kind != ALIVE]
        passed = time.monotonic() - begin
        self.assertGreater(passed, 0.29)
        self.assertLess(passed, 0.3 + DEADLINE)
        self.assertEqual(sorted({r.stage for r in news}),
                         list(range(DOWNLOAD, RENDER + 1)))

    def test_a_worker_says_every_2_s_that_it_lives_and_else_sleeps(self):
        self.worker.settle(5000, rate=1.0)
        self.worker.packet()
        began, before = time.monotonic(), self.switches()
        self.worker.packet()
        self.worker.packet()
        passed = time.monotonic() - began
        # two signs, 2 s apart, the first of which may have been read late
        self.assertTrue(2.0 < passed < 4.5 + DEADLINE / 15, passed)
        self.assertLessEqual(self.switches() - before, 3)

    def test_a_clock_may_have_been_running_for_a_while(self):
        since = time.monotonic_ns() - 10**10
        news, sign = self.worker.settle(
            5000, clock_order(5000, 0, rate=1.0, since=since),
            run_order(1, duration=60000), rate=1.0, since=since)
        self.assertTrue(15000 <= news[0].at <= sign.at < 16000 +
                        1000 * DEADLINE, (news[0].at, sign.at))
        self.assertEqual(sign.next, news[0].at + 6000)

    def switches(self):
        with open("/proc/%d/status" % self.worker.pid) as status:
            for line in status:
                if line.startswith("voluntary_ctxt_switches"):
                    return int(line.split()[1])

    @unittest.skipIf(SANITIZER not in ("", "no") or VALGRIND,
                     "sanitizers and valgrind take memory")
    def test_an_idle_worker_takes_less_than_3_MB(self):
        with open("/proc/%d/status" % self.worker.pid) as status:
            rss = [int(line.split()[1]) for line in status
                   if line.startswith("VmRSS")][0]
        self.assertLess(rss, 3000)


class Nonsense(Started):
    def ends_with(self, sentence):
        self.assertEqual(self.worker.wait(), 1)
        self.assertIn(sentence, self.worker.said())
        self.assertEqual(self.worker.said().count("\n"), 1)

    def test_garbage_ends_it_with_a_sentence(self):
        self.worker.socket.send(b"GET / HTTP/1.1\r\n\r\n")
        self.ends_with("cannot read what heygend says")

    def test_a_packet_cut_short_ends_it(self):
        self.worker.socket.send(HEADER.pack(MAGIC, 2, ORDER.size) +
                                stop_order(1))
        self.ends_with("cannot read what heygend says")

    def test_a_number_out_of_range_ends_it(self):
        self.worker.orders(run_order(1, progress=float("nan")))
        self.ends_with("cannot read what heygend says")

    def test_a_run_in_a_slot_that_is_taken_ends_it(self):
        self.worker.orders(run_order(1, slot=4), run_order(2, slot=4))
        self.ends_with("cannot begin run 1 in slot 4")


class Alone(unittest.TestCase):
    def output(self, *args, **more):
        return subprocess.run([program("heygen-worker"), *args],
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=DEADLINE, text=True, **more)

    def test_a_run_before_clock_and_settings_ends_it(self):
        with Worker() as worker:
            worker.orders(run_order(1))
            self.assertEqual(worker.wait(), 1)
            self.assertIn("before clock and settings", worker.said())

    def test_it_refuses_to_run_without_its_socket(self):
        result = self.output()
        self.assertEqual(result.returncode, 64)
        self.assertIn("descriptor 3 is no socket of heygend's", result.stderr)
        a, b = socket.socketpair()
        with a, b, tempfile.TemporaryFile() as stderr:
            pid = spawn(b, stderr)		# a stream, not packets
            self.assertEqual(os.waitstatus_to_exitcode(
                os.waitpid(pid, 0)[1]), 64)

    def test_it_tells_its_version_and_its_usage(self):
        self.assertRegex(self.output("--version").stdout,
                         r"^heygen-worker \d+\.\d+\.\d+\n$")
        self.assertRegex(self.output("--help").stdout, "^usage: ")
        result = self.output("--fast")
        self.assertEqual((result.returncode, result.stdout), (64, ""))
        self.assertRegex(result.stderr, "^usage: ")

    def test_it_dies_with_a_parent_that_was_killed(self):
        a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        out, into = os.pipe()
        parent = os.fork()
        if parent == 0:
            # a stays open in the test: only the signal can tell the worker
            with tempfile.TemporaryFile() as stderr:
                os.write(into, b"%d" % spawn(b, stderr))
                b.close()
                signal.pause()
            os._exit(1)
        b.close()
        os.close(into)
        worker = int(os.read(out, 32))
        os.close(out)
        a.settimeout(DEADLINE)
        a.recv(65536)			# its first sign of life
        self.assertTrue(alive(worker))
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        until(lambda: not alive(worker), "that the worker is gone")
        a.close()


if __name__ == "__main__":
    sys.exit(main(Life, Failure, Draws, Socket, RealTime, Nonsense, Alone))
