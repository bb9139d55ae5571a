"""hours.py -- eight hours in some minutes: ten million jobs pass through.

The clock is manual and every step of it is ours.  Jobs come in bursts, run,
fail, are restarted, paused, resumed, canceled, edited, deleted and removed;
a worker dies each hour; people look, list, wait and stream.  Each ten
minutes what the daemon takes is sampled, and behind the first hour none of
it may grow: flat.py tells the rule.

Every job is accounted for.  The stream of ends (/v1/events?final=1) must
tell each job's end once for every life it had; the history in the store is
counted as it is written, and has no gap; what the daemon counts itself, what
the store holds and what we asked for must agree; and when all TTLs are over
nothing is left.

    hours.py --jobs 10000000 --seconds 1800 --seed 7
"""
import argparse
import collections
import concurrent.futures
import os
import random
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "system"))
sys.path.insert(0, HERE)
import flat  # noqa: E402
from crash import say_failed  # noqa: E402
from heygend import Daemon, program, until  # noqa: E402
from hours_load import (  # noqa: E402
    MEAN_RUN_S, STEP_S, Load, Wire, jobs_of)

HOUR_S = 3600
HOURS, WARM_UP_S, SAMPLE_S = 8, HOUR_S, 600
RING_EVENTS = 65536		# in memory: it grows until these have been
ENOUGH_SAMPLES = 12
WORKERS = 2
FINAL = ("completed", "error", "canceled")
SETTINGS = {
    "test.clock": "manual", "status.default_job": "off",
    "log.level": "warning", "http.threads": 64, "jobs.workers": WORKERS,
    "jobs.ttl_completed_s": 150, "jobs.ttl_error_s": 200,
    "jobs.ttl_canceled_s": 100, "jobs.tombstone_s": 150,
    "simulation.error_rate": 0, "simulation.eta_error": 0,
    "simulation.progress_interval_ms": 600000,
    "store.wal_max_bytes": flat.WAL_MAX,
}
# What threads keep of what they freed hides what leaks: of each 7 pieces of a
# size up to 1 KiB, 237 KiB a thread at most, which take days to fill.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
PATIENCE_S = 300		# for what is done beside it
END = re.compile(rb'\{"seq":(\d+),"at":"[^"]*","kind":"(\w+)",'
                 rb'"job":\{"id":"[^"]*","seq":(\d+),"state":"(\w+)"')
NEXT = re.compile(rb'"next":(\d+)\}$')


class Wrong(AssertionError):
    """A promise was broken."""


def agree(what, *values):
    if any(value != values[0] for value in values):
        raise Wrong("%s: %s do not agree" % (
            what, ", ".join(str(value) for value in values)))


class Behind:
    """Work that is done beside the simulation, one piece behind it at most."""

    def __init__(self):
        self.thread = concurrent.futures.ThreadPoolExecutor(1)
        self.pending = None

    def finish(self):
        """Waits for the piece under way; raises what it raised."""
        if self.pending is not None:
            self.pending.result(PATIENCE_S)

    def go(self, piece, *args):
        self.finish()
        self.pending = self.thread.submit(piece, *args)


class Ends(Behind):
    """The ends that the stream tells: how often each job has ended."""

    def __init__(self, daemon, jobs):
        super().__init__()
        self.wire, self.after, self.count = Wire(daemon), 0, 0
        self.seen = bytearray(jobs + 1)		# by the job's seq
        self.kinds = collections.Counter()

    def follow(self):
        """Up to an answer that has nothing new."""
        while True:
            body = self.wire.ask(
                "GET", "/v1/events?final=1&after=%d" % self.after)
            if b'"reset":true' in body[-40:]:
                raise Wrong("the history behind %d is gone" % self.after)
            told = self.take(body)
            following = int(NEXT.search(body)[1])
            if following < self.after:
                raise Wrong("from %d back to %d" % (self.after, following))
            if told == 0 and following == self.after:
                return
            self.after = following

    def take(self, body):
        told = 0
        for match in END.finditer(body):
            seq = int(match[1])
            if seq <= self.after:
                raise Wrong("event %d after %d" % (seq, self.after))
            self.after = seq
            self.seen[int(match[3])] += 1
            self.kinds[match[2].decode()] += 1
            told += 1
        if told != body.count(b'{"seq":'):
            raise Wrong("an end of no job in %r" % body[:2000])
        self.count += told
        return told


class History(Behind):
    """Counts the events in the store while they are there."""

    def __init__(self, daemon):
        super().__init__()
        self.db, self.last = flat.open_store(daemon), 0
        self.counts = collections.Counter()	# (kind, from, to): number

    def count(self):
        newest = flat.number(
            self.db, "SELECT seq FROM sqlite_sequence WHERE name = 'event'")
        total = 0
        for kind, was, now, n in self.db.execute(
                "SELECT kind, from_state, to_state, count(*) FROM event"
                " WHERE seq > ? AND seq <= ? GROUP BY 1, 2, 3",
                (self.last, newest)):
            self.counts[kind, was, now] += n
            total += n
        agree("events from %d to %d" % (self.last + 1, newest), total,
              newest - self.last)
        self.last = newest

    def of(self, kind=None, was=None, now=None):
        return sum(n for (k, w, t), n in self.counts.items()
                   if kind in (None, k) and was in (None, w) and
                   now in (None, t))


class Hours:
    def __init__(self, jobs, seconds, seed):
        self.jobs, self.seconds, self.seed = jobs, seconds, seed
        self.begun = time.monotonic()
        self.steps = HOURS * HOUR_S // STEP_S
        self.load = Load(seed, jobs, self.steps)
        a_second = jobs / (HOURS * HOUR_S)
        slots = int(a_second * MEAN_RUN_S / WORKERS) + 4
        self.daemon = Daemon(dict(SETTINGS, **{
            "jobs.slots": slots,
            "simulation.seed": int(seed) % (1 << 50) + 1}),
            env=ENVIRONMENT)
        self.done = collections.Counter()	# what was asked for and done
        self.lives = bytearray(jobs + 1)	# by seq: ends to come
        self.submitted, self.at_s, self.rows = 0, 0, []
        self.longest_s = 0			# of an answer to an advance
        self.warm_s = WARM_UP_S			# what is sampled from then on counts

    # --- what a step does ----------------------------------------------------

    def submit(self, step):
        fresh = []
        for count, body in self.load.bodies(self.load.count(step)):
            answer = self.wire.ask("POST", "/v1/jobs:batch", body, (202,))
            jobs = jobs_of(answer)
            wanted = range(self.submitted + 1, self.submitted + count + 1)
            if [seq for _, seq in jobs] != list(wanted):
                raise Wrong("batch of %d behind %d" % (count, self.submitted))
            self.submitted += count
            fresh += jobs
        return fresh

    def bulk(self, verb, jobs):
        """Counts what it changed; all of these jobs are in no other lot."""
        kind = {"pause": "paused", "resume": "resumed", "cancel": "canceled",
                "restart": "restarted", "delete": "removed"}[verb]
        if verb == "delete":		# the end of one that is gone has no seq
            self.ends.finish()
        results = self.wire.json("POST", "/v1/jobs:" + verb, {
            "ids": [id for id, _ in jobs]})["results"]
        for (id, seq), result in zip(jobs, results):
            if result["id"] != id or result["status"] not in (
                    200, 204, 409, 410):
                raise Wrong("%s of %s: %r" % (verb, id, result))
            if result["status"] in (200, 204):
                self.done[kind] += 1
                self.lives[seq] += verb == "restart"

    def edit(self, jobs):
        for id, _ in jobs:
            self.wire.ask("PATCH", "/v1/jobs/" + id, {
                "title": "Edited", "tags": ["edited", "weekly"]})
            self.done["changed"] += 1

    def decide(self, step, fresh):
        pause, edit = self.load.fates(step, fresh)
        if pause:
            self.bulk("pause", pause)
        self.edit(edit)
        for verb, jobs in self.load.due(step):
            self.bulk(verb, jobs)

    def look(self, fresh):
        """People: each comes on a connection of its own.  What a thread
        keeps for its next answer is as large as it gets within an hour."""
        daemon = self.daemon
        for path in ("/v1/queue", "/v1/jobs?state=error&limit=20",
                     "/v1/jobs?tag=weekly&limit=20", "/v1/jobs?limit=70",
                     "/metrics"):
            answer = daemon.get(path)
            if answer.status != 200:
                raise Wrong("%r for %s" % (answer, path))
        for id, _ in fresh[:1]:
            daemon.get("/status?job_id=" + id)
            daemon.get("/v1/jobs/%s/events" % id)
            with daemon.stream("/v1/events?ids=" + id) as stream:
                if stream.event()["data"]["job"]["id"] != id:
                    raise Wrong("a stream of another job than " + id)

    def advance(self, seconds):
        begun = time.monotonic()
        if begun - self.begun > self.seconds:
            raise Wrong("%d s are over at %d:%02d with %d jobs" % (
                self.seconds, self.at_s // HOUR_S, self.at_s // 60 % 60,
                self.submitted))
        self.wire.ask("POST", "/v1/clock:advance", {"ms": seconds * 1000})
        self.longest_s = max(self.longest_s, time.monotonic() - begun)
        self.at_s += seconds
        self.ends.go(self.ends.follow)
        if self.at_s % 60 == 0:
            self.history.go(self.history.count)

    def lose_a_worker(self):
        """Its runs go back to the queue, and it comes back."""
        worker = self.wire.json("GET", "/v1/queue")["workers"][0]
        os.kill(worker["pid"], signal.SIGKILL)
        self.done["requeued"] += worker["running"]
        self.done["workers lost"] += 1

        def back():
            workers = self.wire.json("GET", "/v1/queue")["workers"]
            return len(workers) == WORKERS and worker["pid"] not in [
                w["pid"] for w in workers]
        until(back, "that the worker comes back")

    def sample(self):
        row = flat.sample(self.daemon, self.store)
        row["real"] = time.monotonic() - self.begun
        self.rows.append((self.at_s, row))
        if flat.number(self.store, "SELECT seq FROM sqlite_sequence"
                       " WHERE name = 'event'") < RING_EVENTS:
            self.warm_s = self.at_s + 1
        print("hours: " + flat.row_text(self.at_s, row), flush=True)

    def step(self, step):
        fresh = self.submit(step)
        self.decide(step, fresh)
        self.look(fresh)
        self.advance(STEP_S)
        if self.at_s % HOUR_S == HOUR_S // 2:
            self.lose_a_worker()
        if self.at_s % SAMPLE_S == 0:
            self.sample()

    # --- the end -------------------------------------------------------------

    def counts(self):
        return self.wire.json("GET", "/v1/queue")["counts"]

    def drain(self):
        """No more come: all end, all are removed, nothing is left."""
        step = self.steps
        while self.load.later or any(
                n for state, n in self.counts().items()
                if state not in FINAL):
            for verb, jobs in self.load.due(step):
                self.bulk(verb, jobs)
            self.advance(STEP_S)
            step += 1
            if step > self.steps + HOUR_S // STEP_S:
                raise Wrong("an hour later there is still %r" % self.counts())
        while self.at_s % 60 or flat.number(
                self.store, "SELECT (SELECT count(*) FROM job) +"
                " (SELECT count(*) FROM tombstone)"):
            self.advance(STEP_S)
        for behind in (self.ends, self.history):
            behind.finish()
        self.ends.follow()
        self.history.count()

    def metrics(self):
        found = {}
        for line in self.wire.ask("GET", "/metrics").decode().splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def check_counts(self):
        """What was asked for, the history, the stream, the metrics."""
        of, done, m = self.history.of, self.done, self.metrics()
        finished = "heygend_jobs_finished_total{result=\"%s\"}"
        agree("submitted", self.jobs, self.submitted, of("submitted"),
              m["heygend_jobs_submitted_total"])
        agree("removed", self.jobs, of("removed"),
              m["heygend_jobs_removed_total"])
        for kind in ("paused", "resumed", "canceled", "changed", "requeued"):
            agree(kind, done[kind], of(kind))
        agree("canceled", of("canceled"), m["heygend_jobs_canceled_total"])
        agree("started", of("started"), m["heygend_job_wait_seconds_count"])
        agree("restarted", of("restarted"),
              done["restarted"] + of("failed", now="queued"),
              m["heygend_jobs_restarted_total"])
        agree("completed", of("completed"), self.ends.kinds["completed"],
              m[finished % "completed"])
        agree("ended in error", of("failed", now="error") + of("canceled"),
              self.ends.kinds["failed"] + self.ends.kinds["canceled"],
              m[finished % "error"])
        agree("workers lost", done["workers lost"],
              m["heygend_worker_restarts_total"])
        agree("failed commits", 0, m["heygend_store_errors_total"])

    def check_flow(self):
        """Whoever came into a state left it, and left what was not there."""
        of = self.history.of
        for state in ("queued", "running", "paused") + FINAL:
            inside = sum(n for (_, was, now), n in
                         self.history.counts.items() if was != now and
                         now == state)
            agree("came and left " + state, inside,
                  sum(n for (_, was, now), n in self.history.counts.items()
                      if was != now and was == state))
        agree("events", self.history.last, of())

    def check_each(self):
        """Every job ended once for each of its lives."""
        one_more = bytes((n + 1) & 255 for n in range(256))
        if self.ends.seen[1:] != self.lives[1:].translate(one_more):
            self.find_each()
        agree("ends", self.ends.count, self.jobs + self.done["restarted"])

    def find_each(self):
        for seq in range(1, self.jobs + 1):
            if self.ends.seen[seq] != 1 + self.lives[seq]:
                raise Wrong("job %d had %d lives and ended %d times" % (
                    seq, 1 + self.lives[seq], self.ends.seen[seq]))

    def check_store(self):
        for table in ("job", "job_tag", "live", "event", "tombstone"):
            agree("rows left in " + table, 0, flat.number(
                self.store, "SELECT count(*) FROM " + table))
        self.store.close()
        self.history.db.close()
        self.daemon.stop()
        subprocess.run([program("heygend"), "--check-store", "--state-dir",
                        self.daemon.state_dir], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)

    # --- the whole -----------------------------------------------------------

    def run(self):
        """Raises Wrong, or returns the summary."""
        self.daemon.start()
        self.wire = Wire(self.daemon)
        self.ends = Ends(self.daemon, self.jobs)
        self.history = History(self.daemon)
        self.store = flat.open_store(self.daemon)
        print("hours: " + flat.heading(), flush=True)
        for step in range(self.steps):
            self.step(step)
        warm_s = max(self.warm_s, WARM_UP_S)
        if self.at_s < warm_s + ENOUGH_SAMPLES * SAMPLE_S:
            raise Wrong("so few jobs warm nothing up")
        lines, wrongs = flat.verdicts(self.rows, warm_s)
        for line in lines:
            print("hours: " + line, flush=True)
        self.drain()
        self.sample()
        self.check_counts()
        self.check_flow()
        self.check_each()
        self.check_store()
        if wrongs:
            raise Wrong("; ".join(wrongs))
        return self.summary()

    def summary(self):
        of, done = self.history.of, self.done
        real = time.monotonic() - self.begun
        return ("%d jobs in %d simulated hours: %d completed, %d failed "
                "attempts, %d canceled, %d paused, %d restarted, %d deleted, "
                "%d runs lost with %d workers, all %d removed, %d events "
                "without a gap, %d ends told; all flat; the longest advance "
                "of %d s took %.2f s; seed %s, %.0f s, %.0f jobs/s" %
                (self.jobs, HOURS, of("completed"), of("failed"),
                 of("canceled"), of("paused"), of("restarted"),
                 done["removed"], of("requeued"), done["workers lost"],
                 of("removed"), of(), self.ends.count, STEP_S,
                 self.longest_s, self.seed, real, self.jobs / real))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10000000)
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--seed", type=int,
                        default=random.randrange(1 << 32))
    args = parser.parse_args()
    print("hours: seed %s, %d jobs" % (args.seed, args.jobs), flush=True)
    hours = Hours(args.jobs, args.seconds, args.seed)
    try:
        print("hours: " + hours.run())
    except Exception as error:		# pylint: disable=broad-except
        say_failed("hours", "--seed %s --jobs %d" % (args.seed, args.jobs),
                   error)
        if hours.daemon.process is not None:
            print("# " + "\n# ".join(hours.daemon.log().splitlines()[-30:]))
        sys.exit(1)
    finally:
        hours.daemon.remove()


if __name__ == "__main__":
    main()
