"""crash_clients.py -- clients that remember every acknowledgement.

Each job is changed by one client alone, which asks one thing at a time: so
what a job's history must hold is known.  crash_check.py holds them to it;
crash.py kills what they talk to, and owns them as their `arena`:

    daemon, life        who lives now
    seed                of all that is random
    may_go_on(client)   waits while everybody is to halt; False: it is over
    after_unknown(client, error)   called when no answer came
    fail(wrong)         a promise was broken
    make_http()         an Http
    answers_all         whoever gets no answer has found a fault: no change
                        is asked on a connection that may have been idle
"""
import collections
import http.client
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash_check import Job, Wrong  # noqa: E402
from heygend import Raw, Stream  # noqa: E402

VERB_EVENT = {"pause": "paused", "resume": "resumed", "cancel": "canceled",
              "restart": "restarted", "delete": "removed"}
REFUSED = "store_unavailable"
IDLE_S = 0.4				# a connection is used again within
PAUSE_S = 0.03				# at most, between two requests
RECENT = 40				# jobs that are still of interest
KEPT = 200				# those before them are deleted
TIDY = 20				# at once


class Unknown(Exception):
    """No answer: it was done, or it was not."""


class Http:
    """One kept connection to whatever daemon lives now."""

    def __init__(self, arena):
        self.arena, self.life, self.connection = arena, None, None
        self.sent = self.acked = 0	# moments of the latest request

    def connect(self, keep):
        """True: the connection is new.  The daemon closes one that is idle
        for a second: on a busy machine that may have been while its last
        answer was on the way."""
        life = self.arena.life
        old_s = time.monotonic() - self.sent
        if keep and self.connection and self.life == life and old_s < IDLE_S:
            return False
        self.close()
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", self.arena.daemon.port or 1, timeout=20)
        self.life = life
        return True

    def exchange(self, method, path, body, headers):
        keep = method == "GET" or not self.arena.answers_all
        new, self.sent = self.connect(keep), time.monotonic()
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not new and method == "GET":
                return self.exchange(method, path, body, headers)
            raise Unknown("%s %s: %r after %.3f s" % (
                method, path, error, time.monotonic() - self.sent)) from None
        self.acked = time.monotonic()
        return answer, data

    def ask(self, method, path, body=None, key=None):
        """(status, JSON, headers); Unknown if no answer came."""
        headers = {"Content-Type": "application/json"} if body else {}
        if key:
            headers["Idempotency-Key"] = key
        answer, data = self.exchange(
            method, path, json.dumps(body) if body else None, headers)
        shown = json.loads(data) if "json" in answer.headers.get(
            "Content-Type", "") else data
        if answer.status >= 500:
            self.refused(answer, shown, "%s %s" % (method, path))
        return answer.status, shown, answer.headers

    def refused(self, answer, shown, what):
        """503 is by design: to be asked again, and it says how sure it is."""
        if answer.status != 503 or "Retry-After" not in answer.headers:
            raise Wrong("%d for %s: %r" % (answer.status, what, shown))
        if shown["code"] == REFUSED:
            if "unknown" not in shown["detail"]:
                raise Wrong("not said to be unknown: %r" % shown)
            raise Unknown(REFUSED)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Again:
    """A request with a key that got no answer: asked again after the next
    check."""

    def __init__(self, client, do, *request):
        self.do, self.request = do, request
        self.life, self.sent = client.arena.life, client.http.sent
        self.asked, self.done = True, False

    def settle(self):
        """After a check: was it done when it was asked?  Of a submission
        nobody knows."""
        if self.asked and self.do.__name__ == "bulk_again":
            self.done |= any(job.was_done for job in self.request[0])
        self.asked = False


class Client(threading.Thread):
    def __init__(self, arena, number):
        super().__init__(daemon=True)
        self.arena, self.number = arena, number
        self.random = random.Random("%s/%d" % (arena.seed, number))
        self.http = arena.make_http()
        self.jobs = []			# all that are known to be there
        self.tidied = 0			# of them, the oldest: to be deleted
        self.again = []			# Again
        self.kept = []			# recent answered submissions with keys
        self.lost = []			# titles submitted without key or answer
        self.serial = 0
        self.counts = collections.Counter()	# acknowledged, by kind

    def run(self):
        while self.arena.may_go_on(self):
            try:
                if self.again and self.again[0].life != self.arena.life:
                    self.repeat()
                else:
                    self.act()
                time.sleep(self.random.random() * PAUSE_S)
            except Unknown as error:
                self.counts["unknown"] += 1
                self.counts["refused"] += str(error) == REFUSED
                self.arena.after_unknown(self, error)
            except Wrong as wrong:
                self.arena.fail(str(wrong))
            except Exception as error:	# pylint: disable=broad-except
                self.arena.fail("client %d: %r" % (self.number, error))
        self.http.close()

    def act(self):
        live = [job for job in self.jobs[-RECENT:] if not job.deleted]
        sure = [job for job in live if not job.maybe]
        choice = self.random.random()
        if len(self.jobs) > self.tidied + KEPT:
            self.tidy()
        elif len(sure) < 4 or choice < 0.15:
            self.submit()
        elif choice < 0.42:
            self.look(self.random.choice(live))
        elif choice < 0.45:
            self.replay()
        elif choice < 0.55:
            self.bulk(self.random.sample(sure, min(len(sure), 5)))
        elif choice < 0.63:
            self.patch(self.random.choice(sure))
        elif choice < 0.68:
            self.delete(self.random.choice(sure))
        else:
            self.verb(self.random.choice(sure))

    def did(self, job, kind):
        job.did(kind, self.http.sent, self.http.acked)
        self.counts[kind] += 1

    # --- submitting ---------------------------------------------------------

    def fields(self):
        self.serial += 1
        r = self.random
        fields = {"title": "%d.%d" % (self.number, self.serial),
                  "priority": r.choice((-10, 0, 0, 10)),
                  "on_error": r.choice(("stop", "restart"))}
        if r.random() < 0.5:
            fields["simulate"] = {"duration_ms": r.choice((1, 20, 80, 300))}
        return fields

    def key(self, letter):
        self.serial += 1
        return "%s-%d-%d" % (letter, self.number, self.serial) \
            if self.random.random() < 0.5 else None

    def submit(self):
        if self.random.random() < 0.2:
            body = {"jobs": [self.fields() for _ in
                             range(self.random.randint(1, 12))]}
            request = ("/v1/jobs:batch", body, self.key("k"))
        else:
            body = self.fields()
            request = ("/v1/jobs", body, self.key("k"))
        try:
            self.submitted(None, *request)
        except Unknown:
            if request[2]:
                self.again.append(Again(self, self.submitted, *request))
            else:
                self.lost.append([f["title"] for f in
                                  body.get("jobs", [body])])
            raise

    def ask_to_submit(self, path, body, key):
        """The jobs of the answer; None: not now."""
        status, shown, headers = self.http.ask("POST", path, body, key)
        if status == 503:
            return None, headers
        wanted = [f["title"] for f in body.get("jobs", [body])]
        if status != 202:
            raise Wrong("%d for a submission: %r" % (status, shown))
        jobs = shown["jobs"] if "jobs" in shown else [shown]
        if [job["title"] for job in jobs] != wanted:
            raise Wrong("other jobs than were asked for: %r" % wanted)
        return jobs, headers

    def submitted(self, again, path, body, key):
        jobs, _ = self.ask_to_submit(path, body, key)
        if jobs is None:
            return again is None
        if sorted(job["seq"] for job in jobs) != [j["seq"] for j in jobs]:
            raise Wrong("a batch in another order: %r" % jobs)
        sent = again.sent if again else self.http.sent
        new = [Job(job, sent, self.http.acked) for job in jobs]
        self.jobs += new
        self.counts["submitted"] += len(new)
        if key:
            self.kept = self.kept[-9:] + [(new, path, body, key)]
        return True

    def replay(self):
        """The same key again: the same jobs, and nothing new."""
        kept = [k for k in self.kept
                if not any(job.deleted or job.maybe for job in k[0])]
        if not kept:
            return
        mine, path, body, key = self.random.choice(kept)
        jobs, headers = self.ask_to_submit(path, body, key)
        if jobs is None:
            return
        if [job["id"] for job in jobs] != [job.id for job in mine] or \
                headers["Idempotency-Replayed"] != "true":
            raise Wrong("the key %s was taken for new" % key)
        for job, shown in zip(mine, jobs):
            job.see(shown)
        self.counts["replays"] += 1

    def repeat(self):
        """What got no answer, with the same key."""
        again = self.again[0]
        again.life, again.asked = self.arena.life, True
        if again.do(again, *again.request):
            self.again.pop(0)

    # --- changing -----------------------------------------------------------

    def look(self, job):
        status, shown, _ = self.http.ask("GET", "/v1/jobs/" + job.id)
        if status == 410 and job.maybe == "removed":
            return
        if status != 200:
            raise Wrong("%d for %s, which was %s" % (status, job.id,
                                                     job.state))
        job.see(shown)
        self.counts["looks"] += 1

    def choose_verb(self):
        return self.random.choice(("pause", "resume", "resume", "cancel",
                                   "restart"))

    @staticmethod
    def changes(job, verb):
        """Does an acknowledged verb change it?"""
        return not (verb == "pause" and job.state == "paused" or
                    verb == "cancel" and job.state == "canceled" or
                    verb == "resume" and job.state != "paused")

    def verb(self, job):
        verb = self.choose_verb()
        try:
            status, shown, _ = self.http.ask(
                "POST", "/v1/jobs/%s:%s" % (job.id, verb))
        except Unknown:
            job.may_have(VERB_EVENT[verb], self.http.sent)
            raise
        if status == 200:
            if self.changes(job, verb):
                self.did(job, VERB_EVENT[verb])
            job.see(shown)
        elif status not in (409, 503):
            raise Wrong("%d for %s of %s" % (status, verb, job.id))

    def tidy(self):
        """Deletes old jobs, also those whose turn never came.  A heygend
        that starts reads all that are there, and they become many."""
        old = [job for job in self.jobs[self.tidied:self.tidied + TIDY]
               if not job.deleted and not job.maybe]
        for verb in ("cancel", "delete") if old else ():
            self.bulk(old, verb)
        self.tidied += TIDY

    def some(self, random):
        """Of its jobs: most that are kept, one of all."""
        kept = self.jobs[self.tidied:]
        return (random.sample(kept, min(4, len(kept))) +
                random.sample(self.jobs, min(1, len(self.jobs))))

    def bulk(self, jobs, verb=None):
        verb = verb or ("delete" if self.random.random() < 0.1
                        else self.choose_verb())
        key = self.key("b")
        try:
            self.bulk_done(None, jobs, verb, key)
        except Unknown:
            if key:
                self.again.append(Again(self, self.bulk_again, jobs, verb,
                                        key))
            raise

    def bulk_ask(self, jobs, verb, key):
        try:
            status, shown, _ = self.http.ask(
                "POST", "/v1/jobs:" + verb, {"ids": [j.id for j in jobs]},
                key)
        except Unknown:
            for job in jobs:
                job.may_have(VERB_EVENT[verb], self.http.sent)
            raise
        if status == 503:
            return None
        if status != 200 or [r["id"] for r in shown["results"]] != \
                [j.id for j in jobs]:
            raise Wrong("%d for a bulk %s: %r" % (status, verb, shown))
        return shown["results"]

    def bulk_done(self, again, jobs, verb, key):
        results = self.bulk_ask(jobs, verb, key)
        for job, result in zip(jobs, results or []):
            if result["status"] in (200, 204):
                if self.changes(job, verb):
                    self.did(job, VERB_EVENT[verb])
                if verb != "delete":
                    job.saw(result["state"])
            elif result["status"] != 409:
                raise Wrong("%r in a bulk %s" % (result, verb))
        return again is None or results is not None

    def bulk_again(self, again, jobs, verb, key):
        if again.done:
            return self.bulk_replayed(jobs, verb, key)
        if any(job.touched or job.maybe or job.deleted for job in jobs):
            return True			# they have moved on
        return self.bulk_done(again, jobs, verb, key)

    def bulk_replayed(self, jobs, verb, key):
        """Whoever was changed then is not changed now."""
        if any(job.deleted or job.maybe for job in jobs):
            return True
        status, shown, headers = self.http.ask(
            "POST", "/v1/jobs:" + verb, {"ids": [j.id for j in jobs]}, key)
        if status == 200 and headers["Idempotency-Replayed"] != "true":
            raise Wrong("the key %s was taken for new: %r" % (key, shown))
        return status == 200

    def patch(self, job):
        priority = self.random.randint(-20, 20)
        try:
            status, shown, _ = self.http.ask(
                "PATCH", "/v1/jobs/" + job.id, {"priority": priority})
        except Unknown:
            job.may_have("changed", self.http.sent)
            job.maybe_priority = priority
            raise
        if status == 200:
            if job.priority != priority:
                self.did(job, "changed")
            job.priority = priority
            job.see(shown)
            if shown["priority"] != priority:
                raise Wrong("priority %d was not taken" % priority)
        elif status not in (409, 503):
            raise Wrong("%d for PATCH of %s" % (status, job.id))

    def delete(self, job):
        try:
            status, _, _ = self.http.ask("DELETE", "/v1/jobs/" + job.id)
        except Unknown:
            job.may_have("removed", self.http.sent)
            raise
        if status == 204:
            self.did(job, "removed")
        elif status not in (409, 503):
            raise Wrong("%d for DELETE of %s" % (status, job.id))


class Pauser(Client):
    """Pauses and resumes the queue."""

    def __init__(self, arena, number):
        super().__init__(arena, number)
        self.paused, self.sure = False, True

    def act(self):
        time.sleep(self.random.random() * 0.05)
        paused = self.random.random() < 0.25
        self.sure = False
        status, _, _ = self.http.ask(
            "POST", "/v1/queue:" + ("pause" if paused else "resume"))
        if status == 200:
            self.paused, self.sure = paused, True
            self.counts["queue"] += 1
        elif status == 503:
            self.sure = True

    def check(self, asker):
        now = asker.ask("GET", "/v1/queue")[1]["paused"]
        if self.sure and now != self.paused:
            raise Wrong("the queue's pause is %r after a crash, not %r" %
                        (now, self.paused))
        self.paused, self.sure = now, True


class Watcher(threading.Thread):
    """The stream of all events, from the first to the last, over all lives."""

    def __init__(self, arena):
        super().__init__(daemon=True)
        self.arena, self.last, self.seen = arena, 0, []
        self.over = False

    def run(self):
        while not self.over:
            try:
                self.follow()
            except (OSError, EOFError):
                pass
            except AssertionError as wrong:
                self.arena.fail("watcher: %s" % wrong)
            time.sleep(0.02)

    def follow(self):
        raw = Raw(self.arena.daemon.port or 1, timeout=2)
        raw.send(self.arena.daemon.message(
            "GET", "/v1/events", None, {"Accept": "text/event-stream",
                                        "Last-Event-ID": str(self.last)}))
        status, headers = raw.head()
        if status != 200:
            raw.close()
            return
        with Stream(raw, status, headers) as stream:
            while not self.over:
                try:
                    event = stream.event(2)
                except TimeoutError:	# what has come of it is kept
                    continue
                if event is None:
                    return
                self.take(event)

    def take(self, event):
        if event["event"] != "state":
            raise Wrong("event %r after %d" % (event, self.last))
        seq, data = int(event["id"]), event["data"]
        if seq <= self.last or seq != data["seq"]:
            raise Wrong("%d after %d" % (seq, self.last))
        self.last = seq
        self.seen.append((seq, sys.intern(data["kind"]),
                          sys.intern(data["job"]["id"])))
