"""flat.py -- what a process and its store take, sampled, and whether it grows.

The rule, for each series over its samples behind the warm-up: the straight
line through them (least squares) rises by less than TREND of their median
from the first to the last, and no sample lies above PEAK times the median.
A rise that is smaller than the unit's grain is none: memory comes in pages
and arenas, files in pages.  The log keeps the size that it once had, until it
is truncated: its limit is store.wal_max_bytes and what one turn writes.
"""
import os
import sqlite3

TREND = 0.02
PEAK = 1.25
KIB, PAGE = 1024, 4096
WAL_MAX = 64 << 20


class Series:
    def __init__(self, name, unit="", scale=1, grain=0, trend=TREND,
                 peak=PEAK, limit=None):
        self.name, self.unit, self.scale = name, unit, scale
        self.grain, self.trend, self.peak = grain, trend, peak
        self.limit = limit


# name: how it is shown, and the grain below which nothing is growth
SERIES = {
    "rss": Series("heygend", "MiB", 1 << 20, 1024 * KIB),
    "fds": Series("fds", grain=8),
    "threads": Series("threads"),
    "workers": Series("workers", "MiB", 1 << 20, 256 * KIB),
    "wal": Series("wal", "MiB", 1 << 20, limit=WAL_MAX + (16 << 20)),
    # it keeps the room of a peak for a while, and the last peak may be late
    "db": Series("db", "MiB", 1 << 20, 256 * PAGE, trend=0.05),
    # what is free comes and goes with the load; it may not pile up
    "free": Series("free pages", grain=2048, trend=0.2, peak=4),
}
SHOWN = {
    "jobs": Series("jobs"), "tombstones": Series("tombstones"),
    "events": Series("events"), "real": Series("real", "s"),
}


def line_through(points):
    """(slope, value at the first point) of the least squares line."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    across = sum((x - mean_x) ** 2 for x, _ in points)
    slope = (sum((x - mean_x) * (y - mean_y) for x, y in points) / across
             if across else 0)
    return slope, mean_y + slope * (points[0][0] - mean_x)


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return (values[middle] if len(values) % 2 else
            (values[middle - 1] + values[middle]) / 2)


def judge(series, points):
    """(rise, peak, what is wrong or None); rise and peak by the median."""
    values = [y for _, y in points]
    usual = median(values) or 1
    rise = line_through(points)[0] * (points[-1][0] - points[0][0])
    peak = max(values) - usual
    wrong = None
    if series.limit is not None:
        if max(values) > series.limit:
            wrong = "%s is %g, above %g" % (series.name, max(values),
                                            series.limit)
    elif rise > series.grain and rise > series.trend * usual:
        wrong = "%s grows: %+.1f %% from %g to %g" % (
            series.name, 100 * rise / usual, values[0], values[-1])
    elif peak > series.grain and peak > (series.peak - 1) * usual:
        wrong = "%s peaks at %g, its median is %g" % (
            series.name, max(values), usual)
    return rise / usual, max(values) / usual, wrong


# --- samples ----------------------------------------------------------------

def status_of(pid):
    """/proc/PID/status as a dict, sizes in bytes."""
    found = {}
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            name, _, value = line.partition(":")
            words = value.split()
            if words and words[0].isdigit():
                found[name] = int(words[0]) * (
                    KIB if words[-1] == "kB" else 1)
    return found


def size_of(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def sample(daemon, db):
    """One row: of the process, its workers, its files and tables."""
    status = status_of(daemon.process.pid)
    path = os.path.join(daemon.state_dir, "jobs.db")
    row = {
        "rss": status["VmRSS"], "threads": status["Threads"],
        "fds": len(os.listdir("/proc/%d/fd" % daemon.process.pid)),
        "workers": sum(status_of(pid)["VmRSS"]
                       for pid in daemon.children()),
        "db": size_of(path), "wal": size_of(path + "-wal"),
        "free": number(db, "PRAGMA freelist_count"),
    }
    for name, table in (("jobs", "job"), ("tombstones", "tombstone"),
                        ("events", "event")):
        row[name] = number(db, "SELECT count(*) FROM " + table)
    return row


def open_store(daemon):
    """A reader as people have it: read-only, and it never holds on."""
    path = os.path.join(daemon.state_dir, "jobs.db")
    return sqlite3.connect("file:%s?mode=ro" % path, uri=True,
                           isolation_level=None, check_same_thread=False)


def number(db, question, *values):
    return db.execute(question, values).fetchone()[0]


# --- the table --------------------------------------------------------------

def cell(series, value):
    return ("%.1f" if series.scale > 1 else "%d") % (value / series.scale)


def columns():
    return list(SHOWN.items()) + list(SERIES.items())


def heading():
    words = ["%s%s" % (s.name, " " + s.unit if s.unit else "")
             for _, s in columns()]
    return "  time  " + "  ".join("%10s" % word[:14] for word in words)


def row_text(at_s, row):
    return "%2d:%02d   " % (at_s // 3600, at_s // 60 % 60) + "  ".join(
        "%10s" % cell(s, row[name]) for name, s in columns())


def verdicts(rows, warm_up_s):
    """(lines to show, sentences of what is wrong) of [(at_s, row)]."""
    lines, wrongs = [], []
    rows = [(at, row) for at, row in rows if at >= warm_up_s]
    for name, series in SERIES.items():
        rise, peak, wrong = judge(series, [(at, row[name])
                                           for at, row in rows])
        lines.append("%-10s rise %+6.2f %%, peak %.2f of the median%s" % (
            series.name, 100 * rise, peak, ": " + wrong if wrong else ""))
        if wrong:
            wrongs.append(wrong)
    return lines, wrongs
