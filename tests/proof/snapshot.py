"""snapshot.py -- an operator's forgotten BEGIN; SELECT delays no turn.

Clients submit, edit and cancel jobs all the time and note how long each
command took.  For HOLD_S somebody holds a snapshot of the database: commands
go on with the delays they had before and have afterwards, nobody is refused,
the snapshot stays what it was; the log grows, which is told once, by no more
than the changes are, and is cut back when the snapshot is gone.  By hand:

    snapshot.py --seconds 120 --seed 7 --clients 4
"""
import argparse
import contextlib
import http.client
import json
import os
import random
import sqlite3
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "system"))
sys.path.insert(0, HERE)
from crash import say_failed  # noqa: E402
from crash_check import Wrong  # noqa: E402
from crowd import rise  # noqa: E402
from heygend import Daemon, until  # noqa: E402

HOLD_S = 60			# as long as an operator forgets it
PAUSE_S = 0.04			# at most, between two commands of a client
TIMES, MORE_MS = 2, 3		# the delays without it, and what is noise
COMMIT_BYTES = 10 * 4120	# of the log: the pages that one command changes
WAL_MAX = 8 << 20
IN_THE_WAY = "store.reader_in_the_way"
SETTINGS = {
    "status.default_job": "off", "log.level": "info", "jobs.slots": 16,
    "simulation.min_ms": 3600000, "simulation.max_ms": 3600000,
    "store.wal_max_bytes": WAL_MAX,
}


class Client(threading.Thread):
    """One command after the other; delays are (when, ms)."""

    def __init__(self, daemon, seed):
        super().__init__(daemon=True)
        self.random, self.delays, self.wrong = random.Random(seed), [], None
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", daemon.port, timeout=20)
        self.over = False

    def ask(self, method, path, body=None):
        begun = time.monotonic()
        self.connection.request(
            method, path, body and json.dumps(body),
            {"Content-Type": "application/json"} if body else {})
        answer = self.connection.getresponse()
        shown = json.loads(answer.read())
        self.delays.append((begun, 1000 * (time.monotonic() - begun)))
        if answer.status not in (200, 202):
            raise Wrong("%d for %s %s: %r" % (answer.status, method, path,
                                              shown))
        time.sleep(self.random.random() * PAUSE_S)
        return shown

    def run(self):
        try:
            while not self.over:
                path = "/v1/jobs/" + self.ask(
                    "POST", "/v1/jobs", {"title": "x" * 100})["id"]
                self.ask("PATCH", path, {"title": "y" * 100})
                self.ask("POST", path + ":cancel")
        except Exception as error:	# pylint: disable=broad-except
            self.wrong = error
        self.connection.close()


def part_of(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Snapshot:
    def __init__(self, seconds, seed, clients):
        # before and after: half of what is left each
        self.around_s = max(5, (seconds - HOLD_S - 10) / 2)
        self.seed, self.count = seed, clients
        self.daemon = Daemon(SETTINGS)
        self.phases = []		# (name, begin, end)

    def log_bytes(self):
        return os.path.getsize(os.path.join(self.daemon.state_dir,
                                            "jobs.db-wal"))

    def phase(self, name, seconds):
        begun = time.monotonic()
        while time.monotonic() < begun + seconds:
            for client in self.clients:
                if client.wrong:
                    raise client.wrong
            time.sleep(0.1)
        self.phases.append((name, begun, time.monotonic()))

    def delays(self, name):
        """In ms, of the commands that were sent in this phase."""
        found = [ms for phase, begin, end in self.phases if phase == name
                 for client in self.clients for at, ms in client.delays
                 if begin <= at < end]
        if len(found) < 100:
            raise Wrong("nothing is proven: %d commands %s" % (len(found),
                                                               name))
        return found

    def hold(self):
        """An operator's shell."""
        path = os.path.join(self.daemon.state_dir, "jobs.db")
        with contextlib.closing(sqlite3.connect(
                "file:%s?mode=ro" % path, uri=True,
                isolation_level=None)) as db:
            db.execute("BEGIN")
            seen = db.execute("SELECT count(*) FROM job").fetchone()
            self.phase("in it", HOLD_S)
            if db.execute("SELECT count(*) FROM job").fetchone() != seen:
                raise Wrong("the snapshot has changed")
            self.largest = self.log_bytes()
            db.execute("COMMIT")

    def check_delays(self):
        for share in (0.5, 0.99):
            took = part_of(self.delays("in it"), share)
            usual = part_of(self.delays("before") + self.delays("after"),
                            share)
            if took > TIMES * usual + MORE_MS:
                raise Wrong("%g of the commands take %.1f ms in it, %.1f ms "
                            "else" % (share, took, usual))

    def check_log(self):
        """It grew, no more than was written to it, and that was told."""
        if self.largest <= WAL_MAX:
            raise Wrong("nothing is proven: the log has %d bytes" %
                        self.largest)
        most = 2 * WAL_MAX + len(self.delays("in it")) * COMMIT_BYTES
        if self.largest > most:
            raise Wrong("the log grew to %d bytes, %d at most were written" %
                        (self.largest, most))
        told = self.daemon.log().count(IN_THE_WAY)
        if told != 1:
            raise Wrong("%s told %d times" % (IN_THE_WAY, told))

    def run(self):
        """The summary; raises Wrong."""
        with self.daemon:
            self.clients = [Client(self.daemon, "%s/%d" % (self.seed, n))
                            for n in range(self.count)]
            for client in self.clients:
                client.start()
            self.phase("before", self.around_s)
            self.hold()
            until(lambda: self.log_bytes() <= WAL_MAX,
                  "that the log is cut back", 10)
            self.left = self.log_bytes()
            self.phase("after", self.around_s)
            for client in self.clients:
                client.over = True
            for client in self.clients:
                client.join(20)
            self.check_delays()
            self.check_log()
        return self.summary()

    def summary(self):
        times = "; ".join(
            "%s %d commands, p50 %.1f, p99 %.1f, max %.1f ms" % (
                (name, len(self.delays(name))) + tuple(
                    part_of(self.delays(name), share)
                    for share in (0.5, 0.99, 1)))
            for name, _, _ in self.phases)
        return "held for %d s under %d clients: %s; the log grew to %.1f " \
            "MiB and was cut to %.1f; told once; seed %s" % (
                HOLD_S, self.count, times, self.largest / (1 << 20),
                self.left / (1 << 20), self.seed)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    args = parser.parse_args()
    print("snapshot: seed %s%s" % (
        args.seed, "" if rise() else ", at no higher priority"), flush=True)
    try:
        print("snapshot: " + Snapshot(args.seconds, args.seed,
                                      args.clients).run())
    except Exception as error:		# pylint: disable=broad-except
        say_failed("snapshot", "--seed " + args.seed, error)
        sys.exit(1)


if __name__ == "__main__":
    main()
