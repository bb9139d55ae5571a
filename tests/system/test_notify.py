"""What the service manager is told, by a socket of the test's own; and the
credentials that it hands over."""
import os
import re
import select
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import BUILDDIR, DEADLINE, SLOW, Daemon, main, until  # noqa: E402


def tells():
    """Was libsystemd there when it was configured?"""
    with open(os.path.join(BUILDDIR, "config.h")) as config:
        return re.search(r"^#define HAVE_SYSTEMD 1", config.read(), re.M)


class Notify(unittest.TestCase):
    watchdog_s = 6 * SLOW

    def setUp(self):
        if not tells():
            self.skipTest("heygend was built without libsystemd")
        self.daemon = Daemon({
            "status.default_job": "off", "jobs.workers": 1, "jobs.slots": 2,
            "simulation.min_ms": 60000, "simulation.max_ms": 60000})
        self.addCleanup(self.daemon.remove)
        path = os.path.join(self.daemon.dir, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(path)
        self.daemon.env.update({
            "NOTIFY_SOCKET": path,
            "WATCHDOG_USEC": str(int(self.watchdog_s * 1000000))})
        self.daemon.start()

    def message(self):
        """The next one, as a dict."""
        self.socket.settimeout(DEADLINE)
        text = self.socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in text.splitlines())

    def next_with(self, key):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            message = self.message()
            if key in message:
                return message
        raise AssertionError("nothing said " + key)

    def until_status(self, status):
        """Messages come in order: what is told next is told later."""
        until(lambda: self.next_with("STATUS")["STATUS"] == status,
              "the status " + status)

    def usec(self):
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    def test_it_is_ready_when_it_answers(self):
        self.assertEqual(self.next_with("READY"), {"READY": "1"})
        self.assertEqual(self.daemon.get("/readyz").status, 200)
        self.daemon.stop()

    def test_the_watchdog_is_fed_in_time_while_nothing_happens(self):
        self.next_with("WATCHDOG")
        for _ in range(2):
            before = time.monotonic()
            self.next_with("WATCHDOG")
            self.assertLess(time.monotonic() - before, self.watchdog_s)
        self.daemon.stop()

    def test_its_status_counts_jobs(self):
        for _ in range(5):
            self.daemon.submit()
        self.until_status("2 running, 3 queued")
        self.daemon.stop()

    def test_its_status_follows_when_nothing_more_happens(self):
        jobs = [self.daemon.submit()["id"] for _ in range(5)]
        self.until_status("2 running, 3 queued")
        self.daemon.post("/v1/jobs:cancel", {"ids": jobs})
        self.until_status("0 running, 0 queued")
        self.daemon.stop()

    def test_a_busy_daemon_does_not_flood_the_manager(self):
        self.next_with("WATCHDOG")
        began, told = time.monotonic(), 0
        for _ in range(200):
            self.daemon.submit()
            while select.select([self.socket], [], [], 0)[0]:
                told += "WATCHDOG" in self.message()
        busy_s = time.monotonic() - began
        self.assertLess(told, 2 + busy_s / (self.watchdog_s / 6))
        self.daemon.stop()

    def test_a_reload_is_announced_with_its_time_and_ended(self):
        for settings in ({"jobs.max_attempts": 4}, {"jobs.max_attempts": 0}):
            self.next_with("WATCHDOG")
            before = self.usec()
            self.daemon.reload(settings)
            message = self.next_with("RELOADING")
            self.assertEqual(message["RELOADING"], "1")
            self.assertGreaterEqual(int(message["MONOTONIC_USEC"]), before)
            self.assertLessEqual(int(message["MONOTONIC_USEC"]), self.usec())
            self.next_with("READY")
        self.daemon.stop(clean_log=False)	# it refused the second

    def test_a_stop_is_announced_with_the_time_it_may_take(self):
        self.daemon.process.send_signal(signal.SIGTERM)
        message = self.next_with("STOPPING")
        self.assertEqual(message["STOPPING"], "1")
        self.assertGreater(int(message["EXTEND_TIMEOUT_USEC"]), 10000000)
        self.daemon.wait(0)


class Credentials(unittest.TestCase):
    key = "0123456789abcdef"

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.folder = os.path.join(self.daemon.dir, "credentials")
        os.mkdir(self.folder, 0o700)
        self.daemon.env["CREDENTIALS_DIRECTORY"] = self.folder

    def given(self, mode):
        path = os.path.join(self.folder, "api-keys")
        with open(path, "w") as keys:
            keys.write(self.key + "\n")
        os.chmod(path, mode)
        return path

    def test_no_credential_means_no_keys(self):
        self.daemon.start()
        self.assertEqual(self.daemon.get("/status").status, 200)
        self.daemon.stop()

    def test_a_credential_may_show_its_access_list_as_a_groups_mode(self):
        self.given(0o440)
        self.daemon.start()
        self.assertEqual(self.daemon.get("/status").status, 401)
        answer = self.daemon.get("/status", headers={"X-Api-Key": self.key})
        self.assertEqual(answer.status, 200)
        self.daemon.stop()

    def test_a_credential_that_everybody_reads_is_refused(self):
        path = self.given(0o444)
        self.daemon.spawn()
        self.daemon.wait(78)
        self.assertIn("<3>heygend: %s: is open to others" % path,
                      self.daemon.log())


main(Notify, Credentials)
