"""Each request of tests/data/raw-requests.txt gets exactly its answer.

A case is a title, lines that begin with > and end in CRLF on the wire (with |:
in nothing), and after < the answers.  Escapes are Python's.  $HOST is the
daemon's address, $CLOCK that of one with a manual clock and without limits of
its own, $LOCKED that of one with keys; $JOB is a queued job of the daemon
asked, fresh for each case: a refusal leaves it as it was.

An answer is its status, the problem's code or -, and what becomes of the
connection.  keep: it takes one more request and answers it; close: it is over,
and one more request gets no answer; end: the sender ends it there.  Then come
those of these that it has, and no others:

    type=               a Content-Type other than application/problem+json
                        from 400 on, application/json below
    allow= accept-patch= accept-encoding= preference-applied=
    www-authenticate= idempotency-replayed=
                        the header's value without its spaces
    location retry-after
                        it is there, and of its form
    fields=             those that the problem's errors name

Whatever was asked, the daemon answers the next one.
"""
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import heygend  # noqa: E402

PATH = os.path.join(heygend.SRCDIR, "tests", "data", "raw-requests.txt")
KEY = "the-key-of-the-raw-requests"
NEXT = (b"GET /healthz HTTP/1.1\r\nHost: $HOST\r\nRequest-Id: next\r\n"
        b"Connection: close\r\n\r\n")
VALUES = ("accept-encoding", "accept-patch", "allow", "idempotency-replayed",
          "preference-applied", "www-authenticate")
FORMS = {"location": r"/v1/jobs/[0-9a-f-]{36}", "retry-after": r"\d+"}


def cases():
    """(title, bytes with $HOST, answers as lines)."""
    title, data, answers = None, b"", []
    with open(PATH, encoding="ascii") as file:
        for line in list(file) + ["\n"]:
            line = line.rstrip("\n")
            if line[:1] in (">", "|"):
                text = line[2:].encode("ascii").decode("unicode_escape")
                data += text.encode("latin-1") + \
                    (b"\r\n" if line[0] == ">" else b"")
            elif line.startswith("< "):
                answers.append(line[2:])
            elif not line and title:
                yield title, data, answers
                title, data, answers = None, b"", []
            elif line and not line.startswith("#"):
                title = line


def usual_type(answer):
    if answer.status in (204, 304):
        return None
    return "application/problem+json" if answer.status >= 400 \
        else "application/json"


def told(answer, head):
    """What an answer says, in the words of the cases."""
    words, type = [], answer.headers.get("content-type")
    if type != usual_type(answer):
        words.append("type=%s" % type)
    for name in VALUES:
        if name in answer.headers:
            words.append("%s=%s" % (name, answer.headers[name].replace(
                " ", "")))
    for name, form in FORMS.items():
        value = answer.headers.get(name)
        if value is not None:
            words.append(name if re.fullmatch(form, value)
                         else "%s=%s" % (name, value))
    if answer.status >= 400 and not head and "errors" in answer.json:
        words.append("fields=" + ",".join(
            error["field"] for error in answer.json["errors"]))
    return words


class RawRequests(heygend.Case):
    settings = {"status.default_job": "off", "http.max_body_bytes": 2048,
                "http.max_batch_bytes": 4096}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemons = {"$HOST": cls.daemon}
        try:
            cls.daemons["$CLOCK"] = heygend.Daemon(
                {"test.clock": "manual"}).start()
            locked = heygend.Daemon()
            keys = os.path.join(locked.dir, "keys")
            with open(os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600),
                      "w") as file:
                file.write(KEY + "\n")
            locked.settings["http.api_key_file"] = keys
            cls.daemons["$LOCKED"] = locked
            locked.start()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            for daemon in cls.daemons.values():
                daemon.stop()
        finally:
            for daemon in cls.daemons.values():
                daemon.remove()

    def answer(self, raw, head):
        """The next answer as a line, and itself."""
        interim = []
        answer = raw.answer(head_only=head, interim=interim)
        closes = answer.headers.get("connection") == "close"
        self.assertRegex(answer.headers.get("request-id", ""), ".")
        self.assertRegex(answer.headers.get("date", ""), "GMT$")
        if answer.status >= 400 and not head:
            self.assertEqual(answer.json["status"], answer.status)
        line = " ".join([str(answer.status),
                         "-" if head else answer.code or "-",
                         "close" if closes else "keep"] + told(answer, head))
        return ["%d - keep" % status for status in interim] + [line], answer

    def answers(self, daemon, data, ends):
        """All that is answered, and what becomes of the connection."""
        host = b"127.0.0.1:%d" % daemon.port
        found = []
        head = data.startswith(b"HEAD ")
        if not ends:
            data += NEXT
        with daemon.raw(data.replace(b"$HOST", host)) as raw:
            if ends:
                raw.socket.shutdown(socket.SHUT_WR)
            while True:
                try:
                    lines, answer = self.answer(raw, head)
                except EOFError:
                    break
                head = False
                if answer.headers["request-id"] == "next":
                    self.assertEqual(lines, ["200 - close"])
                    self.assertTrue(raw.eof())
                    return found
                found += lines
                if answer.headers.get("connection") == "close":
                    self.assertTrue(raw.eof(), "it says close and goes on")
                    break
        if found and found[-1].split()[2] == "keep":
            found[-1] += " and then nothing"
        return found

    def run_case(self, data, answers):
        name = next((name for name in self.daemons
                     if b"Host: " + name.encode() in data), "$HOST")
        daemon, job = self.daemons[name], None
        ends = answers[-1].split()[2] == "end"
        data = data.replace(name.encode(), b"$HOST")
        if b"$JOB" in data:
            job = daemon.submit(not_before="2999-01-01T00:00:00Z")
            data = data.replace(b"$JOB", job["id"].encode())
        found = self.answers(daemon, data, ends)
        if ends:
            found[-1:] = [re.sub(" (close|keep and then nothing)", " end", line)
                          for line in found[-1:]]
        self.assertEqual(found, answers, repr(data))
        if job and int(answers[-1].split()[0]) >= 400:
            self.assertEqual(daemon.job(job["id"])["version"], job["version"])
        self.assertEqual(daemon.get("/healthz").status, 200)

    def test_there_are_many_and_each_has_a_name_of_its_own(self):
        titles = [title for title, _, _ in cases()]
        self.assertGreaterEqual(len(titles), 120)
        self.assertEqual(len(set(titles)), len(titles))


def add(number, title, data, answers):
    def test(self):
        self.run_case(data, answers)
    name = "test_%s" % re.sub(r"\W+", "_", title)
    if hasattr(RawRequests, name):
        name += "_%d" % number
    setattr(RawRequests, name, test)


for position, case in enumerate(cases()):
    add(position, *case)

if __name__ == "__main__":
    heygend.main(RawRequests)
