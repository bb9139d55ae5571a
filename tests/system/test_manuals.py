"""The manuals: mandoc finds nothing, they say what the programs say, and their
examples work."""
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import SRCDIR, Daemon, main, program  # noqa: E402

MANUALS = {name: os.path.join(SRCDIR, folder, name) for folder, name in (
    ("client", "heygenctl.1"), ("client", "libheygen-client.3"),
    ("daemon", "heygend.8"), ("etc", "heygend.ini.5"),
    ("sql", "heygend-jobs.5"))}
SECTION_OF_OURS = {name.rpartition(".")[0]: name.rpartition(".")[2]
                   for name in MANUALS}
# about the manuals that happen to be installed, not about this one
ELSEWHERE = re.compile("mandoc.db|referenced manual not found")


def read(*path):
    with open(os.path.join(SRCDIR, *path)) as file:
        return file.read()


def source(name):
    with open(MANUALS[name]) as file:
        return file.read()


def rendered(name):
    """What a reader sees, without any white space."""
    done = subprocess.run(["mandoc", "-T", "ascii", MANUALS[name]], text=True,
                          capture_output=True, check=True, timeout=30)
    return "".join(re.sub(".\b", "", done.stdout).split())


def displays(text):
    """The literal blocks below EXAMPLES, as they are typed."""
    text = text.partition(".Sh EXAMPLES\n")[2]
    return [block.replace("\\e", "\\") for block in re.findall(
        r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text, re.M | re.S)]


def typed(text):
    """What is to be typed into a shell below EXAMPLES."""
    text = text.partition(".Sh EXAMPLES\n")[2]
    return [block or line.replace("\\&", "") for line, block in re.findall(
        r"^\.Dl \$ ([^\n]*)$|^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", text,
        re.M | re.S)]


def heygend(*args):
    return subprocess.run([program("heygend"), *args], text=True,
                          capture_output=True, timeout=30)


class Manuals(unittest.TestCase):
    @unittest.skipUnless(shutil.which("mandoc"), "there is no mandoc")
    def test_mandoc_finds_nothing(self):
        for name, path in MANUALS.items():
            with self.subTest(name):
                done = subprocess.run(["mandoc", "-T", "lint", path],
                                      text=True, capture_output=True,
                                      timeout=30)
                self.assertEqual([line for line in
                                  (done.stdout + done.stderr).splitlines()
                                  if not ELSEWHERE.search(line)], [])

    @unittest.skipUnless(shutil.which("mandoc"), "there is no mandoc")
    def test_they_fit_a_terminal_of_80_columns(self):
        for name, path in MANUALS.items():
            text = subprocess.run(
                ["mandoc", "-T", "utf8", "-O", "width=78", path], text=True,
                capture_output=True, check=True, timeout=30).stdout
            lines = re.sub(".\b", "", text).expandtabs().splitlines()
            self.assertEqual([line for line in lines if len(line) > 80], [],
                             name)

    def test_references_among_them_lead_somewhere(self):
        for name in MANUALS:
            for page, number in re.findall(r"^\.Xr (\S*heygen\S*) (\d)",
                                           source(name), re.M):
                self.assertEqual(SECTION_OF_OURS.get(page), number,
                                 "%s in %s" % (page, name))

    # --- heygend(8) ---------------------------------------------------------------

    @unittest.skipUnless(shutil.which("mandoc"), "there is no mandoc")
    def test_the_options_of_heygend_are_those_of_its_help(self):
        text = rendered("heygend.8")
        options = re.findall(r"^  (--\S+(?: [A-Z:.=]+)?) +(\S.*)$",
                             heygend("--help").stdout, re.M)
        self.assertGreater(len(options), 8)
        for option, meaning in options:
            said = option + meaning[0].upper() + meaning[1:] + "."
            self.assertIn("".join(said.split()), text)
        self.assertEqual(
            re.findall(r"^\.It Fl -(\S+)", source("heygend.8"), re.M),
            [option.split()[0][2:] for option, _ in options])

    def test_the_examples_of_heygend_start(self):
        found = 0
        for block in displays(source("heygend.8")):
            if re.search(r"--(listen|set) ", block):
                args = block.replace("\\\n", " ").split()
                done = heygend(*args[1:], "--print-config")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                found += 1
        self.assertEqual(found, 2)

    def test_the_examples_of_heygend_back_up_and_check(self):
        block, = [block for block in displays(source("heygend.8"))
                  if "--backup" in block]
        with tempfile.TemporaryDirectory() as folder, Daemon() as daemon:
            daemon.submit()
            for line in block.replace("/var/backups", folder).splitlines():
                done = heygend(*line.split()[1:],
                               "--state-dir", daemon.state_dir)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(os.listdir(folder), ["heygend.db"])

    # --- heygenctl(1) and libheygen-client(3) -------------------------------------

    def test_the_examples_of_heygenctl_work(self):
        examples = typed(source("heygenctl.1"))
        self.assertGreater(len(examples), 6)
        given = "heygenctl run --fail-at 0.5 --duration 1s || :\n" \
            "id=$(heygenctl submit)\n"
        if not shutil.which("jq"):
            given += "jq() { grep -q '\"result_url\":\"http'; }\n"
        with tempfile.TemporaryDirectory() as home, Daemon({
                "simulation.time_scale": 20, "simulation.error_rate": 0,
                "jobs.restart_delay_ms": 1}) as daemon:
            os.symlink(program("heygenctl"), os.path.join(home, "heygenctl"))
            env = dict(os.environ, HOME=home, HEYGENCTL_SERVER=daemon.url,
                       PATH=home + ":" + os.environ["PATH"])
            for example in examples:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", given + example],
                    env=env, cwd=home, text=True, timeout=60,
                    stdin=subprocess.DEVNULL, capture_output=True)
                self.assertEqual(done.returncode, 0, example + done.stderr)

    def test_the_example_of_the_library_is_the_one_that_is_tested(self):
        shown, = displays(source("libheygen-client.3"))
        program = read("client", "examples", "submit_and_wait.c")
        program = program[program.index("#include"):]
        self.assertEqual(shown.split(), program.split())

    # --- heygend.ini(5) -----------------------------------------------------------

    def test_the_examples_of_the_settings_are_good_files(self):
        blocks = displays(source("heygend.ini.5"))
        self.assertTrue(blocks)
        for block in blocks:
            with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
                ini.write(block)
                ini.flush()
                done = heygend("--check-config", ini.name)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    # --- heygend-jobs(5) ------------------------------------------------------------

    @staticmethod
    def database():
        database = sqlite3.connect(":memory:")
        for folder in ("schema", "views"):
            names = os.listdir(os.path.join(SRCDIR, "sql", folder))
            for name in sorted(names):
                database.executescript(read("sql", folder, name))
        return database

    def test_the_queries_are_the_readmes_and_run(self):
        asked = re.findall(r"^([A-Z][^\n]*\?)\n\n```sql\n(.*?)```",
                           read("README.md"), re.M | re.S)
        text = source("heygend-jobs.5")
        self.assertEqual(displays(text), [sql for _, sql in asked])
        database = self.database()
        for question, sql in asked:
            self.assertIn("\n%s\n.Bd" % question, text)
            database.execute(sql).fetchall()

    def test_the_views_have_the_columns_it_names(self):
        database, text = self.database(), source("heygend-jobs.5")
        views = [name for name, in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'view'")]
        for view in views:
            part = text.partition(".It Sy %s\n" % view)[2]
            part = re.match(r".*?\n((?:\.Va [^\n]*\n)+)", part, re.S).group(1)
            self.assertEqual(
                re.findall(r"^\.Va (\S+)", part, re.M),
                [row[1] for row in database.execute(
                    "PRAGMA table_info('%s')" % view)], view)
        self.assertEqual(len(views), 4)

    def test_it_names_every_table(self):
        tables = [name for name, in self.database().execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite_%' ORDER BY rowid")]
        part = source("heygend-jobs.5").partition(".Ss Tables")[2]
        self.assertEqual(sorted(re.findall(r"^\.It Sy (\S+)", part, re.M)),
                         sorted(tables))


main(Manuals)
