"""The service as it is installed, under a systemd that is PID 1: it starts,
answers, reloads, comes back after every death, stops, and shows its database
to the group of operators and to nobody else."""
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import BUILDDIR, SRCDIR, alive, main, until  # noqa: E402
from sandbox import (INI, STATE, Service, inside, made, main_pid,  # noqa: E402
                     make, outside, refuse_other_prefixes,
                     refuse_where_it_cannot_be, run, show, write)

DROP_IN = "/etc/systemd/system/heygend.service.d/test.conf"
KEYS = "/etc/credstore/api-keys"
QUICK = "[simulation]\nmin_ms = 200\nmax_ms = 400\nerror_rate = 0\n"
LONG = "[simulation]\nmin_ms = 60000\nmax_ms = 60000\nerror_rate = 0\n"
PROGRAM = """
#include <heygen-client.h>
#include <stdio.h>

int main(void)
{
	hg_client_options options;
	hg_client *client;
	hg_job *job;
	hg_err err;

	hg_client_options_init(&options, sizeof(options));
	if (hg_client_new(&options, &client) != HG_OK)
		return 1;
	if (hg_job_new("default", &job) != HG_OK)
		return 1;
	err = hg_refresh(client, job);
	printf("%s: %s\\n", hg_strerror(err), hg_job_id(job));
	hg_job_free(job);
	hg_client_free(client);
	return err == HG_OK ? 0 : 1;
}
"""


def journal(*args):
    """What the service has logged, one dict an entry."""
    lines = run("journalctl", "-u", "heygend", "-o", "json", *args).stdout
    return [json.loads(line) for line in lines.splitlines()]


def logged(text, since, *args):
    """The first entry that has it; journald may be a moment late."""
    def found():
        run("journalctl", "--sync")
        return [entry for entry in journal("--since", "@%f" % since, *args)
                if text in str(entry["MESSAGE"])]
    return until(found, "that the journal has " + text)[0]


def shell(user, sql, *options):
    return run("setpriv", "--reuid", user, "--regid", user, "--init-groups",
               "sqlite3", *options, STATE + "/jobs.db", sql, check=False)


def shown(word):
    """The drop-in of heygend(8) that has the word, without its section."""
    with open(os.path.join(SRCDIR, "daemon", "heygend.8")) as manual:
        blocks = re.findall(r"^\[Service\]\n(.*?)^\.Ed$", manual.read(),
                            re.M | re.S)
    found, = [block for block in blocks if word in block]
    return found


class TheService(unittest.TestCase):
    service = Service()

    @classmethod
    def setUpClass(cls):
        run("ldconfig")
        run("systemd-sysusers")
        run("systemctl", "daemon-reload")
        with open(INI) as ini:
            cls.sample = ini.read()
        for user, *more in (("heyreader", "-G", "heygend"), ("heystranger",)):
            run("useradd", "-M", *more, user)

    def setUp(self):
        """Stopped, with nothing stored, as it was installed."""
        self.since = time.time()
        run("systemctl", "stop", "heygend")
        run("systemctl", "reset-failed", "heygend", check=False)
        for path in (DROP_IN, KEYS):
            if os.path.exists(path):
                os.unlink(path)
        run("systemctl", "daemon-reload")
        shutil.rmtree(STATE, ignore_errors=True)
        write(INI, self.sample)

    @classmethod
    def tearDownClass(cls):
        run("systemctl", "stop", "heygend")

    def start(self, ini=None):
        if ini is not None:
            write(INI, ini)
        run("systemctl", "start", "heygend")

    def drop_in(self, text):
        write(DROP_IN, "[Service]\n" + text)
        run("systemctl", "daemon-reload")

    def get(self, path, **headers):
        return self.service.get(path, headers=headers)

    def workers(self):
        return [worker["pid"] for worker in
                self.get("/v1/queue").json["workers"]]

    def reborn(self, pid):
        """Waits for another main process than that, and until it serves."""
        until(lambda: main_pid() not in (0, pid), "a new daemon", 30)
        self.service.until_up()

    # --- starting --------------------------------------------------------------

    def test_the_unit_is_verified_in_silence(self):
        done = run("systemd-analyze", "verify",
                   "heygend.service")
        self.assertEqual((done.stdout, done.stderr), ("", ""))

    def test_it_is_ready_when_start_returns(self):
        self.start()
        self.assertEqual(show("ActiveState"), "active")
        self.assertEqual(self.get("/readyz").status, 200)
        with open("/proc/%d/status" % main_pid()) as status:
            user = re.search(r"^Uid:\t(\d+)", status.read(), re.M).group(1)
        self.assertEqual(user, run("id", "-u", "heygend").stdout.strip())

    def test_its_state_is_shown_to_the_group_only(self):
        self.start()
        stat = run("stat", "-c", "%a %U %G", STATE).stdout.strip()
        self.assertEqual(stat, "2750 heygend heygend")
        stat = run("stat", "-c", "%a %U %G", STATE + "/jobs.db").stdout.strip()
        self.assertEqual(stat, "640 heygend heygend")

    def test_it_starts_without_a_file_of_settings(self):
        os.unlink(INI)
        self.start()
        self.assertEqual(self.get("/status").status, 200)
        self.assertTrue(os.path.exists(STATE + "/jobs.db"))

    def test_keys_come_from_the_credential_store(self):
        key = "0123456789abcdef-operator"
        write(KEYS, key + "\n", 0o600)
        self.start()
        self.assertEqual(self.get("/status").status, 401)
        answer = self.get("/status", Authorization="Bearer " + key)
        self.assertEqual(answer.status, 200)

    def test_a_wrong_setting_is_told_once_and_not_tried_again(self):
        write(INI, "[jobs]\nworkers = many\n")
        done = run("systemctl", "start", "heygend", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(show("ExecMainStatus"), "78")
        self.assertEqual(show("NRestarts"), "0")
        entry = logged("jobs.workers", self.since)
        self.assertIn(INI + ":2", entry["MESSAGE"])
        self.assertEqual(entry["PRIORITY"], "3")

    def test_thousands_of_connections_fit_its_limits(self):
        self.start("[http]\nthreads = 3000\n[jobs]\nworkers = 8\n")
        with open("/proc/%d/status" % main_pid()) as status:
            threads = re.search(r"^Threads:\t(\d+)", status.read(), re.M)
        self.assertGreater(int(threads.group(1)), 3000)
        until(lambda: len(self.workers()) == 8, "8 workers")

    # --- what the unit forbids, and the manual's drop-ins allow ------------------

    def refused(self):
        done = run("systemctl", "start", "heygend", check=False)
        self.assertNotEqual(done.returncode, 0)
        run("systemctl", "stop", "heygend")
        run("systemctl", "reset-failed", "heygend", check=False)

    def test_a_low_port_needs_the_drop_in_of_the_manual(self):
        write(INI, "[http]\nlisten = 127.0.0.1:80\n")
        self.refused()
        self.drop_in(shown("CAP_NET_BIND_SERVICE"))
        run("systemctl", "start", "heygend")
        self.assertEqual(Service(80).get("/readyz").status, 200)
        with open("/proc/%d/status" % main_pid()) as status:
            caps = re.search(r"^CapEff:\t(\w+)", status.read(), re.M).group(1)
        self.assertEqual(int(caps, 16), 1 << 10)	# that one alone

    def test_another_state_directory_needs_the_drop_in_of_the_manual(self):
        write(INI, "[store]\nstate_dir = /srv/heygend\n")
        run("install", "-d", "-o", "heygend", "-g", "heygend", "-m", "2750",
            "/srv/heygend")
        self.refused()
        self.drop_in(shown("/srv/heygend"))
        run("systemctl", "start", "heygend")
        job = self.service.submit()["id"]
        run("systemctl", "restart", "heygend")
        self.service.job(job)
        self.assertTrue(os.path.exists("/srv/heygend/jobs.db"))
        self.assertFalse(os.path.exists(STATE + "/jobs.db"))

    def test_a_long_drain_without_notices_needs_the_drop_in_of_the_manual(self):
        silent = "Type=exec\nWatchdogSec=0\nNotifyAccess=none\n"
        drop_in = shown("TimeoutStopSec")
        self.drop_in(silent)
        self.assertEqual(show("TimeoutStopUSec"), "30s")
        self.drop_in(silent + drop_in)
        self.assertEqual(show("TimeoutStopUSec"), "2min 20s")
        self.start("[http]\ndrain_s = 120\n")
        self.service.until_up()
        run("systemctl", "stop", "heygend")
        self.assertEqual(show("Result"), "success")

    # --- serving ---------------------------------------------------------------

    def test_a_job_is_submitted_and_followed_by_heygenctl(self):
        self.start(QUICK)
        run("heygenctl", "queue", "pause")
        done = run("heygenctl", "submit", "--title", "from the shell")
        job = done.stdout.strip()
        self.assertEqual(run("heygenctl", "status", job).stdout.strip(),
                         "pending")
        run("heygenctl", "queue", "resume")
        run("heygenctl", "wait", job)
        self.assertEqual(run("heygenctl", "status", job).stdout.strip(),
                         "completed")

    def test_a_program_links_the_installed_library(self):
        self.start()
        self.assertIsNotNone(shutil.which("cc"))
        folder = tempfile.mkdtemp()
        write(folder + "/a.c", PROGRAM)
        flags = run("pkg-config", "--cflags", "--libs",
                    "libheygen-client").stdout.split()
        run("cc", "-o", folder + "/a", folder + "/a.c", *flags)
        self.assertEqual(run(folder + "/a").stdout, "success: default\n")

    def test_the_status_line_counts(self):
        self.start(LONG + "[jobs]\nworkers = 1\nslots = 2\n"
                   "[status]\ndefault_job = off\n")
        for _ in range(5):
            self.service.submit()
        until(lambda: show("StatusText") == "2 running, 3 queued",
              "the status line")

    def test_the_journal_has_events_with_their_priorities(self):
        self.start(LONG)
        job = self.service.submit()["id"]
        entry = logged("job.submitted job=" + job, self.since)
        self.assertEqual(entry["PRIORITY"], "6")
        self.assertEqual(entry["SYSLOG_IDENTIFIER"], "heygend")
        os.kill(self.workers()[0], signal.SIGKILL)
        entry = logged("worker.", self.since, "-p", "warning")
        self.assertEqual(entry["PRIORITY"], "4")

    # --- reloading -------------------------------------------------------------

    def test_a_reload_takes_a_good_file(self):
        self.start()
        self.assertEqual(self.service.submit()["max_attempts"], 3)
        write(INI, "[jobs]\nmax_attempts = 7\n")
        pid = main_pid()
        run("systemctl", "reload", "heygend")
        until(lambda: self.service.submit()["max_attempts"] == 7,
              "that the new setting holds")
        self.assertEqual((show("ActiveState"), main_pid()), ("active", pid))

    def test_a_reload_ends_when_the_new_settings_hold(self):
        if show("Type") != "notify-reload":
            self.skipTest("systemd before 253 does not wait for them")
        self.drop_in("ExecReload=\n")	# only the manager's hangup
        self.start()
        for attempts in range(10, 30):
            write(INI, "[jobs]\nmax_attempts = %d\n" % attempts)
            run("systemctl", "reload", "heygend")
            self.assertEqual(self.service.submit()["max_attempts"], attempts)

    def test_a_reload_of_a_bad_file_fails_and_changes_nothing(self):
        self.start("[jobs]\nmax_attempts = 5\n")
        pid = main_pid()
        write(INI, "[jobs]\nmax_attempts = 0\n")
        done = run("systemctl", "reload", "heygend", check=False)
        self.assertNotEqual(done.returncode, 0)
        entry = logged("max_attempts", self.since)
        self.assertIn(INI + ":2", entry["MESSAGE"])
        self.assertEqual(entry["PRIORITY"], "3")
        self.assertEqual((show("ActiveState"), main_pid()), ("active", pid))
        self.assertEqual(self.service.submit()["max_attempts"], 5)

    def test_a_hangup_with_a_bad_file_changes_nothing(self):
        self.start("[jobs]\nmax_attempts = 5\n")
        pid = main_pid()
        write(INI, "[jobs]\nmax_attempts = 0\n")
        os.kill(pid, signal.SIGHUP)
        entry = logged("settings.refused", self.since)
        self.assertEqual(entry["PRIORITY"], "3")
        until(lambda: show("ActiveState") == "active", "that it is active")
        self.assertEqual(main_pid(), pid)
        self.assertEqual(self.service.submit()["max_attempts"], 5)

    # --- dying and coming back ----------------------------------------------------

    def test_a_killed_daemon_comes_back_and_has_lost_nothing(self):
        self.start(LONG)
        jobs = [self.service.submit()["id"] for _ in range(50)]
        pid = main_pid()
        os.kill(pid, signal.SIGKILL)
        self.reborn(pid)
        for job in jobs:
            self.assertIn(self.service.state(job), ("queued", "running"))
        self.assertEqual(show("NRestarts"), "1")

    def test_the_watchdog_replaces_a_daemon_that_stands_still(self):
        self.drop_in("WatchdogSec=6s\n")
        self.start(LONG)
        job = self.service.submit()["id"]
        pid, workers = main_pid(), self.workers()
        time_fed = time.monotonic() + 7
        until(lambda: time.monotonic() > time_fed, "seven quiet seconds")
        self.assertEqual(main_pid(), pid)	# it is fed while idle
        os.kill(pid, signal.SIGSTOP)
        self.reborn(pid)
        logged("Watchdog timeout", self.since)
        self.assertIn(self.service.state(job), ("queued", "running"))
        self.assertFalse([worker for worker in workers if alive(worker)])

    def test_a_killed_worker_is_replaced_and_its_jobs_go_on(self):
        self.start("[simulation]\nmin_ms = 1500\nmax_ms = 1500\n"
                   "error_rate = 0\n[jobs]\nworkers = 1\n")
        job = self.service.submit()["id"]
        self.service.until_state(job, "running")
        worker, = self.workers()
        os.kill(worker, signal.SIGKILL)
        until(lambda: self.workers() not in ([], [worker]), "a new worker")
        self.service.until_state(job, "completed")
        self.assertEqual(show("NRestarts"), "0")

    # --- stopping ----------------------------------------------------------------

    def test_it_stops_at_once_and_leaves_nobody(self):
        self.start(LONG)
        self.service.submit()
        pid, workers = main_pid(), self.workers()
        began = time.monotonic()
        run("systemctl", "stop", "heygend")
        self.assertLess(time.monotonic() - began, 6)	# drain_s is 10
        self.assertEqual((show("Result"), show("ExecMainStatus")),
                         ("success", "0"))
        self.assertFalse([each for each in [pid] + workers if alive(each)])
        logged("daemon.stopped", self.since)

    def held(self):
        text = self.get("/metrics").body.decode()
        return sum(int(count) for count in re.findall(
            r"^heygend_held\{.*\} (\d+)$", text, re.M))

    def test_a_stop_does_not_wait_for_those_who_wait(self):
        self.start(LONG)
        path = "/v1/jobs/%s?wait=60" % self.service.submit()["id"]
        message = self.service.message("GET", path)
        waiters = [self.enterContext(self.service.raw(message))
                   for _ in range(40)]
        for _ in range(20):
            self.enterContext(self.service.stream("/v1/events"))
        until(lambda: self.held() == 60, "that all of them wait")
        began = time.monotonic()
        run("systemctl", "stop", "heygend")
        self.assertLess(time.monotonic() - began, 6)	# drain_s is 10
        for waiter in waiters:
            self.assertEqual(waiter.answer().json["result"], "pending")
        self.assertEqual(show("Result"), "success")

    def test_what_was_stored_is_there_after_a_restart(self):
        self.start(LONG)
        job = self.service.submit(title="kept")["id"]
        run("systemctl", "restart", "heygend")
        self.assertEqual(self.service.job(job)["title"], "kept")

    # --- operators -----------------------------------------------------------------

    def reads(self, user):
        done = shell(user, "SELECT count(*) FROM jobs", "-readonly")
        return done.stdout.strip() if done.returncode == 0 else None

    def assert_only_reading(self):
        self.assertEqual(self.reads("heyreader"), "3")
        self.assertIsNone(self.reads("heystranger"))
        for options in ((), ("-readonly",)):
            done = shell("heyreader", "DELETE FROM job", *options)
            self.assertRegex(done.stderr, "readonly|unable to open")
        self.assertEqual(self.reads("heyreader"), "3")

    def test_an_operator_reads_and_a_stranger_does_not(self):
        self.start("[status]\ndefault_job = off\n")
        for _ in range(3):
            self.service.submit()
        with self.subTest("while it runs"):
            self.assert_only_reading()
        run("systemctl", "stop", "heygend")
        with self.subTest("after it has stopped"):
            self.assert_only_reading()
        run("systemctl", "start", "heygend")
        self.assertEqual(self.service.submit()["seq"], 4)

    def test_an_operator_backs_up_and_checks(self):
        self.start()
        self.service.submit()
        folder = tempfile.mkdtemp()
        os.chmod(folder, 0o777)
        copy = folder + "/jobs.db"
        heygend = os.path.join(made("exec_prefix").replace(
            "${prefix}", made("prefix")), "sbin", "heygend")
        operator = ("setpriv", "--reuid", "heyreader", "--regid", "heyreader",
                    "--init-groups", heygend)
        run(*operator, "--backup", copy)
        self.assertIn("is whole: 2 jobs",
                      run(*operator, "--check-store").stdout)
        self.assertEqual(run("sqlite3", copy, "SELECT count(*) FROM job"
                             ).stdout, "2\n")


def install():
    """What make install installs, in a directory that is laid over the root."""
    refuse_other_prefixes()
    if not os.path.exists(os.path.join(BUILDDIR, "systemd",
                                       "heygend.service")):
        make("all")
    top = tempfile.mkdtemp(prefix="heygend-install-")
    make("install", "DESTDIR=" + top)
    return top


if inside():
    main(TheService)
refuse_where_it_cannot_be()
top = install()
try:
    outside(top)
finally:
    shutil.rmtree(top, ignore_errors=True)
