"""`scale-agent backtest`: what is compared, whether the numbers hold, and what is said when it cannot be."""
import csv
import json
import shutil
import subprocess

import pytest

from harness import scale_agent
from recorded import CONFIG, FakePrometheus, matrix, rewrite_history, trace_writer

STEP = 15
SLOTS = 12 * 3600 // STEP
PEERS = [
    "hpa", "keda", "kpa", "kpa-rates", "target-tracking", "predictive-scaling", "nomad", "skyserve", "dynamo",
    "thresholds", "fixed"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def work(slot):
    """A wave of eight hours from 40 to 240, noise, and a crowd of five minutes that comes every two hours."""
    wave = abs(slot % 1920 * 2 - 1920) * 200 // 1920
    return 40 + wave + slot * 7919 % 23 + (50 if slot % 480 < 20 else 0)


@pytest.fixture
def trace(tmp_path):
    """Writes rows as a CSV file; without any, half a day in steps of 15 s."""
    return trace_writer(tmp_path, lambda: [f"{slot * STEP},7,{work(slot)}" for slot in range(SLOTS)])


def backtest(*arguments, stderr="", **options):
    result = scale_agent("backtest", *arguments, "--json", timeout=120, **options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == stderr, "progress is for terminals"
    return json.loads(result.stdout)


def policy(document, name):
    return next(row for row in document["policies"] if row["policy"] == name)


def figures(document):
    """All numbers but the time that it took."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in document["policies"]]


# What is compared


def test_every_policy_is_played_and_hindsight_is_the_measure(trace):
    document = backtest("--trace", trace())
    assert document["trace"] == {
        "name": "trace.csv", "start_t_s": 0, "bins": SLOTS, "bin_seconds": 15, "missing": 0}
    world = document["world"]
    assert (world["mean_replicas"], world["boot_seconds"], world["wait_seconds"], world["share"]) == (
        pytest.approx(12), 420, 10, 0.99)
    assert [row["policy"] for row in document["policies"]] == ["hindsight", "scale-agent"] + PEERS
    best = document["policies"][0]
    assert best["x_hindsight"] == 1 and best["share_in_time"] == 1 and "setting" not in best
    total = sum(work(slot) for slot in range(SLOTS))
    for row in document["policies"]:
        assert row["arrivals"] == total and row["served"] + row["backlog"] == pytest.approx(total)
        assert row["x_hindsight"] == pytest.approx(row["replica_hours"] / best["replica_hours"])
        assert row["changes"] == row["scale_ups"] + row["scale_downs"] and "usd" not in row
        assert row["keeps_share"] == (row["share_in_time"] >= 0.99)
    assert policy(document, "scale-agent")["share_in_time"] > 0.9
    assert policy(document, "fixed")["changes"] <= 1


def test_the_table_has_the_numbers_of_the_json(trace):
    path = trace()
    ask = ["--trace", path, "--compare", "hpa,kpa", "--price", "2.5"]
    document = backtest(*ask)
    result = scale_agent("backtest", *ask, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("trace.csv: 12 h in steps of 15 s; 12 busy replicas in the mean at ")
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line[:1].islower()}
    for name in ("hindsight", "scale-agent", "hpa", "kpa"):
        row = policy(document, name)
        assert row["usd"] == pytest.approx(row["replica_hours"] * 2.5)
        assert rows[name][2:6] == [
            f"{row['replica_hours']:.1f}", f"{row['usd']:.2f}", f"{row['x_hindsight']:.3f}",
            f"{row['share_in_time'] * 100:.3f}"], name
        assert rows[name][-2:] == [str(row["changes"]), str(row["flaps"])]


def test_tuning_takes_the_cheapest_setting_that_keeps_the_share(trace):
    document = backtest("--trace", trace(), "--tune", "--share", "0.97")
    for name in PEERS:
        tried = [row for row in document["sweep"] if row["policy"] == name]
        assert len(tried) > 5 and tried == sorted(tried, key=lambda row: row["setting"])
        kept = [row for row in tried if row["share_in_time"] >= 0.97]
        best = min(kept, key=lambda row: row["replica_hours"]) if kept else max(
            tried, key=lambda row: row["share_in_time"])
        assert policy(document, name) == best
    standard = backtest("--trace", trace(), "--share", "0.97")
    assert "sweep" not in standard
    assert figures(standard)[:2] == figures(document)[:2], "this policy and hindsight are not tuned"


# Whether the numbers hold


def replay(rows, capacity, wait):
    """Hours, share in time, backlog and changes, from the timeline alone."""
    hours = in_time = total = backlog = 0.0
    changes, desired = 0, int(rows[0]["ready"])
    for row in rows:
        ready, arrivals = int(row["ready"]), float(row["arrivals"])
        before, backlog = backlog, max(0, backlog + arrivals - ready * capacity * STEP)
        assert float(row["backlog"]) == pytest.approx(backlog, abs=1e-6)
        first, last = sorted((before / ready / capacity, backlog / ready / capacity))
        in_time += arrivals * (1 if last <= wait else 0 if first > wait else (wait - first) / (last - first))
        total += arrivals
        hours += (ready + int(row["booting"])) * STEP / 3600
        changes += int(row["desired"]) != desired
        desired = int(row["desired"])
    return hours, in_time / total, changes


@pytest.mark.parametrize("boot", ["0s", "3m", "7m30s"])
def test_the_timeline_tells_the_same_story(trace, tmp_path, boot):
    path = tmp_path / "timeline.csv"
    document = backtest("--trace", trace(), "--compare", "fixed", "--boot", boot, "--wait", "5s", "--timeline", path)
    assert path.read_text().startswith("t_s,arrivals,backlog,ready,booting,desired\n")
    rows = list(csv.DictReader(path.open()))
    assert [float(row["t_s"]) for row in rows] == [slot * STEP for slot in range(SLOTS)]
    assert [float(row["arrivals"]) for row in rows] == [work(slot) for slot in range(SLOTS)]
    own = policy(document, "scale-agent")
    assert replay(rows, document["world"]["capacity_per_second"], 5) == (
        pytest.approx(own["replica_hours"]), pytest.approx(own["share_in_time"], abs=1e-9), own["changes"])
    # What is asked for is there, ready or booting, from the next bin on.
    for row, after in zip(rows, rows[1:]):
        assert int(after["ready"]) + int(after["booting"]) == int(row["desired"])


def test_boots_that_vary_and_worlds_that_are_the_same(trace):
    path = trace()
    plain = backtest("--trace", path, "--compare", "hpa", "--boot", "5m")
    assert figures(backtest("--trace", path, "--compare", "hpa", "--boot-quantiles", "5m,5m,5m")) == figures(plain)
    varied = backtest("--trace", path, "--compare", "hpa", "--boot-quantiles", "2m,5m,20m")
    assert varied["world"]["boot_seconds"] == 300 and varied["world"]["boot_quantiles_seconds"] == [120, 300, 1200]
    assert figures(varied) != figures(plain)
    again = backtest("--trace", path, "--compare", "hpa", "--boot-quantiles", "2m,5m,20m")
    assert figures(varied) == figures(again), "chance is seeded"
    capacity = plain["world"]["capacity_per_second"]
    sized = backtest("--trace", path, "--compare", "hpa", "--boot", "5m", "--capacity", repr(capacity))
    assert [row["replica_hours"] for row in sized["policies"]] == pytest.approx(
        [row["replica_hours"] for row in plain["policies"]])
    double = backtest("--trace", path, "--compare", "hpa", "--boot", "5m", "--mean-replicas", "24")
    assert double["world"]["capacity_per_second"] == pytest.approx(capacity / 2)


def test_days_short_steps_and_missing_samples(trace):
    path = trace()
    half = backtest("--trace", path, "--days", "0.25", "--compare", "hpa")
    assert half["trace"]["bins"] == SLOTS // 2
    rows = [f"{slot * STEP},7,{work(slot)}" for slot in range(SLOTS // 2)]
    assert figures(backtest("--trace", trace(rows, "half.csv.gz"), "--compare", "hpa")) == figures(half)
    piped = backtest("--trace", "-", "--days", "0.25", "--compare", "hpa", stdin=path.read_text())
    assert figures(piped) == figures(half)
    # Bins of 5 s are added up to those of a decision.
    thirds = [f"{slot * 5},7,{work(slot // 3) / 3!r}" for slot in range(SLOTS // 2 * 3)]
    merged = backtest("--trace", trace(thirds, "thirds.csv"), "--compare", "hpa")
    assert merged["trace"]["bin_seconds"] == 15 and merged["trace"]["bins"] == SLOTS // 2
    assert [row["replica_hours"] for row in merged["policies"]] == pytest.approx(
        [row["replica_hours"] for row in half["policies"]], rel=0.01)
    # A row that is not there has the value of the one before.
    gaps = [f"{slot * STEP},7,{'' if slot % 50 == 9 else work(slot)}" for slot in range(SLOTS // 2)]
    filled = [f"{slot * STEP},7,{work(slot - (slot % 50 == 9))}" for slot in range(SLOTS // 2)]
    missing = backtest("--trace", trace(gaps, "gaps.csv"), "--compare", "hpa")
    assert missing["trace"]["missing"] == sum(slot % 50 == 9 for slot in range(SLOTS // 2))
    assert figures(missing) == figures(backtest("--trace", trace(filled, "filled.csv"), "--compare", "hpa"))
    other = backtest("--trace", path, "--column", "other", "--compare", "hpa")
    assert policy(other, "hindsight")["changes"] == 0, "the other column is constant"


def test_the_page_loads_nothing(trace, tmp_path):
    page = tmp_path / "page.html"
    backtest("--trace", trace(), "--tune", "--html", page, "--price", "1")
    text = page.read_text()
    assert text.count("<figure>") == 1 and text.count("<circle") == 2 + len(PEERS)
    assert "<script" not in text and "http" not in text
    if CHROMIUM:
        picture = tmp_path / "page.png"
        subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1100,1700", f"--screenshot={picture}",
             page.as_uri()],
            capture_output=True, timeout=60, check=True)
        assert picture.stat().st_size > 50_000


# Other sources


@pytest.fixture
def prometheus(closing):
    server = FakePrometheus(lambda query: (200, matrix(query, lambda second: work(second // STEP) / STEP, {})))
    closing.append(server)
    return server


def test_a_rate_of_prometheus_is_work_once_it_has_lasted(prometheus, trace):
    slots = SLOTS // 2
    document = backtest(
        "--prometheus", prometheus.url, "--query", "sum(rate(requests[1m]))", "--start", 0, "--end",
        (slots - 1) * STEP, "--compare", "hpa")
    rows = [f"{slot * STEP},{work(slot)}" for slot in range(slots)]
    file = backtest("--trace", trace(rows, header="t_s,requests"), "--compare", "hpa")
    assert [row["replica_hours"] for row in document["policies"]] == pytest.approx(
        [row["replica_hours"] for row in file["policies"]])


def test_an_agents_own_history_under_its_own_settings(start_agent, start_sim):
    sim = start_sim("--max-num-seqs", "4")
    agent = start_agent(CONFIG.format(engine=sim.url, interval="1s", maximum=40)).ready()
    agent.after_ticks(1)
    assert agent.stop() == 0
    rewrite_history(
        start_agent.state / "history.sqlite", [(slot * 60_000, 5 + work(slot * 4)) for slot in range(1440)])
    start_agent.write(CONFIG.format(engine=sim.url, interval="1m", maximum=40))
    ask = ["--history", "--config", start_agent.config, "--compare", "hpa"]
    document = backtest(*ask)
    assert document["trace"]["name"] == "pool chat" and document["trace"]["bins"] == 1440
    world = document["world"]
    assert (world["capacity_per_second"], world["usd_per_replica_hour"]) == (8, 3)
    mean = sum(5 + work(slot * 4) for slot in range(1440)) / 1440
    assert world["mean_replicas"] == pytest.approx(mean / 8)
    start_agent.write(CONFIG.format(engine=sim.url, interval="1m", maximum=10))
    low = scale_agent("backtest", *ask)
    assert low.returncode == 0 and low.stderr.startswith("warning: the pool's maximum of 10 is below the peak need of")
    start_agent.write(CONFIG.format(engine=sim.url, interval="1m", maximum=40).replace("max:", "maxx:"))
    wrong = scale_agent("backtest", *ask)
    assert wrong.returncode == 2 and "maxx" in wrong.stderr


def test_the_settings_of_a_pool_decide(trace, start_agent):
    text = CONFIG.format(engine="http://127.0.0.1:9", interval="15s", maximum=200)
    start_agent.write(text)
    ask = ["--trace", trace(), "--compare", "hpa", "--config", start_agent.config, "--pool", "chat"]
    plain = backtest(*ask)
    start_agent.write(text + "    policy: {headroom: {replicas: 3}}\n")
    spare = backtest(*ask)
    assert policy(spare, "hpa") == policy(plain, "hpa")
    assert policy(spare, "scale-agent")["replica_hours"] > policy(plain, "scale-agent")["replica_hours"] + 12 * 1.5


# What is said when it cannot be


@pytest.mark.parametrize("text, finding", [
    ("", "line 1: expected two rows or more, found 0"),
    ("t_s,n\n0,1\n60,many\n", "line 3: expected a number from 0 to 9007199254740992, or nothing for a missing sample, found \"many\""),
    ("t_s,n\n0,0\n60,0\n", "expected demand above 0 somewhere, found none in 2 samples"),
    ("t_s,n\n0,5\n5,5\n", "expected two bins of 15.0 s or more, found 2 samples"),
])
def test_what_is_wrong_with_a_file_is_told(tmp_path, text, finding):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    result = scale_agent("backtest", "--trace", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("bad.csv: " + finding), result.stderr


def test_what_cannot_be_read_written_or_simulated(trace, tmp_path):
    missing = scale_agent("backtest", "--trace", tmp_path / "none.csv")
    assert missing.returncode == 1 and "none.csv: No such file or directory" in missing.stderr
    ask = ["backtest", "--trace", trace(), "--compare", "fixed"]
    for option in ("--html", "--timeline"):
        result = scale_agent(*ask, option, tmp_path / "none" / "file")
        assert result.returncode == 1 and "none/file" in result.stderr and result.stdout == ""
    tiny = scale_agent(*ask, "--capacity", "0.000001")
    assert tiny.returncode == 1 and "trace.csv: expected at most 10000 busy replicas, found" in tiny.stderr


@pytest.mark.parametrize("arguments, finding", [
    ([], "Name one of: a trace, --history, --prometheus."), (["--trace", "a", "--history"], "Name one of"),
    (["--trace", "a", "--compare", "hpa,oracle"], "there is no oracle; there are hpa, keda, kpa, kpa-rates,"),
    (["--trace", "a", "--mean-replicas", "3", "--capacity", "4"], "set the same thing"),
    (["--trace", "a", "--mean-replicas", "0"], "--mean-replicas must be above 0"),
    (["--trace", "a", "--capacity=-1"], "--capacity must be above 0"),
    (["--trace", "a", "--days", "nan"], "--days must be above 0"),
    (["--trace", "a", "--share", "99"], "--share must be above 0 and at most 1"),
    (["--trace", "a", "--price=-1"], "--price must be 0 or more"), (["--trace", "a", "--boot", "420"], "--boot"),
    (["--trace", "a", "--boot", "2d"], "at most a day"),
    (["--trace", "a", "--boot-quantiles", "5m,2m"], "--boot-quantiles must ascend"),
    (["--trace", "a", "--timeline", "b", "--html", "b"], "must not be the file of"),
    (["--trace", "a", "--timeline", "a"], "must not be the file of"),
])
def test_a_wrong_command_line(arguments, finding):
    result = scale_agent("backtest", *arguments)
    assert result.returncode == 64 and finding in result.stderr, result.stderr
