"""A job's life, on a clock that the tests own: design, sections 4 and 5."""
import calendar
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Case, Daemon, main, until  # noqa: E402

MANUAL = {
    "test.clock": "manual",
    "status.default_job": "off",
    "jobs.workers": 1,
    "jobs.slots": 2,
    "simulation.error_rate": 0,
    "simulation.eta_error": 0,
    "simulation.seed": 7,
}
VERBS = ("pause", "resume", "cancel", "restart", "delete")
STATES = ("queued", "running", "paused", "completed", "error", "canceled")
# what each verb makes of each state; None: 409, "-": no change, "x": gone
TABLE = {
    "pause": ("paused", "paused", "-", None, None, None),
    "resume": ("-", "-", "queued", None, None, None),
    "cancel": ("canceled", "canceled", "canceled", None, None, "-"),
    "restart": (None, None, None, "queued", "queued", "queued"),
    "delete": (None, None, None, "x", "x", "x"),
}


def ms(text):
    """Unix ms of a time of the wire."""
    whole, _, rest = text.partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 1000 \
        + int(rest[:3])


class Life(Case):
    """Each test has the clock to itself and leaves the slots free."""
    settings = MANUAL

    def setUp(self):
        self.given = []

    def tearDown(self):
        d = self.daemon
        d.post("/v1/queue:resume")
        ids = [job["id"] for job in self.given]
        if ids:
            d.post("/v1/jobs:cancel", {"ids": ids})
            d.post("/v1/jobs:delete", {"ids": ids})

    def submit(self, duration_ms=10000, **fields):
        fields.setdefault("simulate", {}).setdefault("duration_ms",
                                                     duration_ms)
        job = self.daemon.submit(**fields)
        self.given.append(job)
        return job

    def job(self, job):
        return self.daemon.job(job["id"])

    def kinds(self, job):
        answer = self.daemon.get("/v1/jobs/%s/events?limit=500" % job["id"])
        return [event["kind"] for event in answer.json["events"]]

    def in_state(self, state):
        """A job in this state."""
        d = self.daemon
        if state == "queued":
            d.post("/v1/queue:pause")
            return self.submit()
        job = self.submit(1000, simulate={"duration_ms": 1000, "fail_at": 0.5}
                          if state == "error" else {"duration_ms": 1000})
        if state == "paused":
            d.verb(job["id"], "pause")
        elif state == "canceled":
            d.verb(job["id"], "cancel")
        elif state in ("completed", "error"):
            d.advance(1000)
        else:
            d.advance(0)
        self.assertEqual(self.job(job)["state"], state)
        return job

    # --- the table -----------------------------------------------------------

    def test_each_verb_does_to_each_state_what_the_design_says(self):
        for verb in VERBS:
            for state, expected in zip(STATES, TABLE[verb]):
                with self.subTest(verb=verb, state=state):
                    self.each(verb, state, expected)
                    self.tearDown()

    def each(self, verb, state, expected):
        d = self.daemon
        job = self.in_state(state)
        before = self.job(job)
        events = len(self.kinds(job))
        if verb == "delete":
            answer = d.delete("/v1/jobs/" + job["id"])
        else:
            answer = d.verb(job["id"], verb)
        if expected is None:
            problem = self.problem(answer, 409, "invalid_state")
            self.assertEqual(problem["state"], state)
            self.assertEqual(self.job(job)["version"], before["version"])
        elif expected == "x":
            self.assertEqual((answer.status, answer.body), (204, b""))
            self.problem(d.get("/v1/jobs/" + job["id"]), 410, "job_gone")
        elif expected == "-":
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json["state"], state)
            self.assertEqual(answer.json["version"], before["version"])
            self.assertEqual(len(self.kinds(job)), events)
        else:
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.json["state"], expected)
            self.assertGreater(answer.json["version"], before["version"])
            self.assertGreater(len(self.kinds(job)), events)

    # --- a run ----------------------------------------------------------------

    def test_a_job_runs_for_its_duration_and_completes_to_the_millisecond(self):
        job = self.submit(10000)
        self.daemon.advance(9999)
        self.assertEqual(self.job(job)["state"], "running")
        self.daemon.advance(1)
        job = self.job(job)
        self.assertEqual((job["state"], job["result"], job["progress"]),
                         ("completed", "completed", 1))
        self.assertEqual(ms(job["finished_at"]) - ms(job["started_at"]), 10000)
        self.assertEqual(self.kinds(job), ["submitted", "started"] +
                         ["stage"] * 5 + ["completed"])

    def test_progress_is_the_share_of_the_time_that_has_passed(self):
        job = self.submit(10000)
        for tenth in range(1, 10):
            self.daemon.advance(1000)
            now = self.job(job)
            self.assertAlmostEqual(now["progress"], tenth / 10, 3)
            self.assertEqual(now["remaining_ms"], 10000 - 1000 * tenth)

    def test_a_stage_change_is_a_version_and_an_event(self):
        job = self.submit(10000)
        first = self.job(job)["version"]
        self.daemon.advance(1000)
        now = self.job(job)
        self.assertEqual(now["stage"], "transcribe")
        self.assertEqual(now["version"], first + 1)
        self.assertEqual(self.kinds(job)[-1], "stage")

    def test_a_failed_job_says_which_attempt_failed_and_where(self):
        job = self.submit(simulate={"duration_ms": 1000, "fail_at": 0.25})
        self.daemon.advance(1000)
        job = self.job(job)
        self.assertEqual(job["state"], "error")
        self.assertEqual(job["progress"], 0.25)
        self.assertEqual(job["error"], job["last_error"])
        self.assertEqual(job["error"]["attempt"], 1)
        self.assertIn(job["error"]["code"], (
            "download_failed", "audio_invalid", "translation_failed"))
        self.assertEqual(ms(job["finished_at"]) - ms(job["started_at"]), 250)

    # --- restarts -----------------------------------------------------------------

    def test_restart_on_error_waits_longer_each_time_and_ends_in_success(self):
        job = self.submit(on_error="restart", simulate={
            "duration_ms": 1000, "fail_at": 0.5, "fail_attempts": 2})
        self.daemon.advance(500)
        now = self.job(job)
        self.assertEqual((now["state"], now["attempt"], now["progress"]),
                         ("queued", 2, 0))
        self.assertEqual(ms(now["eligible_at"]) - ms(now["updated_at"]), 1000)
        self.assertIsNone(now["queue_position"])
        self.assertIsNone(now["error"])
        self.assertEqual(now["last_error"]["attempt"], 1)
        self.daemon.advance(999)
        self.assertEqual(self.job(job)["state"], "queued")
        self.daemon.advance(1)
        self.assertEqual(self.job(job)["state"], "running")
        self.daemon.advance(500)
        now = self.job(job)
        self.assertEqual(now["attempt"], 3)
        self.assertEqual(ms(now["eligible_at"]) - ms(now["updated_at"]), 2000)
        self.daemon.advance(3000)
        now = self.job(job)
        self.assertEqual((now["state"], now["attempt"]), ("completed", 3))
        self.assertEqual(now["last_error"]["attempt"], 2)
        kinds = [k for k in self.kinds(job) if k != "stage"]
        self.assertEqual(kinds, ["submitted"] + ["started", "failed",
                                                 "restarted"] * 2 +
                         ["started", "completed"])

    def test_attempts_are_bounded_and_the_verb_gives_a_new_budget(self):
        job = self.submit(on_error="restart", max_attempts=2,
                          simulate={"duration_ms": 100, "fail_at": 1})
        self.daemon.advance(10000)
        now = self.job(job)
        self.assertEqual((now["state"], now["attempt"]), ("error", 2))
        self.daemon.verb(job["id"], "restart")
        self.daemon.advance(10000)
        now = self.job(job)
        self.assertEqual((now["state"], now["attempt"]), ("error", 4))
        self.assertEqual(now["error"]["attempt"], 4)

    # --- pause ---------------------------------------------------------------------

    def test_a_paused_job_stands_still_and_goes_on_where_it_was(self):
        job = self.submit(10000)
        self.daemon.advance(4000)
        paused = self.daemon.verb(job["id"], "pause").json
        self.assertEqual(paused["progress"], 0.4)
        self.assertEqual(paused["remaining_ms"], 6000)
        self.assertIsNone(paused["estimated_completion_at"])
        self.daemon.advance(60000)
        now = self.job(job)
        self.assertEqual((now["state"], now["progress"], now["remaining_ms"]),
                         ("paused", 0.4, 6000))
        self.daemon.verb(job["id"], "resume")
        self.daemon.advance(5999)
        self.assertEqual(self.job(job)["state"], "running")
        self.daemon.advance(1)
        now = self.job(job)
        self.assertEqual(now["state"], "completed")
        self.assertEqual(ms(now["finished_at"]) - ms(now["started_at"]),
                         70000)

    def test_a_resumed_job_has_its_old_place_in_the_queue(self):
        self.daemon.post("/v1/queue:pause")
        first = self.submit()
        self.daemon.advance(1000)
        second = self.submit()
        self.daemon.verb(first["id"], "pause")
        self.daemon.advance(500)
        self.daemon.verb(first["id"], "resume")
        self.assertEqual(self.job(first)["queue_position"], 1)
        self.assertEqual(self.job(second)["queue_position"], 2)
        # the time paused does not count as waiting
        self.daemon.verb(first["id"], "pause")
        self.daemon.advance(1500)
        self.daemon.verb(first["id"], "resume")
        self.assertEqual(self.job(first)["queue_position"], 2)

    # --- order -----------------------------------------------------------------------

    def order(self):
        """The ids of those that wait, next first."""
        jobs = [self.job(job) for job in self.given]
        waiting = [job for job in jobs if job["queue_position"]]
        return [job["id"] for job in
                sorted(waiting, key=lambda job: job["queue_position"])]

    def test_larger_priority_goes_first_and_equals_by_submission(self):
        self.daemon.post("/v1/queue:pause")
        jobs = [self.submit(priority=p)
                for p in (0, "low", "urgent", 0, "high", 100, -100)]
        wanted = [jobs[i]["id"] for i in (5, 2, 4, 0, 3, 1, 6)]
        self.assertEqual(self.order(), wanted)

    def test_waiting_jobs_age_by_one_point_each_minute(self):
        self.daemon.post("/v1/queue:pause")
        old = self.submit(priority=0)
        self.daemon.advance(60000 * 10 - 1)
        young = self.submit(priority=10)
        self.assertEqual(self.order(), [young["id"], old["id"]])
        self.daemon.advance(1)
        other = self.submit(priority=10)
        # as old as its lead is large: the earlier submission wins
        self.assertEqual(self.order(), [young["id"], old["id"], other["id"]])

    def test_a_changed_priority_is_a_new_place(self):
        self.daemon.post("/v1/queue:pause")
        first, second = self.submit(), self.submit()
        self.daemon.patch("/v1/jobs/" + second["id"], {"priority": "urgent"})
        self.assertEqual(self.order(), [second["id"], first["id"]])

    def test_not_before_is_a_promise_to_the_millisecond(self):
        now = ms(self.submit()["submitted_at"])
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(
            now // 1000 + 100)) + ".250Z"
        job = self.submit(not_before=at)
        self.assertEqual(job["eligible_at"], at)
        self.assertIsNone(job["queue_position"])
        self.daemon.advance(ms(at) - now - 1)
        self.assertEqual(self.job(job)["state"], "queued")
        self.daemon.advance(1)
        now = self.job(job)
        self.assertEqual((now["state"], now["started_at"]), ("running", at))

    # --- what is expected ----------------------------------------------------------------

    def test_the_expectation_of_the_queued_is_what_runs_and_waits_before(self):
        self.submit(10000), self.submit(20000)
        self.daemon.advance(1000)
        third, fourth = self.submit(5000), self.submit(7000)
        self.assertEqual(self.job(third)["remaining_ms"],
                         5000 + (9000 + 19000) // 2)
        now = self.job(fourth)
        self.assertEqual(now["remaining_ms"],
                         7000 + (9000 + 19000 + 5000) // 2)
        self.assertEqual(ms(now["estimated_completion_at"]) -
                         ms(self.daemon.advance(0)), now["remaining_ms"])
        self.daemon.post("/v1/queue:pause")
        self.assertIsNone(self.job(fourth)["estimated_completion_at"])

    def test_the_longest_jobs_there_can_be_overflow_no_sum(self):
        longest = 2 ** 53 - 1
        with Daemon(dict(MANUAL, **{"jobs.slots": 1500})) as d:
            for _ in range(4):
                answer = d.post("/v1/jobs:batch", {"jobs": [
                    {"simulate": {"duration_ms": longest}}] * 1000})
                self.assertEqual((answer.status,
                                  answer.headers["retry-after"]), (202, "30"))
            page = d.get("/v1/jobs?limit=500&state=queued").json["jobs"]
            left = [job["remaining_ms"] for job in page]
            self.assertEqual(left, sorted(left, reverse=True))
            self.assertGreater(left[-1], longest // 1000)
            self.assertLessEqual(left[0], longest)
            page = d.get("/v1/jobs?limit=500&state=running").json["jobs"]
            year = 365 * 24 * 3600 * 1000
            self.assertGreater(min(job["remaining_ms"] for job in page),
                               1000 * year)
            last = d.submit(simulate={"duration_ms": 1})
            self.assertGreater(last["remaining_ms"], year)

    def test_a_job_that_starts_at_once_does_not_wait_for_itself(self):
        with Daemon(dict(self.settings, **{"jobs.workers": 1,
                                           "jobs.slots": 1})) as d:
            answer = d.post("/v1/jobs", {"simulate": {"duration_ms": 4000}})
            self.assertEqual(answer.json["remaining_ms"], 4000)
            self.assertEqual(answer.headers["retry-after"], "4")
            id = answer.json["id"]
            d.verb(id, "pause")
            self.assertEqual(d.verb(id, "resume").json["remaining_ms"], 4000)
            again = d.submit(simulate={"duration_ms": 1000})
            self.assertEqual(again["remaining_ms"], 4000 + 1000)

    def test_an_estimate_that_errs_errs_less_towards_the_end(self):
        with Daemon(dict(MANUAL, **{"simulation.eta_error": 0.5})) as d:
            for _ in range(2):
                id = d.submit(simulate={"duration_ms": 100000})["id"]
                d.advance(0)
                errors = []
                for tenth in range(1, 10):
                    d.advance(10000)
                    truth = 100000 - 10000 * tenth
                    errors.append(abs(d.job(id)["remaining_ms"] - truth) /
                                  truth)
                self.assertLess(max(errors), 0.5)
                self.assertLess(errors[-1], 0.06)
                d.advance(10000)

    def test_one_that_may_not_start_yet_expects_its_delay_as_well(self):
        self.submit(10000), self.submit(20000)
        now = ms(self.daemon.advance(1000))
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z",
                           time.gmtime(now // 1000 + 100))
        job = self.submit(5000, not_before=at)
        self.assertEqual(self.job(job)["remaining_ms"],
                         ms(at) - now + 5000 + (9000 + 19000) // 2)

    def test_the_end_that_is_expected_moves_only_with_a_report(self):
        with Daemon(dict(MANUAL, **{
                "simulation.eta_error": 0.5,
                "simulation.progress_interval_ms": 60000})) as d:
            id = d.submit(simulate={"duration_ms": 1000000})["id"]
            d.advance(60000)
            seen = []
            for _ in range(10):
                seen.append(d.job(id)["estimated_completion_at"])
                d.advance(3000)
            self.assertEqual(len(set(seen)), 1)
            d.advance(30000)
            self.assertNotEqual(d.job(id)["estimated_completion_at"], seen[0])

    def test_progress_never_falls_nor_comes_to_its_end_too_early(self):
        with Daemon(dict(MANUAL, **{
                "jobs.slots": 20, "simulation.eta_error": 1,
                "simulation.progress_interval_ms": 7000})) as d:
            ids = [d.submit(simulate={"duration_ms": 30000 + 100 * n})["id"]
                   for n in range(20)]
            before, runs = dict.fromkeys(ids, 0), True
            while runs:
                jobs = d.get("/v1/jobs?ids=" + ",".join(ids)).json["jobs"]
                runs = False
                for job in jobs:
                    running = job["state"] == "running"
                    self.assertGreaterEqual(job["progress"],
                                            before[job["id"]])
                    self.assertLessEqual(job["progress"],
                                         0.999 if running else 1)
                    self.assertGreaterEqual(job["remaining_ms"], 0)
                    if running:
                        before[job["id"]] = job["progress"]
                    runs = runs or running
                d.advance(1300)
            # some were expected to end before they did
            self.assertEqual(max(before.values()), 0.999)

    def test_each_state_shows_what_is_expected_of_it(self):
        d = self.daemon

        def shown(job):
            job = self.job(job)
            return tuple(job[key] for key in (
                "progress", "remaining_ms", "estimated_completion_at",
                "queue_position"))
        job = self.submit(10000)
        d.advance(4000)
        now = self.job(job)
        self.assertEqual(shown(job)[:2] + shown(job)[3:], (0.4, 6000, None))
        self.assertEqual(ms(now["estimated_completion_at"]) -
                         ms(now["started_at"]), 10000)
        d.verb(job["id"], "pause")
        self.assertEqual(shown(job), (0.4, 6000, None, None))
        d.post("/v1/queue:pause")
        d.verb(job["id"], "resume")
        self.assertEqual(shown(job), (0.4, 6000, None, 1))
        d.verb(job["id"], "cancel")
        self.assertEqual(shown(job), (0.4, 0, None, None))
        d.verb(job["id"], "restart")
        self.assertEqual(shown(job), (0, 10000, None, 1))
        self.assertIsNone(self.job(job)["started_at"])
        d.post("/v1/queue:resume")
        d.advance(10000)
        self.assertEqual(shown(job), (1, 0, None, None))
        failed = self.submit(simulate={"duration_ms": 1000, "fail_at": 0.25})
        d.advance(1000)
        self.assertEqual(shown(failed), (0.25, 0, None, None))

    # --- the end of the end ----------------------------------------------------------------

    def test_a_finished_job_is_gone_when_its_ttl_has_passed(self):
        job = self.submit(1000, ttl_s=60)
        self.daemon.advance(1000)
        now = self.job(job)
        self.assertEqual(ms(now["expires_at"]) - ms(now["finished_at"]), 60000)
        self.daemon.advance(59999)
        self.assertEqual(self.job(job)["state"], "completed")
        self.daemon.advance(1)
        problem = self.problem(self.daemon.get("/v1/jobs/" + job["id"]), 410,
                               "job_gone")
        self.assertEqual((problem["id"], problem["state"], problem["result"],
                          problem["finished_at"]),
                         (job["id"], "completed", "completed",
                          now["finished_at"]))
        self.daemon.advance(3600 * 1000)
        self.problem(self.daemon.get("/v1/jobs/" + job["id"]), 404,
                     "job_not_found")

    def test_ttl_of_minus_one_keeps_a_job(self):
        job = self.submit(1000, ttl_s=-1)
        self.daemon.advance(1000 + 100 * 3600 * 1000)
        now = self.job(job)
        self.assertEqual((now["state"], now["expires_at"], now["ttl_s"]),
                         ("completed", None, -1))

    def test_the_ttl_is_that_of_the_final_state_until_it_is_overridden(self):
        job = self.submit(1000)
        self.assertIsNone(self.job(job)["ttl_s"])
        self.daemon.advance(1000)
        self.assertEqual(self.job(job)["ttl_s"], 3600)
        now = self.daemon.patch("/v1/jobs/" + job["id"], {"ttl_s": 5}).json
        self.assertEqual(ms(now["expires_at"]) - ms(now["finished_at"]), 5000)

    def test_a_key_is_remembered_for_a_day(self):
        headers = {"Idempotency-Key": "day"}
        first = self.daemon.post("/v1/jobs", {"ttl_s": -1}, headers=headers)
        self.given.append(first.json)
        self.daemon.advance(86400 * 1000 - 1)
        again = self.daemon.post("/v1/jobs", {"ttl_s": -1}, headers=headers)
        self.assertEqual(again.json["id"], first.json["id"])
        self.assertEqual(again.headers["idempotency-replayed"], "true")
        self.daemon.advance(1)
        new = self.daemon.post("/v1/jobs", {"ttl_s": -1}, headers=headers)
        self.given.append(new.json)
        self.assertNotEqual(new.json["id"], first.json["id"])


class DefaultJob(Case):
    """The job that GET /status alone asks for."""
    settings = dict(MANUAL, **{"status.default_job": "start",
                               "simulation.min_ms": 5000,
                               "simulation.max_ms": 5000})

    def test_it_is_there_at_the_start_and_begins_anew_at_the_next(self):
        d = self.daemon
        status = d.get("/status").json
        self.assertEqual((status["result"], status["job_id"]),
                         ("pending", "default"))
        d.advance(5000)
        self.assertEqual(d.get("/status").json["result"], "completed")
        self.assertEqual(d.job("default")["attempt"], 1)
        self.assertEqual(d.job("default")["ttl_s"], -1)
        self.problem(d.delete("/v1/jobs/default"), 409, "protected")
        for ttl_s in (5, None):
            self.problem(d.patch("/v1/jobs/default", {"ttl_s": ttl_s}), 409,
                         "protected")
        self.assertEqual(d.patch("/v1/jobs/default", {
            "ttl_s": -1, "title": "mine"}).json["title"], "mine")
        d.stop()
        d.restart()
        self.assertEqual(d.get("/status").json["result"], "pending")
        self.assertEqual(d.job("default")["attempt"], 2)
        d.advance(1000)		# and one that has not ended goes on
        d.stop()
        d.restart()
        d.advance(0)
        job = d.job("default")
        self.assertEqual((job["attempt"], job["progress"], job["title"]),
                         (2, 0.2, "mine"))

    def test_first_request_and_off(self):
        with Daemon(dict(self.settings, **{
                "status.default_job": "first_request"})) as d:
            self.problem(d.get("/v1/jobs/default"), 404, "job_not_found")
            self.assertEqual(d.get("/status").json["result"], "pending")
            d.advance(5000)
            self.assertEqual(d.get("/status").json["result"], "completed")
            self.assertEqual(d.job("default")["attempt"], 1)
            d.stop()
            d.restart()
            self.assertEqual(d.job("default")["state"], "completed")
            self.assertEqual(d.get("/status").json["result"], "pending")
            self.assertEqual(d.job("default")["attempt"], 2)
        with Daemon(dict(self.settings, **{"status.default_job": "off"})) as d:
            self.problem(d.get("/status"), 404, "no_default_job")


class Recovery(Case):
    settings = dict(MANUAL, **{"store.progress_write_ms": 1})

    def test_what_ran_goes_on_after_a_kill_with_its_progress_and_place(self):
        d = self.daemon
        job = d.submit(simulate={"duration_ms": 10000})
        d.advance(4500)		# 0.45 is a stage change: its row is written
        self.assertEqual(d.job(job["id"])["stage"], "synthesize")
        version = d.job(job["id"])["version"]
        d.kill()
        d.restart()
        d.advance(0)
        now = d.job(job["id"])
        self.assertEqual((now["state"], now["attempt"]), ("running", 1))
        self.assertAlmostEqual(now["progress"], 0.45, 2)
        self.assertGreater(now["version"], version)
        d.advance(5500)
        self.assertEqual(d.job(job["id"])["state"], "completed")
        kinds = [e["kind"] for e in d.get(
            "/v1/jobs/%s/events" % job["id"]).json["events"]]
        self.assertEqual(kinds.count("requeued"), 1)

    def test_a_manual_clock_never_goes_back_before_what_is_stored(self):
        d = self.daemon
        d.advance(30 * 24 * 3600 * 1000)
        job = d.submit(not_before="2999-01-01T00:00:00Z")
        d.stop()
        d.restart()
        now = ms(d.advance(0))
        self.assertGreaterEqual(now, ms(job["submitted_at"]))
        # nor do times that are still ahead count
        self.assertLess(now, ms(job["submitted_at"]) + 3600 * 1000)

    def test_a_paused_queue_stays_paused(self):
        d = self.daemon
        d.post("/v1/queue:pause")
        d.kill()
        d.restart()
        self.assertTrue(d.get("/v1/queue").json["paused"])
        d.post("/v1/queue:resume")
        self.assertFalse(d.get("/v1/queue").json["paused"])

    def test_a_second_daemon_is_refused_and_told_who_holds_the_state(self):
        d = self.daemon
        other = Daemon(d.settings)
        try:
            other.spawn()
            other.wait(75)
            self.assertIn(str(d.process.pid), other.log())
        finally:
            other.remove()

    def test_a_lost_worker_costs_neither_progress_nor_an_attempt(self):
        d = self.daemon
        id = d.submit(simulate={"duration_ms": 10000})["id"]
        d.advance(4000)
        before = d.job(id)
        self.assertEqual((before["state"], before["progress"]),
                         ("running", 0.4))
        os.kill(d.get("/v1/queue").json["workers"][0]["pid"], 9)
        until(lambda: d.job(id)["version"] >= before["version"] + 2,
              "that it runs again")
        now = d.job(id)
        for key in ("state", "progress", "attempt", "started_at",
                    "remaining_ms", "error", "last_error"):
            self.assertEqual(now[key], before[key], key)
        d.advance(5999)
        self.assertEqual(d.state(id), "running")
        d.advance(1)
        self.assertEqual(d.state(id), "completed")

    def test_lost_workers_cost_a_run_and_three_in_a_row_the_job(self):
        d = self.daemon
        job = d.submit(simulate={"duration_ms": 10000})
        d.advance(1)
        for losses in (1, 2, 3):
            until(lambda: d.job(job["id"])["state"] == "running",
                  "that it runs")
            pid = until(lambda: [w["pid"] for w in
                                 d.get("/v1/queue").json["workers"]])[0]
            os.kill(pid, 9)
            if losses < 3:
                until(lambda: [e for e in d.get(
                    "/v1/jobs/%s/events" % job["id"]).json["events"]
                    if e["kind"] == "requeued"][losses - 1:], "requeued")
        now = d.until_state(job["id"], "error")
        self.assertEqual(now["error"]["code"], "worker_lost")
        self.assertEqual(now["attempt"], 1)
        until(lambda: d.get("/v1/queue").json["workers"], "a new worker")


if __name__ == "__main__":
    main()
