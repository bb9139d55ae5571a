"""GET /metrics: the format, the names, and that the counters count what they
say.  The dashboard and the alerts in doc/ ask for nothing that is not there."""
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

import heygend
from heygend import SRCDIR, Daemon, preload, until, write_whole

HOUR = {"simulation.min_ms": 3600000, "simulation.max_ms": 3600000,
        "simulation.error_rate": 0}
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r"(%s)(?:\{(%s(?:,%s)*)\})? (\S+)" % (NAME, LABEL, LABEL))

# the wire's, with their labels
PROMISED = {
    "heygend_jobs": ("gauge", {"state"}),
    "heygend_jobs_finished_total": ("counter", {"result"}),
    "heygend_queue_oldest_seconds": ("gauge", set()),
    "heygend_job_wait_seconds": ("histogram", set()),
    "heygend_job_run_seconds": ("histogram", set()),
    "heygend_http_requests_total": ("counter", {"route", "code"}),
    "heygend_http_request_seconds": ("histogram", {"route"}),
    "heygend_polls_total": ("counter", {"answer"}),
    "heygend_held": ("gauge", {"kind"}),
    "heygend_workers": ("gauge", set()),
    "heygend_worker_restarts_total": ("counter", set()),
    "heygend_commit_seconds": ("histogram", set()),
    "heygend_store_errors_total": ("counter", set()),
    "heygend_store_bytes": ("gauge", {"file"}),
    "heygend_build_info": ("gauge", {"version"}),
}


class Page:
    """The text format, read strictly.  page[name, label=value...] is a
    sample, 0 if it is not there."""

    def __init__(self, text):
        self.types, self.samples, self.helps = {}, {}, {}
        assert text.endswith("\n"), "no newline at the end"
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                family, _, words = line[7:].partition(" ")
                assert words and family not in self.helps, line
                self.helps[family] = words
            elif line.startswith("# TYPE "):
                name, kind = line[7:].split(" ")
                assert name == family and name not in self.types, line
                self.types[name] = kind
            else:
                self.sample(family, line)
        assert set(self.types) == set(self.helps)
        self.check_histograms()

    def sample(self, family, line):
        match = SAMPLE.fullmatch(line)
        assert match, "malformed: %r" % line
        name = match.group(1)
        endings = ("_bucket", "_sum", "_count") if \
            self.types[family] == "histogram" else ("",)
        assert name in [family + ending for ending in endings], line
        labels = re.findall(LABEL, match.group(2) or "")
        key = (name, frozenset(labels))
        assert len(dict(labels)) == len(labels) and key not in self.samples, \
            "twice: " + line
        self.samples[key] = float(match.group(match.lastindex))

    def check_histograms(self):
        for family in self.types:
            if self.types[family] != "histogram":
                continue
            rows = {}
            for (name, labels), value in self.samples.items():
                if name == family + "_bucket":
                    bound = dict(labels)["le"]
                    rest = labels - {("le", bound)}
                    rows.setdefault(rest, []).append((float(bound), value))
            assert rows or family == "heygend_http_request_seconds", family
            for rest, buckets in rows.items():
                bounds, counts = zip(*sorted(buckets))
                assert bounds[-1] == float("inf"), family
                assert list(counts) == sorted(counts), family
                assert counts[-1] == self.samples[family + "_count", rest]
                assert (family + "_sum", rest) in self.samples, family

    def __getitem__(self, key):
        name, labels = key if isinstance(key, tuple) else (key, {})
        return self.samples.get((name, frozenset(labels.items())), 0)

    def families(self):
        return {name for name, _ in self.samples}


class Counting(heygend.Case):
    settings = dict(HOUR, **{"test.clock": "manual", "jobs.slots": 10,
                             "jobs.workers": 1, "status.default_job": "off"})

    def page(self):
        answer = self.daemon.get("/metrics")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"],
                         "text/plain; version=0.0.4; charset=utf-8")
        return Page(answer.body.decode())

    def grows(self, act, *expected):
        """act() makes each sample grow by so much."""
        before = self.page()
        act()
        after = self.page()
        for key, by in expected:
            self.assertAlmostEqual(after[key] - before[key], by, 3, key)

    def finish(self, **fields):
        job = self.daemon.submit(**fields)["id"]
        until(lambda: self.daemon.advance(1000) and self.daemon.job(job)[
            "result"] != "pending")
        return job

    def test_every_name_of_the_wire_is_there_with_its_labels(self):
        self.daemon.get("/v1")
        page = self.page()
        for name, (kind, labels) in PROMISED.items():
            self.assertEqual(page.types.get(name), kind, name)
            row = name + ("_count" if kind == "histogram" else "")
            found = [{key for key, _ in sample} for sample_name, sample in
                     page.samples if sample_name == row]
            self.assertTrue(found, name)
            for keys in found:
                self.assertEqual(keys, labels, name)

    def test_the_values_of_labels_are_those_of_the_wire(self):
        page = self.page()
        for name, label, values in (
                ("heygend_jobs", "state", "queued running paused completed "
                 "error canceled"),
                ("heygend_jobs_finished_total", "result", "completed error"),
                ("heygend_polls_total", "answer",
                 "final pending unchanged held early"),
                ("heygend_held", "kind", "wait stream events"),
                ("heygend_store_bytes", "file", "db wal")):
            found = {value for sample, labels in page.samples
                     if sample == name for key, value in labels
                     if key == label}
            self.assertEqual(found, set(values.split()), name)
        version = self.daemon.get("/v1").json["version"]
        self.assertEqual(page["heygend_build_info", {"version": version}], 1)

    def test_promtool_has_nothing_to_say(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is missing (Debian: prometheus)")
        done = subprocess.run(["promtool", "check", "metrics"], timeout=60,
                              input=self.daemon.get("/metrics").body,
                              capture_output=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (0, b"", b""))

    def test_submissions_and_ends_are_counted_by_result(self):
        finished = "heygend_jobs_finished_total"
        self.grows(lambda: self.daemon.post("/v1/jobs:batch",
                                            {"jobs": [{}, {}, {}]}),
                   ("heygend_jobs_submitted_total", 3),
                   (("heygend_jobs", {"state": "running"}), 3))
        self.grows(lambda: self.finish(simulate={"duration_ms": 1000}),
                   ((finished, {"result": "completed"}), 1),
                   ((finished, {"result": "error"}), 0),
                   (("heygend_jobs", {"state": "completed"}), 1))
        self.grows(lambda: self.finish(simulate={"duration_ms": 1000,
                                                 "fail_at": 0.5}),
                   ((finished, {"result": "error"}), 1),
                   (("heygend_jobs", {"state": "error"}), 1))
        job = self.daemon.submit()["id"]
        self.grows(lambda: self.daemon.verb(job, "cancel"),
                   ((finished, {"result": "error"}), 1),
                   ("heygend_jobs_canceled_total", 1))
        self.grows(lambda: self.daemon.verb(job, "restart"),
                   ("heygend_jobs_restarted_total", 1))
        self.daemon.verb(job, "cancel")
        self.grows(lambda: self.daemon.delete("/v1/jobs/" + job),
                   ("heygend_jobs_removed_total", 1))

    def test_waits_and_runs_last_as_long_as_the_clock_says(self):
        def run():
            self.daemon.post("/v1/queue:pause")
            job = self.daemon.submit(simulate={"duration_ms": 2000})["id"]
            self.daemon.advance(5000)
            page = self.page()
            self.assertEqual(page["heygend_queue_paused"], 1)
            self.assertEqual(page["heygend_queue_oldest_seconds"], 5)
            self.daemon.post("/v1/queue:resume")
            self.daemon.until_state(job, "running")
            self.daemon.advance(2000)
            self.daemon.until_state(job, "completed")
        self.grows(run, ("heygend_job_wait_seconds_count", 1),
                   ("heygend_job_wait_seconds_sum", 5),
                   (("heygend_job_wait_seconds_bucket", {"le": "2.5"}), 0),
                   (("heygend_job_wait_seconds_bucket", {"le": "5"}), 1),
                   ("heygend_job_run_seconds_count", 1),
                   ("heygend_job_run_seconds_sum", 2),
                   (("heygend_job_run_seconds_bucket", {"le": "1"}), 0),
                   (("heygend_job_run_seconds_bucket", {"le": "2.5"}), 1))
        self.assertEqual(self.page()["heygend_queue_paused"], 0)

    def test_requests_are_counted_by_route_and_code(self):
        def requests(route, code):
            return ("heygend_http_requests_total",
                    {"route": route, "code": code})

        def ask():
            self.daemon.get("/v1/jobs/nope")
            self.daemon.get("/v1/jobs?limit=0")
            self.daemon.post("/v1/jobs", b"{")
            self.daemon.post("/v1/jobs/nope:pause")
            self.daemon.post("/v1/jobs/nope/pause")
            self.daemon.get("/nowhere")
            self.daemon.get("/", headers={"Host": "evil.example"})
            self.daemon.post("/v1/jobs", {}, headers={"Expect": "x"})
        durations = "heygend_http_request_seconds_count"
        self.grows(ask, (requests("/v1/jobs/{id}", "404"), 1),
                   (requests("/v1/jobs", "400"), 2),
                   (requests("/v1/jobs/{id}:pause", "404"), 2),
                   (requests("none", "404"), 1),
                   (requests("none", "421"), 1),
                   ((durations, {"route": "/v1/jobs/{id}"}), 1))
        self.assertEqual(self.page()[requests("/v1/jobs", "0")], 0)

    def test_polls_are_counted_by_their_answer(self):
        def poll(answer):
            return ("heygend_polls_total", {"answer": answer})
        get, job = self.daemon.get, self.daemon.submit()["id"]
        self.grows(lambda: get("/status/" + job), (poll("pending"), 1),
                   (poll("early"), 0))
        self.grows(lambda: get("/v1/jobs/" + job), (poll("early"), 1),
                   (poll("pending"), 0))
        other = self.daemon.submit()
        tag = {"If-None-Match": 'W/"%d"' % self.daemon.get(
            "/v1/jobs?ids=" + other["id"]).json["jobs"][0]["version"]}
        self.grows(lambda: get("/v1/jobs/" + other["id"], headers=tag),
                   (poll("unchanged"), 1), (poll("pending"), 0))
        self.grows(lambda: get("/v1/jobs/%s?wait=1" % job), (poll("held"), 1),
                   (poll("early"), 0))
        # the hold ran out: Retry-After 0, so the next one is not early
        self.grows(lambda: get("/status/" + job), (poll("pending"), 1),
                   (poll("early"), 0))
        self.daemon.verb(job, "cancel")
        self.grows(lambda: get("/status/" + job), (poll("final"), 1))

    def test_those_who_are_held_are_shown_while_they_are(self):
        job = self.daemon.submit()["id"]

        def held(kind):
            return self.page()["heygend_held", {"kind": kind}]
        stream = self.daemon.stream("/v1/events")
        wait = self.daemon.raw(self.daemon.message(
            "GET", "/v1/jobs/%s?wait=60" % job))
        events = self.daemon.raw(self.daemon.message(
            "GET", "/v1/events?wait=60"))
        for kind in ("wait", "stream", "events"):
            until(lambda: held(kind) == 1, kind)
        self.daemon.verb(job, "cancel")
        for raw in (wait, events):
            self.assertEqual(raw.answer().status, 200)
            raw.close()
        stream.raw.close()
        # that a stream's reader left shows at the next write, a heartbeat
        for kind in ("wait", "stream", "events"):
            until(lambda: held(kind) == 0, kind, deadline=60)

    def test_a_worker_that_died_is_counted(self):
        before = self.page()
        self.assertEqual(before["heygend_workers"], 1)
        os.kill(self.daemon.children()[0], signal.SIGKILL)
        until(lambda: self.page()["heygend_worker_restarts_total"] ==
              before["heygend_worker_restarts_total"] + 1)
        until(lambda: self.page()["heygend_workers"] == 1)

    def test_commits_and_the_store_have_their_size(self):
        self.grows(self.daemon.submit, ("heygend_store_errors_total", 0))
        page = self.page()
        self.assertGreater(page["heygend_commit_seconds_count"], 0)
        for name, file in (("jobs.db", "db"), ("jobs.db-wal", "wal")):
            path = os.path.join(self.daemon.state_dir, name)
            until(lambda: self.page()["heygend_store_bytes", {
                "file": file}] == os.path.getsize(path))

    def test_the_process_is_this_one(self):
        page = self.page()
        fds = len(os.listdir("/proc/%d/fd" % self.daemon.process.pid))
        self.assertLess(abs(page["process_open_fds"] - fds), 10)
        self.assertGreater(page["process_resident_memory_bytes"], 1000000)
        self.assertGreater(page["process_start_time_seconds"], 1000000000)

    # --- what asks for them ---

    def names_in(self, text):
        return set(re.findall(r"\b(?:heygend|process)_[a-z_]+\b", text)) - \
            {"heygend_build"}

    def test_the_alerts_ask_for_metrics_that_exist(self):
        path = os.path.join(SRCDIR, "doc", "heygend.rules.yml")
        with open(path) as file:
            names = self.names_in(file.read())
        self.assertGreater(len(names), 5)
        self.daemon.get("/v1")
        self.assertEqual(names - self.page().families(), set())
        if not shutil.which("promtool"):
            self.skipTest("promtool is missing (Debian: prometheus)")
        done = subprocess.run(["promtool", "check", "rules", path],
                              capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_dashboard_asks_for_metrics_that_exist(self):
        path = os.path.join(SRCDIR, "doc", "grafana-heygend.json")
        with open(path) as file:
            dashboard = json.load(file)
        exprs = [target["expr"] for panel in dashboard["panels"]
                 for target in panel["targets"]]
        names = self.names_in("\n".join(exprs))
        self.daemon.get("/v1")
        page = self.page()
        self.assertEqual(names - page.families(), set())
        # and leaves nothing of ours out
        stems = {re.sub("_bucket$", "", name) for name in names}
        self.assertEqual({name for name in page.types
                          if name.startswith("heygend_")} - stems,
                         {"heygend_build_info"})


class BrokenDisk(unittest.TestCase):
    def test_commits_that_failed_are_counted(self):
        vfs = preload("test_vfs")
        daemon = Daemon(HOUR)
        self.addCleanup(daemon.remove)
        plan = os.path.join(daemon.dir, "plan")
        daemon.env.update(LD_PRELOAD=vfs, HEYGEND_TEST_VFS=plan)
        daemon.start()

        def errors():
            return Page(daemon.get("/metrics").body.decode())[
                "heygend_store_errors_total"]
        self.assertEqual(errors(), 0)
        write_whole(plan, "write 1 0 full")
        self.assertEqual(daemon.post("/v1/jobs", {}).status, 503)
        self.assertGreater(errors(), 0)
        os.unlink(plan)
        until(lambda: daemon.get("/readyz").status == 200)
        daemon.stop(clean_log=False)


if __name__ == "__main__":
    heygend.main(Counting, BrokenDisk)
