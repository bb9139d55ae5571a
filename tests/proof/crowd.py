"""crowd.py -- thousands of peers that nobody would invite, and clients beside
them that must not notice.

A part starts the real heygend, lets plain clients ask for a status, submit
and ask /readyz (on kept connections and on new ones) while nobody else is
there, then lets a crowd come, stay and leave beside such clients, and another
one of the same kind.  It is met if no answer was wrong, the 99th percentile
of the plain requests' time kept within LIMIT_MS beside both, descriptors and
threads came back to what they were, and so did memory: the first crowd adds
what threads that have served keep, the second hardly anything (may_add_MB).

On a machine that has other work the clock says more of that work than of
heygend: what the same clients take before any crowd comes ("alone") at their
99th percentile beyond QUIET_MS is allowed on top.  Others ask a second
heygend, which nobody crowds, in the same seconds ("neighbour"): that allows
nothing, since a heygend that burns slows it down, too; it tells where to look.
By hand:

    crowd.py --seconds 600 --seed 7 --only idle,gone
"""
import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "system"))
import heygend  # noqa: E402
from crash import say_failed, skip  # noqa: E402
from heygend import BUILDDIR, Daemon, until  # noqa: E402

LIMIT_MS = 50
QUIET_MS = 10		# the 99th percentile of a machine left alone
ALONE_S = 4
FIRST = 0.6		# of the time that the two crowds stay
AGAIN = 0.5		# of what the first has added may the second add,
NOISE_MB = 4		# and so much
LEAVE_S = 120		# until the last seat of a lost peer is free
THREADS_FOR_ALL = 12000
SOURCES = 8		# loopback addresses of a crowd
KEY = "a-crowd-needs-a-key-to-come-in"
LONG = {"duration_ms": 3600000}


class NotMet(AssertionError):
    pass


def tool(name):
    return os.path.join(BUILDDIR, "tests", "proof", name)


class Tool:
    """A program that works until its stdin ends, then says JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def report(self):
        out, _ = self.process.communicate(timeout=120)
        if self.process.returncode:
            raise NotMet("%s ended with %d" % (self.process.args[0],
                                               self.process.returncode))
        return json.loads(out.splitlines()[-1])

    def kill(self):
        self.process.kill()
        self.process.communicate()


class Plain(Tool):
    def __init__(self, daemon, job, rate, key=()):
        super().__init__([tool("plain"), "--port", daemon.port, "--status",
                          job["id"], "--rate", rate] + list(key))


class Crowd(Tool):
    def __init__(self, part, kind, count, wrapper=(), host=None, vanish=False,
                 **options):
        self.kind, self.count = kind, count
        words = list(wrapper) + [
            tool("crowd"), "--port", part.daemon.port, "--kind", kind,
            "--count", count, "--seed", part.random.randrange(1000000)]
        words += ["--host", host] if host else ["--sources", SOURCES]
        words += ["--vanish"] if vanish else []
        for name, value in options.items():
            words += ["--" + name, value]
        super().__init__(words + part.key)

    def here(self):
        line = self.process.stdout.readline()
        if line != "crowd: here\n":
            raise NotMet("the crowd of %s did not come" % self.kind)


class Part:
    """One daemon, and what happens around it."""

    name = None
    settings = {}
    rate = 120			# plain requests a second

    def __init__(self, seconds, seed):
        self.seconds, self.random = seconds, random.Random(seed)
        settings = {"http.threads": 256, "log.level": "info",
                    "status.default_job": "off", "jobs.slots": 2000,
                    "simulation.error_rate": 0}
        self.neighbour = Daemon(settings)
        self.daemon = Daemon(dict(settings, **self.settings))
        self.key, self.tools = [], []
        self.alone, self.beside, self.next_door = [], [], []
        self.crowds, self.recovered_s = [], []
        self.samples, self.more = [], []

    def run(self):
        """The summary; raises NotMet."""
        try:
            self.prepare()
            self.neighbour.start()
            self.daemon.start()
            self.job = self.ask("POST", "/v1/jobs", {"simulate": LONG})
            self.furnish()
            self.ask_alone()
            self.sample()
            for seconds in (self.seconds * FIRST, self.seconds * (1 - FIRST)):
                self.beside_a_crowd(seconds)
                self.recover()
            self.ask_alone()
            self.judge()
            self.daemon.stop()
            self.neighbour.stop()
            return self.summary()
        finally:
            for one in self.tools:
                one.kill()
            self.daemon.remove()
            self.neighbour.remove()
            self.clean_up()

    # --- what a part says ---------------------------------------------------

    @staticmethod
    def why_not():
        """Why it cannot be tried here; None: it can."""
        return None

    def prepare(self):
        pass

    def furnish(self):
        """Before anybody asks."""

    def crowd(self):
        """Starts them; they come in this order."""
        raise NotImplementedError

    def stay(self, seconds):
        time.sleep(seconds)

    def clean_up(self):
        pass

    # --- how it goes --------------------------------------------------------

    def ask(self, method, path, body):
        """For what the crowd and the plain clients need."""
        answer = self.daemon.request(
            method, path, body, {"X-Api-Key": self.key[1]} if self.key else {})
        if answer.status not in (200, 202):
            raise NotMet("%s %s was answered %r" % (method, path, answer))
        return answer.json

    def start(self, kind, *args, **options):
        """A crowd; returns when all of it is there."""
        one = Crowd(self, kind, *args, **options)
        self.tools.append(one)
        one.here()
        self.crowds.append(one)

    def start_plain(self, *where):
        one = Plain(*where)
        self.tools.append(one)
        return one

    def end(self, one):
        report = one.report()
        self.tools.remove(one)
        return report

    def ask_alone(self):
        plain = self.start_plain(self.daemon, self.job, self.rate, self.key)
        time.sleep(ALONE_S)
        self.alone.append(self.end(plain))

    def beside_a_crowd(self, seconds):
        job = self.neighbour.submit(simulate=LONG)
        other = self.start_plain(self.neighbour, job, self.rate)
        plain = self.start_plain(self.daemon, self.job, self.rate, self.key)
        before = len(self.crowds)
        self.crowd()
        self.stay(seconds)
        self.sample()
        for crowd in self.crowds[before:]:
            crowd.tally = self.end(crowd)
        self.beside.append(self.end(plain))
        self.next_door.append(self.end(other))

    def sample(self):
        pid = self.daemon.process.pid
        with open("/proc/%d/status" % pid) as status:
            fields = dict(line.split(":", 1) for line in status)
        self.samples.append({
            "MB": int(fields["VmRSS"].split()[0]) / 1024,
            "threads": int(fields["Threads"]),
            "descriptors": len(os.listdir("/proc/%d/fd" % pid)),
        })
        return self.samples[-1]

    # --- the judgement ------------------------------------------------------

    def may_add_MB(self):
        """What the first crowd may add is what threads that have served
        keep, of each: 32 KiB of stack that was touched, civetweb's buffer of
        16 KiB, ours of 4 KiB each for head, body, answer and query.  The
        second meets threads that have served, and some that have not: who
        keeps anything of a peer that has left adds as much again."""
        first = 32 + self.daemon.settings["http.threads"] * 64 / 1024
        return first, AGAIN * self.added_MB(0) + NOISE_MB

    def added_MB(self, crowd):
        return self.samples[2 * crowd + 2]["MB"] - self.samples[2 * crowd]["MB"]

    def is_recovered(self):
        before, now = self.samples[0], self.sample()
        self.samples.pop()
        return (now["descriptors"] <= before["descriptors"] + 8 and
                now["threads"] <= before["threads"])

    def recover(self):
        began = time.monotonic()
        try:
            until(self.is_recovered, "recovery", LEAVE_S, 0.25)
        except AssertionError:
            self.sample()
            raise NotMet("not recovered: %r" % self.samples)
        self.recovered_s.append(time.monotonic() - began)
        self.sample()

    def judge(self):
        for report in self.alone + self.beside:
            if report["failed"]:
                raise NotMet("%d plain answers were wrong: %s" % (
                    report["failed"], self.summary()))
        if self.p99() > self.limit_ms():
            raise NotMet("p99 above %.1f ms: %s" % (self.limit_ms(),
                                                   self.summary()))
        for crowd, most in enumerate(self.may_add_MB()):
            if self.added_MB(crowd) > most:
                raise NotMet("crowd %d added %.1f MB, more than %.1f: %s" % (
                    crowd + 1, self.added_MB(crowd), most, self.summary()))

    def p99(self):
        return max(report["all"]["p99_ms"] for report in self.beside)

    def limit_ms(self):
        return LIMIT_MS + max(0, self.alone[0]["all"]["p99_ms"] - QUIET_MS)

    def summary(self):
        first = self.crowds[:len(self.crowds) // len(self.beside)]
        peers = ", ".join("%d %s (%d open at least)" % (
            c.count, c.kind, c.tally["open_least"]) for c in first)

        def of(reports, name):
            return " and ".join("%.1f" % report["all"][name]
                                for report in reports)
        text = ("%s, twice, %d threads | %d plain requests, %d wrong: p50 %s, "
                "p99 %s, max %s ms; alone p99 %s, neighbour p99 %s" % (
                    peers, self.daemon.settings["http.threads"],
                    sum(report["all"]["requests"] for report in self.beside),
                    sum(report["failed"] for report in self.beside),
                    of(self.beside, "p50_ms"), of(self.beside, "p99_ms"),
                    of(self.beside, "max_ms"), of(self.alone, "p99_ms"),
                    of(self.next_door, "p99_ms")))
        for unit, form in (("MB", "%.0f"), ("descriptors", "%d"),
                           ("threads", "%d")):
            text += "%s %s %s" % (" |" if unit == "MB" else ",", " > ".join(
                form % sample[unit] for sample in self.samples), unit)
        text += " after %s s" % " and ".join(
            "%.0f" % seconds for seconds in self.recovered_s)
        return " | ".join([text] + self.more)


# --- the parts --------------------------------------------------------------

class Idle(Part):
    """10 000 connections that have asked once and stay."""
    name = "idle"
    settings = {"http.threads": THREADS_FOR_ALL}

    def crowd(self):
        self.start("idle", 10000)


class Slow(Part):
    """Heads and bodies, a byte a second."""
    name = "slow"
    settings = {"http.threads": THREADS_FOR_ALL}

    def crowd(self):
        self.start("head", 5000)
        self.start("body", 5000)


class Readers(Part):
    """Big lists and streams that nobody reads, or hardly."""
    name = "readers"
    settings = {"http.threads": 2048}

    def furnish(self):
        for _ in range(2):
            self.ask("POST", "/v1/jobs:batch", {
                "jobs": [{"title": "x" * 100, "simulate": LONG}] * 1000})

    def crowd(self):
        self.start("list", 400, rate=50)
        self.start("sip", 400, rate=50)
        self.start("deaf", 200, rate=100)


class Watchers(Part):
    """1 000 streams and 1 000 long polls, all woken again and again."""
    name = "watchers"
    settings = {"http.threads": 2560}
    rate = 60

    def crowd(self):
        self.start("stream", 500, path="/v1/events?final=1")
        self.start("stream", 500)
        self.start("wait", 1000, path="/v1/jobs/%s?wait=30&until=change" %
                   self.job["id"])

    def stay(self, seconds):
        """A change a second of the job that 1 000 wait for."""
        end, n = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            n += 1
            self.ask("PATCH", "/v1/jobs/" + self.job["id"],
                     {"title": "change %d, %d s" % (n, seconds)})
            time.sleep(1)

    def judge(self):
        super().judge()
        for crowd in self.crowds:
            served = crowd.tally["events"] or crowd.tally["answers"]["2xx"]
            if served < crowd.count or crowd.tally["ended"]:
                raise NotMet("%s: %r" % (crowd.kind, crowd.tally))
        self.more.append("%d events, %d long polls answered" % (
            sum(crowd.tally["events"] for crowd in self.crowds),
            sum(crowd.tally["answers"]["2xx"] for crowd in self.crowds
                if crowd.kind == "wait")))


class Crammed(Part):
    """More than there is room for, by far: the settings nobody changed."""
    name = "crammed"

    def crowd(self):
        self.start("idle", 4000)
        self.start("mute", 2000)
        self.start("head", 2000)
        self.start("body", 2000)

    def summary(self):
        ended = sum(crowd.tally["ended"] for crowd in self.crowds)
        return super().summary() + " | %d were shown the door" % ended


class Starved(Part):
    """Fewer descriptors than connections, as if others had taken them."""
    name = "starved"
    settings = {"http.threads": 512}
    spent = 0			# of a core, the longer of the stays

    def crowd(self):
        pid = self.daemon.process.pid
        self.had = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        few = self.sample()["descriptors"] + 100
        self.samples.pop()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, self.had[1]))
        self.start("idle", 1000, rate=500)
        self.start("head", 1000, rate=500)

    def stay(self, seconds):
        began, cpu = time.monotonic(), self.cpu_s()
        super().stay(seconds)
        self.spent = max(self.spent, (self.cpu_s() - cpu) /
                         (time.monotonic() - began))

    def cpu_s(self):
        with open("/proc/%d/stat" % self.daemon.process.pid) as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def recover(self):
        resource.prlimit(self.daemon.process.pid, resource.RLIMIT_NOFILE,
                         self.had)
        super().recover()

    def judge(self):
        super().judge()
        starved = self.daemon.log().count("http.starved")
        if starved == 0:
            raise NotMet("descriptors never ran short")
        if self.spent > 0.9:
            raise NotMet("%.2f of a core: it spins" % self.spent)
        self.more.append("%.2f of a core, %d warnings" % (self.spent,
                                                          starved))


class Gone(Part):
    """Peers behind a network that goes down: no FIN, no RST, ever."""
    name = "gone"
    settings = {"http.threads": 2048, "http.listen": "0.0.0.0:0",
                "http.hosts": "10.231.77.1"}
    space, near, far = "heygend-crowd", "hgcrowd0", "hgcrowd1"

    def prepare(self):
        keys = os.path.join(self.daemon.dir, "keys")
        with open(keys, "w") as file:
            os.chmod(keys, 0o600)
            file.write(KEY + "\n")
        self.daemon.settings["http.api_key_file"] = keys
        self.key = ["--key", KEY]
        for line in ("netns add " + self.space,
                     "link add %s type veth peer name %s netns %s" % (
                         self.near, self.far, self.space),
                     "addr add 10.231.77.1/24 dev " + self.near,
                     "link set %s up" % self.near,
                     "-n %s addr add 10.231.77.2/24 dev %s" % (self.space,
                                                               self.far)):
            subprocess.run(["ip"] + line.split(), check=True)

    def clean_up(self):
        for line in ("link del " + self.near, "netns del " + self.space):
            subprocess.run(["ip"] + line.split(), stderr=subprocess.DEVNULL)

    def crowd(self):
        subprocess.run(["ip", "-n", self.space, "link", "set", self.far,
                        "up"], check=True)
        for kind, count in (("idle", 300), ("mute", 300), ("head", 300),
                            ("body", 300), ("stream", 300), ("wait", 300)):
            self.start(kind, count, host="10.231.77.1",
                       wrapper=("ip", "netns", "exec", self.space))
        self.start("stream", 100, vanish=True)
        self.start("wait", 100, vanish=True)

    def stay(self, seconds):
        super().stay(seconds)
        subprocess.run(["ip", "-n", self.space, "link", "set", self.far,
                        "down"], check=True)

    @staticmethod
    def why_not():
        if os.geteuid() != 0:
            return "only root can take a network down"
        if not shutil.which("ip"):
            return "there is no ip(8)"
        if subprocess.run(["unshare", "-n", "true"]).returncode:
            return "network namespaces are not allowed here"
        return None


PARTS = (Idle, Slow, Readers, Watchers, Gone, Starved, Crammed)


# --- all of them ------------------------------------------------------------

def rise():
    """Above what else this machine does, if that is allowed."""
    try:
        os.nice(-15)
        if os.getsid(0) != os.getpid():
            os.setsid()
        with open("/proc/self/autogroup", "w") as group:
            group.write("-19")
        return True
    except OSError:
        return False


def run(kind, seconds, seed):
    """"met", "skipped" or "failed"."""
    why_not = kind.why_not()
    if why_not:
        print("proof-crowd: %s: skipped: %s" % (kind.name, why_not),
              flush=True)
        return "skipped"
    try:
        print("proof-crowd: %s: met: %s" % (
            kind.name, kind(seconds, seed).run()), flush=True)
        return "met"
    except Exception as error:		# pylint: disable=broad-except
        say_failed("proof-crowd: %s" % kind.name, "--seed %d --only %s" % (
            seed, kind.name), error)
        return "failed"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", default=",".join(p.name for p in PARTS))
    options = parser.parse_args()
    seed = options.seed or random.SystemRandom().randrange(1, 1000000)
    only = set(options.only.split(","))
    parts = [part for part in PARTS if part.name in only]
    if len(parts) < len(only):
        parser.error("%s: there are %s" % (options.only, ", ".join(
            part.name for part in PARTS)))
    # starting, asking alone, coming and leaving take about 45 s a part
    stay = max(10, options.seconds / len(parts) - 45)
    heygend.DEADLINE = 60
    print("proof-crowd: seed %d, %d s a part%s" % (
        seed, stay, "" if rise() else ", at no higher priority"), flush=True)
    found = {part.name: run(part, stay, seed) for part in parts}
    skipped = [name for name in found if found[name] == "skipped"]
    if "failed" in found.values():
        sys.exit(1)
    if skipped:
        skip("proof-crowd (%s)" % ", ".join(skipped))


if __name__ == "__main__":
    main()
