#!/usr/bin/env python3
"""heygend's command line and the files it names: what makes no sense is
refused with a sentence and a status, before anything is begun."""
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import unittest

from heygend import DEADLINE, SLOW, VALGRIND, main, program

USAGE, FAILED, CONFIG, IN_USE = 64, 1, 78, 75
KEY = "a-key-of-sixteen-bytes\n"


class Options(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="heygend-options-")
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name, text=None, mode=0o600):
        path = os.path.join(self.dir, name)
        if text is not None:
            with open(path, "w") as f:
                f.write(text)
            os.chmod(path, mode)
        return path

    def run_it(self, *args, **more):
        env = dict(os.environ, HOME=self.dir, **more)
        for name in ("XDG_STATE_HOME", "STATE_DIRECTORY",
                     "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM"):
            env.pop(name, None)
        return subprocess.run([program("heygend"), *args], env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, cwd=self.dir,
                              timeout=DEADLINE)

    def refused(self, status, sentence, *args):
        done = self.run_it(*args)
        self.assertEqual(done.returncode, status, done)
        self.assertEqual(done.stdout, "")
        self.assertIn(sentence, done.stderr)
        self.assertTrue(done.stderr.endswith("\n"))

    def test_its_version_and_its_options_are_told(self):
        done = self.run_it("--version")
        self.assertRegex(done.stdout, r"^heygend \d+\.\d+\.\d+\n$")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = self.run_it("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--config FILE", "--set SECTION.KEY=VALUE",
                       "--check-store", "--version"):
            self.assertIn(option, done.stdout)

    def test_a_command_line_that_makes_no_sense_is_refused(self):
        for sentence, args in (
                ("unexpected argument: more", ["more"]),
                ("Try `heygend --help`", ["--nothing"]),
                ("Try `heygend --help`", ["--config"]),
                ("two options exclude each other",
                 ["--version", "--check-store"]),
                ("two options exclude each other",
                 ["--backup", "x", "--print-config"]),
                ("too many settings",
                 ["--set", "jobs.slots=1"] * 200),
                ("too many settings", ["--listen", "127.0.0.1:0"] * 200)):
            with self.subTest(sentence=sentence):
                self.refused(USAGE, sentence, *args)

    def test_a_setting_that_is_none_is_refused(self):
        for status, texts in (
                (USAGE, ("jobs.slots", "slots=1", "=1", "jobs.=1")),
                (CONFIG, ("jobs.nothing=1", "nothing.slots=1",
                          "jobs.slots=many", "jobs.slots=0",
                          "http.listen=127.0.0.1:x",
                          "simulation.min_ms=40000"))):
            for text in texts:
                done = self.run_it("--set", text, "--print-config")
                self.assertEqual((done.returncode, done.stdout),
                                 (status, ""), done)
                self.assertRegex(done.stderr, r"^heygend: .*\S\n$")

    def test_a_file_is_checked_without_a_start(self):
        good = self.path("good.ini", "[jobs]\nslots = 9\n")
        done = self.run_it("--check-config", good)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, good + " is good\n", ""))
        bad = self.path("bad.ini", "[jobs]\n\nslotss = 9\n")
        self.refused(CONFIG, bad + ":3: ", "--check-config", bad)
        self.refused(CONFIG, "did you mean slots", "--check-config", bad)
        self.refused(CONFIG, "absent", "--check-config", self.path("absent"))

    def test_a_version_that_nobody_can_read_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([program("heygend"), "--version"],
                                  stdout=full, timeout=DEADLINE)
        self.assertEqual(done.returncode, FAILED)

    def start(self, *args):
        return ["--listen", "127.0.0.1:0", "--state-dir", self.path("state"),
                *args]

    def test_a_key_file_that_is_none_is_refused(self):
        os.mkdir(self.path("folder"))
        many = "".join("key-%d-of-sixteen-bytes\n" % n for n in range(4097))
        for sentence, path in (
                ("No such file", self.path("absent")),
                ("not a regular file", self.path("folder")),
                ("open to others", self.path("open", KEY, 0o644)),
                ("there is no key in it", self.path("empty", "# none\n\n")),
                ("short:2: a key is 16 to",
                 self.path("short", KEY + "short\n")),
                ("blank:1: a key is", self.path("blank", "a key with blanks "
                                                "in between\n")),
                ("many:4097: Argument list too long",
                 self.path("many", many))):
            with self.subTest(sentence=sentence):
                self.refused(CONFIG, sentence, *self.start(
                    "--set", "http.api_key_file=" + path))
                self.assertFalse(os.path.exists(self.path("state")))
                config = self.path("config", "[http]\napi_key_file = %s\n"
                                   % path)
                self.refused(CONFIG, sentence, "--check-config", config)

    def test_a_state_directory_that_cannot_be_is_refused(self):
        self.path("file", "")
        for sentence, dir in (
                ("cannot make the state directory",
                 self.path("file") + "/state"),
                ("File name too long", "/" + "x" * 300)):
            with self.subTest(sentence=sentence):
                self.refused(FAILED, sentence, "--state-dir", dir,
                             "--listen", "127.0.0.1:0")

    def with_descriptors(self, limit, *args):
        return subprocess.run(
            [program("heygend"), *args], text=True, timeout=DEADLINE * SLOW,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: resource.setrlimit(
                resource.RLIMIT_NOFILE, (limit, limit)))

    def test_more_threads_than_descriptors_is_refused(self):
        done = self.with_descriptors(600, *self.start("--set",
                                                      "http.threads=1024"))
        self.assertEqual((done.returncode, done.stdout), (CONFIG, ""), done)
        self.assertIn("1024", done.stderr)
        if not VALGRIND:	# it takes some for itself
            self.assertIn("600", done.stderr)

    @unittest.skipIf(VALGRIND, "it keeps the hard limit")
    def test_settings_that_are_called_good_have_descriptors_to_start(self):
        config = self.path("ini", "[http]\nthreads = 256\n")
        for limit, status in ((767, CONFIG), (768, 0)):
            done = self.with_descriptors(limit, "--check-config", config)
            self.assertEqual(done.returncode, status, done)
        done = self.with_descriptors(767, *self.start())
        self.assertEqual(done.returncode, CONFIG, done)
        # it gets as far as to the port
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen(1)
            done = self.with_descriptors(768, *self.start(
                "--listen", "127.0.0.1:%d" % taken.getsockname()[1]))
        self.assertEqual(done.returncode, FAILED, done)
        self.assertIn("cannot listen", done.stderr)


if __name__ == "__main__":
    main()
