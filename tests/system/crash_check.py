"""crash_check.py -- what must be true, by the memory of those who asked.

Job       what its one client remembers of a job: what it was told, in order,
          and when it asked and was answered.
walk      holds a history against the state machine: nothing impossible.
match     holds it against the memory: nothing lost, doubled, reordered, and
          nothing that was seen and never was.
Order     holds everybody's changes against each other: what was answered
          before another was asked for comes first.
Database  a database at rest against everybody's memory.
stored_history  what a database holds of one job, also while it is in use;
          check_told holds what the wire tells against it.

tests/system/test_crash_checker.py shows that each of them can fail.
"""
import collections
import contextlib
import sqlite3
import sys

FINAL = ("completed", "error", "canceled")
CLIENTS_KINDS = ("submitted", "paused", "resumed", "canceled", "changed",
                 "removed")
STAGES = ("download", "transcribe", "translate", "synthesize", "lip_sync",
          "render")
DRAWN_ERRORS = ("download_failed", "audio_invalid", "translation_failed")
WORKER_LOSSES = 3			# in a row end a job
# kind: (from, to, the attempt's growth); None: there is no job
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
    "changed": [(state, state, 0) for state in
                FINAL + ("queued", "running", "paused")],
}
# what a job does without being asked
BY_ITSELF = {
    "queued": ("queued", "running", "completed", "error"),
    "running": ("queued", "running", "completed", "error"),
    "paused": ("paused",), "completed": ("completed",), "error": ("error",),
    "canceled": ("canceled",),
}
# of a job that nobody edits but for its priority
FIXED = ("id", "seq", "title", "source_url", "source_language",
         "output_language", "tags", "on_error", "max_attempts", "not_before",
         "submitted_at", "simulate")


class Wrong(AssertionError):
    """A promise was broken."""


class Event(collections.namedtuple(
        "Event", "seq kind was to attempt progress detail")):
    """Of a job's history, as the wire has it; many are remembered."""
    __slots__ = ()

    @classmethod
    def told(cls, shown):
        return cls.of(*(shown[key] for key in (
            "seq", "kind", "from", "to", "attempt", "progress", "detail")))

    @classmethod
    def of(cls, seq, *others):
        return cls(seq, *(sys.intern(other) if isinstance(other, str)
                          else other for other in others))


# --- a history against the state machine --------------------------------------


class Walk:
    """Goes along a history.  strict: no stage was lost."""

    def __init__(self, job, strict):
        self.job, self.strict = job, strict
        self.state, self.attempt, self.last = None, 1, 0
        self.budget_from = 1		# attempt
        self.torn = False		# failed, and not yet restarted
        self.begin_attempt()

    def begin_attempt(self):
        self.ended, self.stage, self.losses, self.progress = False, -1, 0, 0

    def step(self, event):
        wrong = self.wrong(event)
        if wrong:
            raise Wrong("%s: %r" % (wrong, event))
        self.last, self.state = event.seq, event.to

    def wrong(self, e):
        kind = e.kind
        growth = [g for (a, b, g) in RULES[kind]
                  if (a, b) == (e.was, e.to)]
        if e.seq <= self.last:
            return "not in order"
        if e.was != self.state or not growth:
            return "impossible in state %s" % self.state
        if self.torn != (kind == "restarted" and e.was == "queued"):
            return "failed and restarted are one change"
        self.torn = kind == "failed" and e.to == "queued"
        if growth[0]:
            self.attempt += 1
            self.begin_attempt()
            if e.was in FINAL:
                self.budget_from = self.attempt
        if e.attempt != self.attempt:
            return "not attempt %d" % self.attempt
        return self.wrong_end(e) or self.wrong_run(e)

    def wrong_end(self, e):
        """Of what ends an attempt."""
        kind = e.kind
        if kind not in ("completed", "failed", "canceled"):
            return None
        if self.ended:
            return "ended twice"
        self.ended = True
        if kind == "completed" and e.progress != 1:
            return "completed at %r" % e.progress
        if kind != "failed":
            return None
        if e.detail == "worker_lost":
            self.losses += 1
            return None if e.to == "error" and \
                self.losses >= WORKER_LOSSES else "given up too soon"
        if e.detail not in DRAWN_ERRORS:
            return "not an error that is drawn"
        used = self.attempt - self.budget_from + 1
        again = self.job.fixed["on_error"] == "restart" and \
            used < self.job.fixed["max_attempts"]
        return None if again == self.torn else "attempts are miscounted"

    def wrong_run(self, e):
        """Of what happens within an attempt."""
        kind, progress = e.kind, e.progress
        if kind == "stage":
            stage = STAGES.index(e.detail)
            if self.strict and stage <= self.stage:
                return "a stage twice"
            self.stage = stage
        if kind == "requeued":
            if e.detail not in ("worker_lost", "recovery"):
                return "queued again for no reason"
            self.losses += e.detail == "worker_lost"
        if not 0 <= progress <= 1:
            return "progress out of range"
        return None


def walk(job, events, strict):
    """The state that a history ends in; Wrong if it cannot be."""
    at = Walk(job, strict)
    for event in events:
        at.step(event)
    if at.torn:
        raise Wrong("failed and restarted are one change: %r" % events[-1])
    return at.state


# --- what a client remembers --------------------------------------------------


class Did:
    """A change that was asked for; acked: None: no answer came."""

    def __init__(self, kind, sent, acked):
        self.kind, self.sent, self.acked = kind, sent, acked

    def __repr__(self):
        return self.kind if self.acked else self.kind + "?"


class Saw:
    """What it was at some moment; attempt: None: not told."""

    def __init__(self, state, attempt):
        self.state, self.attempt = state, attempt

    def __repr__(self):
        return "(%s/%s)" % (self.state, self.attempt)


class Job:
    """trace is what happened since the last check, Did and Saw; maybe is the
    kind of its last change if that is not known, and then nothing else is
    asked of the job."""

    def __init__(self, shown, sent, acked):
        self.id, self.title = shown["id"], shown["title"]
        self.fixed = {key: shown[key] for key in FIXED}
        self.state, self.attempt = shown["state"], shown["attempt"]
        self.priority = shown["priority"]
        self.version, self.face, self.final = 0, None, None
        self.trace, self.known = [Did("submitted", sent, acked)], []
        self.maybe = self.maybe_priority = None
        self.was_done = False		# by the last check: the maybe
        self.deleted, self.touched = False, True
        self.see(shown)

    def see(self, shown):
        face = (shown["state"], shown["attempt"], shown["priority"],
                shown["stage"], shown["started_at"], shown["finished_at"],
                shown["error"], shown["last_error"])
        if shown["version"] < self.version:
            raise Wrong("the version of %s went from %d back to %d: %r, %r; "
                        "shown now: %r" % (
                            self.id, self.version, shown["version"],
                            self.trace, self.face, shown))
        if shown["version"] == self.version and face != self.face:
            raise Wrong("version %d of %s was %r and is %r" %
                        (self.version, self.id, self.face, face))
        if self.final and not self.maybe and face != self.final:
            raise Wrong("%s was %r and is %r" % (self.id, self.final, face))
        fixed = {key: shown[key] for key in FIXED}
        if fixed != self.fixed:
            raise Wrong("%s was submitted as %r and is %r" %
                        (self.id, self.fixed, fixed))
        self.version, self.face = shown["version"], face
        self.saw(shown["state"], shown["attempt"])
        self.final = face if shown["state"] in FINAL else None

    def saw(self, state, attempt=None):
        self.trace.append(Saw(state, attempt))
        self.state = state

    def did(self, kind, sent, acked):
        self.touched = True
        self.trace.append(Did(kind, sent, acked))
        if kind == "restarted":
            self.final = None
        if kind == "removed":
            self.deleted = True

    def may_have(self, kind, sent):
        self.maybe, self.touched = kind, True
        self.trace.append(Did(kind, sent, None))


# --- a history against the memory ---------------------------------------------


def asked(event):
    return event.kind in CLIENTS_KINDS or \
        event.kind == "restarted" and event.was in FINAL


class Path:
    """Goes along what is new in a history as its client remembers it."""

    def __init__(self, job, new):
        before = job.known[-1] if job.known else None
        self.job, self.at, self.maybe, self.done = job, 0, None, []
        self.steps = [(before and before.to, before and before.attempt,
                       None)]
        for e in new:
            # between failed and restarted nobody looks
            hidden = e.kind == "failed" and e.to == "queued"
            self.steps.append((None if hidden else e.to, e.attempt, e))

    def wrong(self, what):
        raise Wrong("%s: %s; remembered %r, the history has %r" % (
            self.job.id, what, self.job.trace,
            [(e.kind, e.to, e.attempt) for _, _, e in self.steps
             if e]))

    def take(self, did, event):
        if event.kind != did.kind:
            self.wrong("%s where %s was to be" % (event.kind, did.kind))
        self.done.append((event.seq, did))

    def go(self):
        """One step; an answered one is not passed over."""
        self.at += 1
        event = self.steps[self.at][2]
        if not asked(event):
            return
        if not self.maybe:
            self.wrong("%s that nobody asked for" % event.kind)
        self.take(self.maybe, event)
        self.maybe = None

    def saw(self, item):
        while self.steps[self.at][0] != item.state or \
                item.attempt not in (None, self.steps[self.at][1]):
            if self.at + 1 == len(self.steps):
                self.wrong("%r was seen and never was" % item)
            self.go()

    def did(self, item):
        while True:
            self.at += 1
            if self.at == len(self.steps):
                self.wrong("acknowledged %r is lost" % item)
            if asked(self.steps[self.at][2]):
                break
        self.take(item, self.steps[self.at][2])

    def follow(self):
        """Was the one done that was not answered?"""
        for item in self.job.trace:
            if isinstance(item, Saw):
                self.saw(item)
            elif item.acked is None:
                self.maybe = item
            else:
                self.did(item)
        while self.at + 1 < len(self.steps):
            self.go()
        return any(did.acked is None for _, did in self.done)


def match(job, events, order):
    """Holds the whole history against what is remembered, and remembers it:
    the next history begins with it."""
    if events[:len(job.known)] != job.known:
        raise Wrong("the history of %s was %r and is %r" %
                    (job.id, job.known, events))
    path = Path(job, events[len(job.known):])
    job.was_done = path.follow()
    for seq, did in path.done:
        order.add(seq, did, job.id)
    job.known, job.trace = events, []


class Order:
    """In the order of the events, nothing was answered before something
    that comes earlier was asked for."""

    def __init__(self):
        self.all, self.new = [], []

    def add(self, seq, did, id):
        self.new.append((seq, did.sent, did.acked or float("inf"),
                         (did.kind, id)))

    @staticmethod
    def hold(entries):
        latest = (0, float("-inf"), 0, None)
        for entry in sorted(entries):
            if entry[2] < latest[1]:
                raise Wrong("%s of %s was answered before %s of %s was "
                            "asked for, and comes after it" %
                            (entry[3] + latest[3]))
            if entry[1] > latest[1]:
                latest = entry

    def check(self):
        self.hold(self.new)
        self.all += self.new
        self.new = []

    def check_all(self):
        self.check()
        self.hold(self.all)


# --- a job as it is shown -----------------------------------------------------


def check_shown(job, shown, events, strict, order):
    """Holds a job that is there, and its history, which was asked for after
    it, against its memory."""
    if not strict:			# stages are shown before they are safe
        events = [e for e in events if e.kind != "stage"]
    final = job.final
    job.see(shown)
    state = walk(job, events, strict)
    match(job, events, order)
    done = job.maybe if job.was_done else None
    if final and final != job.final and done != "restarted":
        raise Wrong("%s was %r and is %r" % (job.id, final, job.final))
    if done == "changed":
        job.priority = job.maybe_priority
    if shown["priority"] != job.priority:
        raise Wrong("priority %d of %s, not %r" %
                    (shown["priority"], job.id, job.priority))
    if state not in BY_ITSELF[shown["state"]]:
        raise Wrong("%s is %s, its history says %s" %
                    (job.id, shown["state"], state))
    job.maybe = job.maybe_priority = None
    job.touched = False


# --- the database -------------------------------------------------------------


HISTORY = """
SELECT seq, kind, from_state, to_state, attempt, progress, detail
  FROM event WHERE job_seq = ? ORDER BY seq"""


def open_database(path):
    """As people open it: it may be written to meanwhile."""
    return contextlib.closing(
        sqlite3.connect("file:%s?mode=ro" % path, uri=True))


def stored_history(db, job):
    return [Event.of(*row) for row in
            db.execute(HISTORY, (job.fixed["seq"],))]


def check_told(job, told, stored):
    """The history that the wire tells is the stored one, or was when it was
    asked for; progress is rounded there."""
    same = [t._replace(progress=s.progress)
            if abs(t.progress - s.progress) < 1e-4 else t
            for t, s in zip(told, stored)]
    if len(told) > len(stored) or same != stored[:len(told)]:
        raise Wrong("the history of %s is told as %r and stored as %r" %
                    (job.id, told, stored))


EVENTS = """
SELECT coalesce(job.id, tombstone.id), event.seq, kind, from_state, to_state,
       event.attempt, event.progress, detail
  FROM event LEFT JOIN job ON job.seq = job_seq
       LEFT JOIN tombstone USING (job_seq) ORDER BY event.seq"""


class Database:
    """strict: no stage was lost."""

    def __init__(self, path, strict):
        self.strict = strict
        with open_database(path) as db:
            self.rows = {row[0]: row[1:] for row in db.execute(
                "SELECT id, title, state, attempt FROM job")}
            self.gone = dict(db.execute("SELECT id, state FROM tombstone"))
            self.events, self.told = {}, []
            for row in db.execute(EVENTS):
                event = Event.of(*row[1:])
                self.told.append((event.seq, event.kind, row[0]))
                if strict or event.kind != "stage":
                    self.events.setdefault(row[0], []).append(event)

    def lost_runs(self):
        """What dead workers have cost."""
        return [e for events in self.events.values() for e in events
                if e.detail == "worker_lost"]

    def check_titles(self, jobs, lost):
        """lost: lists of titles that were submitted together, without a key
        and without an answer."""
        titles = collections.Counter(row[0] for row in self.rows.values())
        twice = [title for title in titles if titles[title] > 1]
        if twice:
            raise Wrong("submitted once, there twice: %r" % twice)
        there = set(titles) - {job.title for job in jobs}
        for batch in lost:
            found = [title for title in batch if title in there]
            if found and found != batch:
                raise Wrong("half a batch is there: %r of %r" %
                            (found, batch))
            there -= set(batch)
        if there:
            raise Wrong("jobs that nobody submitted: %r" % sorted(there))

    def check_history(self, job, order):
        events = self.events.get(job.id, [])
        state = walk(job, events, self.strict)
        match(job, events, order)
        row = self.rows.get(job.id)
        if (row is None) != job.deleted or \
                (job.id in self.gone) != job.deleted:
            raise Wrong("%s is there and gone, or neither" % job.id)
        if row and row[1:] != (state, events[-1].attempt):
            raise Wrong("%s is %s/%s, its history says %s/%s" % (
                job.id, row[1], row[2], state, events[-1].attempt))

    def check_stream(self, seen):
        """seen: (seq, kind, id), all that the stream has told."""
        if [e[0] for e in seen] != sorted({e[0] for e in seen}):
            raise Wrong("the stream told in another order, or twice")
        missing = sorted(set(self.told) - set(seen))
        if missing:
            raise Wrong("the stream has not told %r" % missing[:20])
        more = [e for e in set(seen) - set(self.told)
                if self.strict or e[1] != "stage"]
        if more:
            raise Wrong("the stream has told what is not: %r" %
                        sorted(more)[:20])

    def check(self, jobs, lost, seen, order):
        self.check_titles(jobs, lost)
        for job in jobs:
            self.check_history(job, order)
        order.check_all()
        self.check_stream(seen)
