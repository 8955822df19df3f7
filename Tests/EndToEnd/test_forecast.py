"""`scale-agent forecast`: where series come from, what is printed and written, and what is said when it cannot be."""
import csv
import gzip
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from harness import Process, eventually, free_port, get, scale_agent
from recorded import CONFIG, FakePrometheus, matrix, rewrite_history, trace_writer

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="!!! LEFT OUT: no prometheus and promtool")

STEP = 60
DAY = 86_400 // STEP
MODELS = "bank,last-value,seasonal-naive,hw-additive"


def demand(slot):
    """A daily wave from 20 to 120, noise, and a job that comes every 97 slots."""
    wave = abs(slot % DAY * 2 - DAY) * 100 // DAY
    return 20 + wave + slot * 7919 % 23 + (40 if slot % 97 < 5 else 0)


def series(days=6.0, step=STEP):
    return [demand(slot * step // STEP) for slot in range(int(days * 86_400 / step))]


@pytest.fixture
def trace(tmp_path):
    """Writes rows as a CSV file; without any, six days in steps of a minute."""
    return trace_writer(tmp_path, lambda: [f"{slot * STEP},7,{value}" for slot, value in enumerate(series())])


def scores(*arguments, **options):
    result = scale_agent("forecast", *arguments, "--json", timeout=120, **options)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "progress is for terminals"
    return json.loads(result.stdout)


def model(document, name):
    return next(row for row in document["models"] if row["model"] == name)


# What is printed and written


def test_every_forecaster_is_scored_or_says_why_not(trace):
    document = scores(trace())
    assert document["series"] == {
        "name": "trace.csv", "start_t_s": 0, "step_seconds": 60, "samples": 6 * DAY, "missing": 0}
    assert document["protocol"]["horizons_seconds"] == [180, 300, 600, 900]
    names = [row["model"] for row in document["models"]]
    assert names[:3] == ["bank", "last-value", "seasonal-naive"] and {"ses", "hw-additive"} <= set(names)
    naive = model(document, "last-value")
    assert naive["relative_mae"] == 1 and naive["mase"] > 0
    for row in document["models"]:
        if "error" in row:
            assert "the learning part is too short: 14 d from" in row["error"] and row["model"].startswith("double-seasonal"), row
            continue
        for horizon in row["horizons"]:
            for target in ("sample", "maximum"):
                assert horizon[target]["origins"] == document["protocol"]["origins"]
                assert [level["level"] for level in horizon[target]["levels"]] == [0.5, 0.9, 0.99]
        assert 0.8 < row["sample"][1]["coverage"] < 0.97, row["model"]
    assert model(document, "bank")["relative_mae"] < 1


def test_the_table_has_the_numbers_of_the_json(trace):
    path = trace()
    document = scores(path, "--models", MODELS)
    result = scale_agent("forecast", path, "--models", MODELS, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("trace.csv: 6 days in steps of 60 s; learned from 3 days, scored over 3 days at")
    first = result.stdout.split("Largest one-minute mean")[0]
    rows = {line.split()[0]: line.split() for line in first.splitlines() if line.startswith(tuple(MODELS.split(",")))}
    assert all(len(line) <= 100 for line in result.stdout.splitlines())
    for name in MODELS.split(","):
        assert rows[name][1] == f"{model(document, name)['relative_mae']:.3f}"


def test_a_page_and_the_forecasts_are_written(trace, tmp_path):
    page, emitted = tmp_path / "page.html", tmp_path / "said.csv"
    document = scores(trace(), "--models", "bank,ses", "--html", page, "--emit", emitted, "--zone", "Europe/Berlin")
    text = page.read_text()
    assert text.count("<figure>") == 8 and "<script" not in text and "http" not in text
    with open(emitted) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * document["protocol"]["origins"]
    assert {row["h_s"] for row in rows} == {"180", "300", "600", "900"}
    # What is written is what was scored.
    came, losses = series(), []
    for row in rows:
        if row["h_s"] == "300":
            losses.append(abs(came[(int(row["origin_t_s"]) + 300) // STEP] - float(row["p50"])))
    horizon = model(document, "bank")["horizons"][1]
    assert sum(losses) / len(losses) == pytest.approx(horizon["sample"]["mae"], rel=1e-9)


def test_horizons_levels_and_days_are_chosen(trace):
    document = scores(
        trace(), "--models", "last-value", "--horizons", "2,30", "--levels", "0.95", "--test-days", "0.5")
    assert document["protocol"]["horizons_seconds"] == [120, 1800]
    assert document["protocol"]["levels"] == [0.5, 0.95], "the median is always one"
    assert document["protocol"]["scored"] == DAY // 2


def test_four_days_are_enough_for_a_daily_season(trace):
    rows = [f"{slot * STEP},{value}" for slot, value in enumerate(series(days=4))]
    document = scores(trace(rows, header="t_s,requests"), "--models", "hw-additive,hw-multiplicative")
    for row in document["models"]:
        assert row["mase"] > 0, row


def test_horizons_on_one_step_are_scored_once(trace, tmp_path):
    rows = [f"{slot * 1800},{value}" for slot, value in enumerate(series(step=1800))]
    emitted = tmp_path / "said.csv"
    document = scores(trace(rows, header="t_s,requests"), "--models", "bank", "--emit", emitted)
    assert document["protocol"]["horizons_seconds"] == [1800]
    assert document["notes"][0] == (
        "Asked for 3 min, 5 min, 10 min, 15 min: scored once, at 30 min, by the step of 30 min.")
    with open(emitted) as file:
        said = [(row["origin_t_s"], row["h_s"]) for row in csv.DictReader(file)]
    assert len(said) == len(set(said)) == document["protocol"]["origins"]


def test_nothing_to_score_is_an_error(trace, tmp_path):
    page = tmp_path / "page.html"
    empty = trace([f"{slot * 300},{'1' if slot < 576 else ''}" for slot in range(1152)], header="t_s,n")
    result = scale_agent("forecast", empty, "--html", page)
    assert (result.returncode, result.stdout) == (1, "")
    assert "expected samples where it is scored, found none at any of the 572 origins" in result.stderr
    short = trace([f"{slot * 300},1" for slot in range(1152)], header="t_s,n")
    result = scale_agent("forecast", short, "--models", "double-seasonal", "--html", page)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no forecaster has a score:\n  double-seasonal: the learning part is too short" in result.stderr
    # Another one is not shown in its place.
    result = scale_agent("forecast", short, "--models", "double-seasonal,ses", "--html", page)
    assert result.returncode == 1 and "double-seasonal has no score" in result.stderr
    assert not page.exists()


@pytest.mark.parametrize("days, finding", [
    (["--test-days", "0.01"], "--test-days: expected more than 5 minutes and the longest horizon, such as 0.0146"),
    ([], "or a part of it to score: --test-days 0.4; found 1 d"),
])
def test_the_days_to_score_that_would_do_are_told(trace, days, finding):
    path = trace([f"{slot * STEP},{value}" for slot, value in enumerate(series(days=1))], header="t_s,n")
    result = scale_agent("forecast", path, *days)
    assert result.returncode == 1 and finding in result.stderr, result.stderr


# Files


def test_a_packed_file_standard_input_and_a_column_by_name(trace):
    plain = scores(trace(), "--models", "ses")
    packed = scores(trace(name="trace.csv.gz"), "--models", "ses")
    piped = scores("-", "--models", "ses", stdin=trace().read_text())
    for other in (packed, piped):
        assert model(other, "ses")["horizons"] == model(plain, "ses")["horizons"]
    assert piped["series"]["name"] == "standard input"
    constant = scores(trace(), "--models", "ses", "--column", "other")
    assert model(constant, "ses")["horizons"][0]["sample"]["mae"] == 0
    second = trace([f"{slot * STEP},{value},9" for slot, value in enumerate(series())], header="t_s,value,x")
    assert model(scores(second, "--models", "ses"), "ses")["horizons"] == model(plain, "ses")["horizons"]


def test_empty_values_and_rows_that_are_not_there_are_missing(trace):
    rows = [
        f"{slot * STEP},7,{'' if slot % 25 == 3 else value}" for slot, value in enumerate(series()) if slot % 200 != 9]
    document = scores(trace(rows), "--models", "bank,last-value")
    assert document["series"]["missing"] == sum(slot % 25 == 3 or slot % 200 == 9 for slot in range(6 * DAY))
    horizon = model(document, "last-value")["horizons"][0]
    assert horizon["sample"]["origins"] < document["protocol"]["origins"], "what did not come is not scored"
    assert model(document, "bank")["relative_mae"] < 1


@pytest.mark.parametrize("text, finding", [
    ("", "line 1: expected two rows or more, found 0"),
    ("arrival_s,n\n0,1\n", "line 1: expected the first column to be t_s, seconds in even steps, found \"arrival_s\""),
    ("t_s,n\n0,1\n60,many\n", "line 3: expected a number from 0 to 9007199254740992, or nothing for a missing sample, found \"many\""),
    ("t_s,n\n0,1\n60,1\n90,1\n", "line 4: t_s: expected 120.0 s after the first row"),
    ("t_s,n\n0,1\n60,1\n120,1\n", "expected a series of at least 2 d 21 min; found 3 min"),
])
def test_what_is_wrong_with_a_file_is_told(tmp_path, text, finding):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    result = scale_agent("forecast", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("bad.csv: " + finding), result.stderr


def test_files_that_cannot_be_read_or_written(trace, tmp_path):
    missing = scale_agent("forecast", tmp_path / "none.csv")
    assert missing.returncode == 1 and "none.csv: No such file or directory" in missing.stderr
    large = tmp_path / "large.gz"
    large.write_bytes(gzip.compress(b"0" * (129 << 20), 1))
    assert "expected at most 128 MiB unpacked, found 129 MiB" in scale_agent("forecast", large, timeout=60).stderr
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"t_s,n\n0,1\n60,2\n")[:-5])
    assert "broken.gz: this is no whole gzip file" in scale_agent("forecast", broken).stderr
    unwritable = scale_agent("forecast", trace(), "--models", "ses", "--html", tmp_path / "none" / "page.html")
    assert unwritable.returncode == 1 and "none/page.html" in unwritable.stderr
    column = scale_agent("forecast", trace(), "--column", "tokens")
    assert column.returncode == 1 and "expected a column tokens, found other, requests" in column.stderr


def test_outputs_replace_plain_files_only(trace, tmp_path):
    path, real, link, dangling = trace(), tmp_path / "real.csv", tmp_path / "link.csv", tmp_path / "dangling.csv"
    real.write_text("old")
    link.symlink_to(real)
    dangling.symlink_to(tmp_path / "new.csv")
    ask = ["forecast", path, "--models", "ses"]
    for name in (link, dangling):
        assert scale_agent(*ask, "--emit", name, timeout=60).returncode == 0
        assert name.is_symlink() and name.read_text().startswith("origin_t_s,h_s,")
    assert real.read_text().startswith("origin_t_s")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    unread = scale_agent(*ask, "--emit", pipe, timeout=60)
    assert unread.returncode == 1 and f"{pipe}: " in unread.stderr
    with open(tmp_path / "copy", "w") as copy, subprocess.Popen(["cat", pipe], stdout=copy) as reader:
        eventually(lambda: scale_agent(*ask, "--emit", pipe, timeout=60).returncode == 0, 20, "the pipe is read")
        assert reader.wait(10) == 0
    assert (tmp_path / "copy").read_text().startswith("origin_t_s,h_s,")
    assert pipe.is_fifo()
    assert scale_agent(*ask, "--emit", "/dev/stdout", timeout=60).stdout.startswith("origin_t_s,h_s,")
    assert scale_agent(*ask, "--emit", "/dev/null", "--html", "/dev/null", timeout=60).returncode == 0
    assert not os.path.isfile("/dev/null")


def test_outputs_are_checked_before_the_work(trace, tmp_path):
    path = trace()
    before, link = path.read_bytes(), tmp_path / "link.csv"
    link.symlink_to(path)
    for outputs, finding in [
        (["--emit", path], "--emit must not be the file of"),
        (["--html", link], "--html must not be the file of"),
        (["--emit", tmp_path / "a", "--html", f"{tmp_path}/./a"], "--html must not be the file of --emit"),
        (["--emit", "-"], "--emit needs a file; for a pipe write --emit /dev/stdout."),
    ]:
        result = scale_agent("forecast", path, *outputs)
        assert result.returncode == 64 and finding in result.stderr, result.stderr
    assert path.read_bytes() == before and not (tmp_path / "a").exists()
    # The series is never looked at.
    for bad, finding in [(tmp_path / "no" / "page.html", "No such file"), (path / "page.html", "Not a directory"),
                         (tmp_path, "Is a directory")]:
        result = scale_agent("forecast", tmp_path / "none.csv", "--html", bad)
        assert result.returncode == 1 and result.stderr.startswith(f"{bad}: {finding}"), result.stderr


@pytest.mark.parametrize("arguments, finding", [
    ([], "Name one of: a trace, --history, --prometheus."),
    (["a.csv", "--history"], "Name one of"),
    (["--prometheus", "http://127.0.0.1:9"], "--prometheus and --query belong together."),
    (["a.csv", "--pool", "chat"], "--pool with --history"), (["a.csv", "--start", "0"], "go with --prometheus"),
    (["a.csv", "--models", "bank,oracle"], "there is no oracle; there are bank, last-value,"),
    (["a.csv", "--horizons", "5,5"], "--horizons"), (["a.csv", "--horizons", "0"], "--horizons must be"),
    (["a.csv", "--levels", "90"], "--levels must be above 0 and below 1"),
    (["a.csv", "--test-days", "0"], "--test-days must be"),
    (["a.csv", "--zone", "Mars/Olympus"], "--zone: there is no time zone"),
    (["a.csv", "--step", "5m"], "go with --prometheus"), (["a.csv", "--config", "b.yaml"], "--config goes with"),
    (["--prometheus", "127.0.0.1:9", "--query", "up"], "--prometheus must be a URL such as"),
    (["--prometheus", "http://127.0.0.1:9/?a=b", "--query", "up"], "without ? and #"),
    (["--prometheus", "http://127.0.0.1:9", "--query", "up", "--step", "2h"], "--step must be"),
    (["a.csv", "--zone", "europe/berlin"], "did you mean Europe/Berlin?"),
    (["--prometheus", "http://127.0.0.1:9", "--query", "up", "--start", "soon"], "--start: expected a time such as"),
    (["--prometheus", "http://127.0.0.1:9", "--query", "up", "--start", "20", "--end", "10"], "--start must be before"),
])
def test_a_wrong_command_line(arguments, finding):
    result = scale_agent("forecast", *arguments)
    assert result.returncode == 64 and finding in result.stderr, result.stderr


# Prometheus


@pytest.fixture
def fake(closing):
    def start(answer):
        server = FakePrometheus(answer)
        closing.append(server)
        return server

    return start


def answer(query, *metrics):
    return matrix(query, lambda second: demand(second // STEP), *metrics)


def test_a_long_range_is_asked_for_in_pieces(fake, trace, tmp_path):
    server = fake(lambda query: (200, answer(query, {"pool": "chat"})))
    token = tmp_path / "token"
    token.write_text("abc123\n")
    query = 'sum(demand{pool="chat"}) + 0 & π'
    step, points = 15, int(2.5 * 86_400 / 15)
    document = scores(
        "--prometheus", server.url + "/prefix/", "--query", query, "--start", "1970-01-01T00:00:00Z", "--end",
        (points - 1) * step, "--step", step, "--token-file", token, "--models", "last-value")
    assert document["series"]["samples"] == points and document["series"]["missing"] == 0
    assert [path for path, _ in server.queries] == ["/prefix/api/v1/query_range"] * 2
    assert all(asked["query"] == query for _, asked in server.queries)
    asked = [(float(asked["start"]), float(asked["end"])) for _, asked in server.queries]
    assert asked == [(0, 9_999 * 15), (10_000 * 15, (points - 1) * 15)]
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer abc123"}
    rows = [f"{slot * step},{demand(slot * step // STEP)}" for slot in range(points)]
    file = scores(trace(rows, header="t_s,requests"), "--models", "last-value")
    assert model(document, "last-value")["horizons"] == model(file, "last-value")["horizons"]


@pytest.mark.parametrize("answer, finding", [
    (lambda query: (400, {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected <op:+>"}),
     "parse error: unexpected <op:+>"),
    (lambda query: (503, b"no\x1bbackend"), ': expected status 200, found 503: "no\\u001bbackend"\n'),
    (lambda query: (401, b"no"), 'found 401: "no"; does it need --token-file?'),
    (lambda query: (200, b"<html>"), 'this is no answer of a Prometheus server: "<html>"'),
    (lambda query: (200, answer(query)), "expected one series, found none"),
    (lambda query: (200, answer(query, {"__name__": "up", "job": "a"}, {"__name__": "up", "job": "b"})),
     'expected one series, found 2; add them up with sum(...) or select one:\n  up{job="a"}\n  up{job="b"}'),
    (lambda query: (200, answer(query, {"start": query["start"]})), "expected one series, found 2"),
], ids=["refused", "status", "unauthorised", "no JSON", "none", "two", "two in turn"])
def test_answers_that_are_no_series(fake, answer, finding):
    result = scale_agent(
        "forecast", "--prometheus", fake(answer).url, "--query", "up", "--start", 0, "--end", 200_000)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("up: ") and finding in result.stderr


def test_warnings_dates_and_spans(fake):
    server = fake(lambda query: (200, {**answer(query, {"pool": "chat"}), "warnings": ["a shard is missing"]}))
    result = scale_agent(
        "forecast", "--prometheus", server.url, "--query", "up", "--start", "1970-01-01", "--end", "1970-01-05T12:00",
        "--step", "5m", "--horizons", "10,20m", "--models", "last-value", "--json", timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stderr == f"warning: {server.url}: a shard is missing\n"
    document = json.loads(result.stdout)
    assert document["protocol"]["horizons_seconds"] == [600, 1200]
    assert document["series"]["samples"] == 4.5 * 288 + 1 and document["series"]["step_seconds"] == 300


def test_a_server_that_is_not_there():
    result = scale_agent("forecast", "--prometheus", f"http://127.0.0.1:{free_port()}", "--query", "up")
    assert result.returncode == 1 and result.stderr.startswith("up: ")


@needs_prometheus
def test_a_real_prometheus_gives_what_the_file_gives(closing, trace, tmp_path):
    values = series(days=2.5)
    start = int(time.time()) // STEP * STEP - len(values) * STEP
    metrics = tmp_path / "demand.om"
    metrics.write_text(
        "# TYPE demand gauge\n"
        + "".join(f'demand{{host="{host}"}} {value / 2} {start + slot * STEP}\n'
                  for host in "ab" for slot, value in enumerate(values))
        + "# EOF\n")
    data = tmp_path / "data"
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", metrics, data], check=True, capture_output=True,
        timeout=60)
    (tmp_path / "prometheus.yml").write_text("{}\n")
    address = f"127.0.0.1:{free_port()}"
    server = Process(
        ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={data}",
         f"--web.listen-address={address}"], tmp_path / "prometheus.log")
    closing.append(server)
    eventually(lambda: get(f"http://{address}/-/ready").status == 200, 30, "Prometheus is ready")
    ask = ["--prometheus", f"http://{address}", "--start", start, "--end", start + (len(values) - 1) * STEP, "--step",
           STEP, "--models", "bank,seasonal-naive,ses"]
    document = scores(*ask, "--query", "sum(demand)")
    rows = [f"{start + slot * STEP},{value}" for slot, value in enumerate(values)]
    file = scores(trace(rows, header="t_s,requests"), "--models", "bank,seasonal-naive,ses")
    for name in ("bank", "seasonal-naive", "ses"):
        assert model(document, name)["horizons"] == model(file, name)["horizons"]
    both = scale_agent("forecast", *ask, "--query", "demand")
    assert both.returncode == 1 and 'demand{host="a"}\n  demand{host="b"}' in both.stderr


# History


def test_an_agents_own_history(start_agent, start_sim, trace):
    sim = start_sim("--max-num-seqs", "4")
    agent = start_agent(CONFIG.format(engine=sim.url, interval="1s", maximum=4)).ready()
    agent.after_ticks(1)
    assert agent.stop() == 0
    values = series(days=3)
    # Days of ticks, late by a little, one in a hundred lost.
    rewrite_history(
        start_agent.state / "history.sqlite",
        [(slot * STEP * 1000 + slot % 7 * 900, value) for slot, value in enumerate(values) if slot % 100 != 50])
    start_agent.write(CONFIG.format(engine=sim.url, interval="1m", maximum=4))
    ask = ["--history", "--config", start_agent.config, "--models", "last-value"]
    document = scores(*ask)
    assert document["series"]["name"] == "pool chat"
    assert document["series"]["samples"] == len(values)
    lines = [f"{slot * STEP},{'' if slot % 100 == 50 else value}" for slot, value in enumerate(values)]
    file = scores(trace(lines, header="t_s,requests"), "--models", "last-value")
    assert model(document, "last-value")["horizons"] == model(file, "last-value")["horizons"]
    # The configuration says another interval than the ticks have.
    start_agent.write(CONFIG.format(engine=sim.url, interval="15s", maximum=4))
    assert scores(*ask)["series"] == document["series"]
    other = scale_agent("forecast", *ask, "--pool", "other")
    assert other.returncode == 64 and "--pool must name one of the configuration's pools: chat." in other.stderr


def test_without_a_history(start_agent):
    start_agent.write(CONFIG.format(engine="http://127.0.0.1:9", interval="15s", maximum=4))
    result = scale_agent("forecast", "--history", "--config", start_agent.config)
    assert result.returncode == 1 and re.search(r"pool chat: there is no history yet: .*history\.sqlite", result.stderr)
