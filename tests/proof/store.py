"""store.py -- a disk that is full and back, read-only and back, or slow.

The clients of crash.py go on asking while the disk under the daemon fails,
and the same checker reads what is left.  Proved in each cycle: nothing
acknowledged is lost; a change is done or refused by 503 store_unavailable,
nothing else; reading goes on all the time; the daemon recovers by itself, and
keeps as many threads free as before; killed, stopped or started in the midst
of it, it loses nothing either.  On a slow disk: a change takes a few fsyncs,
reading takes none.  By hand:

    store.py --seconds 300 --seed 7 --clients 32 full readonly broken slow
"""
import argparse
import gc
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "system"))
import disk  # noqa: E402
from crash import CHANGES, Arena, say_failed, skip  # noqa: E402
from crash_check import Wrong  # noqa: E402
from crash_clients import REFUSED, Http, Unknown  # noqa: E402
from heygend import alive, preload, until  # noqa: E402

REFUSED_S = 30			# until the first change is refused
RECOVERED_S = 8			# the store is tried again every 5 s at least
READ_S = 1.0			# no reading takes longer, whatever the disk does
READ_P99_S = 0.15
# a change waits for the turn under way and its own, and perhaps for a
# checkpoint and the log that begins anew: (share, syncs)
BUSY_S = 0.1			# a machine that has other things to do
FSYNCS = ((0.5, 3), (0.99, 5), (1, 7))


class TimedHttp(Http):
    """Remembers how long each change took."""

    def ask(self, method, path, body=None, key=None):
        answer = super().ask(method, path, body, key)
        if method != "GET":
            self.arena.delays.append(self.acked - self.sent)
        return answer


class Reader(threading.Thread):
    """Reads all the time; everything is to be there, and at once."""

    def __init__(self, arena):
        super().__init__(daemon=True)
        self.arena, self.http = arena, Http(arena)
        self.random = random.Random("%s/reader" % arena.seed)
        self.delays, self.over = [], False

    def path(self):
        client = self.random.choice(self.arena.clients)
        jobs = [job for job in client.jobs[-20:]
                if not job.deleted and not job.maybe]
        paths = ["/healthz", "/v1/queue", "/v1/jobs?limit=50", "/metrics",
                 "/v1/jobs?state=completed&limit=20", "/v1/events?after=1"]
        if jobs:
            id = self.random.choice(jobs).id
            paths += ["/v1/jobs/" + id, "/status/" + id,
                      "/v1/jobs/%s/events" % id] * 3
        return self.random.choice(paths)

    def read(self):
        path, life = self.path(), self.arena.life
        try:
            status, shown, _ = self.http.ask("GET", path)
        except Unknown as error:
            if self.arena.down or self.arena.life != life:
                return
            raise Wrong("not read: %s" % error) from None
        self.delays.append(self.http.acked - self.http.sent)
        if self.delays[-1] > READ_S:
            raise Wrong("%s took %.2f s" % (path, self.delays[-1]))
        if status != 200 and status != 410:
            raise Wrong("%d for %s: %r" % (status, path, shown))

    def run(self):
        while not self.over:
            try:
                if not self.arena.down:
                    self.read()
            except Wrong as wrong:
                self.arena.fail(str(wrong))
            except Exception as error:	# pylint: disable=broad-except
                self.arena.fail("reader: %r" % error)
            time.sleep(0.005)


class SickArena(Arena):
    """A part: what is wrong with the disk.  sicken() and cure() are its."""
    name = None
    refuses = True			# changes, while it is sick

    def __init__(self, seed, clients):
        self.delays = []
        super().__init__("%s/%s" % (seed, self.name), clients,
                         victim="daemon")
        self.answers_all = True		# while it is up
        self.given_seed = seed
        try:
            self.disk = disk.Disk(os.path.join(self.daemon.dir, "disk"))
        except BaseException:
            self.daemon.remove()
            raise
        self.daemon.settings["store.state_dir"] = os.path.join(
            self.disk.path, "state")
        self.log_is_clean = False	# what fails is logged
        self.down = True
        self.cycles, self.recovery_s, self.free_threads = 0, [], 0
        self.sick_kills, self.sick_stops, self.sick_starts = 0, 0, 0
        self.reader = Reader(self)

    def make_http(self):
        return TimedHttp(self)

    def after_unknown(self, client, error):
        if str(error) == REFUSED:	# the others want to go on, too
            time.sleep(client.random.random() * 0.05)
        elif self.down or client.http.life != self.life:
            super().after_unknown(client, error)
        else:
            self.fail("no answer though the daemon lived: %s" % error)

    @property
    def files(self):
        return [os.path.join(self.daemon.state_dir, name)
                for name in ("jobs.db", "jobs.db-wal")]

    def sicken(self):
        raise NotImplementedError

    def cure(self):
        raise NotImplementedError

    # --- a cycle ------------------------------------------------------------

    def load(self, at_least_s, more_s):
        end = time.monotonic() + at_least_s + self.random.random() * more_s
        while time.monotonic() < end:
            if self.wrongs:
                raise Wrong(self.wrongs[0])
            time.sleep(0.02)

    def status(self, path):
        return self.asker.ask("GET", path)[0]

    def is_ready(self):
        """/readyz says 503 by design, and without Retry-After."""
        try:
            return self.daemon.get("/readyz").status == 200
        except OSError:
            return False

    def is_refused(self):
        before = self.counts["refused"]
        until(lambda: self.wrongs or self.counts["refused"] > before,
              "that a change is refused", REFUSED_S)
        if not self.wrongs:
            until(lambda: not self.is_ready(), "that it says so", REFUSED_S)

    def bring_down(self, stop):
        """In the midst of it: kill -9, or SIGTERM."""
        self.down, workers = True, self.daemon.children()
        if stop:			# what cannot be written is no success
            self.daemon.process.send_signal(signal.SIGTERM)
            status = self.daemon.wait()
            if status not in (0, 1):
                raise Wrong("exit %d when it was stopped" % status)
            self.sick_stops += 1
        else:
            self.daemon.kill()
            self.sick_kills += 1
        self.daemon.port = None
        until(lambda: not any(alive(pid) for pid in workers),
              "that the workers leave")

    def start_sick(self):
        """It starts, or says why it does not; both lose nothing."""
        self.sick_starts += 1
        try:
            self.daemon.start()
        except AssertionError as error:
            says = "".join(self.daemon.log().splitlines()[-2:])
            if not str(error).startswith("exit 1 ") or \
                    not re.search("jobs.db failed|Read-only file", says):
                raise
            return
        self.is_up()
        self.load(0.1, 0.3)
        self.bring_down(False)

    def is_up(self):
        self.down = False
        with self.turn:
            self.life += 1
            self.turn.notify_all()

    def ordeal(self):
        """While it is sick, perhaps, another thing happens."""
        choice = self.random.random()
        if choice > 0.4:
            return
        self.bring_down(choice < 0.1)
        if choice < 0.25:
            self.start_sick()

    def recovers(self):
        begun = time.monotonic()
        if self.down:
            self.daemon.start()
            self.is_up()
        until(self.is_ready, "that it recovers by itself", RECOVERED_S)
        self.recovery_s.append(time.monotonic() - begun)

    def cycle(self):
        self.release()
        self.load(0.1, 0.4)
        self.sicken()
        if self.refuses:
            self.is_refused()
        self.load(0.1, 1.0)
        self.ordeal()
        self.cure()
        self.recovers()
        self.load(0.1, 0.2)
        self.stop_all()
        if not self.wrongs:
            self.check_touched()
        if self.wrongs:
            raise Wrong(self.wrongs[0])
        self.cycles += 1

    # --- threads ------------------------------------------------------------

    def kept_connections(self):
        """How many connections can be kept before each answer closes: all
        threads but the few that stay free, and those that something holds."""
        for client in self.clients:
            client.http.close()		# they wait for release()
        raws = []
        try:
            while len(raws) < 1000:
                raw = self.daemon.raw(self.daemon.message("GET", "/healthz"))
                raws.append(raw)
                if raw.answer().headers.get("connection") == "close":
                    break
        finally:
            for raw in raws:
                raw.close()
        return len(raws)

    def check_threads(self):
        """None hangs: there are as many free ones as there were."""
        self.free_threads = self.free_threads or self.kept_connections()
        # the watcher may hold one that it did not hold then, or the reader
        until(lambda: self.kept_connections() >= self.free_threads - 1,
              "that %d threads are free again" % self.free_threads, 30, 0.5)

    # --- the whole ----------------------------------------------------------

    def rounds(self, rounds, seconds):
        begun = time.monotonic()
        self.begin()
        self.down = False
        self.reader.start()
        self.check_threads()
        self.fsync_s = self.disk.fsync_s()
        while self.cycles < 2 or time.monotonic() - begun < seconds:
            self.cycle()
        self.check_threads()

    def run(self, rounds, seconds):
        try:
            return super().run(rounds, seconds)
        finally:			# the daemon is gone
            self.reader.over = True
            self.disk.remove()
            self.daemon.remove()	# the directory that was busy

    def stop_others(self):
        self.reader.over = self.down = True
        self.reader.join(20)
        self.reader.http.close()

    def check_proven(self):
        counts, wrong = self.counts, []
        if sum(counts[kind] for kind in CHANGES) < 10 * self.cycles:
            wrong.append("hardly a change")
        if len(self.reader.delays) < 10 * self.cycles:
            wrong.append("hardly a look")
        if self.refuses and counts["refused"] < self.cycles:
            wrong.append("nothing refused")
        if wrong:
            raise Wrong("nothing is proven: " + ", ".join(wrong))
        self.check_reading()

    def check_reading(self):
        if part_of(self.reader.delays, 0.99) > READ_P99_S:
            raise Wrong("reading takes %.0f ms (p99)" %
                        (1000 * part_of(self.reader.delays, 0.99)))

    def summary(self, rounds):
        counts = self.counts
        return (
            "disk %s and back, %d times under %d clients (there %d kill -9, "
            "%d stops, %d starts); %d changes acknowledged and remembered, "
            "%d refused by 503, %d looks, %d jobs, %d checks, %d events; "
            "recovered by itself in %.1f s (median), %.1f s at most; %d reads "
            "all answered, p99 %.0f ms, at most %.0f ms%s; no thread hangs" % (
                self.name, self.cycles, len(self.clients) - 1,
                self.sick_kills, self.sick_stops, self.sick_starts,
                sum(counts[kind] for kind in CHANGES), counts["refused"],
                counts["looks"], len(self.jobs), self.checked,
                len(self.watcher.seen), part_of(self.recovery_s, 0.5),
                max(self.recovery_s), len(self.reader.delays),
                1000 * part_of(self.reader.delays, 0.99),
                1000 * max(self.reader.delays), self.more()))

    def more(self):
        return ""


def stands_still(pid):
    """Each of its threads is stopped."""
    states = set()
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/stat" % (pid, task)) as stat:
            states.add(stat.read().rpartition(")")[2].split()[0])
    return states == {"T"}


def part_of(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class Full(SickArena):
    name = "full"

    def sicken(self):
        self.disk.fill()

    def cure(self):
        self.disk.free()


class ReadOnly(SickArena):
    """The files, under the daemon; the whole disk between two lives."""
    name = "readonly"

    def sicken(self):
        self.disk.freeze_files(True, *self.files)

    def cure(self):
        self.disk.freeze_files(False, *self.files)
        if not self.down:
            return
        self.disk.remount("ro")
        try:
            self.start_sick()
        finally:
            self.disk.remount("rw")


class Broken(SickArena):
    """The kernel gives the disk up, with what was not synced; an operator has
    it repaired."""
    name = "broken"

    def __init__(self, seed, clients):
        super().__init__(seed, clients)
        self.lossy = True

    def sicken(self):
        """With nothing under way: ext4 itself loses what fdatasync has just
        said yes to, if its journal is given up at that moment."""
        pid = self.daemon.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            until(lambda: stands_still(pid), "that the daemon stands still")
            self.disk.sync()
            self.disk.give_up()
        finally:
            os.kill(pid, signal.SIGCONT)

    def ordeal(self):
        self.bring_down(self.random.random() < 0.5)
        if self.random.random() < 0.5:
            self.start_sick()

    def cure(self):
        self.disk.repair()


class Slow(SickArena):
    """Every sync takes longer, all the time."""
    refuses = False
    delay_ms = None

    def __init__(self, seed, clients):
        super().__init__(seed, clients)
        self.slow_delays = []
        plan = os.path.join(self.daemon.dir, "plan")
        with open(plan, "w") as file:
            file.write("sync 1 0 delay=%d\n" % self.delay_ms)
        self.daemon.env.update(LD_PRELOAD=preload("test_vfs"),
                               HEYGEND_TEST_VFS=plan)

    def sicken(self):
        self.delays.clear()

    def ordeal(self):
        """Whoever was killed under way took longer for another reason."""
        self.load(0.5, 1.5)
        self.slow_delays += self.delays
        if self.random.random() < 0.3:
            self.bring_down(False)

    def cure(self):
        pass

    def check_reading(self):
        super().check_reading()
        fsync = self.delay_ms / 1000 + self.fsync_s
        for share, fsyncs in FSYNCS:
            took = part_of(self.slow_delays, share)
            if took > fsyncs * fsync + BUSY_S:
                raise Wrong("%g of the changes take %.0f ms at %.0f ms a "
                            "sync" % (share, 1000 * took, 1000 * fsync))

    def more(self):
        took = [1000 * part_of(self.slow_delays, share)
                for share in (0.5, 0.99, 1)]
        return "; %d changes took %.0f ms (median), %.0f ms (p99), %.0f ms " \
            "at most (the disk's own sync: %.0f ms)" % (
                len(self.slow_delays), *took, 1000 * self.fsync_s)


class Slow20(Slow):
    name, delay_ms = "slow (20 ms a sync)", 20


class Slow200(Slow):
    name, delay_ms = "slow (200 ms a sync)", 200


PARTS = {"full": [Full], "readonly": [ReadOnly], "broken": [Broken],
         "slow": [Slow20, Slow200]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    args = parser.parse_args()
    parts = [part for name in args.parts or PARTS for part in PARTS[name]]
    print("store: seed %s" % args.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix="heygend-disk-") as directory:
        reason = disk.why_not(directory)
    if reason:
        print("store: skipped: %s" % reason, flush=True)
        skip("proof-store")
    # a collection of all that is remembered stops every client, for half a
    # second in the end, which would count as the daemon's
    gc.disable()
    for part in parts:
        gc.collect()
        try:
            arena = part(args.seed, args.clients)
            print("store: " + arena.run(0, args.seconds / len(parts)),
                  flush=True)
        except Exception as error:	# pylint: disable=broad-except
            say_failed("store", "--seed %s, disk %s" % (
                args.seed, part.name), error)
            sys.exit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()
