#!/usr/bin/env python3
"""heygenctl's progress on a real terminal, as a screen shows it."""
import re
import signal
import time

from ctl import Terminal, ctl
from heygend import Case, main, until

BAR = r"━*╸?"
HIDE, SHOW = b"\033[?25l", b"\033[?25h"


class Progress(Case):
    settings = {"test.clock": "manual", "status.default_job": "off",
                "simulation.error_rate": 0, "simulation.eta_error": 0,
                "jobs.workers": 1, "jobs.slots": 50}

    def tearDown(self):
        ids = [job["id"] for job in
               self.daemon.get("/v1/jobs?limit=500").json["jobs"]]
        if ids:
            self.daemon.post("/v1/jobs:cancel", {"ids": ids})
            self.daemon.post("/v1/jobs:delete", {"ids": ids})

    def given(self, title="Launch", ms=100000, **fields):
        return self.daemon.submit(title=title, simulate={"duration_ms": ms},
                                  **fields)["id"]

    def terminal(self, *args, **more):
        terminal = Terminal(*args, server=self.daemon.url, **more)
        self.addCleanup(terminal.__exit__)
        return terminal

    def test_a_job_is_a_line_with_bar_stage_and_clock(self):
        id = self.given()
        self.daemon.advance(42000)
        terminal = self.terminal("wait", id)
        match = terminal.shows(
            r"^Launch  (━+╸?) +(\d+) %  [a-z_]+  (?:1 m \d\d|\d+) s left "
            r"\((\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d \d\d:\d\d)\)$")
        self.assertIn(int(match.group(2)), range(42, 60))
        self.assertFalse(terminal.screen.cursor)
        self.daemon.advance(100000)
        self.assertEqual(terminal.end(), 0)
        self.assertTrue(terminal.screen.cursor)
        self.assertRegex(terminal.screen.text()[0],
                         r"^Launch  ━+  100 %  completed +in ")
        self.assertEqual(len(terminal.screen.text()), 1)
        self.assertEqual(terminal.screen.wrapped, 0)
        self.assertIn(id, terminal.out)

    def test_the_bar_is_as_long_as_the_job_is_far(self):
        id = self.given()
        self.daemon.verb(id, "pause")
        full = None
        for seconds, share in ((0, 0), (25, 0.25), (25, 0.5), (25, 0.75)):
            self.daemon.verb(id, "resume")
            self.daemon.until_state(id, "running")
            self.daemon.advance(seconds * 1000)
            self.daemon.verb(id, "pause")
            with Terminal("wait", id, server=self.daemon.url) as terminal:
                line = terminal.shows(r"^Launch  (%s) +(\d+) %%" % BAR)
                length = len(line.group(1).rstrip("╸")) + \
                    0.5 * line.group(1).count("╸")
                terminal.process.send_signal(signal.SIGINT)
                self.assertEqual(terminal.end(), 130)
            self.assertAlmostEqual(int(line.group(2)) / 100, share, delta=0.02)
            if share == 0.25:
                full = 4 * length
            if full:
                self.assertAlmostEqual(length / full, share, delta=0.06)

    def test_the_clock_counts_down_and_the_bar_goes_on_between_answers(self):
        id = self.given(ms=20000)
        terminal = self.terminal("wait", id, "--use", "hold")
        first = terminal.shows(r" (\d+) s left")
        later = terminal.until(lambda lines: lines and (
            re.search(r" (\d+) s left", lines[0]) or [0, "99"])[1] <
            first.group(1))
        self.assertTrue(later)

    def test_a_paused_job_shows_no_clock(self):
        id = self.given()
        self.daemon.advance(30000)
        self.daemon.verb(id, "pause")
        terminal = self.terminal("wait", id)
        terminal.shows(r"^Launch  %s +\d+ %%  paused" % BAR)
        self.assertNotIn("left", terminal.screen.text()[0])
        self.assertNotIn("(", terminal.screen.text()[0])

    def test_an_end_in_error_shows_its_code(self):
        id = self.daemon.submit(title="Bad", simulate={
            "duration_ms": 1000, "fail_at": 0.5})["id"]
        terminal = self.terminal("wait", id)
        terminal.shows("^Bad ")
        self.daemon.advance(2000)
        self.assertEqual(terminal.end(), 5)
        code = self.daemon.job(id)["error"]["code"]
        self.assertRegex(terminal.screen.text()[0],
                         r"^Bad  %s +50 %%  error, %s" % (BAR, code))

    def test_titles_of_wide_letters_keep_the_columns(self):
        ids = [self.given("日本語"), self.given("plain"),
               self.given("e\u0301e\u0301")]
        terminal = self.terminal("wait", *ids)
        terminal.until(lambda lines: len(lines) == 3)

        def column(row):
            cells = terminal.screen.cells[row]
            return len(cells) - 1 - cells[::-1].index("%")
        self.assertEqual(column(0), column(1))
        self.assertEqual(column(2), column(1))
        self.assertTrue(terminal.screen.text()[0].startswith("日本語  "))

    def test_where_the_locale_is_not_utf_8_all_is_ascii(self):
        id = self.given("Café")
        self.daemon.advance(50000)
        terminal = self.terminal("wait", id, env={"LC_ALL": "C"})
        terminal.shows(r"^Caf\?  =+-? +\d+ %  \w+")
        terminal.process.send_signal(signal.SIGINT)
        terminal.end()
        terminal.raw.decode("ascii")

    def test_control_characters_of_a_title_move_no_cursor(self):
        id = self.given("\x1b[2Jx\r\ny")
        terminal = self.terminal("wait", id)
        terminal.shows(r"^\\u001b\[2Jx\\r")
        self.assertEqual(len(terminal.screen.text()), 1)

    def test_more_jobs_than_lines_end_in_a_summary(self):
        ids = [self.given("job %d" % i) for i in range(30)]
        terminal = self.terminal("wait", *ids, lines=10)
        terminal.shows(r"^30 jobs .*30 running")
        lines = terminal.screen.text()
        self.assertLessEqual(len(lines), 10)
        self.assertLessEqual(sum(line.startswith("job ") for line in lines), 9)
        self.assertGreaterEqual(sum(line.startswith("job ")
                                    for line in lines), 7)
        self.assertTrue(lines[-1].startswith("30 jobs"))
        self.daemon.advance(200000)
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(terminal.screen.scrolled, 0)
        self.assertEqual(terminal.screen.wrapped, 0)
        self.assertRegex(terminal.screen.text()[-1],
                         r"^30 jobs .*100 %  30 completed")

    def test_it_follows_the_size_of_the_terminal(self):
        ids = [self.given("A rather long title %d" % i) for i in range(3)]
        self.daemon.advance(50000)
        terminal = self.terminal("wait", *ids, columns=100)
        terminal.until(lambda lines: len(lines) == 3 and
                       all(" left (" in line for line in lines))
        wide = max(map(len, terminal.screen.text()))
        # a narrow terminal would have wrapped: draw on a screen of its own
        for columns in (60, 40, 20, 120):
            terminal.stand_still()	# nothing of the old width comes after
            terminal.screen.__init__(24, columns)
            terminal.screen.row = 12
            terminal.resize(24, columns)
            terminal.process.send_signal(signal.SIGCONT)
            terminal.until(lambda lines: sum(
                line.startswith("A rat") for line in lines) == 3)
            self.assertLess(max(map(len, terminal.screen.text())), columns)
            self.assertEqual(terminal.screen.wrapped, 0)
        self.assertGreater(wide, 60)
        self.assertGreater(max(map(len, terminal.screen.text())), 60)

    def test_it_draws_at_most_ten_times_a_second(self):
        ids = [self.given(ms=1000000) for _ in range(5)]
        terminal = self.terminal("wait", *ids)
        terminal.shows("^Launch")

        def drawn():
            terminal.drain()
            return terminal.raw.count(b"\r\033[4A")

        def long_enough():
            self.daemon.advance(200)
            return drawn() > before + 2 and time.monotonic() > begun + 2
        begun, before = time.monotonic(), drawn()
        until(long_enough, "drawings", step=0)
        more = drawn() - before
        self.assertLessEqual(more, 10 * (time.monotonic() - begun) + 1)

    def test_the_cursor_comes_back_on_every_exit(self):
        id = self.given()
        for number, code in ((signal.SIGINT, 130),
                             (signal.SIGTERM, -signal.SIGTERM),
                             (signal.SIGHUP, -signal.SIGHUP),
                             (signal.SIGALRM, -signal.SIGALRM),
                             (signal.SIGQUIT, -signal.SIGQUIT),
                             (signal.SIGABRT, -signal.SIGABRT)):
            with Terminal("wait", id, server=self.daemon.url) as terminal:
                terminal.shows("^Launch")
                self.assertFalse(terminal.screen.cursor)
                terminal.process.send_signal(number)
                self.assertEqual(terminal.end(), code)
                self.assertTrue(terminal.screen.cursor, number)
        with Terminal("wait", id, "--timeout", "300ms",
                      server=self.daemon.url) as terminal:
            self.assertEqual(terminal.end(), 4)
            self.assertTrue(terminal.screen.cursor)

    def test_control_c_ends_the_wait_and_tells_the_id(self):
        id = self.given()
        terminal = self.terminal("wait", id)
        terminal.shows("^Launch")
        terminal.type("\x03")
        self.assertEqual(terminal.end(), 130)
        self.assertIn("heygenctl wait " + id,
                      "".join(terminal.screen.text()))
        self.assertEqual(self.daemon.state(id), "running")

    def test_control_z_gives_the_cursor_back_until_fg(self):
        id = self.given()
        terminal = self.terminal("wait", id)
        terminal.shows("^Launch")
        self.assertEqual(terminal.raw.count(SHOW), 0)
        terminal.process.send_signal(signal.SIGTSTP)
        # a process group without a shell is not stopped, and is back at once
        terminal.until(lambda _: terminal.raw.count(HIDE) == 2)
        self.assertEqual(terminal.raw.count(SHOW), 1)
        self.assertLess(terminal.raw.index(SHOW), terminal.raw.rindex(HIDE))
        terminal.process.send_signal(signal.SIGINT)
        self.assertEqual(terminal.end(), 130)
        self.assertTrue(terminal.screen.cursor)

    def test_there_is_no_drawing_without_a_capable_terminal(self):
        id = self.given()
        for env, args in (({"TERM": "dumb"}, ()), ({"TERM": ""}, ()),
                          ({}, ("-q",))):
            with Terminal("wait", id, *args, "--timeout", "400ms", env=env,
                          server=self.daemon.url) as terminal:
                self.assertEqual(terminal.end(), 4)
                self.assertNotIn(b"\033", terminal.raw)
                self.assertNotIn(b"%  " + b"\xe2\x94\x81", terminal.raw)
        done = ctl("wait", id, "--timeout", "400ms", server=self.daemon.url,
                   env={"TERM": "xterm"})
        self.assertNotIn("\033", done.err + done.out)

    def test_no_color_takes_colors_and_leaves_the_bar(self):
        id = self.given()
        self.daemon.advance(50000)
        for env, colored in (({"NO_COLOR": "1"}, False), ({}, True)):
            with Terminal("wait", id, env=env,
                          server=self.daemon.url) as terminal:
                terminal.shows(r"^Launch  ━")
                terminal.process.send_signal(signal.SIGINT)
                self.assertEqual(terminal.end(), 130)
                self.assertEqual(bool(terminal.screen.colors), colored)

    def test_words_go_above_and_the_lines_are_drawn_anew(self):
        id = self.given()
        terminal = self.terminal("wait", id, "-v")
        terminal.until(lambda lines: len(lines) > 1 and
                       lines[0].startswith("heygenctl: ") and
                       lines[-1].startswith("Launch"))
        self.assertEqual(sum(line.startswith("Launch")
                             for line in terminal.screen.text()), 1)

    def test_a_table_on_the_same_screen_takes_the_place_of_the_lines(self):
        id = self.given(ms=1000)
        terminal = self.terminal("wait", id, tty_out=True)
        terminal.shows("^Launch")
        self.daemon.advance(2000)
        self.assertEqual(terminal.end(), 0)
        lines = terminal.screen.text()
        self.assertTrue(lines[0].startswith("ID "), lines)
        self.assertTrue(lines[1].startswith(id))
        self.assertTrue(terminal.screen.cursor)

    def test_a_server_that_is_away_is_told(self):
        with Terminal("wait", "x", server="http://127.0.0.1:1") as terminal:
            terminal.shows("^no answer, trying again: the server")
            terminal.process.send_signal(signal.SIGINT)
            self.assertEqual(terminal.end(), 130)

    def test_tags_and_ids_stand_in_for_a_title(self):
        id = self.daemon.submit(simulate={"duration_ms": 100000})["id"]
        terminal = self.terminal("wait", id)
        terminal.shows("^…" + id[-8:])


if __name__ == "__main__":
    main()
