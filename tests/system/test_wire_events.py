"""GET /v1/events in its two forms."""
import os
import socket
import struct
import time
import unittest

import heygend
from test_life import ms

NOBODY = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
LONG = {"duration_ms": 3600000}
LATER = "2099-01-01T00:00:00Z"	# takes no slot


class Events(heygend.Case):
    settings = {"test.clock": "manual", "simulation.error_rate": 0,
                "simulation.eta_error": 0, "status.default_job": "off",
                "jobs.workers": 1, "jobs.slots": 100}

    def now(self):
        return self.daemon.get("/v1/events").json["next"]

    def events(self, query):
        answer = self.daemon.get("/v1/events?" + query)
        self.assertEqual(answer.status, 200, repr(answer))
        return answer.json

    def short(self, events):
        return [(event["job"]["id"], event["kind"]) for event in events]

    def canceled(self, **fields):
        job = self.daemon.submit(simulate=LONG, **fields)
        self.daemon.verb(job["id"], "cancel")
        return job["id"]

    # --- JSON ---------------------------------------------------------------

    def test_without_a_position_it_starts_from_now(self):
        self.canceled()
        page = self.daemon.get("/v1/events").json
        self.assertEqual(sorted(page), ["events", "next"])
        self.assertEqual(page["events"], [])
        self.assertGreater(page["next"], 0)

    def test_a_cursor_sees_every_change_once(self):
        at = self.now()
        job = self.daemon.submit(simulate={"duration_ms": 1000})["id"]
        self.daemon.advance(1000)
        page = self.events("after=%d" % at)
        kinds = [event["kind"] for event in page["events"]]
        self.assertEqual((kinds[0], kinds[-1]), ("submitted", "completed"))
        seqs = [event["seq"] for event in page["events"]]
        self.assertEqual(seqs, list(range(at + 1, page["next"] + 1)))
        for event in page["events"]:
            self.assertEqual(sorted(event), ["at", "job", "kind", "seq"])
            self.assertEqual(event["job"]["id"], job)
            # the job as it is, not as it was
            self.assertEqual(event["job"]["state"], "completed")
        self.assertEqual(self.events("after=%d" % page["next"])["events"],
                         [])

    def test_events_can_be_filtered(self):
        at = self.now()
        a = self.canceled(tags=["ev", "x"])
        b = self.canceled(tags=["ev"])
        self.canceled()
        final = "final=1&after=%d" % at
        self.assertEqual(self.short(self.events(final + "&tag=ev")["events"]),
                         [(a, "canceled"), (b, "canceled")])
        self.assertEqual(self.short(self.events(final + "&tag=x")["events"]),
                         [(a, "canceled")])
        self.assertEqual(self.short(
            self.events("%s&ids=%s,%s" % (final, b, NOBODY))["events"]),
            [(b, "canceled")])
        self.assertEqual(self.short(
            self.events("%s&ids=%s&tag=x" % (final, b))["events"]), [])
        self.assertEqual(self.events("%s&ids=nobody" % final)["events"], [])

    def test_a_held_request_ends_with_the_first_event(self):
        job = self.daemon.submit(simulate=LONG)["id"]
        at = self.now()
        with self.daemon.raw(self.daemon.message(
                "GET", "/v1/events?after=%d&wait=15&ids=%s&final=1" %
                (at, job))) as raw:
            other = self.canceled()
            self.daemon.verb(job, "cancel")
            answer = raw.answer()
        self.assertEqual(answer.headers["preference-applied"], "wait=15")
        self.assertEqual(self.short(answer.json["events"]),
                         [(job, "canceled")])
        self.assertNotEqual(job, other)

    def test_a_held_request_may_end_empty(self):
        answer = self.daemon.get("/v1/events?wait=1")
        self.assertEqual(answer.json["events"], [])
        self.assertEqual(answer.headers["preference-applied"], "wait=1")
        answer = self.daemon.get("/v1/events", headers={"Prefer": "wait=1"})
        self.assertEqual(answer.headers["preference-applied"], "wait=1")

    def test_no_more_than_1000_events_come_at_once(self):
        at = self.now()
        self.assertEqual(self.daemon.post("/v1/jobs:batch", {
            "jobs": [{"not_before": LATER}] * 1000}).status, 202)
        self.daemon.submit()
        page = self.events("after=%d" % at)
        self.assertEqual(len(page["events"]), 1000)
        self.assertEqual(page["next"], page["events"][-1]["seq"])
        rest = self.events("after=%d" % page["next"])
        self.assertGreater(len(rest["events"]), 0)

    def test_a_position_ahead_of_the_history_is_reset(self):
        page = self.events("after=999999999")
        self.assertEqual((page["events"], page["reset"]), ([], True))
        self.assertEqual(page["next"], self.now())

    def test_bad_parameters_are_told(self):
        for query in ("after=x", "after=-1", "after=1.5", "wait=x",
                      "wait=-1", "final=2", "progress=yes", "tag=a%20b",
                      "last_event_id=x",
                      "ids=" + ",".join([NOBODY] * 101)):
            self.problem(self.daemon.get("/v1/events?" + query), 400,
                         "invalid_parameter")

    def test_a_removed_job_is_shown_as_gone(self):
        at = self.now()
        job = self.canceled()
        self.assertEqual(self.daemon.delete("/v1/jobs/" + job).status, 204)
        events = self.events("after=%d&ids=%s" % (at, job))["events"]
        self.assertEqual(events[-1]["kind"], "removed")
        self.assertEqual((events[-1]["job"]["id"],
                          events[-1]["job"]["state"]), (job, "gone"))

    # --- SSE ----------------------------------------------------------------

    def test_a_stream_tells_of_changes_as_they_happen(self):
        with self.daemon.stream("/v1/events") as stream:
            self.assertEqual(stream.status, 200)
            self.assertEqual(stream.headers["content-type"],
                             "text/event-stream")
            self.assertEqual(stream.headers["x-accel-buffering"], "no")
            self.assertEqual(stream.block(), {"retry": "2000"})
            job = self.daemon.submit(simulate={"duration_ms": 10})["id"]
            self.daemon.advance(10)
            events = stream.until(lambda e: e["data"]["kind"] == "completed")
        for event in events:
            self.assertEqual(event["event"], "state")
            self.assertEqual(int(event["id"]), event["data"]["seq"])
            self.assertEqual(sorted(event["data"]),
                             ["at", "job", "kind", "seq"])
            self.assertEqual(event["data"]["job"]["id"], job)

    def test_a_stream_of_ids_begins_with_each_job_as_it_is(self):
        a = self.daemon.submit(simulate=LONG)["id"]
        b = self.canceled()
        self.daemon.delete("/v1/jobs/" + b)
        with self.daemon.stream("/v1/events?ids=%s,%s,%s,x" %
                                (a, b, NOBODY)) as stream:
            first = stream.event()
            self.assertEqual((first["event"], first["data"]["job"]["id"]),
                             ("state", a))
            self.assertEqual(int(first["id"]), first["data"]["seq"])
            for id in (b, NOBODY, "x"):
                event = stream.event()
                self.assertEqual(event, {"id": first["id"], "event": "gone",
                                         "data": {"id": id}})

    def test_a_stream_of_jobs_that_are_not_there_is_not_asked_for_twice(self):
        path = "/v1/events?ids=" + NOBODY
        with self.daemon.stream(path) as stream:
            gone = stream.event()
            self.assertEqual(gone["event"], "gone")
            self.assertEqual(stream.event()["event"], "end")
            self.assertIsNone(stream.event())
        answer = self.daemon.get(path, headers={
            "Accept": "text/event-stream", "Last-Event-ID": gone["id"]})
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_a_stream_ends_when_all_its_jobs_have(self):
        a = self.daemon.submit(simulate=LONG)["id"]
        b = self.daemon.submit(simulate=LONG)["id"]
        path = "/v1/events?ids=%s,%s" % (a, b)
        with self.daemon.stream(path) as stream:
            self.daemon.verb(a, "cancel")
            stream.until(lambda e: e["data"]["kind"] == "canceled")
            self.daemon.verb(b, "cancel")
            events = stream.until(lambda e: e["event"] == "end")
            last = events[-2]
            self.assertEqual(last["data"]["kind"], "canceled")
            self.assertIsNone(stream.event())
        for more, headers in (("", {"Last-Event-ID": last["id"]}),
                              ("&last_event_id=" + last["id"], {}),
                              ("&after=" + last["id"], {})):
            headers["Accept"] = "text/event-stream"
            answer = self.daemon.get(path + more, headers=headers)
            self.assertEqual((answer.status, answer.body), (204, b""))

    def test_a_stream_of_ended_jobs_shows_them_and_ends(self):
        a = self.canceled()
        with self.daemon.stream("/v1/events?ids=%s,nobody" % a) as stream:
            names = [stream.event()["event"] for _ in range(3)]
            self.assertEqual(names, ["state", "gone", "end"])
            self.assertIsNone(stream.event())

    def test_a_reconnect_replays_what_was_missed(self):
        at = self.now()
        job = self.daemon.submit(simulate={"duration_ms": 1000})["id"]
        self.daemon.advance(1000)
        self.canceled()
        path = "/v1/events?ids=" + job
        for more, headers in (("", {"Last-Event-ID": str(at)}),
                              ("&last_event_id=%d" % at, {}),
                              ("&after=%d" % at, {}),
                              ("&after=99", {"Last-Event-ID": str(at)})):
            with self.daemon.stream(path + more, headers) as stream:
                events = stream.until(lambda e: e["event"] == "end")[:-1]
                kinds = [event["data"]["kind"] for event in events]
                self.assertEqual((kinds[0], kinds[-1]),
                                 ("submitted", "completed"))

    def test_a_position_that_is_none_is_reset(self):
        job = self.daemon.submit(simulate=LONG)["id"]
        for position in ("999999999", "what"):
            with self.daemon.stream("/v1/events", {
                    "Last-Event-ID": position}) as stream:
                event = stream.event()
                self.assertEqual(event["event"], "reset")
                self.daemon.verb(job, "pause")
                event = stream.event()
                self.assertEqual(event["data"]["kind"], "paused")
                self.daemon.verb(job, "resume")

    def test_final_streams_tell_of_ends_only(self):
        with self.daemon.stream("/v1/events?final=1") as stream:
            job = self.canceled()
            event = stream.event()
            self.assertEqual(self.short([event["data"]]),
                             [(job, "canceled")])

    def test_progress_comes_only_if_asked_for(self):
        job = self.daemon.submit(simulate={"duration_ms": 100000})["id"]
        self.daemon.advance(0)
        for query in ("ids=%s&progress=1" % job, "progress=1"):
            with self.daemon.stream("/v1/events?" + query) as stream:
                self.daemon.advance(500)
                events = stream.until(
                    lambda e: e["event"] == "progress" and
                    e["data"]["job"]["id"] == job and
                    e["data"]["job"]["progress"] > 0)
                self.assertNotIn("id", events[-1])

    def test_a_reader_that_does_not_read_is_closed(self):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(heygend.DEADLINE)
        raw.connect(("127.0.0.1", self.daemon.port))
        raw.sendall(self.daemon.message("GET", "/v1/events", None,
                                        {"Accept": "text/event-stream"}))
        self.assertTrue(raw.recv(1))	# it stands where it begins
        port = raw.getsockname()[1]
        jobs = [{"not_before": LATER, "title": "x" * 900}] * 900
        for _ in range(3):
            self.daemon.post("/v1/jobs:batch", {"jobs": jobs})
        heygend.until(lambda: not self.connected(port),
                      "that the stream is closed", deadline=30)
        raw.close()

    def connected(self, port):
        """Does the daemon still hold this connection?"""
        with open("/proc/%d/net/tcp" % self.daemon.process.pid) as table:
            for row in table.readlines()[1:]:
                local, remote, state = row.split()[1:4]
                if local.endswith(":%04X" % self.daemon.port) and \
                        remote.endswith(":%04X" % port):
                    return state == "01"
        return False

    def test_a_client_that_leaves_frees_its_thread(self):
        with self.daemon.stream("/v1/events") as stream:
            stream.block()
            port = stream.raw.socket.getsockname()[1]
            stream.raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                         struct.pack("ii", 1, 0))
        self.canceled()
        self.assertFalse(heygend.until(
            lambda: not self.connected(port)) is False)


class RealTime(heygend.Case):
    settings = {"status.default_job": "off", "simulation.error_rate": 0}

    def test_a_silent_stream_sends_a_comment_every_15_s(self):
        began = time.monotonic()
        with self.daemon.stream("/v1/events") as stream:
            stream.block()
            self.assertIn("comment", stream.block(timeout=30))
        took = time.monotonic() - began
        self.assertGreater(took, 14.9)
        self.assertLess(took, 25)

    def test_history_older_than_memory_comes_from_the_store(self):
        job = self.daemon.submit(simulate={"duration_ms": 50})["id"]
        self.daemon.until_state(job, "completed")
        self.daemon.stop()
        self.daemon.start()
        events = self.daemon.get("/v1/events?after=0&ids=" + job)
        kinds = [event["kind"] for event in events.json["events"]]
        self.assertEqual((kinds[0], kinds[-1]), ("submitted", "completed"))


    def test_progress_comes_at_most_once_a_second_of_each_job(self):
        self.daemon.submit(simulate={"duration_ms": 10000})
        with self.daemon.stream("/v1/events?progress=1") as stream:
            told = []
            while len(told) < 3:
                event = stream.event()
                if event["event"] == "progress":
                    told.append(ms(event["data"]["at"]))
        for earlier, later in zip(told, told[1:]):
            self.assertGreaterEqual(later - earlier, 998)	# two clocks

    def test_a_stream_is_written_to_at_most_every_20_ms(self):
        with self.daemon.stream("/v1/events") as stream, \
                self.daemon.raw() as raw:
            stream.block()
            bursts, last, bytes_read, began = 0, 0, 0, time.monotonic()
            stream.raw.timeout(0.001)
            while time.monotonic() < began + 1:
                raw.send(self.daemon.message("POST", "/v1/jobs",
                                             {"not_before": LATER}))
                self.assertEqual(raw.answer().status, 202)
                try:
                    bytes_read += len(stream.raw.socket.recv(1 << 20))
                except TimeoutError:
                    continue
                now = time.monotonic()
                bursts += now > last + 0.005
                last = now
        self.assertGreater(bytes_read, 0)
        self.assertLess(bursts, 60)


class Ends(heygend.Case):
    settings = {"test.clock": "manual", "simulation.error_rate": 0,
                "status.default_job": "off", "jobs.tombstone_s": 10}

    def test_only_what_ends_a_job_is_final(self):
        d = self.daemon
        at = d.get("/v1/events").json["next"]
        first = d.submit(tags=["fin"], on_error="restart", simulate={
            "duration_ms": 100, "fail_at": 0.5, "fail_attempts": 1})["id"]
        second = d.submit(tags=["fin"], simulate={"duration_ms": 100,
                                                  "fail_at": 0.5})["id"]
        d.advance(5000)
        d.verb(first, "restart")
        d.verb(first, "cancel")
        d.delete("/v1/jobs/" + second)
        events = d.get("/v1/events?final=1&after=%d" % at).json["events"]
        self.assertEqual([(e["job"]["id"], e["kind"]) for e in events],
                         [(second, "failed"), (first, "completed"),
                          (first, "canceled")])
        events = d.get("/v1/events?tag=fin&ids=%s&after=%d" % (first, at))
        kinds = [e["kind"] for e in events.json["events"]]
        self.assertEqual([kind for kind in kinds if kind != "stage"],
                         ["submitted", "started", "failed", "restarted",
                          "started", "completed", "restarted", "started",
                          "canceled"])

    def test_a_position_older_than_the_history_is_reset(self):
        d = self.daemon
        job = d.submit(simulate=LONG)["id"]
        d.verb(job, "cancel")
        d.delete("/v1/jobs/" + job)
        removed = d.get("/v1/events").json["next"]
        d.advance(10000)
        stays = d.submit(simulate=LONG)["id"]
        d.stop()		# what went is still in memory until then
        d.start()
        d.until_state(stays, "running")
        now = d.get("/v1/events").json["next"]
        for position in (0, removed - 1):
            page = d.get("/v1/events?after=%d" % position).json
            self.assertEqual(page, {"events": [], "next": now, "reset": True})
            with d.stream("/v1/events?after=%d" % position) as stream:
                event = stream.event()
                self.assertEqual((event["event"], event["data"]),
                                 ("reset", {"seq": now}))
                d.verb(stays, "pause")
                self.assertEqual(stream.event()["data"]["kind"], "paused")
            d.verb(stays, "resume")	# a free slot takes it at once
            now = d.get("/v1/events").json["next"]
        page = d.get("/v1/events?after=%d" % removed).json
        self.assertNotIn("reset", page)
        self.assertEqual(page["events"][0]["kind"], "submitted")
        d.verb(stays, "cancel")


class Hour(unittest.TestCase):
    def test_a_stream_is_closed_after_an_hour(self):
        daemon = heygend.Daemon({"status.default_job": "off"})
        self.addCleanup(daemon.remove)
        clock = os.path.join(daemon.dir, "clock")
        heygend.write_whole(clock, "\0" * 16)
        daemon.env.update(LD_PRELOAD=heygend.preload("test_clock_shim"),
                          HEYGEND_TEST_CLOCK=clock)
        daemon.start()

        def set_ahead(ms):
            with open(clock, "r+b") as file:
                file.write(struct.pack("=qq", 0, ms))
        with daemon.stream("/v1/events") as stream:
            job = daemon.submit(not_before=LATER)["id"]
            self.assertEqual(stream.event()["data"]["kind"], "submitted")
            set_ahead(3600000 - 60000)
            daemon.verb(job, "pause")
            self.assertEqual(stream.event()["data"]["kind"], "paused")
            set_ahead(3600000)
            daemon.verb(job, "resume")
            self.assertIsNone(stream.event())
        daemon.stop()


if __name__ == "__main__":
    heygend.main(Events, RealTime, Ends, Hour)
