#!/usr/bin/env python3
"""heygenctl's verbs and output forms against the real daemon."""
import json
import os
import subprocess
import tempfile
import threading
import unicodedata

from ctl import (CHANGING, Scripted, Terminal, ctl, environment,
                 not_found)
from heygend import DEADLINE, VALGRIND, Case, main, program

TSV = ("id title state result priority progress stage attempt max_attempts "
       "remaining_ms estimated_completion_at submitted_at started_at "
       "finished_at error_code error_message source_url source_language "
       "output_language tags result_url").split()
UNKNOWN = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
ID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class Frozen(Case):
    """The clock stands still: a job is where the test has put it."""
    settings = {"test.clock": "manual", "status.default_job": "off",
                "jobs.workers": 1, "jobs.slots": 2,
                "simulation.error_rate": 0}

    def ctl(self, *args, code=0, **more):
        done = ctl(*args, server=self.daemon.url, **more)
        self.assertEqual(done.code, code, done)
        return done

    def given(self, state, **fields):
        """The id of a job in that state."""
        fields.setdefault("simulate", {"duration_ms": 1000})
        if state in ("queued", "paused"):
            fields["not_before"] = "2999-01-01T00:00:00Z"
        if state == "error":
            fields["simulate"]["error_rate"] = 1
        id = self.daemon.submit(**fields)["id"]
        if state in ("paused", "canceled"):
            self.daemon.verb(id, {"paused": "pause",
                                  "canceled": "cancel"}[state])
        if state in ("completed", "error"):
            self.daemon.advance(2000)
        self.assertEqual(self.daemon.state(id), state)
        return id

    def tearDown(self):
        """Each test leaves an empty server."""
        for job in self.daemon.get("/v1/jobs?limit=500").json["jobs"]:
            self.daemon.verb(job["id"], "cancel")
            self.daemon.delete("/v1/jobs/" + job["id"])
        self.daemon.post("/v1/queue:resume")


class Submit(Frozen):
    def test_submit_prints_the_id_and_nothing_else(self):
        done = self.ctl("submit", "https://example.com/a.mp4")
        self.assertRegex(done.out, "^%s\n$" % ID)
        self.assertEqual(done.err, "")
        job = self.daemon.job(done.out.strip())
        self.assertEqual(job["source_url"], "https://example.com/a.mp4")

    def test_every_option_of_submit_reaches_the_server(self):
        id = self.ctl(
            "submit", "https://example.com/a.mp4", "--title", "Café 日本",
            "--from", "en", "--to=es", "--priority", "high", "--on-error",
            "restart", "--max-attempts", "7", "--ttl", "2h", "--not-before",
            "2999-01-01T01:00:00+01:00", "--tag", "a", "--tag", "b.c",
            "--duration", "90s", "--error-rate", "0.25", "--fail-at", "0.5",
            "--fail-attempts", "2", "--seed", "42").out.strip()
        job = self.daemon.job(id)
        self.assertEqual(
            [job[key] for key in (
                "title", "source_language", "output_language", "priority",
                "on_error", "max_attempts", "ttl_s", "not_before", "tags")],
            ["Café 日本", "en", "es", 10, "restart", 7, 7200,
             "2999-01-01T00:00:00.000Z", ["a", "b.c"]])
        self.assertEqual(job["simulate"], {
            "duration_ms": 90000, "error_rate": 0.25, "fail_at": 0.5,
            "fail_attempts": 2, "seed": 42})

    def test_zero_rates_and_priorities_are_meant(self):
        job = self.ctl("submit", "--error-rate", "0", "--priority", "-100",
                       "--ttl", "keep", "-o", "json").json
        self.assertEqual(job["simulate"]["error_rate"], 0)
        self.assertEqual((job["priority"], job["ttl_s"]), (-100, -1))

    def test_fail_at_zero_fails_at_the_start(self):
        id = self.ctl("submit", "--fail-at", "0", "--duration",
                      "10s").out.strip()
        self.daemon.advance(100)
        job = self.daemon.job(id)
        self.assertEqual((job["state"], job["progress"]), ("error", 0))

    def test_not_before_takes_a_duration_from_now(self):
        job = self.ctl("submit", "--not-before", "2h", "-o", "json").json
        self.assertEqual(job["state"], "queued")
        self.assertIsNotNone(job["not_before"])

    def test_one_job_is_a_bare_object_and_several_are_a_list(self):
        one = self.ctl("submit", "-o", "json").json
        self.assertRegex(one["id"], ID)
        many = self.ctl("submit", "--count", "3", "-o", "json",
                        "--title", "x").json
        self.assertEqual([job["title"] for job in many["jobs"]], ["x"] * 3)
        self.assertEqual(len(self.ctl("submit", "--count", "3").lines), 3)
        lines = self.ctl("submit", "--count", "2", "-o", "jsonl").lines
        self.assertEqual([json.loads(line)["title"] for line in lines],
                         [None, None])

    def test_a_key_submits_once(self):
        first = self.ctl("submit", "--idempotency-key", "k1").out
        self.assertEqual(self.ctl("submit", "--idempotency-key", "k1").out,
                         first)
        several = self.ctl("submit", "--idempotency-key", "k2", "--count",
                           "3").out
        self.assertEqual(self.ctl("submit", "--idempotency-key", "k2",
                                  "--count", "3").out, several)
        done = self.ctl("submit", "--idempotency-key", "k1", "--title", "y",
                        code=1)
        self.assertIn("422 idempotency_mismatch", done.err)

    def test_jobs_come_from_a_json_file_and_options_win(self):
        jobs = [{"title": "one", "tags": ["a"], "priority": "low"},
                {"title": "two", "simulate": {"duration_ms": 5, "seed": 3},
                 "on_error": "restart", "max_attempts": 2, "ttl_s": -1,
                 "not_before": "2999-01-01T00:00:00Z",
                 "source_url": "http://x/y", "source_language": None}]
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"jobs": jobs}, file)
            file.flush()
            got = self.ctl("submit", "--json-file", file.name, "--to", "fr",
                           "-o", "json").json["jobs"]
        self.assertEqual([job["title"] for job in got], ["one", "two"])
        self.assertEqual([job["output_language"] for job in got], ["fr"] * 2)
        self.assertEqual((got[0]["tags"], got[0]["priority"]), (["a"], -10))
        self.assertEqual((got[1]["simulate"]["seed"], got[1]["ttl_s"],
                          got[1]["max_attempts"]), (3, -1, 2))
        one = self.ctl("submit", "--json-file", "-", "--title", "over",
                       "-o", "json", input='{"title": "under"}').json
        self.assertEqual(one["title"], "over")
        many = self.ctl("submit", "--json-file", "-", "--count", "2",
                        input='[{"title": "a"}, {"title": "b"}]')
        self.assertEqual(len(many.lines), 4)

    def test_what_is_wrong_in_a_json_file_is_said_with_its_place(self):
        for text, where in (('{"title": 1,}', "-:1:13: this character"),
                            ('{\n"ttl_s": 1%s}' % ("0" * 63),
                             "-:2:10: this number has more than 63")):
            done = self.ctl("submit", "--json-file", "-", input=text, code=2)
            self.assertIn("--json-file " + where, done.err)

    def test_a_thousand_and_more_are_submitted_in_batches(self):
        done = self.ctl("submit", "--count", "1200", "--not-before", "1h",
                        timeout=60)
        self.assertEqual(len(set(done.lines)), 1200)
        self.ctl("cancel", "--all", "--yes", "-q", timeout=120)
        self.ctl("remove", "--all", "--yes", "-q", timeout=120)

    def test_what_the_server_rejects_is_said_with_its_field(self):
        done = self.ctl("submit", "--tag", "a b", code=1)
        self.assertEqual(done.out, "")
        self.assertRegex(done.err, r"^heygenctl: cannot submit: .*tags\[0\]"
                                   r".*\(422 invalid_field, request \S+\)\n$")


class Look(Frozen):
    def test_status_is_one_word_and_exits_0_whatever_it_is(self):
        for state, word in (("queued", "pending"), ("running", "pending"),
                            ("paused", "pending"), ("completed", "completed"),
                            ("error", "error"), ("canceled", "error")):
            done = self.ctl("status", self.given(state))
            self.assertEqual((done.out, done.err), (word + "\n", ""))

    def test_status_has_all_forms(self):
        id = self.given("completed")
        self.assertEqual(self.ctl("status", id, "-o", "json").json["result"],
                         "completed")
        self.assertEqual(self.ctl("status", id, "-o", "id").out, id + "\n")
        self.assertEqual(len(self.ctl("status", id, "-o", "jsonl").lines), 1)
        self.assertEqual(self.ctl("status", id, "-o", "tsv").lines[0],
                         "\t".join(TSV))

    def test_an_unknown_id_exits_7_and_a_removed_one_too(self):
        gone = self.given("completed")
        self.daemon.delete("/v1/jobs/" + gone)
        for id in (UNKNOWN, "nonsense", "%2e%2e", gone):
            for verb in ("status", "show", "events", "cancel"):
                done = self.ctl(verb, id, code=7)
                self.assertEqual(done.out, "")
                self.assertTrue(done.err.startswith("heygenctl: cannot "))
                self.assertIn(id, done.err)

    def test_show_tells_all_there_is(self):
        id = self.given("error", title="Launch", source_language="en",
                        output_language="es", tags=["demo", "x"])
        out = self.ctl("show", id).out
        for what in (id, "Launch", "error", "en → es", "demo,x", "attempt"):
            self.assertIn(what, out)
        job = self.daemon.job(id)
        self.assertIn(job["error"]["code"], out)
        self.assertIn(job["error"]["message"], out)

    def test_show_of_one_is_bare_and_of_several_a_list(self):
        a, b = self.given("completed"), self.given("canceled")
        self.assertEqual(self.ctl("show", a, "-o", "json").json,
                         self.daemon.job(a))
        both = self.ctl("show", a, b, "-o", "json").json["jobs"]
        self.assertEqual([job["id"] for job in both], [a, b])
        some = self.ctl("show", a, UNKNOWN, "-o", "json", code=7)
        self.assertEqual([job["id"] for job in some.json["jobs"]], [a])
        self.assertIn(UNKNOWN, some.err)
        self.assertEqual(self.ctl("show", "-", "-o", "id", input="%s\n%s %s" %
                                  (b, a, b)).lines, [b, a])

    def test_json_keeps_the_keys_and_numbers_of_the_wire(self):
        id = self.ctl("submit", "--seed", "9007199254740991",
                      "--not-before", "1h").out.strip()
        done = self.ctl("show", id, "-o", "json")
        self.assertEqual(done.json, self.daemon.job(id))
        self.assertIn("9007199254740991", done.out)

    def test_tsv_has_a_head_and_fixed_columns(self):
        id = self.given("completed", title="a\tb\\c\n", tags=["x", "y"])
        done = self.ctl("list", "-o", "tsv")
        self.assertEqual(done.lines[0].split("\t"), TSV)
        row = dict(zip(TSV, done.lines[1].split("\t")))
        self.assertEqual(len(done.lines[1].split("\t")), len(TSV))
        self.assertEqual((row["id"], row["title"], row["state"], row["tags"],
                          row["progress"], row["error_code"]),
                         (id, "a\\tb\\\\c\\n", "completed", "x,y", "1", ""))
        empty = self.ctl("list", "--state", "error", "-o", "tsv")
        self.assertEqual(empty.lines, ["\t".join(TSV)])

    def test_events_are_the_history_in_every_form(self):
        id = self.given("error")
        events = self.daemon.get("/v1/jobs/%s/events" % id).json["events"]
        self.assertEqual(self.ctl("events", id, "-o", "json").json,
                         {"events": events})
        lines = self.ctl("events", id, "-o", "jsonl").lines
        self.assertEqual([json.loads(line) for line in lines], events)
        self.assertEqual(self.ctl("events", id, "-o", "id").lines,
                         [str(event["seq"]) for event in events])
        tsv = self.ctl("events", id, "-o", "tsv").lines
        self.assertEqual(tsv[0].split("\t"), "seq at kind from to attempt "
                         "progress detail".split())
        self.assertEqual(len(tsv), 1 + len(events))
        table = self.ctl("events", id).lines
        self.assertEqual(len(table), 1 + len(events))
        self.assertIn("submitted", table[1])

    def test_ping_tells_how_fast_the_server_answers(self):
        self.assertRegex(self.ctl("ping").out, r"^http://\S+ answers in "
                                               r"\d+\.\d ms\n$")
        self.assertEqual(self.ctl("ping", "-o", "json").json["api"], "v1")
        self.assertEqual(len(self.ctl("ping", "-o", "tsv").lines), 2)

    def test_the_queue_is_shown_paused_and_resumed(self):
        self.assertRegex(self.ctl("queue").lines[0], r"^queue +running$")
        self.assertRegex(self.ctl("queue", "pause").lines[0],
                         r"^queue +paused$")
        self.assertIs(self.ctl("queue", "-o", "json").json["paused"], True)
        self.assertEqual(self.ctl("queue", "-o", "tsv").lines[1].split(
            "\t")[:2], ["true", "2"])
        done = self.ctl("queue", "resume", "-o", "jsonl")
        self.assertIs(json.loads(done.out)["paused"], False)


class List(Frozen):
    def test_list_filters_by_state_and_tags(self):
        a = self.given("queued", tags=["x"])
        b = self.given("paused", tags=["x", "y"])
        c = self.given("canceled", tags=["y"])

        def ids(*args):
            return set(self.ctl("list", "-o", "id", *args).lines)
        self.assertEqual(ids(), {a, b, c})
        self.assertEqual(ids("--state", "queued,paused"), {a, b})
        self.assertEqual(ids("--state", "queued", "--state", "canceled"),
                         {a, c})
        self.assertEqual(ids("--tag", "x"), {a, b})
        self.assertEqual(ids("--tag", "x", "--tag", "y"), {b})
        self.assertEqual(ids("--tag", "x", "--state", "canceled"), set())

    def test_list_is_always_a_document_with_jobs(self):
        self.assertEqual(self.ctl("list", "-o", "json").json, {"jobs": []})
        id = self.given("queued")
        self.assertEqual(self.ctl("list", "-o", "json").json,
                         {"jobs": [self.daemon.job(id)]})
        self.assertEqual(self.ctl("list", "--state", "error").out, "")

    def test_list_shows_fifty_or_the_limit_or_all(self):
        jobs = [{"not_before": "2999-01-01T00:00:00Z", "title": str(i)}
                for i in range(620)]
        answer = self.daemon.post("/v1/jobs:batch", {"jobs": jobs})
        newest = [job["id"] for job in answer.json["jobs"]][::-1]
        self.assertEqual(self.ctl("list", "-o", "id").lines, newest[:50])
        self.assertEqual(self.ctl("list", "-o", "id", "--limit", "510").lines,
                         newest[:510])
        self.assertEqual(self.ctl("list", "-o", "id", "--all").lines, newest)
        self.assertEqual(self.ctl("list", "-o", "json", "--all").json["jobs"]
                         [619]["title"], "0")
        for verb in ("cancel", "remove"):
            self.daemon.post("/v1/jobs:" + {"cancel": "cancel",
                                            "remove": "delete"}[verb],
                             {"ids": newest})

    def test_list_sorts_both_ways(self):
        b = self.given("queued", title="b", priority=5)
        a = self.given("paused", title="a", priority=-5)
        c = self.given("canceled", title="c", priority=0)

        def ids(key):
            return self.ctl("list", "-o", "id", "--sort", key).lines
        self.assertEqual(ids("title"), [a, b, c])
        self.assertEqual(ids("-title"), [c, b, a])
        self.assertEqual(ids("priority"), [a, c, b])
        self.assertEqual(ids("-submitted"), [c, a, b])
        self.assertEqual(ids("state"), [b, a, c])
        self.assertEqual(sorted(ids("progress")), sorted([a, b, c]))
        self.assertEqual(sorted(ids("remaining")), sorted([a, b, c]))
        self.assertEqual(ids("-finished")[0], c)

    def test_columns_stand_below_their_heads_however_wide_the_letters(self):
        self.given("queued", title="日本語のタイトル")
        self.given("paused", title="e\u0301a\u0300 combining")
        self.given("canceled", title="plain")
        lines = self.ctl("list").lines

        def column(line, text):
            width = 0
            for char in line[:line.index(text)]:
                width += 0 if unicodedata.combining(char) else \
                    2 if unicodedata.east_asian_width(char) in "WF" else 1
            return width
        self.assertEqual({column(lines[0], "TITLE")}, {
            column(line, title) for line, title in
            zip(lines[1:], ("plain", "e\u0301", "日本"))})
        lines = self.ctl("events", self.given("completed")).lines
        self.assertEqual(lines[0].index("KIND"),
                         lines[1].index("submitted"))

    def test_control_characters_of_the_server_are_escaped(self):
        title = "\x1b[2J\x07\x9bA\u202eB\x7f\r\n"
        id = self.given("queued", title=title)
        for form in ("table", "json", "jsonl", "tsv"):
            out = self.ctl("list", "-o", form).out
            for char in title:
                if char not in "[2JAB\n":
                    self.assertNotIn(char, out, form)
        self.assertEqual(self.ctl("show", id, "-o", "json").json["title"],
                         title)
        self.assertIn("\\u001b[2J\\u0007\\u009bA\\u202eB\\u007f\\r\\n",
                      self.ctl("show", id).out)

    def test_a_terminal_gets_colors_and_fitting_lines(self):
        self.given("canceled", title="x" * 200)
        with Terminal("list", server=self.daemon.url, tty_out=True,
                      columns=60) as terminal:
            self.assertEqual(terminal.end(), 0)
            lines = terminal.screen.text()
            self.assertIn("2", terminal.screen.colors)
        self.assertTrue(lines[1].endswith("…"))
        self.assertTrue(all(len(line) <= 60 for line in lines))
        for variables, args, colored in (
                ({"NO_COLOR": "1"}, (), False), ({"TERM": "dumb"}, (), False),
                ({}, ("--color", "never"), False), ({}, (), True),
                ({"NO_COLOR": "1"}, ("--color", "always"), True)):
            with Terminal("list", *args, server=self.daemon.url, tty_out=True,
                          env=variables) as terminal:
                terminal.end()
                self.assertEqual(b"\033[" in terminal.raw, colored)
        self.assertNotIn("\033", self.ctl("list").out)
        self.assertIn("\033", self.ctl("list", "--color", "always").out)


class Change(Frozen):
    NEW = {"pause": ("running", "paused"), "resume": ("paused", "queued"),
           "cancel": ("running", "canceled"), "restart": ("error", "running"),
           "remove": ("completed", None), "priority": ("queued", "queued")}

    def command(self, verb, *args):
        return [verb] + (["urgent"] if verb == "priority" else []) + \
            list(args)

    def test_each_verb_does_its_work_and_shows_the_job(self):
        for verb, (before, after) in self.NEW.items():
            id = self.given(before)
            done = self.ctl(*self.command(verb, id, "-o", "json"))
            self.assertEqual(done.err, "")
            if verb == "remove":
                self.assertEqual(done.json, {"id": id, "state": "gone"})
                self.assertEqual(self.daemon.get("/v1/jobs/" + id).status,
                                 410)
                continue
            if verb in ("resume",):
                self.assertIn(done.json["state"], ("queued", "running"))
            elif verb == "restart":
                self.assertIn(done.json["state"], ("queued", "running"))
            else:
                self.assertEqual(done.json["state"], after)
            if verb == "priority":
                self.assertEqual(done.json["priority"], 20)
            self.tearDown()

    def test_priority_takes_numbers_below_zero(self):
        id = self.given("queued")
        self.ctl("priority", "-10", id)
        self.assertEqual(self.daemon.job(id)["priority_name"], "low")
        self.ctl("priority", "--", "-100", id)
        self.assertEqual(self.daemon.job(id)["priority"], -100)

    def test_a_refusal_says_what_stands_in_the_way_and_exits_8(self):
        for verb, state in (("pause", "completed"), ("resume", "error"),
                            ("cancel", "completed"), ("restart", "running"),
                            ("remove", "queued"), ("priority", "running")):
            id = self.given(state)
            done = self.ctl(*self.command(verb, id), code=8)
            self.assertEqual(done.out, "")
            what = "set the priority of" if verb == "priority" else verb
            self.assertRegex(done.err, r"^heygenctl: cannot %s %s: it is %s "
                             r"\(409 invalid_state, request \S+\)\n$" %
                             (what, id, "in error" if state == "error"
                              else state))
            self.tearDown()

    def test_all_ids_are_tried_and_the_worst_counts(self):
        good, bad = self.given("queued"), self.given("completed")
        done = self.ctl("pause", bad, UNKNOWN, good, "-o", "json", code=7)
        self.assertEqual([job["id"] for job in done.json["jobs"]], [good])
        self.assertEqual(done.err.count("\n"), 2)
        self.assertEqual(self.ctl("pause", bad, good, code=8).code, 8)

    def test_ids_come_from_standard_input(self):
        a, b = self.given("queued"), self.given("queued")
        listed = self.ctl("list", "-o", "id", "--state", "queued").out
        done = self.ctl("cancel", "-", "-o", "id", input=listed)
        self.assertEqual(set(done.lines), {a, b})
        empty = self.ctl("cancel", "-", input="")
        self.assertEqual((empty.out, empty.code), ("", 0))

    def test_many_are_chosen_by_state_and_tag_with_yes(self):
        a = self.given("queued", tags=["x"])
        b = self.given("paused", tags=["x"])
        c = self.given("queued")
        done = self.ctl("cancel", "--tag", "x", "--state", "queued", "--yes",
                        "-o", "id")
        self.assertEqual(done.lines, [a])
        done = self.ctl("cancel", "--all", "-y", "-o", "id")
        self.assertEqual(set(done.lines), {b, c})
        done = self.ctl("cancel", "--all", "-y")
        self.assertEqual((done.out, "no such job" in done.err), ("", True))
        self.assertEqual(self.ctl("cancel", "--all", "-yq").err, "")

    def test_all_are_those_that_the_verb_can_act_on(self):
        states = ("queued", "paused", "completed", "error", "canceled")
        ids = {state: self.given(state) for state in states}
        for verb, wanted in (
                ("pause", {"queued"}), ("resume", {"paused"}),
                ("cancel", {"queued", "paused"}),
                ("restart", {"completed", "error", "canceled"}),
                ("remove", {"completed", "error", "canceled"}),
                ("priority", {"queued", "paused"})):
            done = self.ctl(*self.command(verb, "--all", "--dry-run", "-o",
                                          "id"))
            self.assertEqual(set(done.lines), {ids[one] for one in wanted})

    def test_a_dry_run_shows_the_jobs_and_leaves_them_alone(self):
        id = self.given("queued", title="Launch")
        before = self.daemon.job(id)
        for args in (["--all"], [id], ["--tag", "none"]):
            for verb in CHANGING:
                self.ctl(*self.command(verb, "--dry-run", *args))
        self.assertEqual(self.daemon.job(id)["version"], before["version"])
        self.assertIn("Launch", self.ctl("cancel", "-n", id).out)
        self.ctl("cancel", "-n", UNKNOWN, code=7)

    def test_a_terminal_is_asked_before_many(self):
        id = self.given("queued")
        with Terminal("cancel", "--all", server=self.daemon.url) as terminal:
            terminal.shows(r"Cancel 1 job\? \[y/N\]")
            terminal.type("n\n")
            self.assertEqual(terminal.end(), 2)
            self.assertIn("nothing was done", terminal.screen.text()[-1])
        self.assertEqual(self.daemon.state(id), "queued")
        with Terminal("cancel", "--all", server=self.daemon.url) as terminal:
            terminal.shows(r"Cancel 1 job\?")
            terminal.type("y\n")
            self.assertEqual(terminal.end(), 0)
            self.assertIn(id, terminal.out)
        self.assertEqual(self.daemon.state(id), "canceled")


class Default(Case):
    settings = {"test.clock": "manual", "simulation.error_rate": 0}

    def test_the_job_of_the_status_is_not_among_all_to_be_removed(self):
        url = self.daemon.url
        self.daemon.until_state("default", "running")
        id = self.daemon.submit(simulate={"duration_ms": 1000})["id"]
        for job in ("default", id):
            self.daemon.verb(job, "cancel")
        done = ctl("remove", "--all", "--dry-run", "-o", "id", server=url)
        self.assertEqual((done.code, done.out), (0, id + "\n"), done)
        done = ctl("remove", "--all", "--yes", "-o", "id", server=url)
        self.assertEqual((done.code, done.out, done.err), (0, id + "\n", ""))
        done = ctl("remove", "--state", "canceled", "--yes", server=url)
        self.assertEqual((done.code, done.out), (0, ""), done)
        done = ctl("remove", "default", server=url)
        self.assertEqual(done.code, 8, done)
        self.assertIn("protected", done.err)


class Servers(Case):
    settings = {"status.default_job": "off"}

    def test_the_server_is_the_flag_else_the_environment(self):
        url = self.daemon.url
        dead = "http://127.0.0.1:1"
        self.assertEqual(ctl("ping", env={"HEYGENCTL_SERVER": url}).code, 0)
        self.assertEqual(ctl("ping", "-s", url, env={"HEYGENCTL_SERVER":
                                                     dead}).code, 0)
        done = ctl("ping", "--server=" + dead, "--request-timeout", "1s",
                   env={"HEYGENCTL_SERVER": url})
        self.assertEqual((done.code, done.out), (1, ""))
        self.assertIn("cannot reach http://127.0.0.1:1: ", done.err)

    def test_verbose_says_requests_and_never_a_key(self):
        done = ctl("list", "-vv", server=self.daemon.url,
                   env={"HEYGENCTL_API_KEY": "a-very-secret-key-0123"})
        self.assertIn("/v1/jobs?limit=50", done.err)
        self.assertNotIn("secret", done.err)

    def test_a_plain_server_has_a_status_and_a_ping(self):
        def answer(method, path, headers):
            if path.startswith("/status"):
                return 200, {}, {"result": "completed"}
            return not_found()
        with Scripted(answer) as server:
            self.assertEqual(ctl("status", server=server.url).out,
                             "completed\n")
            self.assertEqual(ctl("status", "job7", server=server.url).out,
                             "completed\n")
            self.assertIn(("GET", "/status?job_id=job7"), server.asked)
            done = ctl("ping", server=server.url)
            self.assertRegex(done.out, r"only GET /status")
            done = ctl("list", server=server.url)
            self.assertEqual((done.code, done.out), (1, ""))
            done = ctl("wait", "job7", "-o", "json", server=server.url)
            self.assertEqual((done.code, done.json["result"]),
                             (0, "completed"))

    def test_a_ping_is_no_success_where_there_is_nothing(self):
        done = ctl("ping", server=self.daemon.url + "/nothing/here")
        self.assertEqual((done.code, done.out), (1, ""), done)
        self.assertIn("neither /v1 nor GET /status", done.err)
        with Scripted(not_found) as server:
            done = ctl("ping", server=server.url)
            self.assertEqual((done.code, done.out), (1, ""), done)
        for code in ("no_default_job", "job_not_found"):
            def answer(method, path, headers):
                if not path.startswith("/status"):
                    return not_found()
                return 404, {"Content-Type": "application/problem+json"}, {
                    "type": "about:blank", "title": "Not Found",
                    "status": 404, "code": code}
            with Scripted(answer) as server:
                done = ctl("ping", server=server.url)
                self.assertEqual(done.code, 0, done)
                self.assertIn("only GET /status", done.out)

    def test_a_word_that_is_new_is_printed_as_it_is(self):
        def answer(method, path, headers):
            if path.startswith("/status"):
                return 200, {}, {"result": "dream\x1bing"}
            return not_found()
        with Scripted(answer) as server:
            self.assertEqual(ctl("status", server=server.url).out,
                             "dream\\u001bing\n")

    def test_what_a_server_says_of_a_failure_is_escaped(self):
        def answer(method, path, headers):
            return 400, {"Content-Type": "application/problem+json"}, {
                "type": "about:blank", "title": "Bad", "status": 400,
                "detail": "no \x1b[31mway", "code": "odd\x07"}
        with Scripted(answer) as server:
            done = ctl("list", server=server.url)
            self.assertEqual(done.code, 1)
            self.assertNotIn("\x1b", done.err)
            self.assertNotIn("\x07", done.err)

    def test_a_hung_server_is_left_after_the_request_timeout(self):
        left = threading.Event()

        def answer(method, path, headers):
            left.wait(2 * DEADLINE)
            return 200, {}, {"jobs": []}
        with Scripted(answer) as server:
            done = ctl("list", "--request-timeout", "500ms",
                       server=server.url)
            left.set()
        self.assertEqual(done.code, 1)

    def test_an_output_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [program("heygenctl"), "-s", self.daemon.url, "queue"],
                stdout=full, stderr=subprocess.PIPE, text=True,
                env=environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write: No space left", done.stderr)

    def test_why_an_output_cannot_be_written_is_said_whatever_the_verb(self):
        id = self.daemon.submit(title="x" * 200)["id"]
        for args in (["list"], ["list", "-o", "tsv"], ["show"] + [id] * 2,
                     ["list", "-o", "json"], ["events", id], ["help"],
                     ["completion", "zsh"], ["wait", "--timeout", "0s", id]):
            for redirect, why in ((">/dev/full", "No space left"),
                                  (">&-", "Bad file descriptor")):
                if VALGRIND and redirect == ">&-":
                    continue	# its log takes that descriptor
                done = subprocess.run(
                    ["sh", "-c", 'exec "$0" "$@" ' + redirect,
                     program("heygenctl"), "-s", self.daemon.url, *args],
                    stderr=subprocess.PIPE, text=True, env=environment())
                self.assertEqual(done.returncode, 1, done)
                self.assertIn("cannot write: " + why, done.stderr, done)


class Keys(Case):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.NamedTemporaryFile("w", delete=False)
        cls.keys.write("# ours\n\n  0123456789abcdef0123  \nother\n")
        cls.keys.close()
        server = tempfile.NamedTemporaryFile("w", delete=False)
        server.write("0123456789abcdef0123\n")
        server.close()
        cls.server_keys = server.name
        cls.settings = {"http.api_key_file": server.name}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        os.unlink(cls.keys.name)
        os.unlink(cls.server_keys)

    def test_without_the_right_key_it_exits_3(self):
        for env in ({}, {"HEYGENCTL_API_KEY": "0123456789abcdefWRONG"}):
            for args in (["list"], ["submit"], ["status", UNKNOWN],
                         ["wait", UNKNOWN], ["ping"], ["cancel", UNKNOWN]):
                done = ctl(*args, server=self.daemon.url, env=env)
                self.assertEqual(done.code, 3, done)
                self.assertNotIn("WRONG", done.err)

    def test_the_key_is_that_of_the_file_else_of_the_environment(self):
        env = {"HEYGENCTL_API_KEY": "0123456789abcdef0123"}
        self.assertEqual(ctl("ping", server=self.daemon.url, env=env).code, 0)
        env = {"HEYGENCTL_API_KEY": "wrong-wrong-wrong-wrong"}
        self.assertEqual(ctl("ping", "--api-key-file", self.keys.name,
                             server=self.daemon.url, env=env).code, 0)

    def test_one_refusal_of_many_jobs_is_said_once(self):
        done = ctl("wait", "a", "b", "c", server=self.daemon.url)
        self.assertEqual((done.code, done.err.count("\n")), (3, 1), done)


if __name__ == "__main__":
    main()
