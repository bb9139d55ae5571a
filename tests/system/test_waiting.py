"""bench/waiting in virtual time: the numbers to reach, and traces."""
import json
import os
import random
import subprocess
import sys
import tempfile

WAITING = os.path.join(os.environ.get("HG_BUILDDIR", "."), "bench", "waiting")
tests = []


def test(function):
    tests.append(function)
    return function


def run(*options, lines=None):
    command = [WAITING, *options]
    if lines is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".trace") as trace:
            trace.write("\n".join(lines) + "\n")
            trace.flush()
            return subprocess.run([*command, "--trace", trace.name],
                                  capture_output=True, text=True, timeout=300)
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def ours(lines, *options):
    done = run("--json", *options, lines=lines)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows[0]["policy"] == "ours"
    assert set(rows[0]) == {"policy", "calls", "mean_s", "p50_s", "p95_s",
                            "p99_s", "cost", "lost", "jobs"}
    return rows[0]


def lognormal(n, seed=1):
    chance = random.Random(seed)
    return [int(60000 * chance.lognormvariate(0, 0.8)) for _ in range(n)]


@test
def the_numbers_to_reach_are_reached():
    done = run("--jobs", "4000", "--seed", "42", "--json")
    rows = json.loads(done.stdout)["rows"]
    missed = [r["workload"] for r in rows if r.get("reached") is False]
    assert done.returncode == 0 and not missed, missed
    assert sum("reached" in r for r in rows) == 22


@test
def the_same_seed_gives_the_same_numbers():
    options = ("--error-rate", "0.2", "--use", "eta", "--json", "--seed")
    lines = [f"{d} 0:{d} {d}:0" for d in lognormal(200)]
    first = run(*options, "7", lines=lines).stdout
    assert first == run(*options, "7", lines=lines).stdout
    assert first != run(*options, "8", lines=lines).stdout


@test
def an_honest_estimate_costs_three_calls_and_half_a_second():
    row = ours([f"{d} 0:{d} {d}:0" for d in lognormal(2000)], "--use", "eta")
    assert row["calls"] <= 3.2 and row["p95_s"] <= 1, row


@test
def an_estimate_that_is_always_an_hour_is_not_obeyed():
    row = ours([f"{d} 0:3600000" for d in lognormal(2000)], "--use", "eta")
    assert row["p95_s"] <= 140, row


@test
def an_estimate_that_is_always_nothing_is_no_reason_to_hammer():
    row = ours([f"{d} 0:0" for d in lognormal(2000)], "--use", "eta")
    assert row["calls"] <= 16 and row["p95_s"] <= 15, row


@test
def an_estimate_that_grows_for_ever_is_soon_not_believed():
    row = ours([f"{d} 0:10000 1000000:1010000" for d in lognormal(2000)],
               "--use", "eta")
    assert row["calls"] <= 14 and row["p95_s"] <= 60, row


@test
def an_estimate_that_ends_is_waited_for_as_without_one():
    lines = [f"{d} 0:{2 * d} {d // 10}:-" for d in lognormal(2000)]
    row = ours(lines, "--use", "eta")
    assert row["p95_s"] <= 60, row


@test
def a_day_of_work_takes_few_calls():
    row = ours(["86400000 0:86400000 86400000:0"] * 10, "--use", "eta")
    assert row["calls"] <= 12 and row["p95_s"] <= 3, row


@test
def no_job_is_lost_when_every_third_request_fails():
    lines = [f"{d} 0:{d} {d}:0" for d in lognormal(1000)]
    for use in ("sse", "hold,eta", "eta", "history", "bulk", "bulk,eta"):
        row = ours(lines, "--use", use, "--error-rate", "0.33")
        assert row["lost"] == 0 and row["jobs"] == 1000, (use, row)


@test
def what_jobs_have_in_common_is_learnt_on_the_way():
    lines = [str(10000 + i % 7 * 10) for i in range(2000)]
    cold = ours(lines, "--use", "eta")
    warm = ours(lines, "--use", "history")
    assert warm["cost"] < 0.5 * cold["cost"], (cold, warm)


@test
def the_profiles_trade_calls_for_delay():
    lines = [str(d) for d in lognormal(2000)]
    cost, balanced, latency = (
        ours(lines, "--use", "history", "--profile", p)
        for p in ("cost", "balanced", "latency"))
    assert cost["calls"] < balanced["calls"] < latency["calls"]
    assert cost["p95_s"] > balanced["p95_s"] > latency["p95_s"]


@test
def a_trace_that_makes_no_sense_is_refused_by_its_line():
    for bad in ("x", "100 5", "100 5:", "100 5:x", "100 9:1 5:1", "-5",
                "100 5:-1", "nan", "100 5:1:2"):
        done = run(lines=["10000", bad])
        assert done.returncode == 2 and ":2: " in done.stderr, bad
        assert done.stdout == ""
    assert run(lines=["# nothing"]).returncode == 2
    assert run("--use", "luck").returncode == 2
    assert run("--error-rate", "1").returncode == 2
    assert run("--trace", "/nonexistent/trace").returncode == 2


failed = 0
print(f"1..{len(tests)}")
for number, function in enumerate(tests, 1):
    name = function.__name__.replace("_", " ")
    try:
        function()
        print(f"ok {number} - {name}", flush=True)
    except Exception as error:  # a broken test must not hide the others
        failed += 1
        print(f"not ok {number} - {name}\n# {error!r}", flush=True)
sys.exit(bool(failed))
