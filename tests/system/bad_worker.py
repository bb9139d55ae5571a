"""bad_worker.py -- a worker that is none, for test_crew.py.

Descriptor 3 is the socket to heygend.  $HG_BAD_WORKER names a file whose text
says how to be bad; "good" becomes the real worker, $HG_GOOD_WORKER.  With
"once" behind it only the first one is so, and whoever comes later is good.
"""
import os
import random
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import write_whole  # noqa: E402
from test_worker import (  # noqa: E402
    ALIVE, BATCH, COMPLETED, DOWNLOAD, FAILED, HEADER, MAGIC, ORDER, PROGRESS,
    RECORD, RENDER)

ORDER_CLOCK, ORDER_RUN, ORDER_STOP = 2, 3, 4
MS_MAX = 2**53 - 1              # the latest time that is one


def mode():
    path = os.environ["HG_BAD_WORKER"]
    with open(path) as file:
        how, *once = file.read().split()
    if once:
        write_whole(path, "good")
    return how


def now_ms():
    return int(time.monotonic() * 1000)


def record(what, order=None, **fields):
    """A right record of this order's run, but for the fields given."""
    run, slot, job = order or (0, 0, 0)
    values = {"kind": what, "run": run, "slot": slot,
              "stage": DOWNLOAD if what == PROGRESS else 0,
              "error": 1 if what == FAILED else 0, "job": job,
              "at": now_ms(), "remaining": 0 if what == COMPLETED else 1000,
              "progress": 1.0 if what == COMPLETED else 0.0, "tick": 0,
              "next": 2**63 - 1, "running": 0, "reserved": 0}
    values.update(fields)
    return RECORD.pack(*values.values())


def packet(*records):
    return HEADER.pack(MAGIC, len(records), RECORD.size) + b"".join(records)


class Bad:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET,
                                    fileno=3)
        self.tick = 0
        self.next_alive = 0

    def alive(self):
        if time.monotonic() >= self.next_alive:
            self.send(record(ALIVE, tick=self.tick))
            self.next_alive = time.monotonic() + 0.5

    def send(self, *records):
        self.socket.send(packet(*records))

    def runs(self):
        """The runs that are ordered, as (run, slot, job)."""
        return (run for kind, run in self.orders() if kind == ORDER_RUN)

    def orders(self):
        """Runs and stops, each with its run; speaks meanwhile."""
        self.socket.settimeout(0.2)
        while True:
            self.alive()
            try:
                data = self.socket.recv(1 << 16)
            except TimeoutError:
                continue
            if not data:
                sys.exit(0)
            for at in range(HEADER.size, len(data), ORDER.size):
                kind, run, slot, _, job, body = ORDER.unpack_from(data, at)
                if kind == ORDER_CLOCK:
                    self.tick = struct.unpack_from("=qq", body)[1]
                    self.next_alive = 0
                    self.alive()
                else:
                    yield kind, (run, slot, job)

    # --- ways of being bad ---------------------------------------------------

    def garbage(self):
        for _ in self.runs():
            while True:
                self.socket.send(os.urandom(random.randint(1, 5000)))

    def lies(self):
        """The frame is right, what it says cannot be."""
        how = [{"progress": float("nan")}, {"progress": 1.5},
                 {"remaining": -1}, {"at": -5}, {"at": MS_MAX + 1},
                 {"remaining": MS_MAX + 1}, {"stage": 99}, {"kind": 77},
                 {"error": 3}, {"job": -1}, {"progress": -0.1}]
        for run in self.runs():
            self.send(record(PROGRESS, run, **random.choice(how)))

    def oversized(self):
        for _ in self.runs():
            self.socket.send(HEADER.pack(MAGIC, BATCH + 1, RECORD.size) +
                             record(ALIVE) * (BATCH + 1))

    def empty(self):
        for _ in self.runs():
            self.socket.send(b"")

    def wrong_runs(self):
        """Of others, of none, of the past, of the future; then the truth."""
        for run in self.runs():
            number, slot, job = run
            for wrong in ((number + 1, slot, job), (number - 1, slot, job),
                          (number, slot + 1, job), (number, 2**32 - 1, job),
                          (number, slot, job + 1), (number, slot, 2**60)):
                for kind in (PROGRESS, COMPLETED, FAILED):
                    self.send(record(kind, wrong))
            self.send(record(PROGRESS, run, progress=0.5, stage=RENDER,
                             at=MS_MAX, remaining=MS_MAX))
            self.send(record(PROGRESS, run, progress=0.1, at=0))
            # and nothing that follows an end counts
            self.send(record(COMPLETED, run, at=0), record(PROGRESS, run),
                      record(FAILED, run), record(COMPLETED, run))

    def stubborn(self):
        """Ends runs when they are stopped, twice; a job's second one by
        itself."""
        begun = set()
        for kind, run in self.orders():
            if kind == ORDER_STOP or run[2] in begun:
                self.send(record(COMPLETED, run))
                self.send(record(FAILED, run))
            begun.add(run[2])

    def flood(self):
        """As much as the socket takes, of what is right and says nothing."""
        for run in self.runs():
            end = time.monotonic() + 3
            full = [record(PROGRESS, run, progress=0.2)] * (BATCH - 1)
            self.socket.settimeout(5)
            while time.monotonic() < end:
                self.send(record(ALIVE, tick=self.tick), *full)
            self.send(record(COMPLETED, run))

    def deaf(self):
        """Never reads, says that it is well."""
        while True:
            self.send(record(ALIVE))
            time.sleep(0.5)

    def mute(self):
        """Never reads, never speaks."""
        time.sleep(3600)

    def dies(self):
        """As soon as it has something to do."""
        for _ in self.runs():
            os._exit(1)

    def dies_with_progress(self):
        for run in self.runs():
            self.send(record(PROGRESS, run, progress=0.1 * run[0],
                             remaining=600000))
            os._exit(1)


if __name__ == "__main__":
    how = mode()
    if how == "good":
        os.execv(os.environ["HG_GOOD_WORKER"], ["heygen-worker"])
    try:
        getattr(Bad(), how)()
    except (BrokenPipeError, ConnectionResetError):
        pass
