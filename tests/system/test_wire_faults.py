"""[faults]: failures that were asked for."""
import time

import heygend


class Errors(heygend.Case):
    settings = {"faults.http_error_rate": 1}

    def test_every_answer_on_status_and_v1_is_an_injected_failure(self):
        for method, path in (("GET", "/status"), ("GET", "/status/x"),
                             ("GET", "/v1"), ("GET", "/v1/jobs"),
                             ("POST", "/v1/jobs"), ("GET", "/v1/events"),
                             ("GET", "/v1/jobs/default?wait=30")):
            answer = self.daemon.request(method, path)
            self.problem(answer, 503, "injected")
            self.assertEqual(answer.headers["retry-after"], "1")

    def test_the_queue_the_clock_and_all_else_stay_whole(self):
        for path in ("/v1/queue", "/healthz", "/readyz", "/"):
            self.assertEqual(self.daemon.get(path).status, 200, path)
        self.assertEqual(self.daemon.post("/v1/queue:pause").status, 200)
        self.assertEqual(self.daemon.post("/v1/queue:resume").status, 200)
        self.problem(self.daemon.post("/v1/clock:advance", {}), 404,
                     "no_route")

    def test_a_reload_ends_the_failures_and_begins_them_again(self):
        self.daemon.reload({"faults.http_error_rate": 0})
        heygend.until(lambda: self.daemon.get("/v1").status == 200)
        self.daemon.reload({"faults.http_error_rate": 1})
        heygend.until(lambda: self.daemon.get("/v1").status == 503)


class Shares(heygend.Case):
    settings = {"faults.http_error_rate": 0.3}

    def test_a_share_of_answers_fails(self):
        failed = sum(self.daemon.get("/v1").status == 503
                     for _ in range(400))
        self.assertTrue(60 < failed < 180, failed)


class Drops(heygend.Case):
    settings = {"faults.http_drop_rate": 1}

    def test_a_dropped_request_gets_no_answer(self):
        with self.daemon.raw(self.daemon.message("GET", "/status")) as raw:
            self.assertTrue(raw.eof())
        self.assertEqual(self.daemon.get("/v1/queue").status, 200)


class Latency(heygend.Case):
    settings = {"faults.http_latency_ms": 4000}

    def test_every_answer_is_late(self):
        began = time.monotonic()
        self.assertEqual(self.daemon.get("/v1").status, 200)
        self.assertGreater(time.monotonic() - began, 3.99)	# whole ms
        began = time.monotonic()
        self.assertEqual(self.daemon.get("/v1/queue").status, 200)
        self.assertLess(time.monotonic() - began, 4)


if __name__ == "__main__":
    heygend.main(Errors, Shares, Drops, Latency)
