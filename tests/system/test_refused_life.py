#!/usr/bin/env python3
"""What the kernel refuses while heygend and its workers run: it is told,
tried again, and no job is lost."""
import errno
import os
import signal
import threading

from heygend import main, until
from refuse import IDLE, Refused

REAL = {"status.default_job": "off", "jobs.workers": 1, "log.level": "debug",
        "http.threads": 40, "simulation.error_rate": 0}


class Life(Refused):
    def kill_the_worker(self, d):
        pid, = until(d.children, "a worker")
        os.kill(pid, signal.SIGKILL)

    def starts_again_after(self, what, error):
        with self.given(dict(REAL, **{"test.clock": "manual"})) as d:
            id = d.submit(simulate={"duration_ms": 300})["id"]
            d.until_state(id, "running")
            with self.refusal(what, 1, 0, error):
                self.kill_the_worker(d)
                until(lambda: d.log().count("worker.start_failed") >= 2,
                      "two failed starts")
                self.assertEqual(d.get("/readyz").status, 503)
                self.assertEqual(d.state(id), "queued")
            d.until_state(id, "running")
            d.advance(300)
            job = d.job(id)
            self.assertEqual((job["state"], job["attempt"]), ("completed", 1))
            self.assertIn(os.strerror(error), d.log())
            d.stop(clean_log=False)

    def test_a_worker_that_cannot_be_started_is_tried_again(self):
        for what, error in (("posix_spawn", errno.EAGAIN),
                            ("socketpair", errno.EMFILE),
                            ("epoll_ctl", errno.ENOSPC)):
            with self.subTest(what=what):
                self.starts_again_after(what, error)

    def test_a_stop_that_gets_no_thread_stops_all_the_same(self):
        with self.given(REAL) as d:
            d.submit(simulate={"duration_ms": 60000})
            with self.refusal("pthread_create", 1, 0, errno.EAGAIN):
                d.stop(clean_log=False)

    def test_a_stop_that_gets_no_thread_answers_those_who_ask(self):
        with self.given(REAL) as d:
            def ask():
                try:
                    with d.raw() as raw:
                        while True:
                            raw.send(message)
                            if raw.answer().status != 202:
                                return
                except (EOFError, OSError):
                    pass		# it is gone, and said so
            for _ in range(3):
                message = d.message("POST", "/v1/jobs", {})
                askers = [threading.Thread(target=ask) for _ in range(16)]
                for one in askers:
                    one.start()
                until(lambda: sum(d.get("/v1/queue").json["counts"].values())
                      > 100, "that all of them are at it")
                with self.refusal("pthread_create", 1, 0, errno.EAGAIN):
                    d.stop(clean_log=False)
                for one in askers:
                    one.join()
                d.start()

    def test_a_reload_without_memory_keeps_what_was(self):
        with self.given() as d:
            nth = 0
            while nth == 0 or self.refusal.hits:
                nth += 1
                before = d.log().count("settings.re")
                with self.refusal("memory", nth):
                    d.process.send_signal(signal.SIGHUP)
                    until(lambda: d.log().count("settings.re") > before,
                          "an answer to the signal")
            self.assertGreater(nth, 3)
            self.assertIn("settings.refused error=\"out of memory", d.log())
            until(lambda: d.get("/readyz").status == 200, "readiness")
            d.stop(clean_log=False)

    def test_a_reload_of_a_file_that_cannot_be_opened_keeps_what_was(self):
        with self.given() as d:
            with self.refusal("open", 1, 1, errno.EMFILE):
                d.process.send_signal(signal.SIGHUP)
                until(lambda: "settings.refused" in d.log(), "its answer")
            self.assertEqual(d.get("/readyz").status, 200)
            d.stop(clean_log=False)

    def test_metrics_without_what_the_system_tells_are_still_metrics(self):
        with self.given() as d:
            for what in "opendir", "fopen", "getrlimit":
                with self.refusal(what, 1, 0, errno.EMFILE):
                    answer = d.get("/metrics")
                    self.assertGreater(self.refusal.hits, 0)
                self.assertEqual(answer.status, 200)
                self.assertIn(b"heygend_", answer.body)


class Worker(Refused):
    """The same for its workers: the job goes to the next one."""
    program = "heygen-worker"

    def ends(self, d):
        id = d.submit(simulate={"duration_ms": 30})["id"]
        return d.until_state(id, "completed")

    def every(self, what, error, most):
        for nth in range(1, most + 1):
            # every third loss in a row would be the job's own error
            with self.given(REAL) as d:
                with self.refusal(what, nth, 1, error):
                    self.ends(d)
                    hit = self.refusal.hits > 0
                    self.ends(d)
                if hit and "EAGAIN" != errno.errorcode[error]:
                    self.assertIn("worker.lost", d.log(), what)
                d.stop(clean_log=False)
            if not hit:
                break
        return nth

    def test_a_worker_without_memory_costs_a_run(self):
        self.assertGreater(self.every("memory", errno.ENOMEM, 12), 4)

    def test_a_worker_that_the_kernel_refuses_something_costs_a_run(self):
        for what, error in (("epoll_create1", errno.EMFILE),
                            ("timerfd_create", errno.EMFILE),
                            ("timerfd_settime", errno.EINVAL),
                            ("epoll_ctl", errno.ENOMEM),
                            ("epoll_wait", errno.EBADF),
                            ("recv", errno.EIO), ("send", errno.EIO)):
            with self.subTest(what=what):
                self.every(what, error, 3)

    def test_a_full_socket_is_waited_for(self):
        """A worker that cannot send keeps what it has to tell."""
        with self.given(REAL) as d:
            with self.refusal("send", 3, 2, errno.EAGAIN):
                job = self.ends(d)
            self.assertEqual(job["attempt"], 1)
            self.assertNotIn("worker.lost", d.log())


if __name__ == "__main__":
    main()
