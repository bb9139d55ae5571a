"""Each request of tests/data/raw-requests.txt gets exactly its answer.

A case is a title, lines that begin with > and end in CRLF on the wire (with |:
in nothing), and after < the answers: status, the problem's code or -, and
what becomes of the connection: keep or close.  Escapes are Python's; $HOST is
the daemon's address.  Whatever was asked, the daemon answers the next one.
"""
import os
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import heygend  # noqa: E402

PATH = os.path.join(heygend.SRCDIR, "tests", "data", "raw-requests.txt")


def cases():
    """(title, bytes with $HOST, answers as (status, code, connection))."""
    title, data, answers = None, b"", []
    with open(PATH, encoding="ascii") as file:
        for line in list(file) + ["\n"]:
            line = line.rstrip("\n")
            if line[:1] in (">", "|"):
                text = line[2:].encode("ascii").decode("unicode_escape")
                data += text.encode("latin-1") + \
                    (b"\r\n" if line[0] == ">" else b"")
            elif line.startswith("< "):
                status, code, connection = line[2:].split()
                answers.append((int(status), code, connection))
            elif not line and title:
                yield title, data, answers
                title, data, answers = None, b"", []
            elif line and not line.startswith("#"):
                title = line


class RawRequests(heygend.Case):
    settings = {"status.default_job": "off", "http.max_body_bytes": 2048,
                "http.max_batch_bytes": 4096}

    def answers(self, data, kept):
        """All that is answered, and whether the connection then ends."""
        host = b"127.0.0.1:%d" % self.daemon.port
        found = []
        head = data.startswith(b"HEAD ")
        with self.daemon.raw(data.replace(b"$HOST", host)) as raw:
            if kept:	# its end is ours: no more requests follow
                raw.socket.shutdown(socket.SHUT_WR)
            while True:
                try:
                    answer = raw.answer(head_only=head)
                except EOFError:
                    break
                closes = answer.headers.get("connection") == "close"
                self.assertRegex(answer.headers.get("request-id", ""), ".")
                self.assertRegex(answer.headers.get("date", ""), "GMT$")
                if answer.status >= 400 and not head:
                    self.assertEqual(answer.json["status"], answer.status)
                found.append((answer.status, answer.code or "-"
                              if not head else "-",
                              "close" if closes else "keep"))
                if closes:
                    self.assertTrue(raw.eof(), "it says close and goes on")
                    break
        return found

    def test_there_are_many_and_each_has_a_name_of_its_own(self):
        titles = [title for title, _, _ in cases()]
        self.assertGreaterEqual(len(titles), 120)
        self.assertEqual(len(set(titles)), len(titles))


def add(number, title, data, answers):
    def test(self):
        kept = answers[-1][2] == "keep"
        self.assertEqual(self.answers(data, kept), answers, repr(data))
        self.assertEqual(self.daemon.get("/healthz").status, 200)
    name = "test_%s" % re.sub(r"\W+", "_", title)
    if hasattr(RawRequests, name):
        name += "_%d" % number
    setattr(RawRequests, name, test)


for position, case in enumerate(cases()):
    add(position, *case)

if __name__ == "__main__":
    heygend.main(RawRequests)
