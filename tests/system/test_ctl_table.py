#!/usr/bin/env python3
"""heygenctl without a server: arguments, help, the manual, completion."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import unittest

from ctl import CHANGING, VERBS, ctl, environment, source
from heygend import main, program, until

WORDS = {"--output": "table json jsonl tsv id", "--color": "auto always never",
         "--profile": "balanced cost latency", "--on-error": "stop restart",
         "--priority": "low normal high urgent"}


def help_options(verb):
    """{"--name ARG" or "-x, --name ARG": its phrase} of VERB --help."""
    options, last, inside = {}, None, False
    for line in ctl(verb, "--help").out.splitlines():
        head = re.match(r"  (?:    |-\w, )--[a-z-]+(?: \S+)?(?=  |$)", line)
        if line.startswith("Options"):
            inside = True
        elif inside and head:
            last = head.group().strip()
            options[last] = line[head.end():].strip()
        elif inside and last and line.startswith(" " * 28):
            options[last] = (options[last] + " " + line.strip()).strip()
        elif line:
            inside = False
    return options


def help_head(verb):
    """The verb's arguments and its phrase."""
    lines = ctl(verb, "--help").lines
    phrase = lines[0].partition(" - ")[2]
    usage = next(line for line in lines if line.startswith("usage:"))
    return usage.partition("[OPTION...]")[2].strip(), phrase


def names(options):
    return {re.search(r"--[a-z-]+", option).group() for option in options}


def plain(text):
    """mdoc text as it reads."""
    return text.replace("\\-", "-").replace("\\&", "")


def manual_items():
    """The heads of the manual's lists and the text below them."""
    items, head = [], None
    with open(source("client", "heygenctl.1")) as manual:
        for line in manual.read().splitlines():
            if line.startswith(".It "):
                head = [plain(line[4:]), []]
                items.append(head)
            elif line.startswith((".El", ".Sh", ".Ss", ".Pp")):
                head = None
            elif head and not line.startswith("."):
                head[1].append(plain(line))
    return [(head, " ".join(text)) for head, text in items]


def manual_options():
    """As help_options(), and a list, as an option may be there twice."""
    found = []
    for head, text in manual_items():
        if not head.startswith("Fl "):
            continue
        words = head.replace("Fl ", "-").replace("Ar ", "")
        found.append((words.replace(" , ", ", "), text))
    return found


def sentence(phrase):
    return phrase[0].upper() + phrase[1:] + "."


class Help(unittest.TestCase):
    def test_every_verb_explains_itself_on_standard_output(self):
        for verb in VERBS:
            done = ctl(verb, "--help")
            self.assertEqual((done.code, done.err), (0, ""), done)
            self.assertTrue(done.out.startswith("heygenctl %s - " % verb))
            self.assertIn("usage: heygenctl %s [OPTION...]" % verb, done.out)
            self.assertEqual(ctl("help", verb).out, done.out)
            self.assertEqual(ctl("-h", verb).out, done.out)

    def test_the_overview_lists_every_verb(self):
        done = ctl("--help")
        self.assertEqual((done.code, done.err), (0, ""))
        self.assertEqual(re.findall(r"(?m)^  ([a-z]+)\b", done.out), VERBS)
        self.assertEqual(ctl("help").out, done.out)

    def test_no_line_of_help_is_wider_than_a_terminal(self):
        for verb in VERBS:
            for line in ctl(verb, "--help").lines:
                self.assertLessEqual(len(line), 80, line)

    def test_the_version_is_told_three_ways(self):
        done = ctl("version")
        self.assertRegex(done.out, r"^heygenctl \d+\.\d+\.\d+ "
                                   r"\(libheygen-client \d+\.\d+\.\d+\)\n$")
        self.assertEqual(ctl("--version").out, done.out)
        self.assertEqual(ctl("list", "-V").out, done.out)

    def test_help_needs_no_arguments_of_the_verb(self):
        self.assertEqual(ctl("wait", "--help").code, 0)
        self.assertEqual(ctl("priority", "-h").code, 0)


class Usage(unittest.TestCase):
    def refused(self, *args, says=None, **more):
        done = ctl(*args, **more)
        self.assertEqual((done.code, done.out), (2, ""), done)
        self.assertTrue(done.err.startswith("heygenctl: "), done)
        self.assertEqual(done.err.count("\n"), 1, done)
        if says:
            self.assertIn(says, done.err)

    def test_what_is_wrong_is_said_and_exits_2(self):
        for args, says in (
                ([], "a verb is missing"),
                (["lst"], "is it list?"),
                (["frobnicate"], "unknown verb frobnicate"),
                (["wait"], "an argument is missing"),
                (["events"], "an argument is missing"),
                (["status", "a", "b"], "too many arguments"),
                (["ping", "x"], "too many arguments"),
                (["list", "x"], "too many arguments"),
                (["wait", "x", "--timeot", "1s"], "is it --timeout?"),
                (["submit", "--any"], "unknown option --any"),
                (["--title", "x", "submit"], "before the verb"),
                (["wait", "x", "--timeout"], "needs a value"),
                (["list", "--all=yes"], "takes no value"),
                (["list", "-o"], "needs a value"),
                (["list", "-o", "xml"],
                 "want table, json, jsonl, tsv or id"),
                (["list", "--state", "done"], "want queued, running"),
                (["list", "--state", "error,"], "want queued, running"),
                (["list", "--sort", "age"], "want submitted"),
                (["list", "--limit", "0"], "from 1 to"),
                (["list", "--limit", "5", "--all"], "exclude each other"),
                (["run", "--use", "sse,tv"], "want sse, hold, eta"),
                (["run", "--profile", "fast"], "want balanced"),
                (["submit", "--priority", "101"], "-100 to 100"),
                (["submit", "--priority", "huge"], "-100 to 100"),
                (["submit", "--on-error", "default"], "stop or restart"),
                (["submit", "--max-attempts", "101"], "from 1 to 100"),
                (["submit", "--max-attempts", "2.5"], "from 1 to 100"),
                (["submit", "--error-rate", "1.5"], "from 0 to 1"),
                (["submit", "--error-rate", "nan"], "from 0 to 1"),
                (["submit", "--fail-at", "-1"], "from 0 to 1"),
                (["submit", "--count", "0"], "from 1 to"),
                (["submit", "--seed", "9007199254740992"], "from 1 to"),
                (["submit", "--not-before", "tomorrow"], "want a duration"),
                (["submit", "--not-before", "2026-02-30T00:00:00Z"],
                 "want a duration"),
                (["submit", "--idempotency-key", "bad key"],
                 "--idempotency-key bad key: want 1 to 255 letters"),
                (["run", "--idempotency-key="], "--idempotency-key : want"),
                (["submit", "--idempotency-key", "k" * 256],
                 "want 1 to 255 letters"),
                (["completion", "tcsh"], "not bash, zsh or fish"),
                (["help", "frobnicate"], "unknown verb"),
                (["queue", "stop"], "neither pause nor resume"),
                (["queue", "-o", "id"], "no id"),
                (["ping", "-o", "id"], "no id"),
                (["priority", "huge", "x"], "-100 to 100"),
                (["pause"], "which jobs?"),
                (["pause", "x", "--all"], "not both"),
                (["watch", "x", "--tag", "t"], "not both"),
                (["show", ""], "an id is empty"),
                (["wait", "x", "--cancel-on-timeout"], "needs --timeout"),
                (["run", "--cancel-on-timeout"], "needs --timeout"),
                (["-s", "", "list"], "--server: its value is empty"),
                (["list", "--server="], "--server: its value is empty"),
                (["-s", "ftp://x", "list"], "cannot talk to ftp://x"),
                (["-s", "nonsense", "list"], "cannot talk to nonsense")):
            with self.subTest(args=args):
                self.refused(*args, says=says)

    def test_an_empty_value_never_chooses_every_job(self):
        for verb in CHANGING:
            first = ["10"] if verb == "priority" else []
            for option in ("--tag", "--state"):
                self.refused(verb, *first, option, "", "--yes", says=option)
                self.refused(verb, *first, "--tag=x", option + "=",
                             "--dry-run", says=option)
        for verb in ("list", "watch", "submit"):
            self.refused(verb, "--tag", "", says="--tag: its value is empty")
        for option in ("--tag", "--state", "--sort", "--limit"):
            self.refused("list", option, "", says=option)
        self.refused("wait", "x", "--history", "", says="--history")
        self.refused("submit", "--json-file", "", says="--json-file")

    def test_a_password_in_the_url_of_the_server_is_not_said(self):
        for url, shown in (("http://user:s3cret@h", "http://user:***@h: "),
                           ("http://user:s3/cr@et@h", "http://user:***@h: "),
                           ("http://s3cret@h:80/x", "http://***@h:80/x: "),
                           ("user:s3cret@h", "user:***@h: "),
                           ("@", "***@: "), ("h/@://x", "***@://x: ")):
            for args, env in ((["-s", url, "ping"], {}),
                              (["ping"], {"HEYGENCTL_SERVER": url})):
                done = ctl(*args, env=env)
                self.assertEqual(done.code, 2, done)
                self.assertIn("cannot talk to " + shown, done.err)
                self.assertNotIn("s3", done.err)

    def test_a_duration_needs_its_unit(self):
        for bad in ("10", "0", "1.5s", "10 s", "s", "-1s", "1h30m", "10S",
                    "99999999999999999999s", ""):
            with self.subTest(bad=bad):
                self.refused("wait", "x", "--timeout=" + bad,
                             says="its unit" if bad[:2] != "99" else None)
                self.refused("submit", "--duration=" + bad)
                self.refused("submit", "--ttl=" + bad)
                self.refused("list", "--request-timeout=" + bad)

    def test_acting_on_many_is_refused_without_yes_and_terminal(self):
        for verb in CHANGING:
            first = ["10"] if verb == "priority" else []
            for which in (["--all"], ["--tag", "x"], ["--state", "error"]):
                self.refused(verb, *first, *which, says="needs --yes")

    def test_an_input_file_that_is_missing_is_usage(self):
        self.refused("submit", "--json-file", "/nonexistent/x",
                     says="No such file")
        self.refused("list", "--api-key-file", "/nonexistent/x",
                     says="No such file")

    def test_a_json_file_is_checked_before_anything_is_sent(self):
        for text, says in (
                ("", "-:1:1"), ("{", "-:1"), ('{"title":1}', "title"),
                ("[]", "no job"), ('{"jobs":[]}', "no job"), ("[1]", "job 1"),
                ('{"titel":"x"}', "no field titel"),
                ('[{},{"priority":"huge"}]', "job 2: priority"),
                ('{"priority":"10"}', "priority"),
                ('{"tags":"x"}', "tags"), ('{"tags":[1]}', "tags"),
                ('{"on_error":"no"}', "on_error"), ('{"ttl_s":0}', "ttl_s"),
                ('{"not_before":"x"}', "not_before"),
                ('{"max_attempts":0}', "max_attempts"),
                ('{"simulate":{"fail_at":2}}', "fail_at"),
                ('{"simulate":{"x":2}}', "no field x"),
                ('{"simulate":[]}', "simulate"),
                ('{"title":"a","title":"b"}', "-:1")):
            with self.subTest(text=text):
                self.refused("submit", "--json-file", "-", input=text,
                             says=says)

    def test_a_key_file_without_a_key_is_usage(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write("# only a comment\n\n")
            keys.flush()
            self.refused("list", "--api-key-file", keys.name,
                         says="there is no key")


class Manual(unittest.TestCase):
    def test_the_manual_has_every_option_word_by_word_and_no_other(self):
        help = set()
        for verb in VERBS:
            help |= {(head, sentence(phrase))
                     for head, phrase in help_options(verb).items()}
        self.assertEqual(set(manual_options()), help)
        self.assertEqual(len(manual_options()), len(help))

    def test_the_manual_has_every_verb_word_by_word(self):
        for verb in VERBS:
            args, phrase = help_head(verb)
            texts = [text for head, text in manual_items()
                     if re.match(r"Cm %s( |$)" % verb, head)]
            self.assertEqual(len(texts), 1, verb)
            self.assertTrue(texts[0].startswith(sentence(phrase)), verb)
            more = ctl(verb, "--help").out.split("\n\n")[2]
            if not more.startswith("Options"):
                self.assertEqual(texts[0], sentence(phrase) + " " +
                                 " ".join(more.split()))

    def test_the_manual_shows_the_arguments_of_every_verb(self):
        for verb in VERBS:
            args, _ = help_head(verb)
            head = next(head for head, _ in manual_items()
                        if re.match(r"Cm %s( |$)" % verb, head))
            head = head[len("Cm " + verb):]
            head = re.sub(r"\bOp (.*)$", r"[\1]", head)
            head = re.sub(r"\b(Ar|Cm) |\bFl ", lambda m: "" if m.group(1)
                          else "-", head).replace(" ...", "...")
            self.assertEqual(head.replace(" | ", "|").strip(), args, verb)

    @unittest.skipUnless(shutil.which("mandoc"), "no mandoc")
    def test_the_manual_has_no_lint(self):
        done = subprocess.run(["mandoc", "-T", "lint",
                               source("client", "heygenctl.1")],
                              capture_output=True, text=True)
        left = [line for line in done.stdout.splitlines()
                if "referenced manual not found" not in line]
        self.assertEqual(left, [])

    def test_the_manual_lists_every_exit_code_and_their_order(self):
        with open(source("client", "heygenctl.1")) as manual:
            text = manual.read()
        codes = re.search(r"\.Sh EXIT STATUS\n(.*?)\.Sh", text, re.S).group(1)
        self.assertEqual(re.findall(r"(?m)^\.It (\d+)", codes),
                         "0 1 2 3 4 5 6 7 8 130".split())
        self.assertIn("130, 2, 3, 1, 4, 7, 8, 5, 6", codes)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="heygenctl-completion-")
        os.symlink(program("heygenctl"), os.path.join(cls.dir, "heygenctl"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def run_shell(self, *command):
        env = environment(TERM="xterm", HOME=self.dir, XDG_CONFIG_HOME=self.dir,
                          XDG_DATA_HOME=self.dir, HEYGENCTL_SERVER="http://"
                          "127.0.0.1:1")
        env["PATH"] = self.dir + ":" + env["PATH"]
        done = subprocess.run(command, capture_output=True, text=True,
                              env=env, timeout=60, cwd=self.dir,
                              stdin=subprocess.DEVNULL)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return done.stdout

    def bash(self, *words):
        """What bash offers for the last of the words."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); '
                  'COMP_CWORD=$(($# - 1)); _heygenctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        return self.run_shell("bash", "--norc", "-c", script, "bash",
                              source("client/completion/heygenctl"),
                              "heygenctl", *words).split()

    def fish(self, line):
        out = self.run_shell(
            "fish", "--no-config", "-c", "source $argv[1]; complete -C "
            "$argv[2]", source("client/completion/heygenctl.fish"), line)
        return [one.split("\t")[0] for one in out.splitlines()]

    def test_the_installed_scripts_are_what_the_program_prints(self):
        for shell, name in (("bash", "heygenctl"), ("zsh", "_heygenctl"),
                            ("fish", "heygenctl.fish")):
            done = ctl("completion", shell)
            self.assertEqual((done.code, done.err), (0, ""))
            with open(source("client", "completion", name)) as installed:
                self.assertEqual(installed.read(), done.out, "make "
                                 "update-completion has not been run")

    def test_each_script_knows_every_verb_and_every_option(self):
        for shell in ("bash", "zsh", "fish"):
            text = ctl("completion", shell).out
            for verb in VERBS:
                self.assertRegex(text, r"\b%s\b" % verb)
                for name in names(help_options(verb)):
                    wanted = "-l %s " % name[2:] if shell == "fish" else name
                    self.assertIn(wanted, text)

    def test_bash_offers_every_verb(self):
        self.assertEqual(self.bash(""), VERBS)
        self.assertEqual(self.bash("re"), ["resume", "restart", "remove"])
        self.assertEqual(self.bash("-s", "http://x", "qu"), ["queue"])
        self.assertEqual(self.bash("-s", "http", ":", "//x", ":", "80", "qu"),
                         ["queue"])		# as bash takes it apart
        self.assertEqual(self.bash("-s", "http", ":", "//x"), [])

    def test_bash_offers_every_option_of_every_verb(self):
        for verb in VERBS:
            self.assertEqual(set(self.bash(verb, "-")),
                             names(help_options(verb)), verb)

    def test_bash_offers_the_values_of_options(self):
        for option, words in WORDS.items():
            verb = "run"
            self.assertEqual(self.bash(verb, option, ""), words.split())
            self.assertEqual(self.bash(verb, option, "=", ""), words.split())
        self.assertEqual(self.bash("list", "--state", "error,can"),
                         ["error,canceled"])
        self.assertEqual(self.bash("list", "--sort", "pr"),
                         ["priority", "progress"])
        self.assertEqual(self.bash("completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.bash("help", "qu"), ["queue"])
        self.assertEqual(self.bash("queue", ""), ["pause", "resume"])
        self.assertEqual(self.bash("priority", ""),
                         ["low", "normal", "high", "urgent"])
        self.assertEqual(self.bash("submit", "--title", ""), [])

    def test_bash_offers_files(self):
        with open(os.path.join(self.dir, "my jobs.json"), "w"):
            pass
        self.assertEqual(self.bash("submit", "--json-file", "my"),
                         ["my", "jobs.json"])

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_offers_every_verb_and_option(self):
        self.assertEqual(set(self.fish("heygenctl ")), set(VERBS))
        for verb in VERBS:
            got = {one for one in self.fish("heygenctl %s --" % verb)}
            self.assertEqual(got, names(help_options(verb)), verb)
        self.assertEqual(self.fish("heygenctl -s x list --state error,can"),
                         ["error,canceled"])
        self.assertEqual(set(self.fish("heygenctl run --profile ")),
                         {"balanced", "cost", "latency"})
        self.assertEqual(set(self.fish("heygenctl queue ")),
                         {"pause", "resume"})

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_takes_the_script_both_ways(self):
        script = source("client/completion/_heygenctl")
        self.run_shell("zsh", "-f", "-n", script)
        out = self.run_shell(
            "zsh", "-f", "-c", "autoload -U compinit; compinit -u -D; "
            "source $1; print -l ${_comps[heygenctl]}", "zsh", script)
        self.assertEqual(out.split(), ["_heygenctl"])
        out = self.run_shell(
            "zsh", "-f", "-c", "fpath=($1 $fpath); autoload -U compinit; "
            "compinit -u -D; print -l ${_comps[heygenctl]}", "zsh",
            os.path.dirname(script))
        self.assertEqual(out.split(), ["_heygenctl"])

    def zsh(self, line, wanted):
        """Types the line and TAB to a zsh until all the words are listed."""
        pid, master = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment(
                TERM="dumb", HOME=self.dir, PATH=self.dir + ":" +
                os.environ["PATH"]))
        seen = b""

        def listed(*words):
            nonlocal seen
            while select.select([master], [], [], 0.01)[0]:
                seen += os.read(master, 65536)
            return all(word.encode() in seen for word in words)
        try:
            os.write(master, (
                "PS1='> '; COLUMNS=120 LINES=100 LISTMAX=1000; fpath=('%s' "
                "$fpath); autoload -U compinit; compinit -u -D; bindkey '^I' "
                "list-choices; print rea''dy\n" % source(
                    "client", "completion")).encode())
            until(lambda: listed("ready"), "a zsh")
            os.write(master, (line + "\t").encode())
            until(lambda: listed(*wanted), "that zsh lists %s" % wanted)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.close(master)
            os.waitpid(pid, 0)

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_offers_every_verb_and_the_options_of_each(self):
        self.zsh("heygenctl ", [verb + " " for verb in VERBS])
        for verb in ("run", "list", "watch", "priority"):
            self.zsh("heygenctl -q %s -v --" % verb,
                     names(help_options(verb)) - {"--quiet", "--verbose"})
        self.zsh("heygenctl run -q --profile ", ["balanced", "latency"])
        self.zsh("heygenctl list --state error,", ["canceled", "paused"])


if __name__ == "__main__":
    main()
