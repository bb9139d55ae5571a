"""Lists and what many ask for at once: limits to the very number, tags,
states, what counts as a version."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Case, main, until  # noqa: E402
from test_life import MANUAL, ms  # noqa: E402

LATER = "2099-01-01T00:00:00Z"	# takes no slot
NOBODY = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"


class Limits(Case):
    settings = MANUAL

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ids = [job["id"] for job in cls.daemon.post(
            "/v1/jobs:batch",
            {"jobs": [{"not_before": LATER,
                       "tags": ["all", "n%d" % (n % 2), "t%d" % (n % 3)]}
                      for n in range(510)]}).json["jobs"]]

    def page(self, query):
        answer = self.daemon.get("/v1/jobs?" + query)
        self.assertEqual(answer.status, 200, query)
        return [job["id"] for job in answer.json["jobs"]], \
            answer.json["next_page_token"]

    def test_a_page_has_50_jobs_if_nothing_is_said_and_500_at_most(self):
        newest = self.ids[::-1]
        for query, count in (("", 50), ("limit=1", 1), ("limit=500", 500),
                             ("limit=501", 500), ("limit=1000000", 500),
                             ("limit=" + "9" * 30, 500)):
            ids, token = self.page("tag=all&" + query)
            self.assertEqual(ids, newest[:count], query)
            self.assertTrue(token)
            rest, token = self.page("tag=all&limit=500&page_token=" + token)
            self.assertEqual(rest, newest[count:count + 500])
            self.assertEqual(token is None, count >= 10, query)

    def test_several_tags_mean_all_of_them_and_several_states_any(self):
        both = [id for n, id in enumerate(self.ids)
                if n % 2 == 1 and n % 3 == 2][::-1]
        self.assertEqual(self.page("tag=n1&tag=t2&limit=500")[0], both)
        self.assertEqual(self.page("tag=n1&tag=n0"), ([], None))
        for query in ("state=queued,paused", "state=paused&state=queued"):
            self.assertEqual(self.page("tag=n1&tag=t2&limit=500&" + query)[0],
                             both)
        self.assertEqual(self.page("tag=n1&tag=t2&state=paused"), ([], None))

    def test_a_page_that_ends_with_the_last_job_is_the_last(self):
        self.assertEqual(self.page("tag=n1&tag=t2&limit=85")[1], None)
        self.assertTrue(self.page("tag=n1&tag=t2&limit=84")[1])

    def test_100_ids_are_answered_and_101_are_too_many(self):
        for path in ("/v1/jobs?ids=", "/v1/events?ids="):
            answer = self.daemon.get(path + ",".join(self.ids[:100]))
            self.assertEqual(answer.status, 200)
            self.problem(self.daemon.get(path + ",".join(self.ids[:101])),
                         400, "invalid_parameter")
        jobs = self.daemon.get("/v1/jobs?ids=" + ",".join(
            self.ids[:100])).json["jobs"]
        self.assertEqual([job["id"] for job in jobs], self.ids[:100])

    def test_a_history_has_100_events_if_nothing_is_said(self):
        id = self.ids[0]
        for n in range(105):
            self.daemon.patch("/v1/jobs/" + id, {"title": "%d" % n})
        path = "/v1/jobs/%s/events" % id
        events = self.daemon.get(path).json["events"]
        self.assertEqual(len(events), 100)
        rest = self.daemon.get("%s?after=%d" % (path, events[-1]["seq"]))
        self.assertEqual(len(rest.json["events"]), 6)
        self.assertEqual(rest.json["events"][-1]["detail"], "title")
        for limit, count in ((105, 105), (10 ** 6, 106)):
            got = self.daemon.get("%s?limit=%d" % (path, limit)).json
            self.assertEqual(len(got["events"]), count)


class Versions(Case):
    settings = MANUAL

    def test_neither_progress_nor_the_queue_is_a_version(self):
        d = self.daemon
        d.post("/v1/queue:pause")
        job, other = d.submit(), d.submit(simulate={"duration_ms": 100000})
        before = d.job(other["id"])
        d.verb(job["id"], "cancel")
        after = d.job(other["id"])
        self.assertEqual((before["queue_position"], after["queue_position"]),
                         (2, 1))
        self.assertEqual(after["version"], before["version"])
        d.post("/v1/queue:resume")
        d.advance(1000)
        before = d.job(other["id"])
        d.advance(5000)
        after = d.job(other["id"])
        self.assertGreater(after["progress"], before["progress"])
        self.assertEqual(after["version"], before["version"])
        d.verb(other["id"], "cancel")

    def test_each_transition_is_one_version_and_one_event(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 60000})["id"]
        version = d.job(id)["version"]
        for steps, verb in ((1, "pause"), (2, "resume"), (1, "cancel"),
                            (2, "restart"), (1, "pause"), (1, "cancel")):
            d.verb(id, verb)	# a free slot takes it at once: one more
            version += steps
            self.assertEqual(d.job(id)["version"], version, verb)
        events = d.get("/v1/jobs/%s/events" % id).json["events"]
        self.assertEqual(len(events), version)

    def test_eligible_at_is_null_once_it_has_passed(self):
        d = self.daemon
        d.post("/v1/queue:pause")
        now = ms(d.advance(0))
        past = d.submit(not_before="2000-01-01T00:00:00Z")
        self.assertEqual((past["eligible_at"], past["not_before"]),
                         (None, "2000-01-01T00:00:00.000Z"))
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                           time.gmtime(now // 1000 + 60))
        ahead = d.submit(not_before=at)
        self.assertEqual((ahead["eligible_at"], ahead["queue_position"]),
                         (at, None))
        d.advance(ms(at) - now)
        job = d.job(ahead["id"])
        self.assertEqual((job["eligible_at"], job["not_before"],
                          job["queue_position"]), (None, at, 2))
        d.post("/v1/jobs:cancel", {"ids": [past["id"], ahead["id"]]})
        d.post("/v1/queue:resume")

    def test_a_query_that_is_no_utf8_is_a_bad_one(self):
        for query in ("ids=%FF", "ids=%ed%a0%80", "x=%C3", "%C3=1"):
            for path in ("/v1/jobs?", "/v1/events?", "/status?"):
                self.problem(self.daemon.get(path + query), 400,
                             "invalid_parameter")
        self.problem(self.daemon.get("/v1/events?ids=%FF", headers={
            "Accept": "text/event-stream"}), 400, "invalid_parameter")
        found = self.daemon.get("/v1/jobs?ids=%C3%BC").json["jobs"]
        self.assertEqual(found, [{"id": "\u00fc", "state": "not_found"}])


class Queue(Case):
    settings = MANUAL

    def test_the_oldest_wait_is_that_of_the_one_that_waits_longest(self):
        d = self.daemon
        self.assertEqual(d.get("/v1/queue").json["oldest_wait_ms"], 0)
        d.post("/v1/queue:pause")
        first = d.submit()
        d.submit(not_before=LATER)
        d.advance(1500)
        second = d.submit()
        d.advance(250)
        queue = d.get("/v1/queue").json
        self.assertEqual((queue["oldest_wait_ms"], queue["queued"],
                          queue["running"]), (1750, 3, 0))
        d.verb(first["id"], "cancel")
        self.assertEqual(d.get("/v1/queue").json["oldest_wait_ms"], 250)
        d.verb(second["id"], "cancel")
        self.assertEqual(d.get("/v1/queue").json["oldest_wait_ms"], 0)
        d.post("/v1/queue:resume")

    def test_a_paused_queue_starts_nothing_and_lets_what_runs_end(self):
        d = self.daemon
        runs = d.submit(simulate={"duration_ms": 1000})
        d.post("/v1/queue:pause")
        waits = d.submit(simulate={"duration_ms": 1000})
        d.advance(60000)
        self.assertEqual((d.state(runs["id"]), d.state(waits["id"])),
                         ("completed", "queued"))
        d.post("/v1/queue:resume")
        d.advance(1000)
        self.assertEqual(d.state(waits["id"]), "completed")

    def test_the_urls_of_results_begin_with_what_was_set(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 1})["id"]
        d.advance(1)
        self.assertEqual(d.job(id)["result_url"],
                         d.url + "/v1/jobs/%s/result" % id)
        d.stop()
        d.settings["http.public_url"] = "https://pub.example/hg/"
        d.start()
        for job in (d.job(id), d.get("/v1/jobs?ids=" + id).json["jobs"][0]):
            self.assertEqual(job["result_url"],
                             "https://pub.example/hg/v1/jobs/%s/result" % id)


class Workers(Case):
    settings = MANUAL

    def test_a_worker_that_was_replaced_is_counted_and_dated(self):
        d = self.daemon

        def worker():
            found = d.get("/v1/queue").json["workers"]
            return found[0] if found else None
        first = until(worker, "a worker")
        self.assertEqual((first["restarts"], first["running"],
                          first["slots"]), (0, 0, 2))
        self.assertIn(first["pid"], d.children())
        os.kill(first["pid"], 9)
        second = until(lambda: (w := worker()) and w["pid"] != first["pid"]
                       and w, "another worker")
        self.assertEqual(second["restarts"], 1)
        self.assertRegex(second["since"], r"^\d{4}-.*\.\d{3}Z$")


if __name__ == "__main__":
    main(Limits, Versions, Queue, Workers)
