"""The Debian packages: built from what a release would contain, without a word
from lintian; then installed, upgraded, removed and purged under a systemd that
is PID 1.  A later release is built as well, of which the program, the schema
and the sample of the settings differ."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import main, until  # noqa: E402
from sandbox import (INI, STATE, Service, inside, main_pid, make,  # noqa: E402
                     outside, refuse_other_prefixes, run, show, skip)

PACKAGES = ("heygend", "heygenctl", "libheygen-client0", "libheygen-client-dev")
HERE = os.environ.get("HG_PACKAGES", "")
PROGRAM = """
#include <heygen-client.h>
#include <stdio.h>

int main(void)
{
	return puts(hg_version()) < 0;
}
"""


LATER_SAMPLE = "# as the later release has it\n"


def deb(name, folder="."):
    path, = glob.glob(os.path.join(HERE, folder, name + "_*.deb"))
    return path


def change(path, how):
    with open(path) as file:
        text = how(file.read())
    with open(path, "w") as file:
        file.write(text)
    return text


def with_the_same_sample(later):
    """The later release, had it left the sample of the settings alone."""
    top = tempfile.mkdtemp()
    run("dpkg-deb", "-R", later, top + "/tree")
    change(top + "/tree/etc/heygend.ini",
           lambda text: text.replace(LATER_SAMPLE, ""))
    run("dpkg-deb", "-Zgzip", "-z1", "-b", top + "/tree", top + "/heygend.deb")
    return top + "/heygend.deb"


class Built(unittest.TestCase):
    def said(self, name):
        with open(os.path.join(HERE, name)) as file:
            return file.read()

    def test_the_build_makes_the_four_packages(self):
        for name in PACKAGES:
            self.assertTrue(deb(name))

    def test_lintian_has_nothing_to_say(self):
        said = self.said("lintian")
        if "not installed" in said:
            self.skipTest("there is no lintian")
        self.assertEqual(re.findall(r"^[EW]: .*", said, re.M), [])
        self.assertIn("exit 0", said)

    def test_the_settings_are_a_conffile(self):
        conffiles = subprocess.run(
            ["dpkg-deb", "-I", deb("heygend"), "conffiles"], text=True,
            check=True, capture_output=True, timeout=60).stdout
        self.assertEqual(conffiles.split(), [INI])


class Installed(unittest.TestCase):
    service = Service()

    @classmethod
    def setUpClass(cls):
        # a machine in a container may forbid packages to start services
        if os.path.exists("/usr/sbin/policy-rc.d"):
            os.unlink("/usr/sbin/policy-rc.d")
        # nobody will look for a word in the manuals, or pull the plug
        if os.path.exists("/var/lib/man-db/auto-update"):
            os.unlink("/var/lib/man-db/auto-update")
        with open("/etc/dpkg/dpkg.cfg.d/sandbox", "w") as config:
            config.write("force-unsafe-io\n")

    def setUp(self):
        run("dpkg", "-i", *map(deb, PACKAGES))
        self.service.until_up()

    def tearDown(self):
        run("dpkg", "--purge", *reversed(PACKAGES))

    def test_an_installed_service_runs_and_comes_back_at_boot(self):
        self.assertEqual(show("ActiveState"), "active")
        self.assertEqual(show("UnitFileState"), "enabled")
        self.assertEqual(self.service.get("/status").status, 200)
        stat = run("stat", "-c", "%a %U %G", STATE).stdout.strip()
        self.assertEqual(stat, "2750 heygend heygend")

    def test_the_command_line_and_the_library_work(self):
        self.assertIn(run("heygenctl", "status", "default").stdout.strip(),
                      ("pending", "completed", "error"))
        folder = tempfile.mkdtemp()
        with open(folder + "/a.c", "w") as file:
            file.write(PROGRAM)
        for static in ((), ("--static",)):
            flags = run("pkg-config", *static, "--cflags", "--libs",
                        "libheygen-client").stdout.split()
            run("cc", "-o", folder + "/a", folder + "/a.c", *flags)
            self.assertRegex(run(folder + "/a").stdout, r"^\d+\.\d+")

    def test_every_manual_is_where_man_looks(self):
        listed = run("dpkg", "-L", *PACKAGES).stdout.splitlines()
        for page in ("man1/heygenctl.1", "man3/libheygen-client.3",
                     "man5/heygend.ini.5", "man5/heygend-jobs.5",
                     "man8/heygend.8"):
            self.assertIn("/usr/share/man/%s.gz" % page, listed)

    def edit(self):
        return change(INI, lambda text: text.replace("#max_attempts = 3",
                                                     "max_attempts = 9"))

    def schema(self):
        return int(run("sqlite3", "-readonly", STATE + "/jobs.db",
                       "PRAGMA user_version").stdout)

    def upgrade(self, package, *options):
        pid = main_pid()
        run("dpkg", *options, "-i", package)
        until(lambda: main_pid() not in (0, pid), "the new daemon")
        self.service.until_up()

    def test_an_edited_file_of_settings_survives_an_upgrade(self):
        text = self.edit()
        self.upgrade(with_the_same_sample(deb("heygend", "later")))
        with open(INI) as ini:
            self.assertEqual(ini.read(), text)
        self.assertEqual(self.service.submit()["max_attempts"], 9)

    def test_it_survives_a_new_sample_which_is_laid_beside_it(self):
        text = self.edit()
        self.upgrade(deb("heygend", "later"),
                     "--force-confdef", "--force-confold")
        with open(INI) as ini:
            self.assertEqual(ini.read(), text)
        with open(INI + ".dpkg-dist") as ini:
            self.assertTrue(ini.read().endswith(LATER_SAMPLE))

    def test_an_upgrade_brings_the_jobs_to_the_new_schema(self):
        old = self.schema()
        ended = self.service.submit(title="ended", simulate={
            "duration_ms": 10, "error_rate": 0})["id"]
        self.service.until_state(ended, "completed")
        going = self.service.submit(title="going", tags=["kept"], simulate={
            "duration_ms": 600000})["id"]
        self.service.until_state(going, "running")
        seen = self.service.get("/v1/jobs/%s/events" % ended).json
        self.upgrade(deb("heygend", "later"))
        self.assertEqual(self.schema(), old + 1)
        with open(INI) as ini:	# nobody had edited it
            self.assertTrue(ini.read().endswith(LATER_SAMPLE))
        self.assertEqual(self.service.job(ended)["state"], "completed")
        self.assertEqual(
            self.service.get("/v1/jobs/%s/events" % ended).json, seen)
        self.service.until_state(going, "running")
        self.assertEqual(self.service.job(going)["tags"], ["kept"])
        self.assertIn("is whole", run("heygend", "--check-store").stdout)
        for view in ("jobs", "queue", "history", "summary"):
            run("sqlite3", "-readonly", STATE + "/jobs.db",
                "SELECT * FROM " + view)

    def test_a_downgrade_is_refused_and_harms_nothing(self):
        job = self.service.submit(title="newer")["id"]
        self.upgrade(deb("heygend", "later"))
        schema = self.schema()
        run("dpkg", "-i", deb("heygend"))
        until(lambda: show("ActiveState") == "failed", "that it gave up", 30)
        self.assertEqual(show("ExecMainStatus"), "1")
        self.assertIn("has schema %d, this heygend knows %d"
                      % (schema, schema - 1),
                      run("journalctl", "-u", "heygend", "-p", "err").stdout)
        self.assertEqual(self.schema(), schema)
        run("systemctl", "reset-failed", "heygend")
        self.upgrade(deb("heygend", "later"))
        self.assertEqual(self.service.job(job)["title"], "newer")

    def test_a_removed_service_is_found_again_where_it_was(self):
        text, job = self.edit(), self.service.submit(title="kept")
        run("dpkg", "--remove", "heygend")
        self.assertEqual(main_pid(), 0)
        self.assertTrue(os.path.exists(STATE + "/jobs.db"))
        run("dpkg", "-i", deb("heygend"))
        self.service.until_up()
        self.assertEqual(self.service.job(job["id"])["title"], "kept")
        with open(INI) as ini:
            self.assertEqual(ini.read(), text)

    def test_a_purge_leaves_nothing(self):
        self.edit()
        run("dpkg", "--purge", *reversed(PACKAGES))
        for path in (STATE, INI, "/lib/systemd/system/heygend.service",
                     "/usr/libexec/heygend", "/usr/share/doc/heygend",
                     "/etc/systemd/system/multi-user.target.wants"
                     "/heygend.service"):
            self.assertFalse(os.path.lexists(path), path)
        self.assertEqual(show("LoadState"), "not-found")


def in_tree(tree, *command):
    env = {name: value for name, value in os.environ.items()
           if not re.match(r"MAKE|MFLAGS|HG_|CK_|AM_|CFLAGS|CC$", name)}
    env["DEB_BUILD_OPTIONS"] = "nocheck noautodbgsym parallel=%d" % (
        os.cpu_count() or 1)
    done = subprocess.run(command, cwd=tree, env=env, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError(done.stdout[-4000:])


def make_later(tree):
    """Changes the tree to what a later release might be."""
    files = os.path.join(tree, "sql", "local.mk")
    number = len(os.listdir(os.path.join(tree, "sql", "schema"))) + 1
    name = "schema/%03d-next.sql" % number
    shutil.copy(os.path.join(tree, "tests/data/schema/999-next.sql"),
                os.path.join(tree, "sql", name))
    change(files, lambda text: re.sub(
        r"(SQL_SCHEMA = (.*\n)*?)(\t\$\(NULL\))",
        r"\1\t%%D%%/%s \\\n\3" % name, text, count=1))
    change(os.path.join(tree, "etc", "heygend.ini"),
           lambda text: text + LATER_SAMPLE)
    change(os.path.join(tree, "debian", "changelog"), lambda text: re.sub(
        r"^(\S+) \((.*?)\)", r"\1 (\2+later)", text) + "\n" + text)


def build(top):
    """The packages, from the files of a release, in that directory; and those
    of a later release in "later"."""
    tree = os.path.join(top, "heygend")
    make("distdir", "distdir=" + tree)
    in_tree(tree, "dpkg-buildpackage", "-us", "-uc", "-b")
    make_later(tree)
    in_tree(tree, "make", "-j%d" % (os.cpu_count() or 1))
    in_tree(tree, "dpkg-buildpackage", "-us", "-uc", "-b", "-nc")
    os.mkdir(os.path.join(top, "later"))
    for path in glob.glob(os.path.join(top, "*+later*")):
        shutil.move(path, os.path.join(top, "later"))
    shutil.rmtree(tree)


def judge(top):
    """What lintian says, for the test inside."""
    said = "not installed\n"
    if shutil.which("lintian"):
        done = subprocess.run(
            ["lintian", "--allow-root", "--fail-on", "error,warning",
             *glob.glob(os.path.join(top, "*.changes"))], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = "%sexit %d\n" % (done.stdout, done.returncode)
    with open(os.path.join(top, "lintian"), "w") as file:
        file.write(said)


def only_built(why):
    global HERE
    print("# not installed: " + why)
    HERE = os.environ["HG_PACKAGES"]
    main(Built)


if inside():
    main(Built, Installed)
if not shutil.which("dpkg-buildpackage") or not shutil.which("dh"):
    skip("dpkg-buildpackage or debhelper is missing")
if os.environ.get("HG_SANITIZER", "no") not in ("", "no"):
    skip("the packages are built without sanitizers")
if os.environ.get("DEB_BUILD_ARCH"):
    skip("a package is being built")
refuse_other_prefixes()
folder = tempfile.mkdtemp(prefix="heygend-package-")
try:
    build(folder)
    judge(folder)
    os.environ["HG_PACKAGES"] = folder
    outside(binds=[folder], otherwise=only_built)
finally:
    shutil.rmtree(folder, ignore_errors=True)
