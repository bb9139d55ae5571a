"""crash.py -- clients that remember, a daemon that dies, a checker.

Client    a thread that submits, pauses, resumes, cancels, restarts, edits and
          deletes jobs of its own and remembers every acknowledgement.  What
          it got no answer to is unknown: done once or not at all.
Watcher   a thread that follows the stream of all events across every crash.
Arena     kills the daemon (or its workers) at random instants, starts it
          again on the same state and lets nobody go on before the checker
          has read every job that was touched: its state and its history.

A job's changes are its one client's, so its history is known but for what it
does by itself: that is held against the state machine.  By hand:

    crash.py --rounds 1000 --seed 7 --victim daemon --clients 32
"""
import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lossy  # noqa: E402
from crash_clients import (  # noqa: E402
    BY_ITSELF, CLIENTS_KINDS, FINAL, Client, Http, Pauser, Watcher, Wrong,
    walk)
from heygend import (  # noqa: E402
    BUILDDIR, Daemon, alive, program, until)

LOSSY_VFS = os.path.join(BUILDDIR, "tests", "unit", ".libs", "test_lossy.so")
SETTINGS = {
    "status.default_job": "off", "log.level": "info", "jobs.slots": 6,
    "jobs.restart_delay_ms": 20, "jobs.restart_delay_max_ms": 50,
    "jobs.ttl_completed_s": 86400, "jobs.ttl_error_s": 86400,
    "jobs.ttl_canceled_s": 86400, "jobs.tombstone_s": 86400,
    "simulation.min_ms": 5, "simulation.max_ms": 150,
    "simulation.error_rate": 0.2, "simulation.progress_interval_ms": 20,
    "store.progress_write_ms": 50, "http.threads": 128,
}


class Arena:
    def __init__(self, seed, clients, victim="daemon", settings=None,
                 env=None, lossy_disk=False):
        self.seed, self.victim, self.lossy = seed, victim, lossy_disk
        env = dict(env or {})
        if lossy_disk:
            env.update(LD_PRELOAD=os.path.abspath(LOSSY_VFS),
                       HEYGEND_TEST_LOSSY="1")
        self.random = random.Random(seed)
        given = dict(SETTINGS)
        if victim == "worker":		# they come back ever more slowly
            given.update({"jobs.workers": 16, "jobs.slots": 1})
        given.update(settings or {})
        self.daemon = Daemon(given, env=env)
        self.life = 0			# of the daemon
        self.turn = threading.Condition()
        self.halt, self.over, self.parked = True, False, set()
        self.wrongs, self.acknowledged, self.unknown = [], 0, 0
        self.kills, self.checked, self.lost_writes = 0, 0, 0
        self.asker = Http(self)
        self.watcher = Watcher(self)
        self.pauser = Pauser(self, 0)
        self.clients = [Client(self, n + 1) for n in range(clients)]
        self.clients.append(self.pauser)
        for client in self.clients:
            self.parked.add(client.number)

    def fail(self, wrong):
        with self.turn:
            self.wrongs.append(wrong)
            self.turn.notify_all()

    # --- who runs when ------------------------------------------------------

    def may_go_on(self, client):
        with self.turn:
            if self.halt:
                self.parked.add(client.number)
                self.turn.notify_all()
            while self.halt and not self.over:
                self.turn.wait(5)
            self.parked.discard(client.number)
            return not self.over and len(self.wrongs) == 0

    def wait_for_the_next_life(self, client):
        with self.turn:
            life = self.life
            self.parked.add(client.number)
            self.turn.notify_all()
            while (self.life == life and not self.over and
                   self.victim != "worker"):
                self.turn.wait(1)

    def release(self):
        with self.turn:
            self.halt = False
            self.life += 1
            self.turn.notify_all()

    def stop_all(self):
        with self.turn:
            self.halt = True
        deadline = time.monotonic() + 60
        with self.turn:
            while len(self.parked) < len(self.clients) and not self.wrongs:
                if time.monotonic() > deadline:
                    raise Wrong("a client hangs; parked: %r" % self.parked)
                self.turn.wait(1)

    # --- what is done to it -------------------------------------------------

    def strike(self):
        """Kills; with the clients in full swing."""
        time.sleep(self.random.random() * 0.4)
        if self.victim == "worker":
            pids = self.daemon.children()
            for pid in self.random.sample(pids, min(len(pids), 1)):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            return
        workers = self.daemon.children()
        if not self.lossy and self.random.random() < 0.1:
            self.daemon.stop()
        else:
            self.daemon.kill()
        self.kills += 1
        self.lose_what_was_not_synced()
        self.daemon.port = None
        until(lambda: not any(alive(pid) for pid in workers),
              "that the workers leave")

    def lose_what_was_not_synced(self):
        if self.lossy:
            for file in ("jobs.db", "jobs.db-wal"):
                self.lost_writes += lossy.lose(
                    os.path.join(self.daemon.state_dir, file), self.random)

    def revive(self):
        while self.random.random() < 0.1:	# some die in their cradle
            self.daemon.spawn()
            time.sleep(self.random.random() * 0.05)
            self.daemon.kill()
            self.kills += 1
            self.lose_what_was_not_synced()
        self.daemon.start()
        self.life += 1

    # --- the checker --------------------------------------------------------

    def history(self, id):
        events, after = [], 0
        while True:
            status, shown, _ = self.asker.ask(
                "GET", "/v1/jobs/%s/events?limit=500&after=%d" % (id, after))
            if status != 200:
                raise Wrong("%d for the history of %s" % (status, id))
            events += shown["events"]
            if len(shown["events"]) < 500:
                return events
            after = events[-1]["seq"]

    def check_history(self, job, events):
        seen = [e for e in events if not self.lossy or e["kind"] != "stage"]
        if seen[:len(job.known)] != job.known:
            raise Wrong("the history of %s was %r and is %r" %
                        (job.id, job.known, seen))
        new = seen[len(job.known):]
        asked = [e["kind"] for e in new if e["kind"] in CLIENTS_KINDS or
                 e["kind"] == "submitted" or
                 e["kind"] == "restarted" and e["from"] in FINAL]
        sure = list(job.kinds)
        job.was_done = bool(job.maybe) and asked == sure + [job.maybe]
        if asked != sure and not job.was_done:
            raise Wrong("%s: acknowledged %r, perhaps %r; the history has %r" %
                        (job.id, sure, job.maybe, new))
        job.known = seen

    def check(self, job):
        self.checked += 1
        status, shown, _ = self.asker.ask("GET", "/v1/jobs/" + job.id)
        if status == 410 and (job.deleted or job.maybe == "removed"):
            job.deleted, job.touched = True, False
            return
        if status != 200 or job.deleted:
            raise Wrong("%d for %s, acknowledged as %s" %
                        (status, job.id, "deleted" if job.deleted
                         else job.state))
        events = self.history(job.id)
        state = walk(events, not self.lossy)
        self.check_history(job, events)
        priorities = {job.priority}
        if job.maybe == "changed":
            priorities.add(job.maybe_priority)
        if shown["priority"] not in priorities:
            raise Wrong("priority %d of %s, not %r" %
                        (shown["priority"], job.id, priorities))
        if job.was_done and job.maybe == "restarted":
            job.seen_final = None
        job.see(shown)
        if state not in BY_ITSELF[shown["state"]]:
            raise Wrong("%s is %s, its history says %s" %
                        (job.id, shown["state"], state))
        job.priority, job.kinds = shown["priority"], []
        job.maybe = job.maybe_priority = None
        job.touched = False

    def check_touched(self):
        self.pauser.check(self.asker)
        for client in self.clients:
            for job in client.jobs:
                if job.touched:
                    self.check(job)
            for job in self.random.sample(client.jobs,
                                          min(5, len(client.jobs))):
                self.check(job)

    # --- the whole ----------------------------------------------------------

    def rounds(self, rounds, seconds):
        begun = time.monotonic()
        self.daemon.start()
        for thread in self.clients + [self.watcher]:
            thread.start()
        while self.kills < rounds and time.monotonic() - begun < seconds:
            self.release()
            self.strike()
            if self.victim == "worker":
                if self.random.random() < 0.95:
                    continue
                self.stop_all()
            else:
                self.stop_all()
                self.revive()
            if not self.wrongs:
                self.check_touched()
            if self.wrongs:
                raise Wrong(self.wrongs[0])

    def repeat_what_is_unknown(self):
        for client in self.clients:
            while client.again:
                client.repeat()

    def all_end(self):
        """Nothing is stuck: whoever is not final gets there."""
        self.asker.ask("POST", "/v1/queue:resume")
        self.pauser.paused = False
        left = {job.id: job for client in self.clients
                for job in client.jobs if not job.deleted}

        def ended():
            for id, state in self.states(list(left)[:100]):
                if state == "paused":
                    self.asker.ask("POST", "/v1/jobs/%s:resume" % id)
                    left[id].did("resumed")
                    left[id].state = "queued"
                elif state in FINAL:
                    del left[id]
            return not left
        until(ended, "that every job ends", 120)

    def states(self, ids):
        jobs = self.asker.ask("GET", "/v1/jobs?ids=" + ",".join(ids))[1]
        return [(job["id"], job["state"]) for job in jobs["jobs"]]

    def check_database(self):
        path = os.path.join(self.daemon.state_dir, "jobs.db")
        db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        try:
            titles = {}
            for title, in db.execute("SELECT title FROM job"):
                titles[title] = titles.get(title, 0) + 1
            seqs = [row for row in db.execute(
                "SELECT seq, kind FROM event ORDER BY seq")]
        finally:
            db.close()
        doubled = [title for title in titles if titles[title] > 1]
        if doubled:
            raise Wrong("submitted once, there twice: %r" % doubled)
        for client in self.clients:
            for job in client.jobs:
                titles.pop(job.title, None)
            for lost in client.lost:
                there = [title in titles for title in lost]
                if any(there) and not all(there):
                    raise Wrong("half a batch is there: %r" % lost)
                for title in lost:
                    titles.pop(title, None)
        if titles:
            raise Wrong("jobs that nobody submitted: %r" % titles)
        seen = set(self.watcher.seen)
        there = {event for event in seqs if event[0] <= self.watcher.last}
        if there - seen:
            raise Wrong("the stream has not told %r" % sorted(there - seen))
        lost = [event for event in seen - there
                if not self.lossy or event[1] != "stage"]
        if lost:
            raise Wrong("the stream has told what is not: %r" % lost)

    def finish(self):
        self.stop_all()
        self.repeat_what_is_unknown()
        self.check_touched()
        for client in self.clients:
            for job in client.jobs:
                job.touched = not job.deleted
        self.all_end()
        self.check_touched()
        last = self.asker.ask("GET", "/v1/events?after=0&wait=0")
        if last[0] != 200:
            raise Wrong("the history cannot be read")
        with self.turn:
            self.over = True
            self.turn.notify_all()
        for client in self.clients:
            client.join(20)
        self.watcher.over = True
        self.watcher.join(20)
        self.asker.close()
        self.daemon.stop(clean_log=self.victim != "nonsense")
        self.check_database()
        subprocess.run([program("heygend"), "--check-store",
                        "--state-dir", self.daemon.state_dir], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)

    def run(self, rounds, seconds):
        """Raises Wrong, or returns the summary."""
        begun = time.monotonic()
        try:
            self.rounds(rounds, seconds)
            self.finish()
            if self.wrongs:
                raise Wrong(self.wrongs[0])
        except BaseException:
            with self.turn:
                self.over = True
                self.turn.notify_all()
            self.watcher.over = True
            print("# seed %s failed; the daemon's log ends:\n# %s" % (
                self.seed, "\n# ".join(self.daemon.log().splitlines()[-30:])),
                flush=True)
            raise
        finally:
            self.daemon.remove()
        lost = ", %d writes lost that were not synced" % self.lost_writes
        return ("%d kills of the %s%s, %d acknowledged changes and looks, %d "
                "unknown, %d jobs, %d checks: nothing lost; seed %s, %.0f s" %
                (self.kills, self.victim, lost if self.lossy else "",
                 self.acknowledged, self.unknown,
                 sum(len(c.jobs) for c in self.clients), self.checked,
                 self.seed, time.monotonic() - begun))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", default=str(random.randrange(1 << 32)))
    parser.add_argument("--victim", choices=("daemon", "worker"),
                        default="daemon")
    parser.add_argument("--lossy", action="store_true",
                        help="what was not synced is lost")
    args = parser.parse_args()
    print("crash: seed %s" % args.seed, flush=True)
    arena = Arena(args.seed, args.clients, args.victim,
                  lossy_disk=args.lossy)
    try:
        print("crash: " + arena.run(args.rounds, args.seconds))
    except AssertionError as wrong:
        print("crash: FAILED, --seed %s --victim %s: %s" % (
            args.seed, args.victim, wrong))
        sys.exit(1)


if __name__ == "__main__":
    main()
