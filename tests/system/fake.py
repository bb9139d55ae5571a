"""fake.py -- servers that say what a test wants them to say.

Fake      listens on a free port, one thread a connection.  Each request is
          noted, then given to `answer(request)`, which returns

            Reply(...)	a whole answer
            bytes	sent as they are; then the connection is closed
            None	the connection is closed without a word

          or a generator of bytes: sent piece by piece, then closed.
          `answer` may be replaced between requests.
V1        a small server of ours: jobs that end when the test says so, held
          requests, event streams, bulk status; each can be taken away.

It counts the connections that are open at a time (most), and everything it
starts ends with close().
"""
import json
import select
import socket
import threading
import time
import types
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target = method, target
        self.headers, self.body = headers, body
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, True))
        self.at = time.monotonic()

    def __repr__(self):
        return "<%s %s>" % (self.method, self.target)


class Reply:
    def __init__(self, status=200, body=b"", headers=(), kind=None):
        if not isinstance(body, (bytes, str)):
            body, kind = json.dumps(body), kind or "application/json"
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.headers = list(dict(headers).items())
        self.kind = kind or "application/json"

    def bytes(self):
        lines = ["HTTP/1.1 %d Whatever" % self.status,
                 "Content-Type: " + self.kind]
        if self.status not in (204, 304):
            lines.append("Content-Length: %d" % len(self.body))
        lines += ["%s: %s" % pair for pair in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


def problem(status, code, **more):
    return Reply(status, dict(type="about:blank", title=code, status=status,
                              detail="because of " + code, code=code, **more),
                 kind="application/problem+json")


STREAM_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
               b"Connection: close\r\n\r\n")


class Fake:
    def __init__(self, answer=None):
        if answer:
            self.answer = answer
        self.requests = []
        self.most = self.accepted = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.connections = set()
        self.threads = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self._start(self._accept)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def answer(self, request):
        return problem(404, "no_route")

    def seen(self, part="", method=None):
        return [r for r in self.requests if part in r.target and
                method in (None, r.method)]

    def close(self):
        self.closing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(10)

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.add(connection)
                self.accepted += 1
                # one that the client has left is open no more, though its
                # thread has not seen it yet
                self.most = max(self.most, sum(
                    not self.gone(c) for c in self.connections))
            self.threads = [t for t in self.threads if t.is_alive()]
            self._start(self._serve, connection)

    def _serve(self, connection):
        try:
            reader = connection.makefile("rb")
            while self._one(connection, reader):
                pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)
                connection.close()

    def _one(self, connection, reader):
        line = reader.readline(65536)
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while True:
            line = reader.readline(65536)
            if line in (b"\r\n", b""):
                break
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body)
        request.connection = connection
        self.requests.append(request)
        reply = self.answer(request)
        if isinstance(reply, Reply):
            connection.sendall(reply.bytes())
            return ("Connection", "close") not in reply.headers
        if isinstance(reply, types.GeneratorType):
            for piece in reply:
                connection.sendall(piece)
        elif isinstance(reply, bytes):
            connection.sendall(reply)
        return False

    def gone(self, connection):
        """Has the other side left?"""
        poll = select.poll()
        try:
            poll.register(connection, select.POLLRDHUP)
            return bool(poll.poll(0))	# also for HUP and ERR
        except (OSError, ValueError):
            return True


FEATURES = {"stream", "hold", "cursor", "bulk"}


class V1(Fake):
    """Jobs are dicts on the wire's terms; change() tells everybody."""
    hold_most = 3600		# seconds, of one job's request

    def __init__(self, features=FEATURES, eta_ms=None):
        self.features = set(features)
        self.eta_ms = eta_ms
        self.jobs, self.events, self.seq = {}, [], 0
        self.changed = threading.Condition()
        self.retry_after = None
        self.fail = None		# a function: request -> reply or None
        super().__init__()

    def add(self, id=None, **fields):
        with self.changed:
            id = id or "job-%d" % (len(self.jobs) + 1)
            self.jobs[id] = dict(
                id=id, seq=len(self.jobs) + 1, state="queued",
                result="pending", version=1, title=None, priority=0,
                progress=0, stage=None, remaining_ms=None, attempt=1,
                estimated_completion_at=None, error=None, result_url=None,
                submitted_at=None, finished_at=None)
        self.change(id, **fields)
        return id

    def change(self, id, **fields):
        with self.changed:
            job = self.jobs[id]
            job.update(fields)
            job["version"] += 1
            self.seq += 1
            self.events.append((self.seq, id, job["result"] != "pending"))
            self.changed.notify_all()

    def end(self, id, result="completed", **fields):
        error = {"code": "broken", "message": "It broke.", "attempt": 1}
        self.change(id, result=result, state=result, progress=1,
                    error=error if result == "error" else None,
                    remaining_ms=None, **fields)

    def answer(self, request):
        if self.fail:
            reply = self.fail(request)
            if reply is not False:
                return reply
        path = request.path
        if path == "/v1/jobs" and request.method == "POST":
            fields = json.loads(request.body)
            id = self.add(title=fields.get("title"))
            return Reply(202, self.jobs[id])
        if path == "/v1/jobs:batch":
            n = len(json.loads(request.body)["jobs"])
            return Reply(202, {"jobs": [self.jobs[self.add()]
                                        for _ in range(n)]})
        if path == "/v1/jobs" and "ids" in request.query:
            return self.bulk(request)
        if path == "/v1/events":
            if "event-stream" in request.headers.get("accept", ""):
                if "stream" in self.features:
                    return self.stream(request)
            elif "cursor" in self.features:
                return self.cursor(request)
        elif path.startswith("/v1/jobs/"):
            return self.one(request, path[9:])
        return problem(404, "no_route")

    def one(self, request, id):
        if id not in self.jobs:
            return problem(404, "job_not_found")
        job, headers = self.jobs[id], {}
        wait = request.query.get("wait")
        if wait and "hold" in self.features:
            headers["Preference-Applied"] = "wait=" + wait
            self.hold(request, min(int(wait), self.hold_most),
                      lambda: job["result"] != "pending")
        if job["result"] == "pending" and self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Reply(200, job, headers)

    def hold(self, request, seconds, ready):
        end = time.monotonic() + seconds
        with self.changed:
            while not ready() and time.monotonic() < end:
                if self.closing.is_set() or self.gone(request.connection):
                    return
                self.changed.wait(0.02)

    def bulk(self, request):
        if "bulk" not in self.features:
            return problem(404, "no_route")
        ids = request.query["ids"].split(",")
        return Reply(200, {"jobs": [
            self.jobs.get(id, {"id": id, "state": "not_found"})
            for id in ids]})

    def event(self, seq, id):
        return {"seq": seq, "at": "2026-11-22T12:00:00.000Z", "kind": "state",
                "job": self.jobs[id]}

    def after(self, position, request):
        ids = request.query.get("ids")
        ids = set(ids.split(",")) if ids else None
        final = request.query.get("final") == "1"
        return [(seq, id) for seq, id, ends in self.events
                if seq > position and (not ids or id in ids) and
                (ends or not final)]

    def cursor(self, request):
        position = int(request.query.get("after", self.seq))
        headers = {}
        if "wait" in request.query and "hold" in self.features:
            headers["Preference-Applied"] = "wait=" + request.query["wait"]
            self.hold(request, int(request.query["wait"]),
                      lambda: self.after(position, request))
        found = self.after(position, request)[:1000]
        return Reply(200, {"events": [self.event(*e) for e in found],
                           "next": found[-1][0] if found else self.seq},
                     headers)

    def stream(self, request):
        position = request.query.get("after",
                                     request.headers.get("last-event-id"))
        ids = request.query.get("ids")
        yield STREAM_HEAD + b"retry: 200\n\n"
        told = set()
        if position is None:
            position = self.seq
            for id in ids.split(",") if ids else ():
                if id in self.jobs:
                    yield self.sse(self.seq, id)
                    if self.jobs[id]["result"] != "pending":
                        told.add(id)
                else:
                    yield b'event: gone\ndata: {"id":"%s"}\n\n' % id.encode()
        position = int(position)
        while not self.closing.is_set():
            for seq, id in self.after(position, request):
                position = seq
                yield self.sse(seq, id)
                if self.jobs[id]["result"] != "pending":
                    told.add(id)
            if ids and told >= set(ids.split(",")):
                yield b"event: end\ndata: {}\n\n"
                return
            with self.changed:
                if not self.after(position, request):
                    self.changed.wait(0.02)
            if self.gone(request.connection):
                return

    def sse(self, seq, id):
        return b"id: %d\nevent: state\ndata: %s\n\n" % (
            seq, json.dumps(self.event(seq, id)).encode())
