"""crash_clients.py -- clients that remember every acknowledgement.

Each job is changed by one client alone, so what its history must hold is
known; walk() holds the rest of it against the state machine.  crash.py kills
what they talk to.
"""
import http.client
import json
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Raw, Stream  # noqa: E402

FINAL = ("completed", "error", "canceled")
CLIENTS_KINDS = ("paused", "resumed", "canceled", "changed", "removed")
STAGES = ("download", "transcribe", "translate", "synthesize", "lip_sync",
          "render")
VERB_EVENT = {"pause": "paused", "resume": "resumed", "cancel": "canceled",
              "restart": "restarted"}
# kind: (from, to, the attempt's growth); None: the state it is in
RULES = {
    "submitted": [(None, "queued", 0)],
    "started": [("queued", "running", 0)],
    "stage": [("running", "running", 0)],
    "paused": [("queued", "paused", 0), ("running", "paused", 0)],
    "resumed": [("paused", "queued", 0)],
    "canceled": [("queued", "canceled", 0), ("running", "canceled", 0),
                 ("paused", "canceled", 0)],
    "completed": [("running", "completed", 0)],
    "failed": [("running", "error", 0), ("running", "queued", 0)],
    "requeued": [("running", "queued", 0)],
    "restarted": [("queued", "queued", 1), ("completed", "queued", 1),
                  ("error", "queued", 1), ("canceled", "queued", 1)],
    "removed": [(state, None, 0) for state in FINAL],
}
# what a job does without being asked
BY_ITSELF = {
    "queued": ("queued", "running", "completed", "error"),
    "running": ("queued", "running", "completed", "error"),
    "paused": ("paused",), "completed": ("completed",), "error": ("error",),
    "canceled": ("canceled",),
}


class Wrong(AssertionError):
    """A promise was broken."""


class Unknown(Exception):
    """No answer: it was done, or it was not."""


def walk(events, strict=True):
    """Holds a history against the state machine; the state it ends in."""
    state, attempt, ended, stage, last, losses = None, 1, False, -1, 0, 0
    for e in events:
        kind, what = e["kind"], "%r in %r" % (e, [x["kind"] for x in events])
        if e["seq"] <= last:
            raise Wrong("not in order: " + what)
        last = e["seq"]
        if kind == "changed":
            rules = [(state, state, 0)]
        else:
            rules = RULES[kind]
        rule = [r for r in rules if r == (e["from"], e["to"], r[2])]
        if e["from"] != state or not rule:
            raise Wrong("impossible in state %s: %s" % (state, what))
        if rule[0][2]:
            attempt, ended, stage, losses = attempt + 1, False, -1, 0
        if kind in ("completed", "failed", "canceled"):
            if ended:
                raise Wrong("ended twice: " + what)
            ended = True
        if kind == "restarted" and e["from"] == "queued" and \
                (not events[events.index(e) - 1]["kind"] == "failed"):
            raise Wrong("restarted out of nothing: " + what)
        if kind == "stage":
            if strict and STAGES.index(e["detail"]) <= stage:
                raise Wrong("a stage twice: " + what)
            stage = STAGES.index(e["detail"])
        if e["detail"] == "worker_lost":
            losses += 1
            if kind == "failed" and losses < 3:
                raise Wrong("given up too soon: " + what)
        if e["attempt"] != attempt:
            raise Wrong("attempt %d expected: %s" % (attempt, what))
        state = e["to"]
    return state


class Job:
    """What its client knows of a job.  kinds: the changes it has caused since
    the last check, in order; maybe: the last one's, if that was unknown."""

    def __init__(self, shown):
        self.id, self.title = shown["id"], shown["title"]
        self.state, self.version = shown["state"], shown["version"]
        self.priority = shown["priority"]
        self.kinds, self.maybe, self.known = ["submitted"], None, []
        self.maybe_priority = None
        self.seen_final = None
        self.deleted = False
        self.touched = True

    def see(self, shown):
        if shown["version"] < self.version:
            raise Wrong("the version of %s went from %d back to %d" %
                        (self.id, self.version, shown["version"]))
        if self.seen_final and not self.maybe and \
                shown["state"] != self.seen_final:
            raise Wrong("%s was %s and is %s" % (self.id, self.seen_final,
                                                 shown["state"]))
        self.version = shown["version"]
        if shown["state"] in FINAL:
            self.seen_final = shown["state"]
        self.state = shown["state"]

    def did(self, kind):
        self.touched = True
        self.kinds.append(kind)
        if kind == "restarted":
            self.seen_final = None


class Http:
    """One kept connection to whatever daemon lives now."""

    def __init__(self, arena):
        self.arena, self.life, self.connection = arena, None, None

    def ask(self, method, path, body=None, key=None):
        """(status, JSON); Unknown if no answer came."""
        arena, life = self.arena, self.arena.life
        if self.connection is None or self.life != life:
            self.close()
            self.connection = http.client.HTTPConnection(
                "127.0.0.1", arena.daemon.port or 1, timeout=20)
            self.life = life
        headers = {"Content-Type": "application/json"} if body else {}
        if key:
            headers["Idempotency-Key"] = key
        try:
            self.connection.request(method, path,
                                    json.dumps(body) if body else None,
                                    headers)
            answer = self.connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unknown("%s %s: %r" % (method, path, error)) from None
        if answer.status == 503:
            code = json.loads(data).get("code")
            if code == "store_unavailable":
                raise Unknown("store_unavailable")
        if answer.status == 500:
            raise Wrong("500 for %s %s: %r" % (method, path, data))
        return (answer.status, json.loads(data) if data else None,
                answer.headers)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Client(threading.Thread):
    def __init__(self, arena, number):
        super().__init__(daemon=True)
        self.arena, self.number = arena, number
        self.random = random.Random("%s/%d" % (arena.seed, number))
        self.http = Http(arena)
        self.jobs = []			# all that are known to be there
        self.again = []			# keyed requests without an answer
        self.lost = []			# titles submitted without key or answer
        self.serial = 0

    def run(self):
        while self.arena.may_go_on(self):
            try:
                if self.again:
                    self.repeat()
                else:
                    self.act()
                self.arena.acknowledged += 1
                time.sleep(self.random.random() * 0.01)
            except Unknown:
                self.arena.unknown += 1
                self.arena.wait_for_the_next_life(self)
            except Wrong as wrong:
                self.arena.fail(str(wrong))
            except Exception as error:	# pylint: disable=broad-except
                self.arena.fail("client %d: %r" % (self.number, error))
        self.http.close()

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

    def key(self):
        return "k-%d-%d" % (self.number, self.serial) \
            if self.random.random() < 0.5 else None

    def submit(self):
        if self.random.random() < 0.2:
            body = {"jobs": [self.fields() for _ in
                             range(self.random.randint(1, 12))]}
            request = ("/v1/jobs:batch", body, self.key())
        else:
            body = self.fields()
            request = ("/v1/jobs", body, self.key())
        try:
            self.submitted(*request)
        except Unknown:
            if request[2]:
                self.again.append((self.submitted, request))
            else:
                self.lost.append([f["title"] for f in
                                  body.get("jobs", [body])])
            raise

    def submitted(self, path, body, key):
        status, shown, _ = self.http.ask("POST", path, body, key)
        if status == 503:
            return
        wanted = [f["title"] for f in body.get("jobs", [body])]
        if status != 202:
            raise Wrong("%d for a submission: %r" % (status, shown))
        jobs = shown["jobs"] if "jobs" in shown else [shown]
        if [job["title"] for job in jobs] != wanted:
            raise Wrong("other jobs than were asked for: %r" % wanted)
        self.jobs += [Job(job) for job in jobs]

    def repeat(self):
        do, request = self.again[0]
        do(*request)
        self.again.pop(0)

    # --- changing -----------------------------------------------------------

    def act(self):
        live = [job for job in self.jobs[-40:] if not job.deleted]
        choice = self.random.random()
        if len(live) < 4 or choice < 0.15:
            self.submit()
        elif choice < 0.45:
            self.look(self.random.choice(live))
        elif choice < 0.55:
            self.bulk(self.random.sample(live, min(len(live), 5)))
        elif choice < 0.63:
            self.patch(self.random.choice(live))
        elif choice < 0.68:
            self.delete(self.random.choice(live))
        else:
            self.verb(self.random.choice(live))

    def look(self, job):
        status, shown, _ = self.http.ask("GET", "/v1/jobs/" + job.id)
        if status != 200:
            raise Wrong("%d for %s, which was %s" % (status, job.id,
                                                     job.state))
        job.see(shown)

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
            job.maybe, job.touched = VERB_EVENT[verb], True
            raise
        if status == 200:
            if self.changes(job, verb):
                job.did(VERB_EVENT[verb])
            job.see(shown)
        elif status not in (409, 503):
            raise Wrong("%d for %s of %s" % (status, verb, job.id))

    def bulk(self, jobs):
        verb, key = self.choose_verb(), None
        if self.random.random() < 0.5:
            self.serial += 1
            key = "b-%d-%d" % (self.number, self.serial)
        try:
            self.bulk_done(jobs, verb, key)
        except Unknown:
            for job in jobs:
                job.maybe, job.touched = VERB_EVENT[verb], True
            if key:
                self.again.append((self.bulk_again, (jobs, verb, key)))
            raise

    def bulk_ask(self, jobs, verb, key):
        status, shown, _ = self.http.ask(
            "POST", "/v1/jobs:" + verb, {"ids": [j.id for j in jobs]}, key)
        if status == 503:
            return []
        if status != 200 or [r["id"] for r in shown["results"]] != \
                [j.id for j in jobs]:
            raise Wrong("%d for a bulk %s: %r" % (status, verb, shown))
        return shown["results"]

    def bulk_done(self, jobs, verb, key):
        for job, result in zip(jobs, self.bulk_ask(jobs, verb, key)):
            if result["status"] == 200:
                if self.changes(job, verb):
                    job.did(VERB_EVENT[verb])
                job.state = result["state"]

    def bulk_again(self, jobs, verb, key):
        """The same key again: whoever was changed then is not changed now."""
        done = [job.was_done for job in jobs]
        if any(done):
            self.bulk_ask(jobs, verb, key)
        else:
            self.bulk_done(jobs, verb, key)

    def patch(self, job):
        priority = self.random.randint(-20, 20)
        try:
            status, shown, _ = self.http.ask(
                "PATCH", "/v1/jobs/" + job.id, {"priority": priority})
        except Unknown:
            job.maybe, job.touched = "changed", True
            job.maybe_priority = priority
            raise
        if status == 200:
            if job.priority != priority:
                job.did("changed")
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
            job.maybe, job.touched = "removed", True
            raise
        if status == 204:
            job.deleted = job.touched = True
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
                event = stream.event(2)
                if event is None:
                    return
                if event["event"] != "state":
                    raise Wrong("event %r after %d" % (event, self.last))
                seq = int(event["id"])
                if seq <= self.last or seq != event["data"]["seq"]:
                    raise Wrong("%d after %d" % (seq, self.last))
                self.last = seq
                self.seen.append((seq, event["data"]["kind"]))
