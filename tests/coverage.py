#!/usr/bin/env python3
"""coverage.py -- what the tests have run: the report of `make coverage`.

    coverage.py SRCDIR BUILDDIR LINES BRANCHES

Asks gcovr what the counters below BUILDDIR say of core, daemon, worker and
client, prints lines and branches of each folder, writes what no test reached
to BUILDDIR/coverage/uncovered.txt and gcovr's pages beside it.  Each function
with a line that was not reached is printed with the reason that COVERAGE.md
gives.  Exits 1 where less than LINES or BRANCHES per cent were reached, or a
function has no reason.
"""
import json
import os
import re
import subprocess
import sys

FOLDERS = ("core", "daemon", "worker", "client")
# examples are documents; what is generated has no test of its own
LEFT_OUT = ("client/examples/",)


class Count:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, line):
        self.lines += 1
        self.lines_hit += line["count"] > 0
        self.branches += len(line["branches"])
        self.branches_hit += sum(b["count"] > 0 for b in line["branches"])

    def percents(self):
        return (100 * self.lines_hit / max(1, self.lines),
                100 * self.branches_hit / max(1, self.branches))


def gcovr(source, build):
    """gcovr's own data, and its pages."""
    folder = os.path.join(build, "coverage")
    os.makedirs(folder, exist_ok=True)
    data = os.path.join(folder, "gcovr.json")
    command = ["gcovr", "--root", source, "--object-directory", build,
               "--exclude-unreachable-branches", "-j", str(os.cpu_count()),
               "--json", data, "--html-details",
               os.path.join(folder, "index.html")]
    for name in FOLDERS:
        command += ["--filter", os.path.join(source, name) + "/"]
    for name in LEFT_OUT:
        command += ["--exclude", os.path.join(source, name)]
    subprocess.run(command + [build], check=True)
    with open(data) as f:
        return json.load(f)["files"], folder


def counted(line):
    return not line.get("gcovr/noncode") and not line.get("gcovr/excluded")


def missed(line):
    """What no test reached of it, as words; None: all was reached."""
    if line["count"] == 0:
        return "never"
    taken = sum(b["count"] > 0 for b in line["branches"])
    if taken < len(line["branches"]):
        return "%d of %d ways" % (taken, len(line["branches"]))
    return None


def list_missed(path, source, files):
    with open(path, "w") as out:
        for file in files:
            with open(os.path.join(source, file["file"])) as f:
                text = f.read().splitlines()
            for line in filter(counted, file["lines"]):
                what = missed(line)
                number = line["line_number"]
                if what:
                    out.write("%s:%d: %s: %s\n" % (
                        file["file"], number, what, text[number - 1].strip()))


def reasons(text):
    """COVERAGE.md's sections as {(file, function): [reason, ...]}."""
    found, reason = {}, None
    for line in text.splitlines():
        section = re.match(r"## (\w+)$", line)
        listed = re.match(r"- `(\S+)`: (.+)$", line)
        if section:
            reason = section.group(1)
        elif listed and reason:
            for function in listed.group(2).split(", "):
                found.setdefault((listed.group(1), function), []).append(reason)
    return found


def functions_missed(files):
    """{(file, function): lines of it that were not reached}, all of them."""
    found = {}
    for file in files:
        starts = sorted((f["lineno"], f["name"].lstrip("*"))
                        for f in file["functions"])
        for _, name in starts:
            found[file["file"], name] = 0
        for line in filter(counted, file["lines"]):
            before = [name for start, name in starts
                      if start <= line["line_number"]]
            key = file["file"], before[-1] if before else "-"
            found[key] = found.get(key, 0) + (line["count"] == 0)
    return found


def explain(missed_lines, known):
    """Prints why; returns the functions that nothing explains."""
    for (file, function), lines in sorted(missed_lines.items()):
        if lines:
            why = " ".join(known.get((file, function), ["NO REASON"]))
            print("%-26s %-24s %3d  %s" % (file, function, lines, why))
    for file, function in sorted(known):
        if not missed_lines.get((file, function)):
            print("COVERAGE.md: %s %s: no line is missed, or it is no more" %
                  (file, function), file=sys.stderr)
    return [key for key, lines in sorted(missed_lines.items())
            if lines and key not in known]


def row(name, count):
    lines, branches = count.percents()
    print("%-8s %6d of %6d  %5.1f %%  %6d of %6d  %5.1f %%" % (
        name, count.lines_hit, count.lines, lines,
        count.branches_hit, count.branches, branches))


def main():
    source, build = map(os.path.realpath, sys.argv[1:3])
    files, folder = gcovr(source, build)
    folders = {name: Count() for name in FOLDERS}
    whole = Count()
    for file in files:
        for line in filter(counted, file["lines"]):
            folders[file["file"].split("/")[0]].add(line)
            whole.add(line)
    list_missed(os.path.join(folder, "uncovered.txt"), source, files)
    with open(os.path.join(source, "tests", "COVERAGE.md")) as f:
        unexplained = explain(functions_missed(files), reasons(f.read()))
    print("%-8s %-26s %s" % ("", "lines", "branches"))
    for name in FOLDERS:
        row(name, folders[name])
    row("all", whole)
    print("not reached: %s/uncovered.txt; reasons: tests/COVERAGE.md" % folder)
    if unexplained:
        sys.exit("coverage: tests/COVERAGE.md has no reason for " + ", ".join(
            "%s of %s" % (function, file) for file, function in unexplained))
    wanted = [float(text) for text in sys.argv[3:5]]
    for what, percent, least in zip(("lines", "branches"), whole.percents(),
                                    wanted):
        if percent < least:
            sys.exit("coverage: %.1f %% of the %s; %g %% are asked for" %
                     (percent, what, least))


if __name__ == "__main__":
    main()
