"""The server is held against its own description, /openapi.json.

Every operation is asked with good and bad values made from the document, and
for every problem in it that can be provoked; each answer must be one that the
document promises.  What was seen is kept in SEEN, and compared at the end.
"""
import os
import re
import sys
import unittest

import heygend
from heygend import (
    BUILDDIR, SRCDIR, Daemon, preload, until, write_whole)
from openapi import Document, candidates

HOUR = {"simulation.min_ms": 3600000, "simulation.max_ms": 3600000}
NOBODY = "0193aaaa-0000-7000-8000-00000000000a"
KEY = "k" * 20
STREAM = {"Accept": "text/event-stream"}
SEEN = {}		# operation: {(status, code)}
EVENTS = {}		# operation: {name of an event}
# what no client can make happen, or not in short
OUT_OF_REACH = {"internal"}
ONLY_IF_OLD = ("getEvents", "store_unavailable")	# 65536 events ago


class Case(unittest.TestCase):
    """One daemon for all; ask() holds each answer against the document."""
    settings = {}
    maxDiff = None

    @classmethod
    def prepare(cls):
        """Before the daemon starts."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(dict(HOUR, **cls.settings))
        try:
            cls.prepare()
            cls.daemon.start()
            cls.key = {"X-Api-Key": KEY} if \
                "http.api_key_file" in cls.daemon.settings else {}
            answer = cls.daemon.get("/openapi.json", headers=cls.key)
            cls.document = Document(answer.body)
        except BaseException:
            cls.daemon.remove()
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.daemon.stop(clean_log=False)
        finally:
            cls.daemon.remove()

    def hold(self, op, answer, what=""):
        found = self.document.complaints(op, answer)
        self.assertEqual(found, [], "%s %s: %r" % (op.id, what, answer))
        SEEN.setdefault(op.id, set()).add((answer.status, answer.code))
        return answer

    def path(self, op, id=None):
        """The address of an operation that would go well if id does."""
        return op.path.replace("{id}", id or "default").replace(
            "{asset}", "app.js")

    def ask(self, op, query="", body=None, headers=None, id=None):
        """One request; a body that is needed is an empty object."""
        if body is None and self.document.body_schema(op):
            body = {}
        path = self.path(op, id) + ("?" + query if query else "")
        answer = self.daemon.request(op.method, path, body,
                                     dict(self.key, **(headers or {})))
        return self.hold(op, answer, "%s %.300r %r" % (path, body, headers))

    def expect(self, op, status, code, **request):
        answer = self.ask(op, **request)
        self.assertEqual((answer.status, answer.code), (status, code),
                         "%s %r: %r" % (op.id, request, answer))
        return answer

    def smallest(self, op):
        """A body that is accepted; None: it takes none."""
        schema = self.document.body_schema(op)
        values = {"jobs": [{}], "ids": [], "ms": 0}
        return schema and {name: values[name] for name in
                           self.document.schemas.resolve(schema).get(
                               "required", ())}

    def all(self, code=None):
        """The operations, or those for which a problem is documented."""
        return [op for op in self.document.operations if code is None or
                any(code == c for _, c in self.document.documented(op))]

    def ops(self, *ids):
        return [self.document.by_id[id] for id in ids]


# --- a server on which everything works -------------------------------------------

class Whole(Case):
    settings = {"test.clock": "manual", "http.max_wait_s": 0,
                "jobs.slots": 100000, "jobs.workers": 1,
                "http.max_batch_bytes": 4194304}

    def setUp(self):
        """Jobs in every state; the queue is paused."""
        d = self.daemon
        d.post("/v1/queue:resume")
        if d.state("default") in ("completed", "error", "canceled"):
            d.verb("default", "restart")
        self.completed = self.ended("done", ttl_s=-1, tags=["done"],
                                    simulate={"duration_ms": 1000,
                                              "error_rate": 0})
        self.failed = self.ended("failed", ttl_s=-1, simulate={
            "duration_ms": 1000, "fail_at": 0.5})
        self.removed = self.ended("removed", ttl_s=1, simulate={
            "duration_ms": 1000, "error_rate": 0})
        until(lambda: d.advance(1000) and
              d.get("/v1/jobs/" + self.removed).status == 410)
        self.canceled = d.submit(title="canceled", ttl_s=-1)["id"]
        d.verb(self.canceled, "cancel")
        d.post("/v1/queue:pause")
        self.queued = d.submit(tags=["demo"])["id"]
        self.paused = d.submit(title="paused")["id"]
        d.verb(self.paused, "pause")
        self.assertEqual(d.state(self.completed), "completed")
        self.assertEqual(d.state(self.failed), "error")

    def ended(self, title, **fields):
        """The id of a job that overtook all others and has ended."""
        id = self.daemon.submit(title=title, priority=100, **fields)["id"]
        until(lambda: self.daemon.advance(1000) and self.daemon.get(
            "/v1/jobs/" + id).json["result"] != "pending")
        return id

    # --- what is there ---

    def test_every_route_of_the_table_is_documented_and_no_other(self):
        with open(os.path.join(SRCDIR, "daemon", "http_route.c")) as file:
            text = file.read()
        table = text[text.index("const struct route routes[]"):
                     text.index("size_t route_index")]
        found = set(re.findall(r'METHOD_([A-Z]+), "([^"]+)"', table))
        found |= set(re.findall(r'^\t(GET|POST)\("([^"]+)"', table, re.M))
        for word in re.findall(r'^\tJOB_VERB\("(\w+)"', table, re.M):
            found |= {("POST", "/v1/jobs/{id}:" + word),
                      ("POST", "/v1/jobs/{id}/" + word)}
        for word in re.findall(r'^\tBULK_VERB\("(\w+)"', table, re.M):
            found.add(("POST", "/v1/jobs:" + word))
        self.assertEqual(found, {(op.method, op.path) for op in self.all()})

    def test_allow_names_the_methods_that_are_documented(self):
        for path in self.document.root["paths"]:
            ops = [op for op in self.all() if op.path == path]
            methods = {op.method for op in ops} | {"OPTIONS"}
            if "GET" in methods:
                methods.add("HEAD")
            where = self.path(ops[0])
            answer = self.daemon.request("OPTIONS", where)
            self.assertEqual(answer.status, 204, path)
            self.assertEqual(set(answer.headers["allow"].split(", ")), methods)
            for method in {"GET", "POST", "PATCH", "DELETE", "PUT"} - methods:
                answer = self.daemon.request(method, where)
                self.assertEqual((answer.status, answer.code),
                                 (405, "method_not_allowed"), path)
                self.assertEqual(set(answer.headers["allow"].split(", ")),
                                 methods)

    def test_what_no_operation_answers_is_a_problem_all_the_same(self):
        for path in ("/nope", "/v1/", "/v2", "/v1/jobs/a:b:pause"):
            answer = self.daemon.get(path)
            self.assertEqual((answer.status, answer.code), (404, "no_route"))
            self.assertEqual(self.document.schemas.complaints(
                answer.json, {"$ref": "#/components/schemas/Problem"}), [])

    def test_the_document_has_the_version_of_the_program(self):
        self.assertEqual(self.document.root["info"]["version"],
                         self.daemon.get("/v1").json["version"])
        self.assertTrue(self.document.root["openapi"].startswith("3.1."))

    def test_head_has_the_head_of_every_get(self):
        for op in self.all():
            if op.method == "GET":
                got, head = (self.daemon.request(m, self.path(
                    op, self.completed)) for m in ("GET", "HEAD"))
                self.assertEqual(head.status, got.status, op.path)
                self.assertEqual(head.body, b"")
                self.assertEqual(set(head.headers), set(got.headers))

    # --- good answers ---

    def test_the_examples_of_the_document_work(self):
        for op in self.all():
            for kind, content in op.fields.get("requestBody", {}).get(
                    "content", {}).items():
                answer = self.ask(op, body=content["example"],
                                  headers={"Content-Type": kind},
                                  id=self.queued)
                self.assertLess(answer.status, 300, op.id)

    def test_every_verb_and_its_undoing(self):
        for suffix in ("", "ByPath"):
            id = self.daemon.submit()["id"]
            for verb in ("pause", "resume", "cancel", "restart"):
                op, = self.ops(verb + "Job" + suffix)
                self.expect(op, 200, None, id=id)
        self.daemon.verb(id, "cancel")
        self.expect(*self.ops("removeJob"), 204, None, id=id)
        for id in ("pauseQueue", "resumeQueue", "pauseQueue"):
            self.expect(*self.ops(id), 200, None)

    def test_bulk_verbs_tell_of_each_job(self):
        ids = [self.queued, self.completed, "nope", NOBODY, self.removed,
               self.canceled, "default"]
        seen = set()
        for verb in ("pause", "resume", "restart", "cancel", "delete"):
            mine = [self.daemon.submit()["id"]]
            if verb in ("restart", "delete"):
                self.daemon.verb(mine[0], "cancel")
            answer = self.expect(*self.ops(verb + "Jobs"), 200, None,
                                 body={"ids": mine + (
                                     ids if verb != "delete" else
                                     ["default", "nope", self.queued])})
            seen |= {(verb, result["status"])
                     for result in answer.json["results"]}
        for status in (200, 404, 409, 410):
            self.assertIn(("pause", status), seen)
        self.assertIn(("delete", 204), seen)

    def test_a_replay_is_answered_as_documented(self):
        for op in self.all("idempotency_mismatch"):
            headers = {"Idempotency-Key": "replay-" + op.id}
            body = self.smallest(op)
            id = self.daemon.submit()["id"]
            if op.id.startswith("restart"):
                self.daemon.verb(id, "cancel")
            for replayed in (None, "true"):
                answer = self.ask(op, body=body, headers=headers, id=id)
                self.assertLess(answer.status, 300, op.id)
                self.assertEqual(answer.headers.get("idempotency-replayed"),
                                 replayed, op.id)

    def test_a_tag_that_still_holds_is_answered_304(self):
        for op in self.all():
            if "304" in op.fields["responses"]:
                tag = self.ask(op, id=self.completed).headers["etag"]
                self.expect(op, 304, None, id=self.completed,
                            headers={"If-None-Match": tag})

    def test_a_compressed_answer_is_documented_too(self):
        for op in self.ops("getApi", "getDashboard", "getAsset"):
            answer = self.ask(op, headers={"Accept-Encoding": "gzip"})
            self.assertEqual(answer.headers["content-encoding"], "gzip")

    def test_lists_hold_jobs_in_every_state_and_those_that_are_not_there(
            self):
        op, = self.ops("listJobs")
        ids = [self.completed, self.failed, self.removed, self.canceled,
               self.queued, self.paused, "default", "nope", NOBODY]
        jobs = self.expect(op, 200, None,
                           query="ids=" + ",".join(ids)).json["jobs"]
        self.assertEqual([job["id"] for job in jobs], ids)
        token = self.expect(op, 200, None, query="limit=1").json[
            "next_page_token"]
        self.expect(op, 200, None, query="limit=2&page_token=" + token)
        history, = self.ops("getHistory")
        for id in ids[:2] + ids[3:7]:
            for name in ("getStatusOf", "getJob"):
                self.expect(*self.ops(name), 200, None, id=id)
            self.expect(*self.ops("getStatus"), 200, None,
                        query="job_id=" + id)
            events = self.expect(history, 200, None, id=id).json["events"]
            self.assertTrue(events)
        self.expect(*self.ops("getResult"), 200, None, id=self.completed)
        answer = self.expect(*self.ops("getEvents"), 200, None,
                             query="after=0")
        self.assertTrue(answer.json["events"])

    def test_prefer_and_wait_are_answered_as_documented(self):
        for op in self.ops("getStatus", "getStatusOf", "getJob", "getEvents"):
            for query, headers in (("wait=5", {}), ("", {"Prefer": "wait=5"}),
                                   ("wait=0&until=change", {})):
                answer = self.ask(op, query=query, headers=headers)
                self.assertEqual(answer.headers["preference-applied"],
                                 "wait=0")

    # --- streams ---

    def events(self, op, query="", headers=None, id=None, last=None):
        """Holds a stream's events against the document, to its end or to
        the event of a name."""
        path = self.path(op, id) + ("?" + query if query else "")
        with self.daemon.stream(path, headers) as stream:
            answer = heygend.Answer(stream.status,
                                    list(stream.headers.items()), b"")
            self.hold(op, answer)
            while True:
                event = stream.event()
                if event is None:
                    return
                found = self.document.event_complaints(op, event)
                self.assertEqual(found, [], "%s: %r" % (op.id, event))
                name = event.get("event", "message")
                EVENTS.setdefault(op.id, set()).add(name)
                if name == last:
                    return

    def test_streams_send_the_events_that_are_documented(self):
        job = self.daemon.submit()["id"]
        self.daemon.verb(job, "cancel")
        both = "ids=%s,%s" % (job, NOBODY)
        op, = self.ops("getEvents")
        self.events(op, both, last="end")
        self.events(op, "after=0", last="state")
        self.events(op, headers={"Last-Event-ID": "99999999"}, last="reset")
        self.daemon.post("/v1/queue:resume")
        self.daemon.until_state("default", "running", "paused", "completed",
                                "error", "canceled")
        self.daemon.submit(priority=100)
        until(lambda: self.daemon.get("/v1/queue").json["running"] > 0)
        self.events(op, "progress=1", last="progress")
        seq = self.daemon.get("/v1/jobs/%s/events" % job).json["events"][-1][
            "seq"]
        self.expect(op, 204, None, query="ids=%s&after=%d" % (job, seq),
                    headers=STREAM)
        for op in self.ops("getStatus", "getStatusOf"):
            self.events(op, "job_id=" + job, id=job)

    # --- values from the document ---

    def test_every_field_of_a_body_is_taken_and_refused_as_documented(self):
        for op in self.all():
            schema = self.document.schemas.resolve(
                self.document.body_schema(op) or {})
            target = self.daemon.submit()["id"]
            for name, part in schema.get("properties", {}).items():
                self.values_of_field(op, name, part, target)

    def values_of_field(self, op, name, part, target):
        schemas, good, bad = self.document.schemas, 0, 0
        for value in candidates(schemas, part):
            if name == "ms" and schemas.fits(value, part) and value > 10000:
                continue	# this test owns the clock, but not all of time
            answer = self.ask(op, body={name: value}, id=target)
            if schemas.fits(value, part):
                good += 1
                self.assertLess(answer.status, 300,
                                "%s %.200r: %r" % (name, value, answer))
                continue
            bad += 1
            self.assertEqual((answer.status, answer.code),
                             (422, "invalid_field"),
                             "%s %.200r: %r" % (name, value, answer))
            self.assertTrue(answer.json["errors"][0]["field"].startswith(
                name), answer)
        self.assertTrue(good and bad, "%s.%s" % (op.id, name))

    def test_every_parameter_is_taken_and_refused_as_documented(self):
        for op in self.all():
            for parameter in op.parameters:
                if parameter["in"] == "query":
                    self.values_of_parameter(op, parameter)

    TEXTS = ["0", "1", "2", "-1", "x", "1.5", "0x1", "a%20b", "queued",
             "running,paused", "Queued", "final", "change", "default",
             NOBODY, "9999999999999999999999", "x" * 65, "a,b",
             ",".join("x" * 100), ",".join("x" * 101), "%C3%BC",
             "1-0000000000000000"]

    def values_of_parameter(self, op, parameter):
        schemas = self.document.schemas
        schema = schemas.resolve(parameter["schema"])
        for text in self.TEXTS:
            value = text.replace("%20", " ").replace("%C3%BC", "\u00fc")
            if schema["type"] == "integer" and re.fullmatch(r"-?\d+", text):
                value = int(text)
            elif schema["type"] == "array":
                value = value.split(",") if not parameter["explode"] else \
                    [value]
            answer = self.ask(op, "%s=%s" % (parameter["name"], text))
            what = "%s %s=%s: %r" % (op.id, parameter["name"], text, answer)
            if not schemas.fits(value, schema):
                self.assertEqual((answer.status, answer.code),
                                 (400, "invalid_parameter"), what)
                self.assertIn(parameter["name"], answer.json["detail"])
            elif parameter["name"] != "page_token":	# not of our making
                self.assertNotEqual(answer.status, 400, what)

    def test_headers_are_taken_and_refused_as_documented(self):
        texts = ["x", "*", '"7"', 'W/"7"', '"x', "a b", "wait=0", "wait=x",
                 "handling=strict", "0", "-1", "x" * 255, "x" * 256,
                 '"%s"' % ("x" * 255), '"%s"' % ("x" * 256), '""',
                 "caf\u00e9", ",", ";=", "99999999999999999999"]
        for op in self.all():
            for parameter in op.parameters:
                if parameter["in"] != "header":
                    continue
                for text in texts:
                    answer = self.ask(op, id=self.queued,
                                      body=self.smallest(op),
                                      headers={parameter["name"]: text})
                    if parameter["name"] != "Idempotency-Key":
                        self.assertNotEqual(answer.status, 400)
                        continue
                    self.assertEqual(
                        answer.code == "invalid_idempotency_key",
                        not self.document.schemas.fits(text,
                                                       parameter["schema"]))

    def test_any_id_in_a_path_is_answered_as_documented(self):
        for op in self.all():
            if "{id}" in op.path and op.method == "GET":
                for id in ("x", "a%20b", "%2e%2e", "%C3%BC", NOBODY.upper(),
                           NOBODY + "0", "0" * 300):
                    self.expect(op, 404, "job_not_found", id=id)

    # --- problems ---

    def test_malformed_and_foreign_requests_are_refused_everywhere(self):
        many = {"X-%d" % i: "x" for i in range(70)}
        for op in self.all():
            for status, code, request in (
                    (400, "malformed_request", {"headers": {"Host": None}}),
                    (400, "invalid_parameter", {"query": "a=%zz"}),
                    (403, "foreign_origin", {"headers": {
                        "Origin": "http://evil.example"}}),
                    (413, "too_large", {"headers": {
                        "Content-Length": "99999999"}}),
                    (417, "expectation_failed", {"body": {}, "headers": {
                        "Expect": "x"}}),
                    (421, "misdirected_request", {"headers": {
                        "Host": "evil.example"}}),
                    (431, "headers_too_large", {"headers": many}),
                    (411, "length_required", {"headers": {
                        "Content-Length": None,
                        "Transfer-Encoding": "chunked"}})):
                self.expect(op, status, code, **request)

    def test_a_body_that_does_not_arrive_is_given_up_everywhere(self):
        raws = []
        for op in self.all():
            raw = self.daemon.raw(self.daemon.message(
                op.method, self.path(op), b"", {"Content-Length": "10"}))
            raws.append((op, raw))
        for op, raw in raws:
            raw.timeout(30)
            answer = raw.answer()
            raw.close()
            self.hold(op, answer)
            self.assertEqual(answer.status, 408, op.id)

    def test_bodies_are_refused_as_documented(self):
        for op in self.all():
            if not self.document.body_schema(op):
                continue
            self.expect(op, 415, "unsupported_media_type",
                        headers={"Content-Type": "text/plain"})
            for body in (b"{", b"", b'{"a":1,"a":1}', b"{} x", b"\xff",
                         b"[" * 40):
                self.expect(op, 400, "malformed_json", body=body)
            for body in (b"[]", b"null", b"7", b'"x"'):
                self.expect(op, 422, "invalid_field", body=body)
            self.expect(op, 422, "unknown_field",
                        body=dict(self.smallest(op), nope=1), headers={"Prefer": "handling=strict"})
        edit, = self.ops("editJob")
        shown = set(self.daemon.job(self.queued))
        for name in shown - set(self.document.schemas.resolve(
                self.document.body_schema(edit))["properties"]):
            self.expect(edit, 422, "immutable_field", body={name: 1})

    def test_keys_of_idempotency_are_refused_as_documented(self):
        for op in self.all("invalid_idempotency_key"):
            self.expect(op, 400, "invalid_idempotency_key",
                        body=self.smallest(op), headers={"Idempotency-Key": "a key"})
        for op in self.all("idempotency_mismatch"):
            headers = {"Idempotency-Key": "mismatch-" + op.id}
            id = self.daemon.submit()["id"]
            body = self.smallest(op)
            if op.id.startswith("restart"):
                self.daemon.verb(id, "cancel")
            self.ask(op, body=body, headers=headers, id=id)
            self.expect(op, 422, "idempotency_mismatch", id=id,
                        body=dict(body or {}, more=1), headers=headers)

    def test_jobs_that_are_not_there_are_told_from_those_that_were(self):
        for op in self.all("job_not_found"):
            query = "job_id=%s" if op.id == "getStatus" else ""
            for id, status, code in ((NOBODY, 404, "job_not_found"),
                                     ("nope", 404, "job_not_found"),
                                     (self.removed, 410, "job_gone")):
                self.expect(op, status, code, id=id,
                            query=query and query % id)
        for op in self.ops("submitJob", "submitJobs"):
            headers, body = {"Idempotency-Key": op.id}, self.smallest(op)
            answer = self.ask(op, body=body, headers=headers).json
            id = answer.get("jobs", [answer])[0]["id"]
            self.daemon.verb(id, "cancel")
            self.daemon.delete("/v1/jobs/" + id)
            self.expect(op, 410, "job_gone", body=body, headers=headers)

    def test_states_and_versions_are_refused_as_documented(self):
        for op in self.all("invalid_state"):
            final = op.id.startswith(("restart", "remove"))
            self.expect(op, 409, "invalid_state", body={"priority": 1}
                        if op.id == "editJob" else None,
                        id=self.queued if final else self.completed)
        for op in self.all("version_mismatch"):
            self.expect(op, 412, "version_mismatch", id=self.queued,
                        headers={"If-Match": 'W/"12345"'})
        self.daemon.verb("default", "cancel")
        self.expect(*self.ops("removeJob"), 409, "protected")
        self.expect(*self.ops("getResult"), 409, "not_completed",
                    id=self.failed)


# --- servers on which something does not ------------------------------------------

class Keyed(Case):
    @classmethod
    def prepare(cls):
        path = os.path.join(cls.daemon.dir, "keys")
        with open(path, "w") as file:
            file.write(KEY + "\n")
        os.chmod(path, 0o600)
        cls.daemon.settings["http.api_key_file"] = path

    def test_a_key_is_asked_for_where_the_document_says_so(self):
        for op in self.all():
            self.ask(op)
            answer = self.daemon.request(op.method, self.path(op))
            self.hold(op, answer)
            self.assertEqual(answer.status == 401,
                             not self.document.is_open(op), op.id)


class Small(Case):
    settings = {"status.default_job": "off", "jobs.max_jobs": 1}

    def test_what_is_off_or_full_says_so(self):
        self.expect(*self.ops("getStatus"), 404, "no_default_job")
        self.expect(*self.ops("advanceClock"), 404, "no_route",
                    body={"ms": 1})
        self.daemon.submit()
        self.expect(*self.ops("submitJob"), 429, "queue_full")
        self.expect(*self.ops("submitJobs"), 429, "queue_full",
                    body={"jobs": [{}]})
        missing = self.daemon.get("/nope.css")
        self.hold(*self.ops("getAsset"), missing)


class Faulty(Case):
    def test_injected_failures_come_where_the_document_says_so(self):
        self.daemon.reload({"faults.http_error_rate": 1})
        until(lambda: self.daemon.get("/v1").status == 503)
        for op in self.all():
            answer = self.ask(op)
            self.assertEqual(answer.code == "injected",
                             op in self.all("injected"), op.id)


class Crowded(Case):
    settings = {"http.max_batch_bytes": 67108864, "test.clock": "manual"}

    def test_too_many_bodies_make_every_operation_busy(self):
        health, = self.ops("getHealth")
        with self.daemon.raw(self.daemon.message(
                "POST", "/v1/jobs:batch", b"",
                {"Content-Length": "67108864"})):
            until(lambda: self.ask(health, body={}).status == 503)
            for op in self.all():
                self.expect(op, 503, "busy", body={})


class Leaving(Case):
    settings = {"test.clock": "manual"}

    def test_a_server_that_drains_says_so(self):
        held = self.daemon.raw(self.daemon.message(
            "POST", "/v1/jobs", b"",
            {"Content-Length": "2", "Expect": "100-continue"}))
        self.assertEqual(held.head()[0], 100)	# it is being served
        ready, = self.ops("getReadiness")
        self.daemon.process.terminate()
        until(lambda: self.ask(ready).code == "not_ready")
        for op in self.all("draining"):
            body = self.smallest(op)
            if body and "ids" in body:
                body = {"ids": ["default"]}
            self.expect(op, 503, "draining", body=body)
        held.send(b"{}")
        answer = held.answer()
        held.close()
        self.hold(*self.ops("submitJob"), answer)
        self.assertEqual(answer.status, 503)
        self.daemon.wait(0)


class Broken(Case):
    settings = {"status.default_job": "off"}

    @classmethod
    def setUpClass(cls):
        cls.vfs = preload("test_vfs")
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.plan_path = os.path.join(cls.daemon.dir, "plan")
        cls.daemon.env.update(LD_PRELOAD=cls.vfs,
                              HEYGEND_TEST_VFS=cls.plan_path)

    def plan(self, text):
        write_whole(self.plan_path, text)

    def ready(self):
        return self.ask(*self.ops("getReadiness")).status == 200

    def test_a_store_that_cannot_be_read_is_told_where_documented(self):
        job = self.daemon.submit()["id"]
        self.daemon.stop()
        self.daemon.start()		# nothing has been read yet
        self.plan("open 1 0 ioerr")
        for op in self.all("store_unavailable"):
            if op.method == "GET" and op.id != ONLY_IF_OLD[0]:
                self.expect(op, 503, "store_unavailable",
                            query="job_id=" + NOBODY if op.id == "getStatus"
                            else "", id=job if op.id == "getHistory"
                            else NOBODY)
        self.plan("")

    def test_a_store_that_cannot_be_written_is_told_where_documented(self):
        for op in self.all("store_unavailable"):
            if op.method == "GET":
                continue
            # a state in which the operation changes something
            job = self.daemon.submit()["id"]
            if op.id.startswith(("restart", "remove", "delete")):
                self.daemon.verb(job, "cancel")
            elif op.id.startswith("resume"):
                self.daemon.verb(job, "pause")
            if op.id.endswith("Queue"):
                self.daemon.post("/v1/queue:" + ("pause" if op.id.startswith(
                    "resume") else "resume"))
            body = self.smallest(op)
            if body and "ids" in body:
                body = {"ids": [job]}
            elif op.id == "editJob":
                body = {"title": "new"}
            self.plan("write 1 0 ioerr")
            self.expect(op, 503, "store_unavailable", id=job, body=body)
            until(lambda: not self.ready(), "that it says so")
            self.plan("")
            until(self.ready, "that it recovers")


class Coverage(unittest.TestCase):
    def test_every_answer_of_the_document_has_been_seen(self):
        if len(sys.argv) > 1:
            self.skipTest("not all of the tests run")
        with open(os.path.join(BUILDDIR, "doc", "openapi.json"), "rb") as f:
            document = Document(f.read())
        missing = ["%s: %d %s" % (op.id, status, code or "")
                   for op in document.operations
                   for status, code in sorted(document.documented(op) -
                                              SEEN.get(op.id, set()), key=str)
                   if code not in OUT_OF_REACH and
                   (op.id, code) != ONLY_IF_OLD]
        missing += ["%s: event %s" % (op.id, name)
                    for op in document.operations
                    for name in document.events(op) -
                    EVENTS.get(op.id, set())]
        self.assertEqual(missing, [])


if __name__ == "__main__":
    heygend.main(Whole, Keyed, Small, Faulty, Crowded, Leaving, Broken,
                 Coverage)
