"""`scale-agent inspect`: what is understood of engines and GPUs, and how failures are told."""
import json
import math
import socket
import threading

import pytest

from harness import REPOSITORY, SHARED, LongRequests, eventually, free_port, scale_agent

SIGNALS = {
    "running", "waiting", "waiting_for_capacity", "kv_cache_usage", "kv_cache_tokens", "prompt_tokens_total",
    "generation_tokens_total", "preemptions_total", "requests_finished_total", "iterations_total",
}
HISTOGRAMS = {"time_to_first_token", "inter_token_latency"}


def captures():
    own = sorted((REPOSITORY / "Tests" / "Fixtures" / "vllm").glob("*/*.prom"))
    shared = sorted((SHARED / "fixtures" / "vllm").glob("*/*.prom"))
    assert own, "the captures of this repository are missing"
    return own + shared


def gauge(capture, *names):
    """The value of a gauge by (model, engine), read with the client library; the first name that is there wins."""
    from prometheus_client.parser import text_string_to_metric_families

    for name in names:
        for family in text_string_to_metric_families(capture):
            found = {
                (sample.labels.get("model_name"), sample.labels.get("engine")): sample.value
                for sample in family.samples if sample.name == name
            }
            if found:
                return found
    return {}


@pytest.mark.parametrize("path", captures(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_captures_of_vllm(path):
    result = scale_agent("inspect", "engine", path)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert set(report) == {"engine", "models", "missing", "missing_families", "skipped_lines"}
    assert bool(report["missing"]) == bool(report["missing_families"])
    assert report["engine"] == "vllm" and report["skipped_lines"] == 0
    for model in report["models"]:
        assert set(model) <= {"model", "engine", "sleeping"} | SIGNALS | HISTOGRAMS
        for key in SIGNALS & set(model):
            value = model[key]
            assert isinstance(value, (int, float)) and math.isfinite(value) and value >= 0, (key, value)
        assert 0 <= model.get("kv_cache_usage", 0) <= 1
    # An independent reader of the same text finds the same, and nothing where it finds nothing.
    text = path.read_text()
    for key, names in [
        ("running", ["vllm:num_requests_running"]),
        ("waiting", ["vllm:num_requests_waiting"]),
        ("kv_cache_usage", ["vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"]),
    ]:
        read = {(model["model"], model.get("engine")): model[key] for model in report["models"] if key in model}
        assert read == gauge(text, *names), key
    # Versions before 0.10 export nothing before the first request.
    assert report["models"] or path.parent.name.startswith("0.8.5")


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "Tests/Fixtures/engines").iterdir()), ids=lambda path: path.stem)
def test_other_engines(path):
    report = json.loads(scale_agent("inspect", "engine", path).stdout)
    assert report["engine"] == path.stem and report["models"]
    assert all(("running" in model) != ("running" in report["missing"]) or model.get("engine") is None
               for model in report["models"])


def test_an_absent_signal_is_an_absent_key(tmp_path):
    page = tmp_path / "page.prom"
    page.write_text(
        "# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{engine="0",model_name="m"} 3.0\n'
        "# TYPE vllm:num_requests_waiting gauge\n"
        'vllm:num_requests_waiting{engine="0",model_name="m"} NaN\n')
    report = json.loads(scale_agent("inspect", "engine", page).stdout)
    (model,) = report["models"]
    assert model["running"] == 3
    assert not {"waiting", "kv_cache_usage", "prompt_tokens_total"} & set(model)
    assert {"waiting", "kv_cache_usage"} <= set(report["missing"]) and "running" not in report["missing"]


def test_standard_input():
    text = (REPOSITORY / "Tests/Fixtures/vllm/0.32.0/metrics-idle.prom").read_text()
    report = json.loads(scale_agent("inspect", "engine", "-", stdin=text).stdout)
    assert report["models"][0]["running"] == 0


@pytest.mark.parametrize("path", ["", "/", "/metrics"])
def test_an_engine_by_url(start_sim, path):
    sim = start_sim("--served-model-name", "llama-sim", "--max-num-seqs", "2")
    requests = LongRequests(sim.url, 3)
    try:
        def busy():
            (model,) = json.loads(scale_agent("inspect", "engine", sim.url + path).stdout)["models"]
            return (model["model"], model["running"], model["waiting"]) == ("llama-sim", 2, 1)
        eventually(busy, what="two requests run and one waits")
    finally:
        requests.cut()


class Misbehaving:
    """Answers one connection after the other with the same bytes, then hangs up, or says nothing at all."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
                self.open.append(connection)
                if self.answer is not None:
                    connection.recv(65536)
                    connection.sendall(self.answer)
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                return

    def end(self):
        self.listener.close()
        for connection in self.open:
            connection.close()


METRICS = b"# TYPE vllm:num_requests_running gauge\nvllm:num_requests_running 1\n"


@pytest.mark.parametrize(
    "answer, words",
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", ["expected status 200, found 500"]),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>hi</html>", ["html"]),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 500\r\n\r\n" + METRICS, []),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\npython_info 1.0\n", ["vllm"]),
        (b"SSH-2.0-OpenSSH\r\n", []),
        (None, []),
    ],
    ids=["500", "html", "cut body", "another program", "no HTTP", "hang"])
def test_an_engine_that_misbehaves(closing, answer, words):
    server = Misbehaving(answer)
    closing.append(server)
    result = scale_agent("inspect", "engine", server.url, "--timeout", "1", timeout=10)
    assert result.returncode == 1 and result.stdout == ""
    assert server.url in result.stderr and len(result.stderr.strip().splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr


def test_an_engine_that_is_not_there():
    url = f"http://127.0.0.1:{free_port()}"
    result = scale_agent("inspect", "engine", url)
    assert result.returncode == 1 and result.stdout == "" and url in result.stderr


def test_a_file_that_is_not_there(tmp_path):
    result = scale_agent("inspect", "engine", tmp_path / "none.prom")
    assert result.returncode == 1 and "none.prom" in result.stderr


# GPUs


def test_gpus_in_a_table():
    result = scale_agent("inspect", "gpu", "--csv", REPOSITORY / "Tests/Fixtures/nvidia-smi/two-gpus.csv")
    report = json.loads(result.stdout)
    assert report["error"] is None and result.returncode == 0
    first, second = report["gpus"]
    assert first == {
        "index": 0, "uuid": "GPU-aaaaaaaa-0000-0000-0000-000000000000", "name": "NVIDIA Example 80GB", "fault": None,
        "utilization_ratio": 0.5, "memory_used_bytes": 1024 << 20, "memory_total_bytes": 81920 << 20,
        "temperature_celsius": 41, "power_watts": 300.5,
    }
    assert not {"utilization_ratio", "memory_used_bytes", "power_watts"} & set(second), "N/A is absent"


@pytest.mark.parametrize("name", ["mig-old.xml", "power-instant.xml"])
def test_gpus_in_a_document(name):
    result = scale_agent("inspect", "gpu", "--xml", REPOSITORY / "Tests/Fixtures/nvidia-smi" / name)
    report = json.loads(result.stdout)
    assert result.returncode == 0 and report["error"] is None and report["gpus"]


def recorded_gpus():
    expected = SHARED / "fixtures" / "nvidia-smi" / "expected.json"
    if not expected.exists():
        return [pytest.param("", {}, marks=pytest.mark.skip(reason="!!! LEFT OUT: needs ../shared"), id="no ../shared")]
    return [pytest.param(path, what, id=path) for path, what in json.loads(expected.read_text()).items()]


@pytest.mark.parametrize("path, expected", recorded_gpus())
def test_recorded_gpus(path, expected):
    result = scale_agent("inspect", "gpu", f"--{expected['kind']}", SHARED / "fixtures" / "nvidia-smi" / path)
    report = json.loads(result.stdout)
    rows = expected["gpus"] if expected["kind"] == "xml" else expected["rows"]
    assert len(report["gpus"]) == len(rows)
    for gpu, row in zip(report["gpus"], rows):
        assert {key: value for key, value in gpu.items() if key != "index"} == pytest.approx(as_reported(row))
    # Some documents speak of more GPUs than they hold, which is an error beside what was read.
    hidden = (expected.get("attached_gpus") or 0) > len(rows)
    assert (result.returncode, report["error"] is not None) == ((1, True) if hidden else (0, False))


def as_reported(row):
    """A GPU of the independent reader in our units; what was not given has no key."""

    def scaled(key, factor):
        return None if row.get(key) is None else row[key] * factor

    powers = [row.get(key) for key in ("power_draw_w", "power_average_w", "power_instant_w")]
    values = {
        "uuid": row.get("uuid"), "name": row.get("name") or row.get("product"),
        "utilization_ratio": scaled("util_gpu_pct", 0.01), "memory_used_bytes": scaled("fb_used_mib", 1 << 20),
        "memory_total_bytes": scaled("fb_total_mib", 1 << 20), "temperature_celsius": row.get("temp_c"),
        "power_watts": next((power for power in powers if power is not None), None),
    }
    lost = row.get("raw_util_gpu") == "GPU is lost"
    return {"fault": "GPU is lost" if lost else None} | {key: v for key, v in values.items() if v is not None}


def test_no_nvidia_smi():
    result = scale_agent("inspect", "gpu", "--command", "no-such-nvidia-smi")
    assert result.returncode == 1
    assert "no-such-nvidia-smi: there is no such program on this host" in result.stderr
    assert json.loads(result.stdout) == {"gpus": [], "error": None}


def test_nvidia_smi_that_hangs(tmp_path):
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    result = scale_agent("inspect", "gpu", "--command", script, "--timeout", "1", timeout=15)
    assert result.returncode == 1 and "no answer within" in result.stderr


# Metrics of anybody


def recorded_bodies():
    folder = SHARED / "fixtures" / "exposition"
    if not folder.exists():
        return [pytest.param("", {}, None, marks=pytest.mark.skip(reason="!!! LEFT OUT: needs ../shared"), id="none")]
    expected = json.loads((folder / "expected.json").read_text())
    verdicts = json.loads((folder / "verdicts.json").read_text())
    return [pytest.param(folder / file, verdict, expected.get(file), id=file) for file, verdict in verdicts.items()]


@pytest.mark.parametrize("path, verdict, expected", recorded_bodies())
def test_recorded_bodies(path, verdict, expected):
    """What all accept is read as Prometheus does; what all reject is refused, or the lines that are wrong are skipped."""
    is_open_metrics = "om" in path.relative_to(SHARED / "fixtures" / "exposition").parts
    result = scale_agent("inspect", "exposition", path, *["--openmetrics"] * is_open_metrics)
    assert (result.returncode, result.stderr) == (0, "")
    report = json.loads(result.stdout)
    assert list(report) == ["verdict", "reason", "skipped", "series"]
    assert report["series"] == sorted(report["series"], key=lambda row: json.dumps(row, sort_keys=True))
    assert (report["verdict"] == "partial") == bool(report["skipped"])
    if verdict["consensus"] == "reject":
        assert report["verdict"] != "accept" and report["reason"]
    elif verdict["consensus"] == "accept":
        assert report["verdict"] == "accept"
        if expected and len(expected.get("series", [])) == expected["samples"]:
            assert report["series"] == expected["series"]


def test_a_body_on_standard_input():
    result = scale_agent("inspect", "exposition", "-", stdin='b{x="1"} 2\na 1e3\n?\n')
    assert json.loads(result.stdout) == {
        "verdict": "partial", "reason": "lines skipped: 1", "skipped": [{"line": 3, "reason": "not a metric name"}],
        "series": [["a", {}, "1000"], ["b", {"x": "1"}, "2"]],
    }
