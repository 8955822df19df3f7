"""The agent's own HTTP, as a real Prometheus and a browser without scripts read it."""
import gzip
import http.server
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

from harness import (
    REPOSITORY, LongRequests, Process, agent_binary, eventually, free_port, free_ports, get, request, sim_binary)

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="!!! LEFT OUT: no prometheus and promtool")

CONFIG = """
listen: LISTEN
state: STATE
gpu: {{source: nvidia_smi, command: "{nvidia_smi}", timeout: 2s}}
pools:
  - name: chat
    engine: {{kind: vllm, endpoints: ["{engine}"], timeout: 2s}}
    capacity: 8
    max: 4
    interval: 1s
    usd_per_hour: 3.90
"""


def fake_nvidia_smi(folder):
    """A program that prints two GPUs which nobody has."""
    script = folder / "nvidia-smi"
    table = REPOSITORY / "Tests/Fixtures/nvidia-smi/two-gpus.csv"
    script.write_text(f'#!/bin/sh\nexec cat "{table}"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def busy_agent(start_agent, start_sim, closing, tmp_path):
    """An agent with an engine that serves and GPUs, some ticks old."""
    sim = start_sim("--max-num-seqs", "4")
    load = LongRequests(sim.url, 6)
    load.end = load.cut
    closing.append(load)
    agent = start_agent(CONFIG.format(engine=sim.url, nvidia_smi=fake_nvidia_smi(tmp_path))).ready()
    eventually(lambda: agent.metric("scale_agent_demand_requests", kind="waiting") == 2, 20, "the load is seen")
    eventually(lambda: agent.metric("scale_agent_gpu_power_watts", gpu="0"), 20, "GPUs are seen")
    eventually(lambda: agent.metric("scale_agent_generation_tokens_per_second"), 20, "rates are known")
    return agent


class Silence:
    """A server that takes connections and says nothing."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def end(self):
        self.listener.close()


# The agent's HTTP


def test_ready_comes_with_the_first_decision(start_agent, closing, tmp_path):
    engine = Silence()
    closing.append(engine)
    agent = start_agent(CONFIG.format(engine=engine.url, nvidia_smi=tmp_path / "none"))
    eventually(lambda: get(agent.url + "/-/healthy").status == 200, 20, "it listens")
    first = get(agent.url + "/-/ready")
    assert first.status == 503 and "no pool has decided yet" in first.text
    assert agent.status()["pools"] == []
    agent.ready()
    pool = agent.pool()
    assert pool["engines"][0]["condition"] == "starting", "it has never answered"
    assert "requests" not in pool["demand"], "unknown is absent, not 0"
    assert agent.metric("scale_agent_demand_requests", kind="running") is None


def test_compression_is_what_the_client_asks_for(busy_agent):
    for path in ("/metrics", "/status.json"):
        plain = get(busy_agent.url + path)
        assert plain.headers["Content-Encoding"] is None
        packed = get(busy_agent.url + path, {"Accept-Encoding": "gzip"})
        assert packed.headers["Content-Encoding"] == "gzip"
        assert len(gzip.decompress(packed.body)) > len(packed.body)
        assert get(busy_agent.url + path, {"Accept-Encoding": "gzip;q=0"}).headers["Content-Encoding"] is None
        assert "Accept-Encoding" in plain.headers["Vary"] and "Accept-Encoding" in packed.headers["Vary"]


def test_both_formats_have_the_same_series(busy_agent):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as text

    def series(families):
        return {(s.name, tuple(sorted(s.labels.items()))) for family in families for s in family.samples}

    def same():
        plain = get(busy_agent.url + "/metrics")
        assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        modern = get(busy_agent.url + "/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
        assert modern.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
        assert modern.text.endswith("# EOF\n")
        return len(series(text(plain.text))) > 80 and series(text(plain.text)) == series(openmetrics(modern.text))

    eventually(same, 10, "equal, unless a tick came between the two")


def test_the_page_works_without_scripts(busy_agent):
    page = get(busy_agent.url + "/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert "<script" not in page.text.lower() and not re.search(r"\son\w+\s*=", page.text)
    assert not re.search(r"(?:src|href)=\"?(?:https?:)?//", page.text), "it loads nothing from elsewhere"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "chat" in page.text and "NVIDIA Example 80GB" in page.text


def test_status_and_recommendation(busy_agent):
    status = busy_agent.status()
    assert {"version", "at", "started_at", "pools", "gpus"} <= set(status)
    (pool,) = status["pools"]
    assert (pool["pool"], pool["driver"], pool["authority"]["mode"]) == ("chat", "none", "advise")
    assert (pool["demand"]["running"], pool["demand"]["waiting"]) == (4, 2)
    assert [gpu["index"] for gpu in status["gpus"]["gpus"]] == [0, 1]
    assert get(busy_agent.url + "/api/v1/recommendation?pool=chat").json() == {
        "pool": "chat", "target": pool["target"], "current": pool["current"]}
    assert get(busy_agent.url + "/api/v1/recommendation?pool=none").status == 404
    assert get(busy_agent.url + "/api/v1/recommendation").status == 400
    assert request("HEAD", busy_agent.url + "/metrics").status == 200
    assert get(busy_agent.url + "/nothing").status == 404


# Prometheus


def check_metrics(body):
    return subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, timeout=30)


@needs_prometheus
def test_promtool_has_nothing_to_say_about_the_metrics(start_agent, busy_agent, closing, tmp_path):
    result = check_metrics(get(busy_agent.url + "/metrics").text)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
    busy_agent.end()

    engine = Silence()
    closing.append(engine)
    fresh = start_agent(CONFIG.format(engine=engine.url, nvidia_smi=tmp_path / "none"))
    eventually(lambda: get(fresh.url + "/-/healthy").status == 200, 20, "it listens")
    result = check_metrics(get(fresh.url + "/metrics").text)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


class Prometheus(Process):
    """A Prometheus that scrapes every second: `targets` is {job: host and port}."""

    def __init__(self, targets, folder, rules=None):
        folder.mkdir()
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)] if rules else [],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()],
        }
        (folder / "prometheus.json").write_text(json.dumps(config))
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        self.started = time.time()
        super().__init__(
            ["prometheus", f"--config.file={folder}/prometheus.json", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={address}", "--log.level=warn"], folder / "log")
        eventually(lambda: get(self.url + "/-/ready").status == 200, 30, "Prometheus is ready")

    def ask(self, path, **parameters):
        answer = get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def now(self, expression):
        return self.ask("query", query=expression)["result"]

    def ever(self, expression):
        """The series that the expression had at any second since the start."""
        data = self.ask("query_range", query=expression, start=self.started, end=time.time(), step=1)
        return data["result"]


class Page:
    """One page at every path: these bytes, or what a function without arguments returns."""

    def __init__(self, content_type, content):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = content() if callable(content) else content
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def as_oldest_text(url):
    """The agent's metrics as a scraper gets them that accepts nothing, in the oldest format."""
    answer = get(f"{url}/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return answer.body


@needs_prometheus
def test_every_series_arrives_in_both_formats(busy_agent, closing, tmp_path):
    front = Page("text/plain; version=0.0.4", lambda: as_oldest_text(busy_agent.url))
    closing.append(front)
    prometheus = Prometheus(
        {"modern": busy_agent.url.removeprefix("http://"), "text": front.address}, tmp_path / "prometheus")
    closing.append(prometheus)

    def arrived(job):
        found = set()
        for labels in [series["metric"] for series in prometheus.now(f'{{job="{job}"}}')]:
            name = labels.pop("__name__")
            labels.pop("job"), labels.pop("instance")
            if name != "up" and not name.startswith("scrape_"):
                found.add((name, tuple(sorted(labels.items()))))
        return found

    for job in ("modern", "text"):
        eventually(lambda: prometheus.now(f'up{{job="{job}"}} == 1'), 20, f"{job} is scraped")

        def complete():
            sent, found = set(busy_agent.metrics()), arrived(job)
            assert sent == found, f"{job}: missing {sorted(sent - found)[:5]}, more {sorted(found - sent)[:5]}"
            return sent

        assert len(eventually(complete, 20, "every series has arrived")) > 80
        assert len(prometheus.now(f'scale_agent_maximum_replicas{{job="{job}"}} == 4')) == 1


# What a local pool without any trouble cannot show, nor one that has watched for less than an hour, is sized by load,
# never goes to zero, or reads its GPUs from the few columns that every driver has.
DEMO_LACKS = re.compile(
    r"scale_agent_(fleet_desired_replicas|forecast_(skill|coverage)_ratio|objective_\w+"
    r"|gpu_(energy_joules_total|throttle|xid_errors_total|recovery_action))")
# One metric of every kind that the agent has, as its exporter's tests record it.
SAMPLE = REPOSITORY / "Tests/Golden/exporters/metrics.txt"


def dashboard_expressions():
    found = []
    for path in sorted((REPOSITORY / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                found.append(pytest.param(target["expr"], id=f"{panel['title']}: {target['refId']}"))
    assert found
    return found


@pytest.fixture(scope="module")
def scraped_demo(tmp_path_factory):
    """A Prometheus that has scraped a demo with GPUs for as long as it takes to grow and to boot."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "bin").mkdir()
    fake_nvidia_smi(folder / "bin")
    listen = f"127.0.0.1:{free_port()}"
    demo = Process(
        [agent_binary(), "demo", "--speed", "240", "--duration", "200", "--replicas", "4", "--listen", listen,
         "--port", free_ports(4), "--state", folder / "state", "--engine", sim_binary()],
        folder / "log", {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"})
    prometheus = None
    try:
        prometheus = Prometheus({"scale-agent": listen}, folder / "prometheus", REPOSITORY / "dashboards/alerts.yaml")
        eventually(lambda: prometheus.now("increase(scale_agent_boots_total[30s]) > 0"), 40, "the demo has grown")
        eventually(
            lambda: len(prometheus.ever('up{job="scale-agent"} == 1')[0]["values"]) >= 15, 40, "15 s are scraped")
        yield prometheus
    finally:
        demo.send(signal.SIGINT)
        try:
            demo.wait(20)
        finally:
            demo.end()
            if prometheus:
                prometheus.end()


@pytest.fixture(scope="module")
def scraped_sample(tmp_path_factory):
    """A Prometheus that has scraped the recorded sample a few times."""
    page = Page("text/plain; version=0.0.4", SAMPLE.read_bytes())
    prometheus = None
    try:
        prometheus = Prometheus({"scale-agent": page.address}, tmp_path_factory.mktemp("sample") / "prometheus")
        eventually(lambda: len(prometheus.ever("up == 1")[0]["values"]) >= 4, 40, "the sample is scraped")
        yield prometheus
    finally:
        page.end()
        if prometheus:
            prometheus.end()


def shows(prometheus, expression):
    query = expression.replace("$__rate_interval", "10s")
    query = re.sub(r"\$\w+", ".*", query)
    # An expression for trouble shows nothing when all is well; what it looks at must be there.
    query = re.sub(r"\s*>\s*0$", "", query)
    return any(series["values"] for series in prometheus.ever(query))


@needs_prometheus
@pytest.mark.parametrize("expression", dashboard_expressions())
def test_every_panel_shows_the_sample(scraped_sample, expression):
    assert shows(scraped_sample, expression), expression


@needs_prometheus
@pytest.mark.parametrize("expression", dashboard_expressions())
def test_every_panel_shows_the_demo_but_those_declared(scraped_demo, expression):
    assert shows(scraped_demo, expression) != bool(DEMO_LACKS.search(expression)), expression


@needs_prometheus
def test_every_alert_is_evaluated_and_silent(scraped_demo):
    def evaluated():
        rules = [rule for group in scraped_demo.ask("rules")["groups"] for rule in group["rules"]]
        assert len(rules) >= 10
        assert all(rule["health"] == "ok" for rule in rules), [
            (rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"]
        return rules

    rules = eventually(evaluated, 20, "all rules are evaluated")
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
