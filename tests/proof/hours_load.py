"""hours_load.py -- what comes in during the eight hours, drawn from a seed.

Load     how many jobs each step brings, what they are, and what becomes of
         some of them: paused and resumed, canceled, restarted, deleted,
         edited.  The same seed draws the same load.
Wire     asks the daemon; answers as bytes.

Lengths are whole seconds and shares of stages fall on a grid of 50 ms, so
that thousands of jobs share an instant and eight hours pass in minutes; one
job in a thousand has a length to the millisecond.
"""
import json
import random
import re

STEP_S = 5
MINUTE = 60 // STEP_S		# steps
BATCH = 1000
MEAN_RUN_S = 15			# of all that run, and room for bursts

# share in 1000, fields
KINDS = (
    (350, {"simulate": {"duration_ms": 1}}),	# all its stages at once
    (150, {"simulate": {"duration_ms": 20000}}),
    (100, {"simulate": {"duration_ms": 1000}}),
    (100, {"simulate": {"duration_ms": 10000}, "priority": 10}),
    (80, {"simulate": {"duration_ms": 40000}, "priority": -10}),
    (60, {"simulate": {"duration_ms": 20000}, "tags": ["weekly", "long"],
          "title": "Weekly digest", "source_language": "en",
          "source_url": "https://videos.example/weekly/digest.mp4",
          "output_language": "es"}),
    (60, {"simulate": {"duration_ms": 20000, "fail_at": 0.45},
          "on_error": "stop"}),
    (40, {"simulate": {"duration_ms": 20000, "fail_at": 0.7,
                       "fail_attempts": 1}, "on_error": "restart"}),
    (20, {"simulate": {"duration_ms": 10000, "fail_at": 0.1},
          "on_error": "restart", "max_attempts": 3}),
    (20, {"simulate": {"duration_ms": 60000}, "tags": ["film"]}),
    (19, {"simulate": {"duration_ms": 1000}, "ttl_s": 400}),
    (1, None),			# a length to the millisecond
)
# of the jobs of a step, these shares are, each job one of them at most
PAUSED, CANCELED, RESTARTED, DELETED, EDITED = .01, .02, .02, .02, .001


class Load:
    def __init__(self, seed, jobs, steps):
        self.random = random.Random("load/%s" % seed)
        self.jobs, self.steps = jobs, steps
        self.texts = [json.dumps(fields).encode() if fields else None
                      for _, fields in KINDS]
        self.shares = [share for share, _ in KINDS]
        self.later = {}			# step: [(verb, ids)]
        self.weights = []

    def count(self, step):
        """How many come in this step: bursts, and the same each minute."""
        at = step % MINUTE
        if at == 0:
            self.weights = [0.25 + 1.5 * n / (MINUTE - 1)
                            for n in range(MINUTE)]
            self.random.shuffle(self.weights)
        return self.by(step, at + 1) - self.by(step, at)

    def by(self, step, at):
        """How many have come when `at` of its minute's steps are over."""
        minute = step - step % MINUTE
        part = MINUTE if at == MINUTE else sum(self.weights[:at])
        return int(self.jobs * (minute + part) / self.steps)

    def bodies(self, count):
        """The bodies of a step's batches, and how many jobs each has."""
        r = self.random
        while count > 0:
            n = min(count, BATCH)
            kinds = r.choices(self.texts, self.shares, k=n)
            if None in kinds:
                kinds = [kind or b'{"simulate":{"duration_ms":%d}}' %
                         r.randint(1, 30000) for kind in kinds]
            yield n, b'{"jobs":[' + b",".join(kinds) + b"]}"
            count -= n

    def fates(self, step, jobs):
        """Draws what becomes of a step's jobs, [(id, seq)]: whom to pause
        and whom to edit now; the rest is kept for its step."""
        r = self.random
        wanted = [(share, int(len(jobs) * share + r.random()))
                  for share in (PAUSED, EDITED, CANCELED, RESTARTED, DELETED)]
        chosen = r.sample(jobs, min(len(jobs), sum(n for _, n in wanted)))
        lots = []
        for _, n in wanted:
            lots.append(chosen[:n])
            chosen = chosen[n:]
        pause, edit, cancel, restart, delete = lots
        self.put_off(step + r.randint(1, 6), "resume", pause)
        self.put_off(step + r.randint(0, 6), "cancel", cancel)
        self.put_off(step + r.randint(12, 24), "restart", restart)
        self.put_off(step + r.randint(12, 30), "delete", delete)
        return pause, edit

    def put_off(self, step, verb, jobs):
        if jobs:
            self.later.setdefault(step, []).append((verb, jobs))

    def due(self, step):
        return self.later.pop(step, [])


class Wire:
    """Requests one after the other, each on a connection of its own, so that
    all the daemon's threads have their turn."""

    def __init__(self, daemon, patience=300):
        self.daemon, self.patience = daemon, patience

    def ask(self, method, path, body=None, wanted=(200,)):
        """The answer's body."""
        answer = self.daemon.request(method, path, body,
                                     timeout=self.patience)
        if answer.status not in wanted:
            raise AssertionError("%d for %s %s: %r" % (
                answer.status, method, path, answer.body[:500]))
        return answer.body

    def json(self, *args, **more):
        return json.loads(self.ask(*args, **more))


SHOWN = re.compile(rb'\{"id":"([^"]+)","seq":(\d+),')


def jobs_of(answer):
    """[(id, seq)] of the jobs in an answer."""
    return [(match[1].decode(), int(match[2]))
            for match in SHOWN.finditer(answer)]
