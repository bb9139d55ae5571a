"""Messages: framing, lengths, limits, methods, what every answer has."""
import re
import select
import time

import heygend


class Framing(heygend.Case):
    settings = {"status.default_job": "off", "http.max_body_bytes": 2048,
                "http.max_batch_bytes": 4096, "http.threads": 40}

    def ask(self, data, timeout=heygend.DEADLINE):
        with self.daemon.raw(data, timeout) as raw:
            return raw.answer()

    def lines(self, *lines, body=b""):
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body

    def host(self):
        return "Host: 127.0.0.1:%d" % self.daemon.port

    def post(self, *headers, body=b"{}", path="/v1/jobs"):
        return self.lines("POST %s HTTP/1.1" % path, self.host(),
                          "Content-Type: application/json", *headers,
                          body=body)

    # --- lengths ------------------------------------------------------------

    def test_a_body_without_a_length_is_refused_with_411(self):
        self.problem(self.ask(self.post()), 411, "length_required")

    def test_chunks_alone_are_refused_with_411(self):
        answer = self.ask(self.post("Transfer-Encoding: chunked",
                                    body=b"2\r\n{}\r\n0\r\n\r\n"))
        self.problem(answer, 411, "length_required")

    def test_malformed_lengths_are_refused_with_400(self):
        for value in ("3xyz", "-1", "+2", "0x10", "", "2 2", "2,2", "1e1",
                      "9223372036854775808", "99999999999999999999999"):
            with self.subTest(value=value):
                answer = self.ask(self.post("Content-Length: " + value))
                self.problem(answer, 400, "malformed_request")

    def test_two_lengths_are_refused_even_if_they_agree(self):
        for other in ("2", "3"):
            with self.subTest(other=other):
                answer = self.ask(self.post("Content-Length: 2",
                                            "Content-Length: " + other))
                self.problem(answer, 400, "malformed_request")

    def test_a_length_beside_chunks_is_refused(self):
        answer = self.ask(self.post("Content-Length: 2",
                                    "Transfer-Encoding: chunked"))
        self.problem(answer, 400, "malformed_request")

    def test_an_unknown_transfer_encoding_is_refused(self):
        for value in ("gzip", "gzip, chunked", "chunked, chunked", "xchunked",
                      "identity"):
            with self.subTest(value=value):
                answer = self.ask(self.post("Transfer-Encoding: " + value))
                self.problem(answer, 400, "malformed_request")

    def test_a_huge_length_is_refused_before_the_body_is_read(self):
        for length in (2049, 1 << 40, (1 << 63) - 1):
            with self.subTest(length=length):
                answer = self.ask(self.post("Content-Length: %d" % length,
                                            body=b""))
                self.problem(answer, 413, "too_large")
                self.assertEqual(answer.headers["connection"], "close")

    def test_the_refusal_of_a_large_body_reaches_who_is_still_sending(self):
        answer = self.ask(self.post("Content-Length: 200000",
                                    body=b"x" * 200000))
        self.problem(answer, 413, "too_large")

    def test_a_body_of_just_the_limit_is_taken(self):
        body = b'{"title":"' + b"x" * 1900 + b'"}'
        body += b" " * (2048 - len(body))
        answer = self.ask(self.post("Content-Length: 2048", body=body))
        self.assertEqual(answer.status, 202, repr(answer))

    def test_a_batch_has_a_limit_of_its_own(self):
        body = b'{"jobs":[{}]}'.ljust(4096)
        answer = self.ask(self.post("Content-Length: 4096", body=body,
                                    path="/v1/jobs:batch"))
        self.assertEqual(answer.status, 202, repr(answer))
        answer = self.ask(self.post("Content-Length: 4097", body=b"",
                                    path="/v1/jobs:batch"))
        self.problem(answer, 413, "too_large")

    def test_100_continue_is_sent_to_who_expects_it(self):
        with self.daemon.raw(self.post("Content-Length: 2",
                                       "Expect: 100-continue",
                                       body=b"")) as raw:
            self.assertEqual(raw.head()[0], 100)
            raw.send(b"{}")
            self.assertEqual(raw.answer().status, 202)

    # --- hosts and headers --------------------------------------------------

    def test_no_host_and_two_hosts_are_refused(self):
        host = self.host()
        for hosts in ((), (host, host), (host, "Host: localhost")):
            with self.subTest(hosts=hosts):
                answer = self.ask(self.lines("GET /v1 HTTP/1.1", *hosts))
                self.problem(answer, 400, "malformed_request")

    def test_64_headers_are_taken_and_65_are_too_many(self):
        headers = ["X-H%d: v" % i for i in range(63)]
        answer = self.ask(self.lines("GET /v1 HTTP/1.1", self.host(),
                                     *headers))
        self.assertEqual(answer.status, 200)
        for more in (1, 100):
            with self.subTest(more=more):
                answer = self.ask(self.lines("GET /v1 HTTP/1.1", self.host(),
                                             *headers, *["Y: v"] * more))
                self.problem(answer, 431, "headers_too_large")

    def test_not_quite_16_kib_of_headers_are_taken(self):
        answer = self.ask(self.lines("GET /v1 HTTP/1.1", self.host(),
                                     "X: " + "x" * (16384 - 100)))
        self.assertEqual(answer.status, 200)

    def test_more_than_16_kib_of_headers_are_refused(self):
        answer = self.ask(self.lines("GET /v1 HTTP/1.1", self.host(),
                                     "X: " + "x" * 17000))
        self.assertIn(answer.status, range(400, 500))
        self.assertIsNotNone(answer.code)

    def test_a_folded_line_does_not_hide_the_headers_behind_it(self):
        answer = self.ask(self.lines("GET /v1 HTTP/1.1", self.host(),
                                     " folded: yes", "Content-Length: 5"))
        self.problem(answer, 400, "malformed_request")

    def test_a_space_before_a_colon_is_refused(self):
        answer = self.ask(self.post("Content-Length : 2"))
        self.assertEqual(answer.status, 400)

    def test_nonsense_gets_a_problem_and_not_a_hang(self):
        for data in (b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n",
                     b"GET /v1\r\n\r\n", b"GET v1 HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /v1 HTTP/1.1\r\nno colon\r\n\r\n",
                     b"GET /v1 HTTP/1.1\r\nA\tb: x\r\n\r\n",
                     b"GET /v1 HTTP/3.7\r\nHost: localhost\r\n\r\n",
                     b"GET http://localhost/v1 HTTP/1.1\r\n"
                     b"Host: localhost\r\n\r\n"):
            with self.subTest(data=data):
                answer = self.ask(data)
                self.assertIn(answer.status, (400, 505))
                self.assertEqual(answer.code, "malformed_request")
                self.assertIn("request-id", answer.headers)

    # --- time ---------------------------------------------------------------

    def test_a_dripped_body_is_cut_off_after_ten_seconds_in_all(self):
        with self.daemon.raw(self.post("Content-Length: 1000", body=b""),
                             timeout=30) as raw:
            began = time.monotonic()
            raw.socket.settimeout(0.5)
            while time.monotonic() < began + 20:
                raw.send(b" ")
                try:
                    raw.more()
                    break
                except TimeoutError:
                    pass
            took = time.monotonic() - began
            raw.socket.settimeout(5)
            self.problem(raw.answer(), 408, "timeout")
        self.assertGreater(took, 9)
        self.assertLess(took, 19)

    def test_a_body_that_stops_coming_is_given_up(self):
        with self.daemon.raw(self.post("Content-Length: 10", body=b"{"),
                             timeout=30) as raw:
            self.problem(raw.answer(), 408, "timeout")

    # --- methods ------------------------------------------------------------

    def test_head_is_get_without_the_body(self):
        # what is told of running jobs may be longer a moment later
        for path in ("/v1", "/v1/jobs?tag=nobody", "/v1/jobs?ids=nobody",
                     "/healthz", "/", "/status/nobody"):
            with self.subTest(path=path):
                get = self.daemon.get(path)
                head = self.daemon.request("HEAD", path)
                self.assertEqual(head.status, get.status)
                self.assertEqual(head.body, b"")
                for name in ("content-type", "content-length"):
                    self.assertEqual(head.headers[name], get.headers[name])

    def test_a_body_after_head_is_not_sent(self):
        message = self.daemon.message("HEAD", "/v1", None,
                                      {"Connection": "close"})
        with self.daemon.raw(message) as raw:
            raw.head()
            self.assertTrue(raw.eof())

    allowed = {
        "/v1/jobs": "GET, HEAD, POST, OPTIONS",
        "/v1/jobs/x": "GET, HEAD, PATCH, DELETE, OPTIONS",
        "/v1/jobs/x:pause": "POST, OPTIONS",
        "/v1/jobs/x/cancel": "POST, OPTIONS",
        "/v1/jobs:batch": "POST, OPTIONS",
        "/v1/jobs:delete": "POST, OPTIONS",
        "/v1/queue": "GET, HEAD, OPTIONS",
        "/v1/queue:pause": "POST, OPTIONS",
        "/status": "GET, HEAD, OPTIONS",
        "/healthz": "GET, HEAD, OPTIONS",
        "/": "GET, HEAD, OPTIONS",
    }

    def test_options_tells_what_is_allowed(self):
        for path, allowed in self.allowed.items():
            with self.subTest(path=path):
                answer = self.daemon.request("OPTIONS", path)
                self.assertEqual(answer.status, 204)
                self.assertEqual(answer.headers["allow"], allowed)

    def test_a_wrong_method_is_405_with_allow(self):
        for path, allowed in self.allowed.items():
            for method in ("PUT", "TRACE", "FOO"):
                with self.subTest(path=path, method=method):
                    answer = self.daemon.request(method, path)
                    self.problem(answer, 405, "method_not_allowed")
                    self.assertEqual(answer.headers["allow"], allowed)
        self.problem(self.daemon.get("/v1/jobs/x:pause"), 405,
                     "method_not_allowed")

    def test_options_of_the_whole_server_is_answered(self):
        self.assertEqual(self.daemon.request("OPTIONS", "*").status, 204)

    def test_an_unknown_address_is_no_route(self):
        for path in ("/nope", "/v1/", "/v1/nope", "/v1/jobs/", "/v2/jobs",
                     "/v1/jobs/a/b", "/v1/jobs/a:b", "/v1/jobs:nope",
                     "/v1/jobsx", "/statusx", "/status/", "/V1/jobs",
                     "/v1//jobs", "/%ff", "/%zz", "/" + "x" * 5000):
            for method in ("GET", "POST", "OPTIONS"):
                with self.subTest(path=path, method=method):
                    self.problem(self.daemon.request(method, path), 404,
                                 "no_route")

    def test_the_colon_may_be_written_as_percent_3a(self):
        for path in ("/v1/queue%3Apause", "/v1/queue%3aresume"):
            self.assertEqual(self.daemon.post(path).status, 200)
        job = self.daemon.submit()
        answer = self.daemon.post("/v1/jobs/%s%%3Apause" % job["id"])
        self.assertEqual(answer.json["state"], "paused")

    def test_a_body_must_be_json_by_its_type(self):
        for type in (None, "text/plain", "application/jsonx",
                     "application/x-www-form-urlencoded"):
            with self.subTest(type=type):
                answer = self.daemon.post("/v1/jobs", b"{}",
                                          headers={"Content-Type": type})
                self.problem(answer, 415, "unsupported_media_type")
        for type in ("application/json; charset=utf-8", "Application/JSON"):
            answer = self.daemon.post("/v1/jobs", b"{}",
                                      headers={"Content-Type": type})
            self.assertEqual(answer.status, 202)

    def test_verbs_need_neither_body_nor_type_nor_length(self):
        job = self.daemon.submit()
        answer = self.daemon.request(
            "POST", "/v1/jobs/%s:pause" % job["id"],
            headers={"Content-Length": None})
        self.assertEqual(answer.status, 200, repr(answer))
        answer = self.daemon.post("/v1/jobs/%s:resume" % job["id"], b"what?",
                                  headers={"Content-Type": None})
        self.assertEqual(answer.status, 200, repr(answer))

    # --- every answer -------------------------------------------------------

    def test_every_answer_has_a_request_id(self):
        ids = set()
        for path in ("/v1", "/status", "/nope", "/healthz", "/v1/jobs/x"):
            ids.add(self.daemon.get(path).headers["request-id"])
        self.assertEqual(len(ids), 5)

    def test_a_good_request_id_of_the_client_comes_back(self):
        for id in ("a", "0193-x.y:z_", "x" * 128):
            answer = self.daemon.get("/v1", headers={"Request-Id": id})
            self.assertEqual(answer.headers["request-id"], id)
        for id in ("", "a b", "x" * 129, "a;b", "ü"):
            answer = self.daemon.get("/v1", headers={"Request-Id": id})
            self.assertNotEqual(answer.headers["request-id"], id)
            self.assertRegex(answer.headers["request-id"], "^[0-9a-f]{16}$")

    def test_caches_are_told_what_to_do(self):
        for path, rule in (("/v1", "private, no-cache"),
                           ("/v1/jobs", "private, no-cache"),
                           ("/v1/nope", "private, no-cache"),
                           ("/status", "no-store"),
                           ("/status/nobody", "no-store")):
            answer = self.daemon.get(path)
            self.assertEqual(answer.headers["cache-control"], rule, path)

    def test_answers_are_dated(self):
        self.assertRegex(self.daemon.get("/v1").headers["date"],
                         r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")

    def test_a_connection_serves_many_requests(self):
        with self.daemon.raw() as raw:
            for _ in range(50):
                raw.send(self.daemon.message("POST", "/v1/jobs", {}))
                answer = raw.answer()
                self.assertEqual(answer.status, 202)
                self.assertNotIn("connection", answer.headers)

    def test_requests_sent_at_once_are_answered_in_order(self):
        message = b"".join(
            self.daemon.message("GET", "/v1/jobs/x%d" % i, None,
                                {"Request-Id": "n%d" % i})
            for i in range(20))
        with self.daemon.raw(message) as raw:
            for i in range(20):
                self.assertEqual(raw.answer().headers["request-id"],
                                 "n%d" % i)

    def test_what_a_thread_refused_before_is_forgotten(self):
        """One connection each; of all threads some had many of them."""
        star = ("OPTIONS * HTTP/1.1", self.host())
        address = ("GET http://localhost/v1 HTTP/1.1", self.host())
        for _ in range(100):
            self.assertEqual(self.ask(b"nonsense\r\n\r\n").status, 400)
        for _ in range(20):
            self.assertEqual(self.ask(self.lines(*star)).status, 204)
            self.assertEqual(self.ask(self.lines(*address)).status, 400)

    def test_a_query_is_read_by_names_and_unknown_ones_are_nothing(self):
        self.assertEqual(self.daemon.get("/v1/jobs?foo=1&limit=1").status,
                         200)
        for query in ("limit=0", "limit=x", "limit=-1", "limit=1.5",
                      "state=nope", "state=queued,nope", "tag=a%20b",
                      "page_token=zzz", "x=%zz", "x=%", "x=%00",
                      "ids=" + ",".join("x" for _ in range(101))):
            with self.subTest(query=query):
                self.problem(self.daemon.get("/v1/jobs?" + query), 400,
                             "invalid_parameter")


class Bodies(heygend.Case):
    settings = {"status.default_job": "off",
                "http.max_batch_bytes": 67108864}

    def test_bodies_in_flight_are_bounded_in_all(self):
        big = 40 << 20
        head = self.daemon.message(
            "POST", "/v1/jobs:batch", None,
            {"Content-Type": "application/json",
             "Content-Length": str(big)})
        with self.daemon.raw(head) as one, self.daemon.raw(head) as other:
            # either may have been the first
            refused, *more = select.select(
                [one.socket, other.socket], [], [], heygend.DEADLINE)[0]
            self.assertEqual(more, [])
            answer = (one if refused is one.socket else other).answer()
            self.problem(answer, 503, "busy")
            self.assertTrue(re.fullmatch(r"\d+",
                                         answer.headers["retry-after"]))
        heygend.until(lambda: self.daemon.post(
            "/v1/jobs:batch", {"jobs": [{}]}).status == 202)


if __name__ == "__main__":
    heygend.main(Framing, Bodies)
