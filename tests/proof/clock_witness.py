"""clock_witness.py -- who looks at one promise again and again, while the
clock is set and everything is stopped (clock.py).

A scenario is a function of its witness that submits, looks, and raises
Wrong.  "now" is the machine's own clock, which nobody sets; what the daemon
must have seen is asked of the arena's timeline.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "system"))
from crash_check import FINAL, Wrong  # noqa: E402
from crash_clients import Http, Unknown  # noqa: E402
from test_life import ms  # noqa: E402

SLACK_MS = 4000			# of a busy machine; too early has none
EARLY_MS = 25			# two clocks are read, in ms
SANE_MS = 120000		# no job here takes or waits that long
LATELY_MS = 3000		# an instant that a record gave may be that old
# Nobody tells an idle daemon of our steps, as the kernel tells of real ones:
# it sees them when it turns, and that may be when it listens to a worker.
UNSEEN_MS = 8000


class Witness(threading.Thread):
    def __init__(self, arena, name, scenario):
        super().__init__(daemon=True, name=name)
        self.arena, self.scenario = arena, scenario
        self.timeline, self.http = arena.timeline, Http(arena)
        self.random = random.Random("%s/%s" % (arena.seed, name))
        self.titles, self.seen, self.over = [], 0, False
        self.strange_since = None

    def run(self):
        while not self.over and not self.arena.wrongs:
            try:
                self.scenario(self)
                self.seen += 1
            except Unknown as unknown:
                self.arena.fail("%s: no answer: %s" % (self.name, unknown))
            except Wrong as wrong:
                self.arena.fail("%s: %s" % (self.scenario.__name__, wrong))
            except Exception as error:	# pylint: disable=broad-except
                self.arena.fail("%s: %r" % (self.scenario.__name__, error))
        self.http.close()

    @property
    def now(self):
        return self.timeline.machine_ms()

    def submit(self, **fields):
        fields.update(title="%s.%d" % (self.name, len(self.titles)),
                      priority=100)
        self.titles.append(fields["title"])
        status, job, _ = self.http.ask("POST", "/v1/jobs", fields)
        if status != 202:
            raise Wrong("%d for a submission" % status)
        return job

    def look(self, id, wanted=200):
        status, job, _ = self.http.ask("GET", "/v1/jobs/" + id)
        if wanted and status != wanted:
            raise Wrong("%d for %s" % (status, id))
        return job if status == 200 else None

    def verb(self, id, verb):
        return self.http.ask("POST", "/v1/jobs/%s:%s" % (id, verb))[0]

    def in_time(self, what, since, at_least_ms, at_most_ms):
        """It took that long, by a clock that nobody sets."""
        now = self.now
        took, stopped = now - since, self.timeline.stopped_ms(since, now)
        if took < at_least_ms - EARLY_MS:
            raise Wrong("%s after %d ms instead of %d" % (what, took,
                                                          at_least_ms))
        if took > at_most_ms + stopped + SLACK_MS:
            raise Wrong("%s only after %d ms instead of %d; stopped for %d" %
                        (what, took, at_most_ms, stopped))

    def strange(self, job, begun):
        """What is wrong with the estimate of a job shown since begun."""
        if not 0 <= job["remaining_ms"] < SANE_MS:
            return "remaining_ms %r" % job["remaining_ms"]
        if job["estimated_completion_at"] is None:
            return None
        at = ms(job["estimated_completion_at"])
        stopped = self.timeline.stopped_ms(begun - 60000, self.now)
        shown = self.timeline.between(begun - LATELY_MS - stopped, self.now)
        if any(first - SLACK_MS - stopped <= at <= last + SANE_MS
               for first, last in shown):
            return None
        return "its end expected at %s, the clock at %r" % (
            job["estimated_completion_at"], shown)

    def sane(self, jobs, begun, more=None):
        """Who asks between a step of the clock and the engine's next turn
        is told by the old one; it may not last."""
        found = [(why, job) for job in jobs
                 for why in [self.strange(job, begun)] if why]
        if more:
            found.append(more)
        if not found:
            self.strange_since = None
        elif self.strange_since is None:
            self.strange_since = begun
        elif begun - self.strange_since > UNSEEN_MS + \
                self.timeline.stopped_ms(self.strange_since, self.now):
            raise Wrong("%s of %r" % found[0])


def until_queue_goes(w, job):
    """It waits while the queue is paused: then nothing is promised."""
    while job["state"] == "queued" and not w.over and not w.arena.wrongs:
        time.sleep(0.005)
        job = w.look(job["id"])
    return job


def run(w):
    """A run takes its time, and its progress never falls."""
    length = w.random.randint(300, 4000)
    begun, progress = w.now, -1
    job = until_queue_goes(w, w.submit(simulate={
        "duration_ms": length, "error_rate": 0}))
    started = w.now
    while job["state"] not in FINAL:
        if job["progress"] < progress or job["progress"] >= 1:
            raise Wrong("progress %g after %g" % (job["progress"], progress))
        progress = job["progress"]
        if w.over or w.arena.wrongs:
            return
        time.sleep(0.02)
        asked = w.now
        job = w.look(job["id"])
        w.sane([job], asked)
    if job["state"] != "completed" or job["attempt"] != 1:
        raise Wrong("%r" % job)
    w.in_time("completed", begun, length, started - begun + length)


def delay(w):
    """20 + 40 + 80 + 160 + 320 + 640 ms of delays before a seventh try."""
    begun = w.now
    job = w.submit(on_error="restart", max_attempts=8, simulate={
        "duration_ms": 10, "fail_at": 0.5, "fail_attempts": 6})
    paused = 0
    while job["state"] not in FINAL:
        if w.over or w.arena.wrongs:
            return
        asked = w.now
        time.sleep(0.02)
        job = w.look(job["id"])
        w.sane([job], asked)
        if w.arena.queue_stands():
            paused += w.now - asked
    if job["state"] != "completed" or job["attempt"] != 7:
        raise Wrong("%r" % job)
    w.in_time("the seventh try", begun, 1260, 1260 + 2 * paused)


def promise(w):
    """not_before is kept in wall time: never before, at once behind."""
    ahead = w.random.choice((500, 2000, 1800000))
    begun = w.now
    at = int(begun + w.timeline.off_ms + ahead)
    job = w.submit(not_before=time.strftime(
        "%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + ".%03dZ" % (at % 1000),
        simulate={"duration_ms": 5, "error_rate": 0})
    while job["state"] not in FINAL and w.now - begun < 6000:
        if w.over or w.arena.wrongs:
            return
        time.sleep(0.02)
        job = w.look(job["id"])
    shown = w.timeline.latest(begun, w.now)
    if job["started_at"] is not None and shown < at - EARLY_MS:
        raise Wrong("begun %d ms early" % (at - shown))
    if job["state"] == "queued":
        w.verb(job["id"], "cancel")


def ttl(w):
    """A job is removed when the clock shows its hour, and not before."""
    life = w.random.choice((1, 2, 1800, 5400))
    begun = w.now
    job = w.submit(ttl_s=life, simulate={"duration_ms": 5, "error_rate": 0})
    expires = None
    while w.now - begun < 6000 and not w.over and not w.arena.wrongs:
        asked = w.now
        job = w.look(job["id"], None)
        shown = w.timeline.between(asked, w.now)
        if job is None:
            if expires is None:
                expires = life * 1000 + min(
                    first for first, _ in w.timeline.between(begun, asked))
            latest = w.timeline.latest(begun, w.now)
            if latest < expires - EARLY_MS:
                raise Wrong("removed %d ms early" % (expires - latest))
            return
        if job["expires_at"]:
            expires = ms(job["expires_at"])
            if expires - ms(job["finished_at"]) != life * 1000:
                raise Wrong("%r" % job)
            if all(first > expires + EARLY_MS for first, _ in shown):
                raise Wrong("%s is there at %r" % (job["expires_at"], shown))
        time.sleep(0.05)


def wait(w):
    """A request is held as long as it asks for, whatever the clock says."""
    job = w.submit(not_before="2999-01-01T00:00:00Z")
    begun = w.now
    status, job, headers = w.http.ask(
        "GET", "/v1/jobs/%s?wait=2" % job["id"])
    if status != 200 or job["state"] != "queued":
        raise Wrong("%d, %r" % (status, job))
    if headers.get("Preference-Applied"):
        w.in_time("answered", begun, 2000, 2000)
    w.verb(job["id"], "cancel")


def queue(w):
    """Nobody is told a wait or an end out of this world."""
    asked = w.now
    status, shown, _ = w.http.ask("GET", "/v1/queue")
    strange = None
    if status != 200 or not 0 <= shown["oldest_wait_ms"] < 5 * SANE_MS:
        strange = ("oldest_wait_ms", shown)
    status, shown, _ = w.http.ask(
        "GET", "/v1/jobs?state=running,queued&limit=100")
    w.sane([job for job in shown["jobs"] if job["not_before"] is None], asked,
           strange)
    time.sleep(0.1)


WITNESSES = (run, delay, promise, ttl, wait, queue)
