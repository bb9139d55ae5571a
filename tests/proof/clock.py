"""clock.py -- the clock is set, everything sleeps, and real work goes on.

The clients and the checker are crash.py's: they remember what was
acknowledged.  But nobody dies: the wall clock is set back and forth by an
hour or so, at random instants, the daemon and its workers are stopped for
seconds (SIGSTOP), and put to sleep: stopped, and when they go on the wall
clock is an hour later while the monotonic one has hardly moved, as after a
suspend.  tests/unit/clock_shim.c is the wall clock.

Besides that nothing is lost, witnesses (clock_witness.py) hold delays, runs
and waits against the monotonic clock, promises (not_before, TTL) against the
wall clock as the daemon saw it, and every estimate against reason; the
histories tell each change at a time that the daemon's clock showed, in
order; no worker is taken for dead; each step of the clock is noticed.

    clock.py --rounds 400 --seconds 600 --seed 7 --clients 32
"""
import argparse
import os
import random
import re
import signal
import sqlite3
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "system"))
sys.path.insert(0, HERE)
from clock_witness import EARLY_MS, WITNESSES, Witness  # noqa: E402
from crash import CHANGES, Arena, prove  # noqa: E402
from crash_check import Wrong  # noqa: E402
from heygend import preload, until  # noqa: E402

HOUR_MS = 3600 * 1000
FARTHEST_MS = 3 * HOUR_MS
LATE_MS = 8000			# of a change that was told after a stop
STEP = re.compile(r"clock\.set step_ms=(-?\d+)")
SILENCE_S = 4
SETTINGS = {
    "jobs.workers": 3, "jobs.slots": 16, "jobs.worker_timeout_s": SILENCE_S,
    "jobs.restart_delay_ms": 20, "jobs.restart_delay_max_ms": 2000,
}


class Timeline:
    """What the daemon's wall clock showed, when: pieces are (begin and end of
    its setting, off), in ms of the machine's clock.  Any thread may ask."""

    def __init__(self, path):
        self.path, self.lock = path, threading.Lock()
        self.pieces, self.stops, self.stopped_at = [], [], None
        self.set(0)

    @staticmethod
    def machine_ms():
        return time.time() * 1000

    @property
    def off_ms(self):
        return self.pieces[-1][2]

    def set(self, off_ms):
        with self.lock:
            fd = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            begun = self.machine_ms()
            os.write(fd, struct.pack("=q", off_ms))
            self.pieces.append((begun, self.machine_ms(), off_ms))
            os.close(fd)

    def between(self, begin_ms, end_ms):
        """[(from, to)]: what it showed between these two instants."""
        with self.lock:
            pieces = list(self.pieces)
        shown = []
        for at, (since, _, off) in enumerate(pieces):
            until_ms = (pieces[at + 1][1] if at + 1 < len(pieces) else end_ms)
            first, last = max(since, begin_ms), min(until_ms, end_ms)
            if first <= last:
                shown.append((first + off, last + off))
        return shown

    def latest(self, begin_ms, end_ms):
        return max(last for _, last in self.between(begin_ms, end_ms))

    def stopped_ms(self, begin_ms, end_ms):
        """How long everything was stopped between these two."""
        with self.lock:
            stops = list(self.stops)
            if self.stopped_at is not None:
                stops.append((self.stopped_at, end_ms))
        return sum(max(0, min(last, end_ms) - max(first, begin_ms))
                   for first, last in stops)

    def begin_stop(self):
        with self.lock:
            self.stopped_at = self.machine_ms()

    def end_stop(self):
        with self.lock:
            self.stops.append((self.stopped_at, self.machine_ms()))
            self.stopped_at = None


class ClockArena(Arena):
    check_share = 0.3

    def __init__(self, seed, clients, witnesses):
        super().__init__(seed, clients, "clock", SETTINGS)
        path = os.path.join(self.daemon.dir, "clock")
        self.timeline = Timeline(path)
        self.daemon.env.update(LD_PRELOAD=preload("test_clock_shim"),
                               HEYGEND_TEST_CLOCK=path)
        self.sets, self.stopped, self.sleeps = 0, 0, 0
        self.workers = None
        self.witnesses = [
            Witness(self, "w%d" % n, WITNESSES[n % len(WITNESSES)])
            for n in range(witnesses)]

    def queue_stands(self):
        return self.pauser.paused or not self.pauser.sure

    # --- what is done to it -------------------------------------------------

    def strike(self):
        if self.workers is None:
            self.workers = sorted(self.daemon.children())
            for witness in self.witnesses:
                witness.start()
        time.sleep(self.random.random() * 0.6)
        self.kills += 1			# a round
        chance = self.random.random()
        if chance < 0.75:
            self.set_clock()
        elif chance < 0.9:
            # half of them longer than a worker may be silent
            self.stop(self.random.choice((0.1, SILENCE_S + 0.2)) +
                      1.5 * self.random.random(), 0)
            self.stopped += 1
        else:
            self.stop(0.2 + self.random.random(), HOUR_MS)
            self.sleeps += 1

    def step(self):
        step = self.random.choice((HOUR_MS, HOUR_MS, HOUR_MS, 90000, 2500))
        return step if self.random.random() < 0.5 else -step

    def move(self, step):
        if abs(self.timeline.off_ms + step) > FARTHEST_MS:
            step = -step
        self.timeline.set(self.timeline.off_ms + step)
        self.sets += 1

    def set_clock(self):
        step = self.step()
        self.move(step)
        if self.random.random() < 0.3:		# and back at once
            time.sleep(self.random.random() * 0.05)
            self.move(-step)

    def stop(self, seconds, step):
        """Everybody; the wall clock may have moved when they go on."""
        everybody = [self.daemon.process.pid] + self.workers
        self.random.shuffle(everybody)
        self.timeline.begin_stop()
        for pid in everybody:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        if step:
            self.move(step)
        self.random.shuffle(everybody)
        for pid in everybody:
            os.kill(pid, signal.SIGCONT)
        self.timeline.end_stop()

    # --- the checker --------------------------------------------------------

    def check_database(self):
        super().check_database()
        if self.lost_runs():
            raise Wrong("runs were lost: %r" % self.database.lost_runs())
        self.check_times()

    def check_times(self):
        """Each change bears a time that the clock showed, in order: the
        first piece of the timeline that it fits is no earlier than that of
        the one before."""
        shown = self.timeline.between(0, self.timeline.machine_ms())
        path, at = os.path.join(self.daemon.state_dir, "jobs.db"), 0
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        for seq, kind, when in db.execute(
                "SELECT seq, kind, at_ms FROM event ORDER BY seq"):
            while at < len(shown) and not (
                    shown[at][0] - LATE_MS <= when <= shown[at][1] + EARLY_MS):
                at += 1
            if at == len(shown):
                raise Wrong("event %d, %s, at %d: the clock never showed "
                            "that, or not then" % (seq, kind, when))
        db.close()

    def check_touched(self):
        super().check_touched()
        if sorted(self.daemon.children()) != self.workers:
            raise Wrong("a worker was replaced")
        self.check_noticed()

    def check_noticed(self):
        """The steps that it tells of add up to where the clock is now."""
        def noticed():
            steps = sum(int(step) for step in
                        STEP.findall(self.daemon.log()))
            # what is below a second may not be worth a look
            return abs(steps - self.timeline.off_ms) < 1000
        until(noticed, "that the clock's steps are noticed", 20)

    def finish(self):
        for witness in self.witnesses:
            witness.over = True
        for witness in self.witnesses:
            witness.join(60)
            if witness.is_alive():
                raise Wrong("witness %s hangs: %s" % (
                    witness.name, witness.scenario.__name__))
            # the checker of the database is to know them
            self.pauser.lost += [[title] for title in witness.titles]
        super().finish()
        if "worker.lost" in self.daemon.log():
            raise Wrong("a worker was taken for dead")

    def witnessed(self):
        return ", ".join("%d of %s" % (
            sum(w.seen for w in self.witnesses if w.scenario is scenario),
            scenario.__name__) for scenario in WITNESSES)

    def check_proven(self):
        """Nobody asks twice here: every request is answered."""
        for scenario in WITNESSES:
            if not any(w.seen for w in self.witnesses
                       if w.scenario is scenario):
                raise Wrong("nothing is proven: never " + scenario.__name__)

    def summary(self, rounds):
        counts = self.counts
        return ("%d of %d rounds under %d clients: the clock set %d times, "
                "%d stops, %d sleeps; no worker lost; witnesses saw %s; %d "
                "changes acknowledged and remembered, %d looks, %d jobs, %d "
                "checks, %d events, each at its time" % (
                    self.kills, rounds, len(self.clients) - 1, self.sets,
                    self.stopped, self.sleeps, self.witnessed(),
                    sum(counts[kind] for kind in CHANGES), counts["looks"],
                    len(self.jobs), self.checked, len(self.watcher.seen)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--witnesses", type=int, default=2 * len(WITNESSES))
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    args = parser.parse_args()
    print("clock: seed %s" % args.seed, flush=True)
    arena = ClockArena(args.seed, args.clients, args.witnesses)
    prove(arena, "clock", "--seed " + args.seed, args)


if __name__ == "__main__":
    main()
