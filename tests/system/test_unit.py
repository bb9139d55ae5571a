"""heygend.service as it was made: how exposed it is, and whether its limits
fit what can be set.  Nothing is started."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import BUILDDIR, SRCDIR, main  # noqa: E402

UNIT = os.path.join(BUILDDIR, "systemd", "heygend.service")
EXPOSURE_MAX = 1.5


def at_most(section, key):
    """The largest value that the sample of the settings allows."""
    with open(os.path.join(SRCDIR, "etc", "heygend.ini")) as ini:
        text = ini.read().partition("[%s]" % section)[2]
    before = text[:text.index("#%s = " % key)]
    return int(re.findall(r"from \d+ to (\d+)", before)[-1])


def analyze(*args):
    return subprocess.run(["systemd-analyze", *args], text=True, timeout=60,
                          capture_output=True)


class Unit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(UNIT) as unit:
            cls.text = unit.read()

    def value(self, key):
        return re.search(r"^%s=(.*)$" % key, self.text, re.M).group(1)

    def test_nothing_is_left_to_be_filled_in(self):
        self.assertNotIn("@UNIT_COMMAND", self.text)

    def test_a_manager_that_does_not_send_the_hangup_is_told_to(self):
        kind = self.value("Type")
        kills = "\nExecReload=/bin/sh -c 'kill -HUP $MAINPID'\n" in self.text
        self.assertIn(kind, ("exec", "notify", "notify-reload"))
        self.assertEqual(kills, kind != "notify-reload")
        self.assertEqual("\nWatchdogSec=" in self.text, kind != "exec")

    def test_it_calls_nothing_that_a_small_system_lacks(self):
        called = re.findall(r"^Exec\w+=(\S+)", self.text, re.M)
        self.assertIn("/bin/sh", called)	# whose kill is its own
        self.assertEqual({os.path.basename(each) for each in called},
                         {"sh", "heygend"})

    def test_its_limits_fit_the_largest_settings(self):
        threads = at_most("http", "threads")
        workers = at_most("jobs", "workers")
        # threads of our own: the engine, who stops, the server's two
        self.assertGreaterEqual(int(self.value("TasksMax")),
                                threads + workers + 16)
        # what main.c keeps beside the connections
        self.assertGreaterEqual(int(self.value("LimitNOFILE")), threads + 512)

    def test_it_is_hardly_exposed(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("there is no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            unit = os.path.join(folder, "heygend.service")
            shutil.copy(UNIT, unit)
            done = analyze("security", "--offline=true", "--no-pager", unit)
        if "Unknown option" in done.stderr or "unrecognized" in done.stderr:
            self.skipTest("this systemd-analyze cannot judge a file")
        found = re.search(r"Overall exposure level.*: ([0-9.]+)", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        self.assertLessEqual(float(found.group(1)), EXPOSURE_MAX)

    def test_its_user_is_a_plain_one(self):
        if not shutil.which("systemd-sysusers"):
            self.skipTest("there is no systemd-sysusers")
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "etc"))
            conf = os.path.join(SRCDIR, "systemd", "heygend.conf")
            done = subprocess.run(
                ["systemd-sysusers", "--root=" + root, conf], text=True,
                capture_output=True, timeout=60)
            if "ermission denied" in done.stderr:
                self.skipTest("only root may try")
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(root, "etc", "passwd")) as passwd:
                name, _, _, _, *rest = passwd.read().strip().split(":")
        self.assertEqual((name, rest[1]), ("heygend", "/var/lib/heygend"))
        self.assertRegex(rest[2], "/nologin$")
        self.assertEqual((self.value("User"), self.value("Group")),
                         ("heygend", "heygend"))


main(Unit)
