"""The checker of crash.py can fail: it is shown histories and databases in
which something is lost, doubled, reordered or impossible, and finds each.

One client does a few things, of which some have been checked and some have
not; then the daemon's database is doctored.  Online, a daemon starts on it and
the checker reads over HTTP, as after a crash; offline it reads the database,
as at the end of a run.
"""
import copy
import os
import shutil
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from crash import Arena  # noqa: E402
from crash_check import FINAL, Database, Order, Wrong  # noqa: E402
from heygend import main, preload, until  # noqa: E402

OLD = ("canceled", "completed", "failing", "removed")	# and checked
NEW = ("first", "second")
LOST = ("lost.1", "lost.2", "lost.3")	# one batch, never answered
EVENT = "job_seq, kind, from_state, to_state, attempt, progress, detail"


def job(title):
    return "(SELECT seq FROM job WHERE title = '%s')" % title


def forget(title, *kinds):
    return "DELETE FROM event WHERE job_seq = %s AND kind IN ('%s')" % (
        job(title), "','".join(kinds))


def change(title, kind, what):
    return "UPDATE event SET %s WHERE job_seq = %s AND kind = '%s'" % (
        what, job(title), kind)


def again(title, kind):
    """The event once more, as the newest."""
    return ("INSERT INTO event (at_ms, %s) SELECT at_ms, %s FROM event "
            "WHERE job_seq = %s AND kind = '%s'" % (EVENT, EVENT, job(title),
                                                    kind))


def edit(title, what):
    return "UPDATE job SET %s WHERE title = '%s'" % (what, title)


def twin(of, **values):
    """Another row like that job's."""
    values.setdefault("seq", "(SELECT 1 + max(seq) FROM job)")
    values.setdefault("id", "'01890000-0000-7000-8000-000000000000'")
    names = ("state version priority progress attempt max_attempts "
             "budget_from run losses on_error submitted_ms updated_ms "
             "finished_ms expires_ms ttl_s ttl_given draw_key title").split()
    return "INSERT INTO job (seq, id, %s) SELECT %s, %s, %s FROM job " \
        "WHERE title = '%s'" % (", ".join(names), values["seq"],
                                values["id"], ", ".join(
                                    values.get(n, n) for n in names), of)


def swap(one, other):
    """Two events change their places; each is (title, kind)."""
    found = ["(SELECT seq FROM event WHERE job_seq = %s AND kind = '%s')" % (
        job(title), kind) for title, kind in (one, other)]
    return ["CREATE TEMP TABLE two AS SELECT %s AS a, %s AS b" %
            tuple(found),
            "UPDATE event SET seq = -1 WHERE seq = (SELECT a FROM two)",
            "UPDATE event SET seq = (SELECT a FROM two) "
            "WHERE seq = (SELECT b FROM two)",
            "UPDATE event SET seq = (SELECT b FROM two) WHERE seq = -1"]


# The removed job, there again.
REVIVED = [twin("canceled", title="'removed'", id="(SELECT id FROM tombstone)",
                seq="(SELECT job_seq FROM tombstone)"),
           "DELETE FROM tombstone"]

# sentence, SQL, what is found online and offline (None: not looked for there)
DOCTORED = [
    ("a lost pause and resume are found",
     [forget("edited", "paused", "resumed")],
     "changed where paused was to be", "changed where paused was to be"),
    ("a lost last change is found",
     [forget("edited", "changed")],
     "acknowledged changed is lost", "acknowledged changed is lost"),
    ("a lost edit is found",
     [edit("edited", "priority = 0, version = version + 1")],
     "priority 0 of", None),
    ("a lost job is found",
     [forget("second", "submitted", "canceled"),
      "DELETE FROM job WHERE title = 'second'"],
     "is not_found, acknowledged as", "acknowledged submitted is lost"),
    ("a lost job that was known for long is found",
     ["DELETE FROM job WHERE title = 'completed'"],
     "is not_found, acknowledged as", "the history of .* was"),
    ("a lost event that was seen before is found",
     [forget("completed", "stage")],
     "the history of .* was", "the history of .* was"),
    ("a lost removal is found", REVIVED,
     "is canceled, acknowledged as deleted", "there and gone, or neither"),
    ("a lost tombstone is found", ["DELETE FROM tombstone"],
     "is not_found, acknowledged as", "acknowledged submitted is lost"),
    ("a lost pause of the queue is found",
     ["UPDATE meta SET value = 0 WHERE name = 'queue_paused'"],
     "the queue's pause", None),
    ("half a batch is found",
     ["DELETE FROM job WHERE title = 'lost.2'"],
     None, "half a batch"),
    ("a field of a submission that is lost is found",
     [edit("first", "source_url = NULL")], "was submitted as", None),

    ("a job that is there twice is found", [twin("second")],
     None, "there twice"),
    ("a job that nobody submitted is found",
     [twin("second", title="'nobody'")], None, "nobody submitted"),
    ("a doubled pause and resume are found",
     [again("edited", "paused"), again("edited", "resumed")],
     "paused that nobody asked for", "paused that nobody asked for"),
    ("a doubled edit is found", [again("edited", "changed")],
     "changed that nobody asked for", "changed that nobody asked for"),
    ("a second end is found", [again("completed", "completed")],
     "impossible in state completed", "impossible in state completed"),
    ("a stage that is entered twice is found",
     [change("completed", "stage", "detail = 'download'")],
     "a stage twice", "a stage twice"),

    ("two changes of a job in another order are found",
     swap(("edited", "changed"), ("edited", "paused")) + [
         "DELETE FROM event WHERE kind = 'resumed'"],
     "changed where paused was to be", "changed where paused was to be"),
    ("changes of two jobs in another order are found",
     swap(("first", "canceled"), ("second", "canceled")),
     "was answered before", "was answered before"),

    ("an impossible change is found",
     [change("edited", "resumed", "to_state = 'running'")],
     "impossible in state paused", "impossible in state paused"),
    ("a change that forgets the state before is found",
     [change("edited", "resumed", "from_state = 'running'")],
     "impossible in state paused", "impossible in state paused"),
    ("an attempt that was never begun is found",
     [change("edited", "changed", "attempt = 2")],
     "not attempt 1", "not attempt 1"),
    ("half of a failure and restart is found",
     [forget("failing", "restarted")],
     "one change", "one change"),
    ("an attempt too many is found",
     [change("stopped", "failed", "to_state = 'queued'"), again(
         "failing", "restarted"),
      "UPDATE event SET job_seq = %s WHERE seq = (SELECT max(seq) FROM event)"
      % job("stopped")],
     "attempts are miscounted", "attempts are miscounted"),
    ("an attempt too few is found",
     [change("failing", "failed", "to_state = 'error'")],
     "attempts are miscounted", "attempts are miscounted"),
    ("a job given up after one lost worker is found",
     [change("stopped", "failed", "detail = 'worker_lost'")],
     "given up too soon", "given up too soon"),
    ("an error that is nobody's is found",
     [change("stopped", "failed", "detail = 'internal'")],
     "not an error that is drawn", "not an error that is drawn"),
    ("half a completion is found",
     [change("completed", "completed", "progress = 0.5")],
     "completed at 0.5", "completed at 0.5"),
    ("a state without a change is found",
     [edit("edited", "state = 'canceled', version = version + 1, "
           "finished_ms = updated_ms")],
     "was seen and never was", "its history says queued"),
    ("a final state that changes is found",
     [edit("canceled", "version = version + 1, "
           "finished_ms = finished_ms + 1")],
     "was .* and is", None),
    ("a change without a new version is found",
     [edit("edited", "priority = 0")], "version .* was .* and is", None),
    ("a version that goes back is found",
     [edit("edited", "version = 1")], "went from", None),
]


class Checker(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.arena = Arena("checker", 1, settings={"simulation.error_rate": 0})
        try:
            cls.live()
        except BaseException:
            cls.arena.daemon.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.arena.daemon.remove()

    @classmethod
    def submit(cls, title, **fields):
        client = cls.arena.clients[0]
        client.submitted(None, "/v1/jobs", dict(fields, title=title), None)
        return client.jobs[-1]

    @classmethod
    def do(cls, job, verb):
        client = cls.arena.clients[0]
        client.choose_verb = lambda: verb
        client.verb(job)

    @classmethod
    def queue(cls, verb):
        cls.arena.asker.ask("POST", "/v1/queue:" + verb)
        cls.arena.pauser.paused = verb == "pause"

    @classmethod
    def live(cls):
        arena, client = cls.arena, cls.arena.clients[0]
        arena.daemon.start()
        arena.watcher.start()
        jobs = [cls.submit("completed", simulate={"duration_ms": 600}),
                cls.submit("failing", on_error="restart", simulate={
                    "duration_ms": 5, "fail_at": 0.1, "fail_attempts": 1}),
                cls.submit("stopped", on_error="stop", simulate={
                    "duration_ms": 5, "fail_at": 0.1})]
        for job in jobs:
            until(lambda: client.look(job) or job.state in FINAL, "the end")
        cls.queue("pause")
        edited = cls.submit("edited", priority=1)
        for title in ("canceled", "removed"):
            cls.do(cls.submit(title), "cancel")
        client.delete(client.jobs[-1])
        arena.check_touched()
        cls.do(edited, "pause")
        client.look(edited)
        cls.do(edited, "resume")
        client.random.randint = lambda *_: 7
        client.patch(edited)
        cls.submit("first", source_url="http://example.com/a")
        cls.submit("second")
        for title in NEW:
            cls.do(client.jobs[-2 + NEW.index(title)], "cancel")
        client.ask_to_submit("/v1/jobs:batch", {
            "jobs": [{"title": title} for title in LOST]}, None)
        arena.all_is_told()
        arena.watcher.over = True
        arena.watcher.join(20)
        arena.daemon.stop()
        cls.base = arena.daemon.state_dir
        cls.memory, cls.seen = client.jobs, arena.watcher.seen

    def setUp(self):
        """A database and a memory to doctor."""
        arena = self.arena
        self.state_dir = os.path.join(arena.daemon.dir, "doctored")
        shutil.copytree(self.base, self.state_dir)
        self.addCleanup(shutil.rmtree, self.state_dir)
        self.addCleanup(arena.daemon.kill)
        arena.daemon.settings["store.state_dir"] = self.state_dir
        arena.life += 1
        arena.clients[0].jobs = copy.deepcopy(self.memory)
        arena.order = Order()
        self.jobs = {job.title: job for job in arena.clients[0].jobs}

    def doctor(self, statements):
        db = sqlite3.connect(os.path.join(self.state_dir, "jobs.db"))
        for statement in statements:
            changed = db.execute(statement).rowcount
            self.assertNotEqual(changed, 0, statement)
        db.commit()
        db.close()

    def online(self):
        self.arena.daemon.start()
        for job in self.jobs.values():
            job.touched = True
        self.arena.check_touched()

    def offline(self):
        Database(os.path.join(self.state_dir, "jobs.db"), True).check(
            list(self.jobs.values()), [list(LOST)], self.seen,
            self.arena.order)

    def test_what_is_as_it_was_told_passes(self):
        self.online()
        self.arena.daemon.kill()
        self.setUpAgain()
        self.offline()

    def setUpAgain(self):
        self.doCleanups()
        self.setUp()

    def unknown(self):
        """The last change of "edited" got no answer."""
        edited = self.jobs["edited"]
        del edited.trace[-1]
        edited.trace[-1].acked = None
        self.assertEqual(edited.trace[-1].kind, "changed")
        edited.maybe, edited.maybe_priority, edited.priority = \
            "changed", edited.priority, 1
        return edited

    def test_what_got_no_answer_may_have_been_done(self):
        edited = self.unknown()
        self.online()
        self.assertTrue(edited.was_done)
        self.assertEqual(edited.priority, 7)

    def test_what_got_no_answer_may_not_have_been_done(self):
        edited = self.unknown()
        self.doctor([forget("edited", "changed"),
                     edit("edited", "priority = 1, version = version - 1")])
        edited.version -= 1
        edited.face = edited.face[:2] + (1,) + edited.face[3:]
        self.online()
        self.assertFalse(edited.was_done)
        self.assertEqual(edited.priority, 1)

    def test_what_got_no_answer_and_was_done_twice_is_found(self):
        self.unknown()
        self.doctor([again("edited", "changed")])
        with self.assertRaisesRegex(Wrong, "nobody asked for"):
            self.online()

    def test_what_the_stream_has_not_told_is_found(self):
        self.seen = self.seen[:5] + self.seen[6:]
        with self.assertRaisesRegex(Wrong, "has not told"):
            self.offline()

    def test_what_the_stream_has_told_twice_is_found(self):
        self.seen = self.seen[:5] + self.seen[4:]
        with self.assertRaisesRegex(Wrong, "or twice"):
            self.offline()

    def test_what_the_stream_has_told_of_another_job_is_found(self):
        seq, kind, _ = self.seen[3]
        self.seen = self.seen[:3] + [(seq, kind, "?")] + self.seen[4:]
        with self.assertRaisesRegex(Wrong, "has not told"):
            self.offline()

    def test_a_stream_that_tells_what_is_not_is_found(self):
        self.seen = self.seen + [(self.seen[-1][0] + 1, "started", "?")]
        with self.assertRaisesRegex(Wrong, "told what is not"):
            self.offline()

    def test_a_run_in_which_nothing_happens_proves_nothing(self):
        arena = Arena("nothing", 1)
        self.addCleanup(arena.daemon.remove)
        arena.kills = 10
        with self.assertRaisesRegex(Wrong, "nothing is proven"):
            arena.check_proven()


class LyingDisk(unittest.TestCase):
    def test_a_daemon_on_a_disk_that_ignores_syncs_is_found_out(self):
        preload("test_lossy")
        arena = Arena("liar", 4, lossy_disk="liar")
        with self.assertRaisesRegex(Wrong, "is not_found, acknowledged as"):
            arena.run(20, 30)


def doctored(statements, online, offline):
    def test(self):
        self.doctor(statements)
        if online:
            with self.assertRaisesRegex(Wrong, online):
                self.online()
            self.arena.daemon.kill()
            self.setUpAgain()
            self.doctor(statements)
        if offline:
            with self.assertRaisesRegex(Wrong, offline):
                self.offline()
    return test


for sentence, *case in DOCTORED:
    setattr(Checker, "test_" + sentence.replace(" ", "_"), doctored(*case))

if __name__ == "__main__":
    main(Checker, LyingDisk)
