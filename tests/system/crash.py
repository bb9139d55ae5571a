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
import collections
import concurrent.futures
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lossy  # noqa: E402
from crash_check import (  # noqa: E402
    FINAL, Database, Event, Order, Wrong, check_shown, check_told,
    open_database, stored_history)
from crash_clients import Client, Http, Pauser, Watcher  # noqa: E402
from heygend import (  # noqa: E402
    Daemon, alive, preload, program, until)

SETTINGS = {
    "status.default_job": "off", "log.level": "info", "jobs.slots": 16,
    "jobs.restart_delay_ms": 20, "jobs.restart_delay_max_ms": 50,
    "jobs.ttl_completed_s": 86400, "jobs.ttl_error_s": 86400,
    "jobs.ttl_canceled_s": 86400, "jobs.tombstone_s": 86400,
    "simulation.min_ms": 5, "simulation.max_ms": 150,
    "simulation.error_rate": 0.2, "simulation.progress_interval_ms": 20,
    "store.progress_write_ms": 50, "http.threads": 128,
}
CHANGES = ("submitted", "paused", "resumed", "canceled", "restarted",
           "changed", "removed", "queue")
IDS = 100				# that may be asked for at once
LAST_LOOKS = 20000			# at jobs, at the end
ALL_END_S = 600				# with whatever comes before them
ENOUGH_KILLS = 100			# for each kind of change to be among them


def shown_of(http, ids):
    """What the daemon shows of each of them."""
    for at in range(0, len(ids), IDS):
        some = ids[at:at + IDS]
        status, shown, _ = http.ask("GET", "/v1/jobs?ids=" + ",".join(some))
        if status != 200 or [job["id"] for job in shown["jobs"]] != some:
            raise Wrong("%d for %d ids: %r" % (status, len(some), shown))
        yield from shown["jobs"]


def is_shown(job, history):
    return job.face[:2] == (history[-1].to, history[-1].attempt)


class Arena:
    """lossy_disk: True: what was not synced is lost; "liar": what was, too."""
    check_share = 0.05		# of the strikes, where the daemon lives on

    def __init__(self, seed, clients, victim="daemon", settings=None,
                 env=None, lossy_disk=False):
        self.seed, self.victim, self.lossy = seed, victim, lossy_disk
        self.answers_all = self.lives_on = victim != "daemon"
        env = dict(env or {})
        if lossy_disk:
            env.update(LD_PRELOAD=preload("test_lossy"),
                       HEYGEND_TEST_LOSSY=str(lossy_disk))
        self.random = random.Random(seed)
        given = dict(SETTINGS)
        if victim == "worker":		# they come back ever more slowly
            given.update({"jobs.workers": 16, "jobs.slots": 1})
        given.update(settings or {})
        self.daemon = Daemon(given, env=env)
        self.life = 0			# of the daemon
        self.turn = threading.Condition()
        self.halt, self.over, self.parked = True, False, set()
        self.wrongs, self.order = [], Order()
        # kill -9 under load; of one that was just starting; SIGTERM
        self.kills, self.early_kills, self.stops = 0, 0, 0
        self.checked, self.lost_writes = 0, 0
        self.asker = Http(self)
        self.watcher = Watcher(self)
        self.pauser = Pauser(self, 0)
        self.clients = [Client(self, n + 1) for n in range(clients)]
        self.clients.append(self.pauser)
        for client in self.clients:
            self.parked.add(client.number)

    def make_http(self):
        return Http(self)

    def fail(self, wrong):
        with self.turn:
            self.wrongs.append(wrong)
            self.turn.notify_all()

    @property
    def jobs(self):
        return [job for client in self.clients for job in client.jobs]

    @property
    def counts(self):
        return sum((client.counts for client in self.clients),
                   collections.Counter())

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

    def after_unknown(self, client, error):
        """Waits for the daemon's next life."""
        if self.lives_on:
            self.fail("no answer though the daemon lived: %s" % error)
        with self.turn:
            life = self.life
            self.parked.add(client.number)
            self.turn.notify_all()
            while self.life == life and not self.over:
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
            pids = [pid for pid in self.daemon.children() if alive(pid)]
            for pid in self.random.sample(pids, min(len(pids), 1)):
                os.kill(pid, signal.SIGKILL)
                self.kills += 1
            return
        workers = self.daemon.children()
        if not self.lossy and self.random.random() < 0.1:
            self.daemon.stop()
            self.stops += 1
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
                    os.path.join(self.daemon.state_dir, file), self.random,
                    everything=self.lossy == "liar")

    def revive(self):
        while self.random.random() < 0.1:	# some die in their cradle
            self.daemon.spawn()
            time.sleep(self.random.random() * 0.05)
            self.daemon.kill()
            self.early_kills += 1
            self.lose_what_was_not_synced()
        self.daemon.start()
        self.life += 1

    # --- the checker --------------------------------------------------------

    @staticmethod
    def history(http, id):
        events, after = [], 0
        while True:
            status, shown, _ = http.ask(
                "GET", "/v1/jobs/%s/events?limit=500&after=%d" % (id, after))
            if status != 200:
                raise Wrong("%d for the history of %s" % (status, id))
            events += [Event.told(event) for event in shown["events"]]
            if len(shown["events"]) < 500:
                return events
            after = events[-1].seq

    def check(self, job, shown, history):
        if shown["state"] == "gone" and (job.deleted or
                                         job.maybe == "removed"):
            job.was_done = job.maybe == "removed"
            job.deleted, job.touched, job.maybe = True, False, None
            return
        if shown["state"] in ("gone", "not_found") or job.deleted:
            raise Wrong("%s is %s, acknowledged as %s" % (
                job.id, shown["state"],
                "deleted" if job.deleted else job.state))
        check_shown(job, shown, history, not self.lossy, self.order)

    @staticmethod
    def settle(http, job, db):
        """What is stored is shown a moment later: until then, whoever looks
        sees what the history, as it is known by now, has left behind."""
        def shown():
            history = stored_history(db, job)
            job.see(http.ask("GET", "/v1/jobs/" + job.id)[1])
            job.trace = []
            return is_shown(job, history)
        until(shown, "that what is stored is shown")

    def check_one(self, http, job, db):
        """As it is told when it is asked for alone."""
        status, shown, _ = http.ask("GET", "/v1/jobs/" + job.id)
        if status != (410 if job.deleted else 200):
            raise Wrong("%d for %s" % (status, job.id))
        if not job.deleted:
            job.see(shown)
            told = self.history(http, job.id)
            check_told(job, told, stored_history(db, job))

    def check_client(self, client, some):
        """Its jobs that were touched, and some; how many."""
        jobs = {job.id: job for job in client.jobs if job.touched}
        jobs.update((job.id, job) for job in some)
        with self.open_database() as db:
            for shown in shown_of(client.http, list(jobs)):
                job = jobs[shown["id"]]
                history = stored_history(db, job)
                self.check(job, shown, history)
                if not job.deleted and not is_shown(job, history):
                    self.settle(client.http, job, db)
            for job in some[:1]:
                self.check_one(client.http, job, db)
        for again in client.again:
            again.settle()
        return len(jobs)

    def open_database(self):
        return open_database(os.path.join(self.daemon.state_dir, "jobs.db"))

    def check_touched(self):
        """And some that were not, the deleted ones too; nobody else asks."""
        self.pauser.check(self.asker)
        some = [client.some(self.random) for client in self.clients]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            self.checked += sum(pool.map(self.check_client, self.clients,
                                         some))
        self.order.check()

    # --- the whole ----------------------------------------------------------

    def begin(self):
        self.daemon.start()
        for thread in self.clients + [self.watcher]:
            thread.start()

    def rounds(self, rounds, seconds):
        begun = time.monotonic()
        self.begin()
        while self.kills < rounds and time.monotonic() - begun < seconds:
            self.release()
            self.strike()
            if self.lives_on and not self.wrongs and \
                    self.random.random() >= self.check_share:
                continue
            self.stop_all()
            if not self.lives_on:
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
        left = {job.id: job for job in self.jobs if not job.deleted}

        def all_ended():	# these, and others that come before them
            for shown in shown_of(self.asker, list(left)):
                id, state = shown["id"], shown["state"]
                if state == "paused":
                    self.asker.ask("POST", "/v1/jobs/%s:resume" % id)
                    left[id].did("resumed", self.asker.sent,
                                 self.asker.acked)
                elif state in FINAL:
                    del left[id]
            return not left
        until(all_ended, "that every job ends", ALL_END_S, 0.1)

    def all_is_told(self):
        """The stream comes to the end of what there is."""
        def told():
            page = self.asker.ask(
                "GET", "/v1/events?after=%d" % self.watcher.last)
            return page[0] == 200 and not page[1]["events"]
        until(told, "that the stream tells everything")

    def check_proven(self):
        """A run in which nothing happens proves nothing."""
        counts = self.counts
        changes = sum(counts[kind] for kind in CHANGES)
        wrong = []
        if changes < self.kills:
            wrong.append("%d changes" % changes)
        if self.kills >= ENOUGH_KILLS:
            wrong += ["never " + kind for kind in CHANGES + (
                "looks", "replays") if not counts[kind]]
            if self.victim == "daemon" and counts["unknown"] < self.kills:
                wrong.append("killed with nobody asking")
            if self.lossy and not self.lost_writes:
                wrong.append("no write was lost")
            if self.victim == "worker" and not self.lost_runs():
                wrong.append("no run was lost")
        if wrong:
            raise Wrong("nothing is proven: " + ", ".join(wrong))

    def lost_runs(self):
        return len(self.database.lost_runs())

    def finish(self):
        self.stop_all()
        self.repeat_what_is_unknown()
        self.check_touched()
        jobs = self.jobs		# the database is checked for all
        for job in self.random.sample(jobs, min(LAST_LOOKS, len(jobs))):
            job.touched = True
        self.all_end()
        self.check_touched()
        self.all_is_told()
        with self.turn:
            self.over = True
            self.turn.notify_all()
        for client in self.clients:
            client.join(20)
        self.watcher.over = True
        self.watcher.join(20)
        self.asker.close()
        self.stop_others()
        self.daemon.stop(clean_log=self.log_is_clean)
        self.check_database()

    log_is_clean = True

    def stop_others(self):
        """Whoever else asks the daemon, which is about to stop."""

    def check_database(self):
        subprocess.run([program("heygend"), "--check-store",
                        "--state-dir", self.daemon.state_dir], check=True,
                       timeout=60, stdout=subprocess.DEVNULL)
        self.database = Database(
            os.path.join(self.daemon.state_dir, "jobs.db"), not self.lossy)
        self.database.check(
            self.jobs, [l for client in self.clients for l in client.lost],
            self.watcher.seen, self.order)

    def run(self, rounds, seconds):
        """Raises Wrong, or returns the summary."""
        begun = time.monotonic()
        try:
            self.rounds(rounds, seconds)
            self.finish()
            if self.wrongs:
                raise Wrong(self.wrongs[0])
            self.check_proven()
        except BaseException:
            with self.turn:
                self.over = True
                self.turn.notify_all()
            self.watcher.over = True
            died = self.daemon.process and self.daemon.process.poll()
            print("# seed %s failed%s; the daemon's log ends:\n# %s" % (
                self.seed, "" if died is None else ", exit %d" % died,
                "\n# ".join(self.daemon.log().splitlines()[-30:])),
                flush=True)
            raise
        finally:
            self.daemon.remove()
        return "%s: nothing lost, doubled, reordered or impossible; " \
            "seed %s, %.0f s" % (self.summary(rounds), self.seed,
                                 time.monotonic() - begun)

    def summary(self, rounds):
        counts, more = self.counts, ""
        if self.victim == "daemon":
            more = " (and %d as it started, %d stops)" % (
                self.early_kills, self.stops)
        else:
            more = ", %d runs lost" % self.lost_runs()
        if self.lossy:
            more += ", %d writes lost that were not synced" % self.lost_writes
        return ("%d of %d kill -9 of the %s%s under %d clients; %d changes "
                "acknowledged and remembered, %d looks, %d requests without "
                "an answer, %d jobs, %d checks, %d events" % (
                    self.kills, rounds, self.victim, more,
                    len(self.clients) - 1,
                    sum(counts[kind] for kind in CHANGES), counts["looks"],
                    counts["unknown"], len(self.jobs), self.checked,
                    len(self.watcher.seen)))


def say_failed(name, how, error):
    """The last line; with where it was, if nobody has foreseen it."""
    if not isinstance(error, AssertionError):
        traceback.print_exception(type(error), error, error.__traceback__)
    print("%s: FAILED, %s: %s" % (name, how, str(error) or repr(error)),
          flush=True)


def skip(what):
    """Ends with 77, and tells whoever runs all proofs that this one, or a
    part of it, was not tried here."""
    if "PROOF_SKIPPED" in os.environ:
        with open(os.environ["PROOF_SKIPPED"], "a") as file:
            file.write(what + "\n")
    sys.exit(77)


def prove(arena, name, how, args):
    """Says how it went, and exits with 1 unless every round was done and
    nothing was wrong."""
    try:
        print("%s: %s" % (name, arena.run(args.rounds, args.seconds)))
    except Exception as error:		# pylint: disable=broad-except
        say_failed(name, how, error)
        sys.exit(1)
    if arena.kills < args.rounds:
        print("%s: CUT SHORT, %s: %d of %d rounds in %g s: more --seconds, "
              "or fewer --rounds" % (name, how, arena.kills, args.rounds,
                                     args.seconds))
        sys.exit(1)


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
    prove(arena, "crash", "--seed %s --victim %s%s" % (
        args.seed, args.victim, " --lossy" if args.lossy else ""), args)


if __name__ == "__main__":
    main()
