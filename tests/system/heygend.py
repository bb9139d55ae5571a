"""heygend.py -- what the system tests stand on.

Daemon    starts the real heygend in a fresh directory on a free port, waits
          for its ready line, speaks HTTP to it, stops it and checks that it
          left cleanly: exit 0, no child left, no error in its log.
Raw       one TCP connection, byte by byte: for what no HTTP client would send.
Stream    server-sent events.
Stopwatch counts a promise in ms, but not what a busy machine adds to it.
Case      a unittest.TestCase with one daemon for all its tests.
main()    runs the cases of the calling script and prints TAP; a test's name
          is its sentence: test_a_job_ends -> "a job ends".

Tests wait on conditions, through until(), never on time.  Everything has a
deadline; whatever is started is ended.  Python 3's standard library only.
"""
import glob
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import unittest

SANITIZER = os.environ.get("HG_SANITIZER", "")
COVERAGE = os.environ.get("HG_COVERAGE", "") == "yes"
VALGRIND = os.environ.get("HG_VALGRIND", "") == "yes"
# sanitizers cost time, valgrind (tests/valgrind) more of it, counting less
SLOW = int(os.environ.get("HG_SLOW") or
           (5 if SANITIZER not in ("", "no") else 2 if COVERAGE else 1))
DEADLINE = 15 * SLOW  # seconds, for anything that should be at once
BUILDDIR = os.environ.get("HG_BUILDDIR", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))
SRCDIR = os.environ.get("HG_SRCDIR", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."))
LOG_ERROR = re.compile(r"^<[0-3]>|runtime error:|Sanitizer")


def program(name):
    """The path of a program that was built: $HEYGEND for heygend, ..."""
    given = os.environ.get(name.upper().replace("-", "_"))
    if given:
        return given
    for folder in ("", "daemon", "worker", "client"):
        path = os.path.join(BUILDDIR, folder, name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return os.path.abspath(path)
    raise AssertionError("%s has not been built below %s" % (name, BUILDDIR))


def sanitizers():
    """The run-time libraries that want to be loaded before any other."""
    if SANITIZER in ("", "no"):
        return []
    needed = subprocess.run(["ldd", program("heygend")], text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    return re.findall(r"=> (\S+/lib\w+san\.so\S*)", needed)


def preload(name):
    """The LD_PRELOAD that is a library of tests/unit; where there can be
    none the test, or the whole class, is skipped."""
    path = os.path.join(BUILDDIR, "tests", "unit", ".libs", name + ".so")
    if not os.path.exists(path):
        raise unittest.SkipTest(name + ".so has not been built")
    return ":".join(sanitizers() + [os.path.abspath(path)])


def write_whole(path, text):
    """In one piece: whoever reads it reads the old or the new, never half."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def until(condition, what="the condition", deadline=DEADLINE, step=0.01):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("%s did not hold within %g s" %
                                 (what, deadline))
        time.sleep(step)


class Stopwatch:
    """Counts the time that passes, but for what this process's threads were
    ready to run and others had the processor: a busy machine keeps no promise
    in ms, and breaks none of ours."""

    def __init__(self):
        self.began, self.before = time.monotonic(), self.waits()

    @staticmethod
    def waits():
        found = {}
        for path in glob.glob("/proc/self/task/*/schedstat"):
            try:
                with open(path) as file:
                    found[path] = int(file.read().split()[1]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                pass			# a thread that has just ended
        return found

    def waited(self):
        return sum(waited - self.before.get(path, 0)
                   for path, waited in self.waits().items())

    def seconds(self):
        return time.monotonic() - self.began - self.waited()


class Answer:
    """One HTTP answer.  Header names are lower case."""

    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.all_headers = headers		# pairs, in order
        self.headers = {name.lower(): value for name, value in headers}

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The stable word of a problem, None for anything else."""
        if self.headers.get("content-type", "").startswith(
                "application/problem+json"):
            return self.json.get("code")
        return None

    def __repr__(self):
        return "<%s %r %r>" % (self.status, self.headers, self.body[:500])


class Raw:
    """One connection.  send() bytes, then answer() or eof()."""

    def __init__(self, port, host="127.0.0.1", timeout=DEADLINE):
        self.socket = socket.create_connection((host, port), timeout)
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def timeout(self, seconds):
        self.socket.settimeout(seconds)

    def more(self):
        """Reads once; False at the end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.pending += data
        return bool(data)

    def take(self, count):
        while len(self.pending) < count and self.more():
            pass
        data, self.pending = self.pending[:count], self.pending[count:]
        if len(data) < count:
            raise EOFError("the connection ended after %r" % data)
        return data

    def take_to(self, mark):
        while mark not in self.pending:
            if not self.more():
                raise EOFError("the connection ended after %r" % self.pending)
        data, _, self.pending = self.pending.partition(mark)
        return data

    def head(self):
        """The status and the headers of the next answer."""
        lines = self.take_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", lines[0])
        if not match:
            raise AssertionError("no status line: %r" % lines[0])
        headers = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise AssertionError("no header: %r" % line)
            headers.append((name, value.strip()))
        return int(match.group(1)), headers

    def answer(self, head_only=False, interim=None):
        """The next final answer; the statuses before it go to interim."""
        status, headers = self.head()
        while status == 100:
            if interim is not None:
                interim.append(status)
            status, headers = self.head()
        named = {name.lower(): value for name, value in headers}
        body = b""
        if head_only or status in (204, 304):
            pass
        elif "content-length" in named:
            body = self.take(int(named["content-length"]))
        else:
            while self.more():
                pass
            body, self.pending = self.pending, b""
        return Answer(status, headers, body)

    def leave(self):
        """Says that no more comes, and waits until the other side is gone."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass			# it is
        self.eof()

    def eof(self):
        """True if nothing but the end of the connection follows."""
        while not self.pending and self.more():
            pass
        return not self.pending


class Stream:
    """Server-sent events: each is a dict of its fields, data parsed.

    A comment is {"comment": text}."""

    def __init__(self, raw, status, headers):
        self.raw, self.status = raw, status
        self.headers = {name.lower(): value for name, value in headers}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def block(self, timeout=DEADLINE):
        """The next block of lines as a dict; None at the end."""
        self.raw.timeout(timeout)
        try:
            lines = self.raw.take_to(b"\n\n").decode().split("\n")
        except EOFError:
            return None
        event = {}
        for line in lines:
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            event[name or "comment"] = value
        if "data" in event:
            event["data"] = json.loads(event["data"])
        return event

    def event(self, timeout=DEADLINE):
        """The next event that has data or a name; None at the end."""
        while True:
            event = self.block(timeout)
            if event is None or "data" in event or "event" in event:
                return event

    def until(self, condition, timeout=DEADLINE):
        """Events up to and with the first for which condition holds."""
        events, end = [], time.monotonic() + timeout
        while True:
            event = self.event(max(0.01, end - time.monotonic()))
            if event is None:
                raise AssertionError("the stream ended after %r" % events)
            events.append(event)
            if condition(event):
                return events


class Daemon:
    """The real heygend.

    settings  {"jobs.workers": 1, ...}; the state directory, port 0, log
              level debug and that no job fails by chance are given unless
              settings say otherwise
    args      further arguments
    dir       an existing directory: a second life of an earlier daemon
    """

    def __init__(self, settings=None, args=(), dir=None, env=None):
        self.own_dir = dir is None
        self.dir = dir or tempfile.mkdtemp(prefix="heygend-test-")
        self.settings = {"http.listen": "127.0.0.1:0",
                         "store.state_dir": os.path.join(self.dir, "state"),
                         "log.level": "debug",
                         "simulation.error_rate": 0}
        self.settings.update(settings or {})
        self.args, self.env = list(args), dict(env or {})
        self.process = None
        self.port = None
        self.clean_bytes = 0		# of the log: errors were looked for

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.stop()
            else:
                self.kill()
        finally:
            self.remove()

    # --- life ---------------------------------------------------------------

    @property
    def state_dir(self):
        return self.settings["store.state_dir"]

    @property
    def log_path(self):
        return os.path.join(self.dir, "log")

    def command(self):
        path = os.path.join(self.dir, "heygend.ini")
        sections = {}
        for key, value in self.settings.items():
            section, _, name = key.partition(".")
            sections.setdefault(section, []).append("%s = %s" % (name, value))
        # an earlier hangup may be about to read it
        write_whole(path, "".join("[%s]\n%s\n" % (section, "\n".join(lines))
                                  for section, lines in sections.items()))
        return [program("heygend"), "--config", path] + self.args

    def spawn(self):
        """Starts the program; start() also waits until it is ready."""
        os.makedirs(self.state_dir, exist_ok=True)
        log = open(self.log_path, "ab")
        stat = os.fstat(log.fileno())
        # the log then says of each line how serious it is
        env = dict(os.environ, TZ="UTC",
                   JOURNAL_STREAM="%d:%d" % (stat.st_dev, stat.st_ino))
        env.pop("CREDENTIALS_DIRECTORY", None)
        env.pop("NOTIFY_SOCKET", None)
        env.setdefault("HEYGEN_WORKER", program("heygen-worker"))
        env.update(self.env)
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=log, env=env, cwd=self.dir)
        log.close()
        return self

    def start(self):
        self.spawn()
        line, end = b"", time.monotonic() + DEADLINE
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [],
                                              left)[0]:
                self.kill()
                raise AssertionError("not ready in time; log:\n" + self.log())
            data = os.read(self.process.stdout.fileno(), 4096)
            if not data:
                status = self.process.wait()
                raise AssertionError("exit %d instead of ready; log:\n%s" %
                                     (status, self.log()))
            line += data
        match = re.fullmatch(rb"heygend: ready http://([0-9.]+):(\d+)\n", line)
        if not match:
            self.kill()
            raise AssertionError("not a ready line: %r" % line)
        self.port = int(match.group(2))
        return self

    def children(self):
        """The process ids of its workers."""
        found = []
        for path in glob.glob("/proc/%d/task/*/children" % self.process.pid):
            try:
                with open(path) as children:
                    found += [int(pid) for pid in children.read().split()]
            except (FileNotFoundError, ProcessLookupError):
                pass			# a thread that has just ended
        return found

    def stop(self, status=0, clean_log=True):
        """SIGTERM; then it is checked how it left."""
        if self.process is None:
            return
        children = self.children()
        self.process.send_signal(signal.SIGTERM)
        self.wait(status)
        until(lambda: not any(alive(pid) for pid in children),
              "that no worker is left")
        if clean_log:
            errors = self.log_errors(self.clean_bytes)
            if errors:
                raise AssertionError("the log has errors:\n" +
                                     "\n".join(errors))
            self.clean_bytes = os.path.getsize(self.log_path)

    def wait(self, status=None):
        """Waits for the end; status: what it must be."""
        try:
            got = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it did not end; log:\n" + self.log())
        self.process.stdout.close()
        self.process = None
        if status is not None and got != status:
            raise AssertionError("exit %d, not %d; log:\n%s" %
                                 (got, status, self.log()))
        return got

    def kill(self, number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def restart(self):
        """A second life on the same state, after stop() or kill()."""
        return self.start()

    def reload(self, settings):
        """Changes the file and sends SIGHUP."""
        self.settings.update(settings)
        self.command()
        self.process.send_signal(signal.SIGHUP)

    def remove(self):
        self.kill()
        if self.own_dir:
            shutil.rmtree(self.dir, ignore_errors=True)

    def log(self, since=0):
        """Its whole lines: the last one may be half written."""
        with open(self.log_path, "rb") as log:
            log.seek(since)
            data = log.read()
        return data[:data.rfind(b"\n") + 1].decode(errors="replace")

    def log_errors(self, since=0):
        return [line for line in self.log(since).splitlines()
                if LOG_ERROR.search(line)]

    # --- HTTP ---------------------------------------------------------------

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.port

    def raw(self, data=b"", timeout=DEADLINE):
        raw = Raw(self.port, timeout=timeout)
        raw.send(data)
        return raw

    def message(self, method, path, body=None, headers=None):
        """The bytes of a request.  body: bytes, or what becomes JSON; a
        header of None is left out."""
        fields = {"Host": "127.0.0.1:%d" % self.port}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = str(len(body))
        elif method in ("POST", "PATCH", "PUT"):
            fields["Content-Length"] = "0"
        fields.update(headers or {})
        head = "".join("%s: %s\r\n" % field for field in fields.items()
                       if field[1] is not None)
        return ("%s %s HTTP/1.1\r\n%s\r\n" % (method, path, head)).encode(
            "latin-1") + (body or b"")

    def request(self, method, path, body=None, headers=None,
                timeout=DEADLINE):
        """The answer.  The daemon counts and logs a request when it has
        been answered, and closes the connection then: so what is asked here
        is in its metrics and in its log."""
        fields = {"Connection": "close"}
        fields.update(headers or {})
        with self.raw(self.message(method, path, body, fields),
                      timeout) as raw:
            answer = raw.answer(head_only=method == "HEAD")
            if answer.headers.get("connection") == "close":
                raw.leave()
            return answer

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, body=None, **more):
        return self.request("POST", path, body, **more)

    def patch(self, path, body, **more):
        return self.request("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.request("DELETE", path, **more)

    def stream(self, path, headers=None):
        """Opens server-sent events; .status says whether it became one."""
        fields = {"Accept": "text/event-stream"}
        fields.update(headers or {})
        raw = self.raw(self.message("GET", path, None, fields))
        return Stream(raw, *raw.head())

    # --- what most tests need -----------------------------------------------

    def submit(self, **fields):
        """Submits a job that is expected to be accepted; the job."""
        answer = self.post("/v1/jobs", fields)
        if answer.status != 202:
            raise AssertionError("not accepted: %r" % answer)
        return answer.json

    def job(self, id):
        answer = self.get("/v1/jobs/" + id)
        if answer.status != 200:
            raise AssertionError("no such job: %r" % answer)
        return answer.json

    def state(self, id):
        return self.job(id)["state"]

    def verb(self, id, verb, **more):
        return self.post("/v1/jobs/%s:%s" % (id, verb), **more)

    def metric(self, name):
        """A sample of the metrics, by its name and labels; 0: there is none."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(name + " "):
                return float(line.rpartition(" ")[2])
        return 0

    def until_held(self, **counts):
        """Waits until so many are held: wait, stream, events.  Whoever is
        counted has found where it stands: what comes now is news to it."""
        for kind, count in counts.items():
            until(lambda: self.metric('heygend_held{kind="%s"}' % kind) ==
                  count, "that %d are held by %s" % (count, kind))

    def advance(self, ms):
        """Moves a manual clock; the time it then shows."""
        answer = self.post("/v1/clock:advance", {"ms": ms})
        if answer.status != 200:
            raise AssertionError("the clock did not move: %r" % answer)
        return answer.json["now"]

    def until_state(self, id, *states, deadline=DEADLINE):
        """Waits, in real time, until the job is in one of these states."""
        def there():
            job = self.job(id)
            return job if job["state"] in states else None
        return until(there, "state %s of %s" % ("/".join(states), id),
                     deadline)


def alive(pid):
    """Does the process exist, and is it no zombie?"""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Case(unittest.TestCase):
    """One daemon for all tests of the class; `settings` are its settings."""
    settings = {}
    daemon = None
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(cls.settings)
        try:
            cls.daemon.start()
        except BaseException:
            cls.daemon.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.daemon.stop()
        finally:
            cls.daemon.remove()

    def problem(self, answer, status, code):
        """The answer is this problem, and a whole one; its JSON."""
        self.assertEqual((answer.status, answer.code), (status, code),
                         repr(answer))
        problem = answer.json
        self.assertEqual(problem["status"], status)
        for key in ("type", "title", "detail"):
            self.assertTrue(problem[key] and isinstance(problem[key], str))
        return problem


def sentence(test):
    name = getattr(test, "_testMethodName", None)
    if name is None:			# setUpClass, tearDownClass
        return str(test)
    return re.sub(r"^test_", "", name).replace("_", " ")


class TapResult(unittest.TestResult):
    count = 0

    def line(self, ok, test, more=""):
        self.count += 1
        print("%s %d - %s%s" % ("ok" if ok else "not ok", self.count,
                                sentence(test), more), flush=True)

    def trouble(self, test, error):
        self.line(False, test)
        for line in "".join(traceback.format_exception(*error)).splitlines():
            print("# " + line, flush=True)

    def addSuccess(self, test):
        self.line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.trouble(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.trouble(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line(False, test, " (%s)" % subtest._subDescription())
            for line in "".join(traceback.format_exception(
                    *err)).splitlines():
                print("# " + line, flush=True)

    def addSkip(self, test, reason):
        self.line(True, test, " # SKIP " + reason)


def main(*cases):
    """Runs the calling script's cases, all or those whose names contain one
    of the arguments; TAP on stdout.  Does not return."""
    # a shell's "&" has these ignored, and what is ignored is inherited
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    loader = unittest.TestLoader()
    suite = unittest.TestSuite()
    for case in cases or [value for value in
                          vars(sys.modules["__main__"]).values()
                          if isinstance(value, type)
                          and issubclass(value, unittest.TestCase)
                          and value is not Case]:
        tests = loader.loadTestsFromTestCase(case)
        for test in tests:
            name = "%s.%s" % (case.__name__, test._testMethodName)
            if len(sys.argv) < 2 or any(a in name for a in sys.argv[1:]):
                suite.addTest(test)
    result = TapResult()
    try:
        suite.run(result)
    finally:
        print("1..%d" % result.count, flush=True)
    sys.exit(0 if result.wasSuccessful() else 1)
