"""ctl.py -- what the tests of heygenctl stand on.

ctl()      runs the program to its end: its code, its two outputs.
start()    runs it beside the test.
Terminal   runs it in a pseudo-terminal and keeps the screen it draws.
Scripted   a small server whose answers the test writes.
"""
import fcntl
import http.server
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
import unicodedata

from heygend import DEADLINE, SRCDIR, program, until

VERBS = ("submit run wait watch status show list pause resume cancel restart "
         "remove priority events queue ping completion help version").split()
CHANGING = "pause resume cancel restart remove priority".split()


def environment(**more):
    """That of the tests, without what would steer the program."""
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("HEYGENCTL_") and
           name not in ("NO_COLOR", "TERM", "LC_ALL", "LANG", "LC_CTYPE")}
    env.update(LC_ALL="C.UTF-8", TZ="UTC")
    env.update({name: value for name, value in more.items()
                if value is not None})
    return env


class Done:
    """A program that has ended."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def __repr__(self):
        return "heygenctl %s: exit %d\n--- out\n%s--- err\n%s" % (
            " ".join(self.args), self.code, self.out, self.err)

    @property
    def lines(self):
        return self.out.splitlines()

    @property
    def json(self):
        return json.loads(self.out)


def start(*args, server=None, env=None, **more):
    """Begins to run it; a subprocess.Popen with text pipes."""
    command = [program("heygenctl")] + (["-s", server] if server else [])
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(
        command + [str(arg) for arg in args], env=environment(**(env or {})),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def finish(process, args=(), input=None, timeout=DEADLINE):
    try:
        out, err = process.communicate(input, timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError("it did not end\n%r" % Done(
            [str(arg) for arg in args], -9, out, err))
    return Done([str(arg) for arg in args], process.returncode, out, err)


def ctl(*args, server=None, env=None, input=None, timeout=DEADLINE, **more):
    """Runs it to its end.  input: what it reads."""
    if input is not None:
        more["stdin"] = subprocess.PIPE
    return finish(start(*args, server=server, env=env, **more), args, input,
                  timeout)


class Screen:
    """What a terminal shows that was sent these bytes: as much of it as the
    program uses.  Anything else is an error."""

    def __init__(self, lines, columns):
        self.size(lines, columns)
        self.cells = [[" "] * columns for _ in range(lines)]
        self.row = self.column = 0
        self.cursor, self.colors = True, set()
        self.rest, self.scrolled, self.wrapped = "", 0, 0

    def size(self, lines, columns):
        self.lines, self.columns = lines, columns

    def text(self):
        """The lines, without what is empty at their ends."""
        lines = ["".join(row).rstrip() for row in self.cells]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        i = 0
        while i < len(text):
            if text[i] == "\033":
                match = re.match(r"\033\[([?0-9;]*)([A-Za-z])", text[i:])
                if not match:
                    if len(text) - i < 16:
                        self.rest = text[i:]
                        return
                    raise AssertionError("unknown: %r" % text[i:i + 16])
                self.escape(match.group(1), match.group(2))
                i += match.end()
                continue
            self.put(text[i])
            i += 1

    def escape(self, args, letter):
        number = int(args) if args.isdigit() else None
        if letter == "m":
            self.colors.add(args)
        elif letter == "A":
            if number > self.row:
                raise AssertionError("above the screen")
            self.row -= number
        elif letter == "K":
            self.cells[self.row][self.column:] = \
                [" "] * (self.columns - self.column)
        elif letter == "J":
            self.escape("", "K")
            for row in range(self.row + 1, self.lines):
                self.cells[row] = [" "] * self.columns
        elif (args, letter) == ("?25", "l"):
            self.cursor = False
        elif (args, letter) == ("?25", "h"):
            self.cursor = True
        else:
            raise AssertionError("unknown: ESC [ %s %s" % (args, letter))

    def put(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.down()
        elif unicodedata.combining(char):
            self.cells[self.row][self.column - 1] += char
        else:
            width = 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if self.column + width > self.columns:
                self.wrapped += 1
                self.column = 0
                self.down()
            self.cells[self.row][self.column] = char
            if width == 2:
                self.cells[self.row][self.column + 1] = ""
            self.column += width

    def down(self):
        if self.row + 1 < self.lines:
            self.row += 1
            return
        self.cells.pop(0)
        self.cells.append([" "] * self.columns)
        self.scrolled += 1


class Terminal:
    """The program in a pseudo-terminal of its own.

    out    what it wrote to standard output, if that is a pipe (the default);
           tty_out=True: both go to the screen"""

    def __init__(self, *args, server=None, lines=24, columns=80, env=None,
                 tty_out=False, tty_in=True):
        self.screen = Screen(lines, columns)
        self.frames, self.raw = [], b""
        self.decoder_rest = b""
        self.out = ""
        master, slave = pty.openpty()
        self.master = master
        self.resize(lines, columns, silent=True)
        variables = {"TERM": "xterm-256color"}
        variables.update(env or {})
        command = [program("heygenctl")] + (["-s", server] if server else [])
        self.process = subprocess.Popen(
            command + [str(arg) for arg in args], env=environment(**variables),
            stdin=slave if tty_in else subprocess.DEVNULL,
            stdout=slave if tty_out else subprocess.PIPE, stderr=slave,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(
                slave, termios.TIOCSCTTY, 0) if tty_in else None)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        os.close(self.master)

    def resize(self, lines, columns, silent=False):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", lines, columns, 0, 0))
        if not silent:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, timeout=0.05):
        """Reads what is there; False at the end."""
        if not select.select([self.master], [], [], timeout)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        if not data:
            return False
        self.raw += data
        data = self.decoder_rest + data
        text = data.decode(errors="ignore")
        self.decoder_rest = data[len(text.encode()):]
        self.screen.feed(text)
        self.frames.append((time.monotonic(), self.screen.text()))
        return True

    def drain(self):
        """Reads all that is there."""
        while select.select([self.master], [], [], 0)[0] and self.read(0):
            pass

    def stand_still(self):
        """Stops it, and reads all that it has drawn; SIGCONT goes on."""
        self.process.send_signal(signal.SIGSTOP)

        def stopped():
            with open("/proc/%d/stat" % self.process.pid) as stat:
                return stat.read().rpartition(")")[2].split()[0] == "T"
        until(stopped, "that it stands still")
        self.drain()

    def until(self, condition, what="the screen"):
        """Reads until condition(lines of the screen) is true."""
        def there():
            self.read()
            return condition(self.screen.text())
        try:
            return until(there, what, step=0)
        except AssertionError as error:
            raise AssertionError("%s; screen:\n%s" % (
                error, "\n".join(self.screen.text())))

    def shows(self, pattern):
        """Reads until a line matches; the match."""
        def match(lines):
            found = [re.search(pattern, line) for line in lines]
            return next((one for one in found if one), None)
        return self.until(match, "a line like " + pattern)

    def end(self):
        """Reads to the end; the exit code."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None or \
                select.select([self.master], [], [], 0)[0]:
            if not self.read():
                break
            if time.monotonic() > end:
                raise AssertionError("it did not end; screen:\n" +
                                     "\n".join(self.screen.text()))
        code = self.process.wait(DEADLINE)
        if self.process.stdout:
            self.out = self.process.stdout.read().decode()
        return code


class Scripted:
    """A server on loopback that answers as answer(method, path, headers)
    says: status, headers, body; a dict becomes JSON; None closes."""

    def __init__(self, answer):
        self.answer, self.asked = answer, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                size = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(size)
                outer.asked.append((self.command, self.path))
                given = outer.answer(self.command, self.path, self.headers)
                if given is None:
                    self.close_connection = True
                    return
                status, headers, body = given
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                    headers = dict({"Content-Type": "application/json"},
                                   **headers)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                try:
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:		# the program has left
                    self.close_connection = True

            do_GET = do_POST = do_PATCH = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.02,))

    @property
    def url(self):
        return "http://127.0.0.1:%d" % self.server.server_address[1]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def not_found(*_):
    """A server that has none of our routes."""
    return 404, {"Content-Type": "text/plain"}, b"no such page"


def source(*parts):
    return os.path.join(SRCDIR, *parts)
