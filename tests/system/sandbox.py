"""sandbox.py -- a test that runs on a disposable system booted by systemd.

The same script is both halves.  Outside, outside() boots the sandbox, runs the
script in it and passes its TAP on; where the machine cannot do that, the test
is skipped with a message.  Inside, inside() is true, and main() of heygend.py
runs the cases.  run() is a command whose outcome a test looks at.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from heygend import BUILDDIR, SANITIZER, SRCDIR, Daemon, until

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_S = 480		# where the machine has other things to do
CANNOT = 77		# systemd-sandbox.sh's "not on this machine"
INI = "/etc/heygend.ini"
STATE = "/var/lib/heygend"


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def inside():
    return "SANDBOX_BOOT" in os.environ


def made(name):
    """A variable of the build's Makefile."""
    with open(os.path.join(BUILDDIR, "Makefile")) as makefile:
        found = re.search(r"^%s = (.*)$" % name, makefile.read(), re.M)
    return found.group(1) if found else ""


def make(*args):
    """make in the build, not as a part of the make that runs the tests."""
    env = {name: value for name, value in os.environ.items()
           if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "DESTDIR")}
    done = subprocess.run(["make", "-C", BUILDDIR, *args], env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise AssertionError("make %s:\n%s" % (" ".join(args), done.stdout))


def refuse_where_it_cannot_be():
    if SANITIZER not in ("", "no"):
        skip("sanitizers want more than the service may do")
    if os.geteuid() != 0:
        skip("only root can boot a sandbox")


def refuse_other_prefixes():
    if made("prefix") not in ("/usr/local", "/usr"):
        skip("it is not configured for the system's directories")


def outside(install_dir="-", binds=(), otherwise=skip):
    """Runs the calling script inside; does not return.  otherwise: called
    with the reason where that cannot be."""
    top = tempfile.mkdtemp(prefix="heygend-sandbox-")
    command = [os.path.join(HERE, "systemd-sandbox.sh"), "-j", "-t",
               str(LIMIT_S)]
    for path in (os.path.realpath(SRCDIR), os.path.realpath(BUILDDIR), *binds):
        command += ["-b", path]
    for name in ("HG_SRCDIR", "HG_BUILDDIR", "HG_PACKAGES"):
        if name in os.environ:
            command += ["-e", "%s=%s" % (name, os.environ[name])]
    command += ["-e", "PYTHONDONTWRITEBYTECODE=1", install_dir, "--",
                sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]]
    try:
        done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL,
                              env=dict(os.environ, TMPDIR=top),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        shutil.rmtree(top, ignore_errors=True)
    if done.returncode == CANNOT:
        otherwise(done.stderr.strip().replace("\n", "; "))
    sys.stdout.write(done.stdout)
    for line in done.stderr.splitlines():
        print("# " + line)
    if "\n1.." not in done.stdout:
        print("not ok - the sandbox ended before the tests did")
    sys.exit(done.returncode)


# --- inside --------------------------------------------------------------------


def run(*command, check=True, **more):
    """A command and what it printed; check: it must succeed."""
    done = subprocess.run(command, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **more)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit %d\n%s%s" % (
            " ".join(command), done.returncode, done.stdout, done.stderr))
    return done


def show(name):
    """A property of the service."""
    return run("systemctl", "show", "--value", "-p", name,
               "heygend.service").stdout.strip()


def main_pid():
    return int(show("MainPID"))


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)


class Service(Daemon):
    """The installed service, spoken to like any daemon."""

    def __init__(self, port=8080):
        super().__init__(dir="/run")
        self.port = port

    def until_up(self):
        """Until it serves, after whatever happened to it."""
        def up():
            try:
                return self.get("/readyz").status == 200
            except OSError:
                return False
        until(up, "that the service is up", 30)
