"""What the settings do to jobs, and what a reload changes: design, section 7,
and the rows of section 4 that speak of settings."""
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import Case, Daemon, main, program, until  # noqa: E402
from test_life import MANUAL, ms  # noqa: E402

DEFAULTS = """
[http] listen=127.0.0.1:8080 threads=256 max_wait_s=60 max_body_bytes=65536
    max_batch_bytes=1048576 retry_after_max_s=30 hosts= cors_origins=
    api_key_file= public_url= drain_s=10
[store] state_dir=/var/lib/heygend progress_write_ms=5000
    wal_max_bytes=67108864
[jobs] workers=2 slots=4 max_jobs=1000000 on_error=stop max_attempts=3
    restart_delay_ms=1000 restart_delay_max_ms=60000 aging_s=60
    ttl_completed_s=3600 ttl_error_s=3600 ttl_canceled_s=3600
    tombstone_s=3600 worker_timeout_s=15
[simulation] distribution=uniform min_ms=10000 max_ms=30000 mean_ms=20000
    sigma=0.8 error_rate=0.1 eta_error=0.2 seed=0 time_scale=1
    progress_interval_ms=1000
[faults] http_error_rate=0 http_drop_rate=0 http_latency_ms=0
[status] default_job=start
[log] level=info
[test] clock=real
"""
FAILS = {"duration_ms": 1000, "fail_at": 0.5}


class Printed(unittest.TestCase):
    """--print-config, without a file."""

    def printed(self, **environment):
        with tempfile.NamedTemporaryFile("w", suffix=".ini") as empty:
            args = [] if environment else ["--config", empty.name]
            env = dict(os.environ, HOME="/home/nobody")
            for name in "STATE_DIRECTORY", "XDG_STATE_HOME":
                env.pop(name, None)
            env.update(environment)
            text = subprocess.run([program("heygend"), *args,
                                   "--print-config"], env=env, text=True,
                                  check=True, stdout=subprocess.PIPE).stdout
        found, section = {}, None
        for line in text.splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                found["%s.%s" % (section, key.strip())] = value.strip()
        return found

    def test_these_are_the_settings_and_their_defaults(self):
        expected, section = {}, None
        for word in DEFAULTS.split():
            if word.startswith("["):
                section = word.strip("[]")
            else:
                key, _, value = word.partition("=")
                expected["%s.%s" % (section, key)] = value
        self.assertEqual(self.printed(), expected)

    @unittest.skipIf(os.path.exists("/etc/heygend.ini"),
                     "this machine has a file of its own")
    def test_without_a_file_the_state_goes_where_the_environment_says(self):
        for environment, dir in (
                ({"STATE_DIRECTORY": "/s", "XDG_STATE_HOME": "/x"}, "/s"),
                ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/heygend"),
                ({"HOME": "/h"}, "/h/.local/state/heygend")):
            self.assertEqual(self.printed(**environment)["store.state_dir"],
                             dir)


class Restarts(Case):
    settings = dict(MANUAL, **{
        "jobs.on_error": "restart", "jobs.max_attempts": 6,
        "jobs.restart_delay_ms": 1000, "jobs.restart_delay_max_ms": 3000})

    def delays(self, id, count):
        """How long it waits before each of its next attempts."""
        found = []
        for _ in range(count):
            self.daemon.advance(500)
            now = self.daemon.job(id)
            self.assertEqual(now["state"], "queued")
            found.append(ms(now["eligible_at"]) - ms(now["updated_at"]))
            self.daemon.advance(found[-1])
        return found

    def test_the_delay_doubles_up_to_its_maximum_and_begins_anew(self):
        id = self.daemon.submit(simulate=FAILS)["id"]
        self.assertEqual(self.delays(id, 5), [1000, 2000, 3000, 3000, 3000])
        self.daemon.advance(500)
        self.assertEqual(self.daemon.job(id)["state"], "error")
        self.daemon.verb(id, "restart")
        self.assertEqual(self.delays(id, 2), [1000, 2000])
        self.daemon.verb(id, "cancel")

    def test_a_job_that_says_nothing_takes_the_settings_and_null_restores(
            self):
        job = self.daemon.submit()
        self.assertEqual((job["on_error"], job["max_attempts"]),
                         ("restart", 6))
        path = "/v1/jobs/" + job["id"]
        self.daemon.patch(path, {"on_error": "stop", "max_attempts": 1})
        job = self.daemon.patch(path, {"on_error": None,
                                       "max_attempts": None}).json
        self.assertEqual((job["on_error"], job["max_attempts"]),
                         ("restart", 6))
        self.daemon.verb(job["id"], "cancel")

    def test_a_delay_goes_on_while_its_job_is_paused(self):
        id = self.daemon.submit(simulate=FAILS)["id"]
        self.daemon.advance(500)
        due = self.daemon.job(id)["eligible_at"]
        self.daemon.verb(id, "pause")
        self.daemon.advance(400)
        self.assertEqual(self.daemon.verb(id, "resume").json["eligible_at"],
                         due)
        self.daemon.verb(id, "pause")
        self.daemon.advance(5000)
        now = self.daemon.verb(id, "resume").json
        self.assertIsNone(now["eligible_at"])
        self.assertEqual(self.daemon.state(id), "running")
        self.daemon.verb(id, "cancel")

    def test_a_promise_is_not_moved_by_a_pause(self):
        at = "2999-01-01T00:00:00.000Z"
        id = self.daemon.submit(not_before=at)["id"]
        self.daemon.verb(id, "pause")
        self.daemon.advance(60000)
        now = self.daemon.verb(id, "resume").json
        self.assertEqual((now["eligible_at"], now["not_before"]), (at, at))
        self.daemon.verb(id, "cancel")


class Ttl(Case):
    settings = dict(MANUAL, **{
        "jobs.ttl_completed_s": 10, "jobs.ttl_error_s": 20,
        "jobs.ttl_canceled_s": -1, "jobs.tombstone_s": 5})

    def ended(self, how):
        simulate = dict(FAILS) if how == "error" else {"duration_ms": 500}
        id = self.daemon.submit(simulate=simulate)["id"]
        if how == "canceled":
            self.daemon.verb(id, "cancel")
        self.daemon.advance(500)
        job = self.daemon.job(id)
        self.assertEqual(job["state"], how)
        return job

    def test_each_end_has_a_ttl_of_its_own(self):
        for how, ttl_s in (("completed", 10), ("error", 20)):
            job = self.ended(how)
            self.assertEqual(job["ttl_s"], ttl_s)
            self.assertEqual(ms(job["expires_at"]) - ms(job["finished_at"]),
                             ttl_s * 1000)
        job = self.ended("canceled")
        self.assertEqual((job["ttl_s"], job["expires_at"]), (-1, None))

    def test_a_ttl_set_to_null_is_the_settings_again(self):
        job = self.ended("error")
        path = "/v1/jobs/" + job["id"]
        self.assertIsNone(self.daemon.patch(path, {"ttl_s": -1})
                          .json["expires_at"])
        again = self.daemon.patch(path, {"ttl_s": None}).json
        self.assertEqual((again["ttl_s"], again["expires_at"]),
                         (20, job["expires_at"]))

    def test_who_begins_anew_no_longer_expires(self):
        job = self.daemon.verb(self.ended("completed")["id"], "restart").json
        self.assertEqual((job["ttl_s"], job["expires_at"],
                          job["finished_at"]), (None, None, None))

    def test_an_id_is_gone_as_long_as_its_tombstone_lasts(self):
        path = "/v1/jobs/" + self.ended("completed")["id"]
        self.daemon.advance(9500 + 500)
        self.problem(self.daemon.get(path), 410, "job_gone")
        self.daemon.advance(4999)
        self.problem(self.daemon.get(path), 410, "job_gone")
        self.daemon.advance(1)
        self.problem(self.daemon.get(path), 404, "job_not_found")


class Aging(Case):
    settings = dict(MANUAL, **{"jobs.aging_s": 0})

    def order(self, *jobs):
        found = [self.daemon.job(job["id"]) for job in jobs]
        return [jobs.index(next(job for job in jobs
                                if job["id"] == now["id"]))
                for now in sorted(found, key=lambda now:
                                  now["queue_position"])]

    def test_without_aging_priority_then_submission_until_a_reload(self):
        d = self.daemon
        d.post("/v1/queue:pause")
        old = d.submit(priority=0)
        d.advance(24 * 3600 * 1000)
        young, last = d.submit(priority=1), d.submit(priority=0)
        self.assertEqual(self.order(old, young, last), [1, 0, 2])
        d.reload({"jobs.aging_s": 60})
        until(lambda: self.order(old, young, last) == [0, 1, 2],
              "that the queue has its new order")
        d.reload({"jobs.aging_s": 0})
        until(lambda: self.order(old, young, last) == [1, 0, 2],
              "that it has the old one again")


class Reload(Case):
    settings = dict(MANUAL, **{"jobs.max_jobs": 2, "log.level": "info"})

    def logged(self, what):
        until(lambda: what in self.daemon.log(), what)

    def test_a_reload_changes_what_may_change_and_names_the_rest(self):
        d = self.daemon
        d.submit(), d.submit()
        self.problem(d.post("/v1/jobs", {}), 429, "queue_full")
        d.reload({"jobs.max_jobs": 3, "jobs.slots": 9, "http.threads": 99})
        self.logged("settings.reloaded")
        self.assertEqual(d.submit()["result"], "pending")
        self.assertEqual(d.get("/v1").json["limits"]["max_jobs"], 3)
        self.assertEqual(d.get("/v1/queue").json["slots"], 2)
        self.logged('settings.kept_until_restart keys="http.threads, '
                    'jobs.slots"')

    def test_what_is_drawn_and_logged_from_now_on_follows_a_reload(self):
        d = self.daemon
        ids = [job["id"] for job in d.get("/v1/jobs").json["jobs"]]
        d.post("/v1/jobs:cancel", {"ids": ids})
        d.post("/v1/jobs:delete", {"ids": ids})
        d.reload({"simulation.distribution": "fixed", "log.level": "debug",
                  "simulation.mean_ms": 25000, "simulation.error_rate": 1})

        def asked():
            d.get("/v1/queue")
            return "http.request" in d.log()
        until(asked, "that requests are logged")
        id = d.submit()["id"]
        self.assertEqual(d.job(id)["remaining_ms"], 25000)
        d.advance(25000)
        self.assertEqual(d.state(id), "error")

    def test_a_bad_file_changes_nothing_at_all(self):
        d = self.daemon
        before = d.get("/v1").json["limits"]["max_jobs"]
        d.reload({"jobs.max_jobs": 1000, "jobs.max_attempts": 0})
        self.logged("settings.refused")
        self.assertIn("jobs.max_attempts = 0", d.log())
        self.assertEqual(d.get("/v1").json["limits"]["max_jobs"], before)
        d.settings.update({"jobs.max_jobs": before, "jobs.max_attempts": 3})

    @classmethod
    def tearDownClass(cls):
        try:
            cls.daemon.stop(clean_log=False)	# what was refused is an error
        finally:
            cls.daemon.remove()


class Http(Case):
    settings = dict(MANUAL, **{"http.retry_after_max_s": 5,
                               "http.max_wait_s": 0})

    def test_the_largest_retry_after_is_what_was_set(self):
        for ms_left, seconds in ((4001, "5"), (5000, "5"), (5001, "5"),
                                 (60000, "5"), (4000, "4"), (1, "1")):
            id = self.daemon.submit(simulate={"duration_ms": ms_left})["id"]
            answer = self.daemon.get("/status/" + id)
            self.assertEqual(answer.headers["retry-after"], seconds)
            self.daemon.verb(id, "cancel")

    def test_where_nobody_may_wait_nobody_does(self):
        id = self.daemon.submit()["id"]
        answer = self.daemon.get("/v1/jobs/%s?wait=60" % id)
        self.assertEqual((answer.status,
                          answer.headers["preference-applied"]),
                         (200, "wait=0"))
        self.assertNotEqual(answer.headers["retry-after"], "0")
        answer = self.daemon.get("/v1/events?wait=60")
        self.assertEqual((answer.json["events"],
                          answer.headers["preference-applied"]),
                         ([], "wait=0"))

    def test_an_interrupt_is_a_stop_too(self):
        self.daemon.submit(not_before="2999-01-01T00:00:00Z")
        self.daemon.process.send_signal(signal.SIGINT)
        self.daemon.wait(0)
        self.daemon.start()
        self.assertEqual(self.daemon.get("/v1/queue").json["queued"], 1)


class Scale(Case):
    settings = dict(MANUAL, **{"simulation.time_scale": 60,
                               "simulation.min_ms": 60000,
                               "simulation.max_ms": 60000})

    def test_what_takes_a_minute_takes_a_second_and_says_so(self):
        for fields in ({}, {"simulate": {"duration_ms": 60000}}):
            job = self.daemon.submit(**fields)
            self.assertEqual(job["remaining_ms"], 1000)
            begun = ms(self.daemon.advance(999))
            now = self.daemon.job(job["id"])
            self.assertEqual((now["state"], now["remaining_ms"]),
                             ("running", 1))
            self.assertEqual(ms(now["estimated_completion_at"]), begun + 1)
            self.daemon.advance(1)
            now = self.daemon.job(job["id"])
            self.assertEqual(now["state"], "completed")
            self.assertEqual(ms(now["finished_at"]) - ms(now["started_at"]),
                             1000)


class DefaultJob(unittest.TestCase):
    def test_it_may_be_switched_off_and_on_again(self):
        with Daemon(dict(MANUAL, **{"status.default_job": "start"})) as d:
            for mode, status, looked in (("off", 404, 410),
                                         ("start", 200, 200),
                                         ("off", 404, 410),
                                         ("first_request", 200, 200),
                                         ("off", 404, 410),
                                         ("start", 200, 200)):
                d.stop()
                d.settings["status.default_job"] = mode
                d.start()
                self.assertEqual(d.get("/status").status, status, mode)
                answer = d.get("/v1/jobs/default")
                self.assertEqual(answer.status, looked, mode)
            # and its history is not taken away with that of one removed
            d.advance(2 * 3600 * 1000)
            kinds = [event["kind"] for event in d.get(
                "/v1/jobs/default/events").json["events"]]
            self.assertIn("completed", kinds)
            self.assertEqual(kinds.count("submitted"), 4)


if __name__ == "__main__":
    main()
