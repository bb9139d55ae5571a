#!/usr/bin/env python3
"""The library as a program elsewhere finds it: header, pkg-config, symbols."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from heygend import (BUILDDIR, COVERAGE, SANITIZER, SLOW, SRCDIR, Daemon,
                     main)

CLIENT = os.path.join(SRCDIR, "client")
HEADER = os.path.join(CLIENT, "heygen-client.h")


def run(*command, **more):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120 * SLOW, **more)
    if done.returncode:
        raise AssertionError("%s:\n%s" % (" ".join(command), done.stdout))
    return done.stdout


def compilers(language):
    names = ("cc", "clang") if language == "c" else ("c++", "clang++")
    return [name for name in names if shutil.which(name)]


def symbols():
    path = os.path.join(BUILDDIR, ".libs", "libheygen-client.so")
    lines = run("nm", "-D", "--defined-only", path).splitlines()
    return sorted(line.split()[2] for line in lines)


class Header(unittest.TestCase):
    def test_the_header_is_clean_c11_and_cxx11(self):
        for language, standard in ("c", "c11"), ("c++", "c++11"):
            for compiler in compilers(language):
                for warnings in ((), ("-Wshadow", "-Wundef", "-Wconversion")):
                    run(compiler, "-std=" + standard, "-Wall", "-Wextra",
                        "-pedantic", "-Werror", *warnings, "-fsyntax-only",
                        "-x", language, "-include", HEADER, os.devnull)

    def test_exactly_the_committed_symbols_are_exported(self):
        with open(os.path.join(CLIENT, "libheygen-client.syms")) as f:
            self.assertEqual(symbols(), f.read().split())

    def test_the_header_declares_exactly_what_is_exported(self):
        with open(HEADER) as f:
            text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
        found = re.findall(r"^HG_API [^(]*?\b(hg_\w+)\(", text, re.M)
        self.assertEqual(sorted(found), symbols())

    def test_the_manual_has_every_function_and_every_error(self):
        with open(os.path.join(CLIENT, "libheygen-client.3")) as f:
            page = f.read()
        with open(HEADER) as f:
            errors = re.findall(r"^\t(HG_E[A-Z]+) = -", f.read(), re.M)
        for name in symbols():
            self.assertRegex(page, r"(?m)^\.(Fo|Fn|Nm) %s\b" % name)
        for name in errors:
            self.assertRegex(page, r"(?m)^\.It Dv %s\b" % name)
        if shutil.which("mandoc"):
            lint = subprocess.run(
                ["mandoc", "-T", "lint", os.path.join(
                    CLIENT, "libheygen-client.3")], text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            # whether other pages are installed here is no matter
            self.assertEqual([line for line in lint.stdout.splitlines()
                              if "referenced manual" not in line and
                              "mandoc.db" not in line], [])


@unittest.skipUnless(SANITIZER in ("", "no"), "links without the sanitizer")
@unittest.skipIf(COVERAGE, "links without the counters")
class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = tempfile.mkdtemp(prefix="hg-install-")
        cls.addClassCleanup(shutil.rmtree, cls.root)
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        run("make", "-C", BUILDDIR, "DESTDIR=" + cls.root,
            "install-libLTLIBRARIES", "install-includeHEADERS",
            "install-pkgconfigDATA", env=env)
        found = [d for d, _, names in os.walk(cls.root)
                 if "libheygen-client.pc" in names]
        cls.env = dict(env, PKG_CONFIG_PATH=found[0],
                       PKG_CONFIG_SYSROOT_DIR=cls.root)
        cls.libdir = os.path.dirname(found[0])
        cls.daemon = Daemon({"simulation.error_rate": 0,
                             "simulation.time_scale": 20})
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.remove)
        cls.addClassCleanup(cls.daemon.stop)

    def build(self, compiler, standard, language, static):
        flags = run("pkg-config", *(["--static"] if static else []), "--cflags",
                    "--libs", "libheygen-client", env=self.env).split()
        if static:
            flags = ["-l:libheygen-client.a" if f == "-lheygen-client" else f
                     for f in flags]
        out = os.path.join(self.root, "ten")
        source = os.path.join(CLIENT, "examples", "submit_and_wait.c")
        run(compiler, "-std=" + standard, "-Wall", "-Wextra", "-pedantic",
            "-Werror", "-x", language, source, "-x", "none", "-o", out, *flags)
        needed = run("readelf", "-d", out)
        self.assertEqual("libheygen-client" in needed, not static)
        env = dict(os.environ, HEYGENCTL_SERVER=self.daemon.url,
                   LD_LIBRARY_PATH=self.libdir)
        self.assertRegex(run(out, env=env), r"^http://.*/result\n$")

    def test_the_example_builds_shared_and_static_in_c11_and_cxx11(self):
        for language, standard in ("c", "c11"), ("c++", "c++11"):
            for compiler in compilers(language):
                for static in False, True:
                    self.build(compiler, standard, language, static)

    def test_the_version_is_the_same_everywhere(self):
        version = run("pkg-config", "--modversion", "libheygen-client",
                      env=self.env).strip()
        with open(os.path.join(BUILDDIR, "config.h")) as f:
            self.assertIn('PACKAGE_VERSION "%s"' % version, f.read())

    def test_the_readmes_example_is_the_one_that_is_tested(self):
        with open(os.path.join(SRCDIR, "README.md")) as f:
            block = re.search(r"```c\n(.*?)```", f.read(), re.S).group(1)
        with open(os.path.join(CLIENT, "examples", "submit_and_wait.c")) as f:
            example = " ".join(f.read().split())
        for line in block.splitlines():
            self.assertIn(" ".join(line.split()), example)


if __name__ == "__main__":
    main()
