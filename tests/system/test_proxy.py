"""heygend behind a real nginx with TLS, by doc/nginx-heygend.conf: held
requests, event streams and conditional requests pass through as they are."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import (DEADLINE, SRCDIR, Daemon, Raw, Stream, main,  # noqa: E402
                     until)

NAME = "heygend.example.org"
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
OPENSSL = shutil.which("openssl")
MAIN = """%(user)sdaemon off;
pid %(dir)s/nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %(dir)s/body;
	proxy_temp_path %(dir)s/proxy;
	fastcgi_temp_path %(dir)s/fastcgi;
	uwsgi_temp_path %(dir)s/uwsgi;
	scgi_temp_path %(dir)s/scgi;
	include %(dir)s/site.conf;
}
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Nginx:
    """nginx with our example, its names replaced by the test's."""

    def __init__(self, port):
        self.dir = tempfile.mkdtemp(prefix="heygend-nginx-")
        self.plain, self.tls = free_ports(2)
        self.certificate = os.path.join(self.dir, "fullchain.pem")
        subprocess.run(
            [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", "/CN=" + NAME, "-addext",
             "subjectAltName=DNS:%s,IP:127.0.0.1" % NAME, "-keyout",
             os.path.join(self.dir, "privkey.pem"), "-out", self.certificate],
            check=True, capture_output=True, timeout=60)
        with open(os.path.join(SRCDIR, "doc", "nginx-heygend.conf")) as conf:
            site = conf.read()
        for ours, test in (("server 127.0.0.1:8080;",
                            "server 127.0.0.1:%d;" % port),
                           ("listen 80;", "listen 127.0.0.1:%d;" % self.plain),
                           ("listen 443 ssl;",
                            "listen 127.0.0.1:%d ssl;" % self.tls),
                           ("/etc/ssl/heygend", self.dir)):
            if ours not in site:
                raise AssertionError("the example has no " + ours)
            site = site.replace(ours, test)
        self.write("site.conf", site)
        self.write("nginx.conf", MAIN % {
            "dir": self.dir,
            "user": "user root;\n" if os.geteuid() == 0 else ""})
        self.log = open(os.path.join(self.dir, "log"), "w+")
        self.process = subprocess.Popen(
            [NGINX, "-p", self.dir, "-c", os.path.join(self.dir,
                                                       "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        until(self.is_up, "that nginx listens")

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as file:
            file.write(text)

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("nginx: " + self.said())
        try:
            socket.create_connection(("127.0.0.1", self.tls), 1).close()
            return True
        except OSError:
            return False

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(DEADLINE)
        said = self.said()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        return said


class Tls(Raw):
    def __init__(self, nginx, timeout=DEADLINE):
        super().__init__(nginx.tls, timeout=timeout)
        context = ssl.create_default_context(cafile=nginx.certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname=NAME)


class Proxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not NGINX or not OPENSSL:
            raise unittest.SkipTest("nginx or openssl is missing")
        cls.daemon = Daemon({
            "http.hosts": NAME, "http.public_url": "https://" + NAME,
            "simulation.min_ms": 100, "simulation.max_ms": 100,
            "simulation.error_rate": 0, "status.default_job": "off"})
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        cls.nginx = Nginx(cls.daemon.port)

    @classmethod
    def tearDownClass(cls):
        said = cls.nginx.stop()
        cls.daemon.stop()
        if said:
            raise AssertionError("nginx complained: " + said)

    def message(self, method, path, body=None, **headers):
        fields = {"Host": NAME}
        fields.update({name.replace("_", "-"): value
                       for name, value in headers.items()})
        return self.daemon.message(method, path, body, fields)

    def ask(self, method, path, body=None, **headers):
        headers.setdefault("Connection", "close")
        with Tls(self.nginx) as tls:
            tls.send(self.message(method, path, body, **headers))
            return tls.answer()

    def submit(self, **fields):
        answer = self.ask("POST", "/v1/jobs", fields)
        self.assertEqual(answer.status, 202, repr(answer))
        return answer

    def test_a_job_is_submitted_and_its_urls_are_public(self):
        answer = self.submit(title="far away")
        self.assertRegex(answer.headers["location"],
                         r"^(https://%s)?/v1/jobs/" % re.escape(NAME))
        path = "/v1/jobs/%s?wait=10" % answer.json["id"]
        job = self.ask("GET", path).json
        self.assertEqual(job["state"], "completed")
        self.assertTrue(job["result_url"].startswith("https://%s/" % NAME))
        video = self.ask("GET", job["result_url"].partition(NAME)[2])
        self.assertEqual((video.status, video.headers["content-type"]),
                         (200, "video/mp4"))

    def test_a_held_request_is_answered_at_the_end_of_the_job(self):
        job = self.submit(simulate={"duration_ms": 1500}).json
        began = time.monotonic()
        answer = self.ask("GET", "/v1/jobs/%s" % job["id"], Prefer="wait=20")
        self.assertEqual(answer.json["result"], "completed")
        self.assertEqual(answer.headers["preference-applied"], "wait=20")
        self.assertLess(time.monotonic() - began, DEADLINE)

    def test_an_unchanged_job_is_not_sent_again(self):
        job = self.submit(simulate={"duration_ms": 100}).json["id"]
        seen = self.ask("GET", "/v1/jobs/%s?wait=10" % job)
        tag = seen.headers["etag"]
        self.assertEqual(tag, 'W/"%d"' % seen.json["version"])
        again = self.ask("GET", "/v1/jobs/" + job, If_None_Match=tag)
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(again.headers["etag"], tag)

    def test_events_arrive_one_by_one(self):
        job = self.submit(simulate={"duration_ms": 60000}).json["id"]
        with Tls(self.nginx) as tls:
            tls.send(self.message("GET", "/v1/events?ids=" + job,
                                  Accept="text/event-stream"))
            status, headers = tls.head()
            self.assertEqual(status, 200)
            stream = Stream(Chunks(tls), status, headers)
            first = stream.event()
            self.assertEqual(first["data"]["job"]["id"], job)
            self.ask("POST", "/v1/jobs/%s:cancel" % job)
            events = stream.until(lambda event: event["event"] == "end")
        self.assertIn("canceled", [event["data"]["job"]["state"] for event
                                   in events if event["event"] == "state"])

    def test_many_requests_on_one_connection_all_succeed(self):
        with Tls(self.nginx) as tls:
            for n in range(100):
                tls.send(self.message("POST", "/v1/jobs", {"title": str(n)}))
                self.assertEqual(tls.answer().status, 202)

    def test_the_dashboard_may_use_what_it_came_from(self):
        answer = self.ask("GET", "/v1/queue", Origin="https://" + NAME)
        self.assertEqual(answer.status, 200)
        answer = self.ask("GET", "/v1/queue", Origin="https://else.example")
        self.assertEqual(answer.code, "foreign_origin")

    def test_a_body_that_is_too_large_is_refused_by_heygend(self):
        answer = self.ask("POST", "/v1/jobs", {"title": "x" * 100000})
        self.assertEqual((answer.status, answer.code), (413, "too_large"))

    def test_plain_http_is_sent_to_tls(self):
        with Raw(self.nginx.plain) as raw:
            raw.send(self.message("GET", "/status", Connection="close"))
            answer = raw.answer()
        self.assertEqual((answer.status, answer.headers["location"]),
                         (308, "https://%s/status" % NAME))


class Chunks:
    """A chunked body, as Stream wants to read it."""

    def __init__(self, raw):
        self.raw, self.pending = raw, b""

    def timeout(self, seconds):
        self.raw.timeout(seconds)

    def close(self):
        self.raw.close()

    def take_to(self, mark):
        while mark not in self.pending:
            size = int(self.raw.take_to(b"\r\n"), 16)
            if size == 0:
                raise EOFError("the stream ended after %r" % self.pending)
            self.pending += self.raw.take(size)
            self.raw.take(2)
        data, _, self.pending = self.pending.partition(mark)
        return data


main(Proxy)
