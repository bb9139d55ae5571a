"""An administrator's day: a backup under load and back again, an upgrade from
every older schema, a downgrade that is refused, a damaged file."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import SRCDIR, Daemon, main, program  # noqa: E402

OLDER = sorted(name for name in os.listdir(os.path.join(SRCDIR, "tests",
                                                        "data"))
               if re.fullmatch(r"store-\d+\.sql", name))


def heygend(*args):
    return subprocess.run([program("heygend"), *args], text=True,
                          capture_output=True, timeout=60)


class StoreTools(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon({
            "status.default_job": "off", "simulation.min_ms": 60000,
            "simulation.max_ms": 60000})
        self.addCleanup(self.daemon.remove)
        os.makedirs(self.daemon.state_dir)

    def path(self, name):
        return os.path.join(self.daemon.state_dir, name)

    def check(self):
        return heygend("--check-store", "--state-dir", self.daemon.state_dir)

    def backup(self, name="copy"):
        file = os.path.join(self.daemon.dir, name)
        return file, heygend("--backup", file, "--state-dir",
                             self.daemon.state_dir)

    def version(self, path, new=None):
        """The schema's version, after it has been set to another."""
        database = sqlite3.connect(path)
        if new is not None:
            database.execute("PRAGMA user_version = %d" % new)
            database.commit()
        value, = database.execute("PRAGMA user_version").fetchone()
        database.close()
        return value

    def test_a_backup_of_a_running_daemon_can_be_put_back(self):
        self.daemon.start()
        jobs = [self.daemon.submit(title="job %d" % n) for n in range(30)]
        file, done = self.backup()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        late = self.daemon.submit()
        self.daemon.stop()
        for name in ("jobs.db-wal", "jobs.db-shm"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        shutil.move(file, self.path("jobs.db"))
        self.assertIn("is whole: 30 jobs", self.check().stdout)
        self.daemon.start()
        for job in jobs:
            self.assertEqual(self.daemon.job(job["id"])["title"], job["title"])
        self.assertEqual(self.daemon.get("/v1/jobs/" + late["id"]).status, 404)
        self.daemon.stop()

    def test_a_backup_writes_over_nothing(self):
        self.daemon.start()
        file, _ = self.backup()
        before = os.stat(file).st_mtime_ns
        _, done = self.backup()
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot create " + file, done.stderr)
        self.assertEqual(os.stat(file).st_mtime_ns, before)
        self.daemon.stop()

    def test_a_backup_of_nothing_says_so_and_leaves_no_file(self):
        file, done = self.backup()
        self.assertEqual(done.returncode, 1)
        self.assertIn(self.path("jobs.db"), done.stderr)
        self.assertFalse(os.path.exists(file))

    def test_a_database_of_each_older_schema_is_upgraded(self):
        self.assertTrue(OLDER)
        newest = len(OLDER)
        for name in OLDER:
            with self.subTest(name):
                shutil.rmtree(self.daemon.state_dir)
                os.makedirs(self.daemon.state_dir)
                database = sqlite3.connect(self.path("jobs.db"))
                with open(os.path.join(SRCDIR, "tests", "data", name)) as sql:
                    database.executescript(sql.read())
                held, = database.execute("SELECT count(*) FROM job").fetchone()
                database.close()
                self.daemon.start()
                job = self.daemon.job("018bcfe5-6802-7000-8000-000000000002")
                self.assertGreaterEqual(job["progress"], 0.5)
                self.assertEqual(self.daemon.submit()["result"], "pending")
                self.daemon.stop()
                self.assertGreaterEqual(self.version(self.path("jobs.db")),
                                        newest)
                self.assertEqual(self.check().returncode, 0)
                self.assertGreater(held, 0)

    def test_a_downgrade_is_refused_with_a_sentence(self):
        self.daemon.start()
        self.daemon.stop()
        ours = self.version(self.path("jobs.db"))
        self.version(self.path("jobs.db"), ours + 1)
        said = "schema %d, this heygend knows %d" % (ours + 1, ours)
        done = self.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn(said, done.stderr)
        done = heygend("--listen", "127.0.0.1:0", "--state-dir",
                       self.daemon.state_dir)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "schema %d" % (ours + 1))
        self.assertEqual(self.version(self.path("jobs.db")), ours + 1)

    def test_a_damaged_database_is_told_and_not_served(self):
        self.daemon.start()
        for _ in range(200):
            self.daemon.submit(title="x" * 200)
        self.daemon.stop()
        with open(self.path("jobs.db"), "r+b") as file:
            file.seek(100)
            file.write(b"\xff" * 4000)
        done = self.check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("jobs.db", done.stderr)
        done = heygend("--listen", "127.0.0.1:0", "--state-dir",
                       self.daemon.state_dir)
        self.assertEqual(done.returncode, 1)
        self.assertIn("jobs.db", done.stderr)


main(StoreTools)
