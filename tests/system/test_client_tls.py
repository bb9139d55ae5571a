#!/usr/bin/env python3
"""The library over TLS: a certificate it knows, one it does not."""
import os
import shutil
import ssl
import subprocess
import tempfile
import unittest

import hglib as H
from fake import V1
from heygend import main


class Secure(V1):
    def __init__(self, folder):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(os.path.join(folder, "cert"),
                                 os.path.join(folder, "key"))
        super().__init__({"bulk"})
        self.url = self.url.replace("http:", "https:")

    def _serve(self, connection):
        try:
            secure = self.tls.wrap_socket(connection, server_side=True)
        except (OSError, ssl.SSLError):
            with self.lock:
                self.connections.discard(connection)
                connection.close()
            return
        with self.lock:
            self.connections.discard(connection)
            self.connections.add(secure)
        super()._serve(secure)

    def gone(self, connection):
        return False	# TLS sockets cannot be peeked into


@unittest.skipUnless(shutil.which("openssl"), "makes its certificate")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="hg-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.cert = os.path.join(cls.dir, "cert")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days",
             "1", "-subj", "/CN=127.0.0.1", "-addext",
             "subjectAltName=IP:127.0.0.1", "-keyout",
             os.path.join(cls.dir, "key"), "-out", cls.cert], check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)

    def test_a_certificate_of_the_given_file_is_accepted(self):
        with Secure(self.dir) as server, \
                H.Client(server.url, ca_file=self.cert, delay_price=10) as c:
            code, job = c.submit(title="x")
            self.assertEqual(code, H.OK, c.message)
            server.end(job.id)
            self.assertEqual(c.wait(H.Job(id=job.id), 20000), H.OK, c.message)

    def test_an_unknown_certificate_is_refused_at_once_by_calls_and_waits(self):
        with Secure(self.dir) as server, H.Client(server.url) as c:
            self.assertEqual(c.submit()[0], H.ENETWORK)
            self.assertIn("certificate", c.message)
            self.assertEqual(c.tries, 1)
            job = H.Job(id="j")
            self.assertEqual(c.wait(job, 20000), H.ENETWORK)
            self.assertEqual((job.err, job.result), (H.ENETWORK, H.PENDING))

    def test_plain_http_to_a_tls_port_is_no_answer(self):
        with Secure(self.dir) as server, \
                H.Client(server.url.replace("https", "http"),
                         max_tries=1) as c:
            self.assertIn(c.refresh(H.Job(id="j")), (H.ENETWORK, H.EPROTOCOL))


if __name__ == "__main__":
    main()
