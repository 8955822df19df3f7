"""The command line: check, decide, status and demo, and what the documents say about them."""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness import (
    REPOSITORY, Process, agent_binary, eventually, free_port, free_ports, get, kill_marked, marked_processes, run,
    scale_agent, sim_binary)

SECRET = "hunter2-not-for-logs"


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_valid(path, tmp_path):
    path = Path(shutil.copy(path, tmp_path))
    (tmp_path / "gateway-keys.txt").write_text(hashlib.sha256(SECRET.encode()).hexdigest() + " batch\n")
    for name in ["tls.crt", "tls.key"]:
        (tmp_path / name).write_text("PEM\n")
    result = scale_agent("check", "--config", path, environment={"VLLM_KEY": SECRET})
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{path}: valid; pools: chat\n"


def test_all_problems_are_told_at_once_with_their_places(tmp_path):
    config = tmp_path / "broken.yaml"
    config.write_text(
        "listen: 127.0.0.1:9839\n"
        "pools:\n"
        "  - name: Chat\n"
        "    engine: {kind: vllm, endpoints: [\"http://127.0.0.1:8000\"]}\n"
        "    capacity: 0\n"
        "    min: 3\n"
        "    max: 2\n"
        "    interval: 15\n"
        "    targt_load: 80%\n"
        "    headroom: {replicas: 1}\n"
        "    policy:\n"
        "      scale_up: {load_above: 60}\n")
    result = scale_agent("check", "--config", config)
    assert result.returncode == 2 and result.stdout == ""
    lines = result.stderr.strip().splitlines()
    places = {}
    for line in lines:
        found = re.fullmatch(rf"{re.escape(str(config))}:(\d+):(\d+): (\S+): (.+)", line)
        assert found, line
        places[found[3]] = (int(found[1]), int(found[2]), found[4])
    assert {path: place[0] for path, place in places.items()} == {
        "pools[0].name": 3, "pools[0].capacity": 5, "pools[0].min": 6, "pools[0].interval": 8,
        "pools[0].targt_load": 9, "pools[0].headroom": 10, "pools[0].policy.scale_up.load_above": 12}
    assert places["pools[0].capacity"][1] == 15, "the column of the value"
    for path, what_would_be_right in [
        ("pools[0].name", "chat"), ("pools[0].interval", "15s"), ("pools[0].targt_load", "target_load"),
        ("pools[0].policy.scale_up.load_above", "60%")]:
        assert what_would_be_right in places[path][2]


@pytest.mark.parametrize(
    "text, words",
    [
        ("pools:\n  - name: chat\n   engine: {}\n", ":3:"),
        ("", "at least one pool"),
        ("pools: 3\n", ":1:8:"),
        ("pools:\n  - name: chat\n    engine: {endpoint: http://a:1}\n    driver: {kind: gcp}\n", ":4:20:"),
        ("pools:\n" + 2 * "  - {name: chat, engine: {endpoint: http://a:1}}\n", ":3:12:"),
        ("\x00\xff", "scale-agent.yaml"),
    ],
    ids=["indentation", "empty", "number", "unknown driver", "two of one name", "no text"])
@pytest.mark.parametrize("command", ["check", "run", "decide"])
def test_a_broken_configuration_is_refused(tmp_path, command, text, words):
    config = tmp_path / "scale-agent.yaml"
    config.write_bytes(text.encode("latin-1"))
    result = scale_agent(command, "--config", config, cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == ""
    assert result.stderr.startswith(str(config)) and words in result.stderr, result.stderr
    assert sorted(os.listdir(tmp_path)) == ["scale-agent.yaml"]


def test_the_printed_configuration_hides_secrets_and_is_valid_itself(tmp_path):
    config = tmp_path / "scale-agent.yaml"
    secret_file = tmp_path / "token"
    secret_file.write_text(SECRET + "\n")
    config.write_text(
        "pools:\n"
        "  - name: chat\n"
        "    engine:\n"
        "      endpoints: [\"http://127.0.0.1:8000\"]\n"
        "      headers:\n"
        "        Authorization: \"Bearer ${env:KEY}\"\n"
        f"        X-Token: \"${{file:{secret_file}}}\"\n"
        "    driver: {kind: aws_asg, group: g}\n"
        "    max: 4\n"
        "    target_load: 70%\n")
    result = scale_agent("check", "--print", "--config", config, environment={"KEY": SECRET})
    assert result.returncode == 0
    assert SECRET not in result.stdout + result.stderr and result.stdout.count("<redacted>") == 2
    assert "load_above: 70%" in result.stdout
    printed = tmp_path / "printed.yaml"
    printed.write_text(result.stdout)
    again = scale_agent("check", "--print", "--config", printed)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout == result.stdout


def test_a_missing_secret_is_named_and_nothing_else(tmp_path):
    config = tmp_path / "scale-agent.yaml"
    config.write_text(
        "pools:\n  - name: chat\n    engine:\n      endpoint: http://127.0.0.1:8000\n"
        "      headers: {Authorization: \"Bearer ${env:NO_SUCH_KEY}\"}\n")
    result = scale_agent("check", "--config", config)
    assert result.returncode == 2 and "NO_SUCH_KEY" in result.stderr and ":5:" in result.stderr


def test_without_a_configuration_the_commands_that_need_one_say_so(tmp_path):
    for command in ("check", "decide"):
        result = scale_agent(command, cwd=tmp_path)
        assert result.returncode == 2 and "no configuration" in result.stderr


LOCAL = """
listen: LISTEN
state: STATE
gpu: {{source: "off"}}
pools:
  - name: chat
    engine: {{kind: vllm, timeout: 1s}}
    capacity: 4
    min: 2
    max: 3
    interval: 1s
    boot: {{expected: 1s, deadline: 30s}}
    driver:
      kind: local
      command: ["{sim}", "--port", "{{port}}", "--boot-time", "0"]
      slots: 3
      ports: {first}-{last}
"""


@pytest.fixture
def local_text():
    first = free_ports(3)
    return LOCAL.format(sim=sim_binary(), first=first, last=first + 2)


def test_decide_prints_its_steps_and_changes_nothing(start_agent, local_text):
    start_agent.write(local_text)
    result = scale_agent("decide", "--config", start_agent.config)
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "chat: 0 replicas, target 2"
    assert any(re.match(r"  minimum +0 -> 2 \(0 without\)  ", line) for line in lines), lines
    assert marked_processes(start_agent.state) == {}, "nothing is started"
    assert not (start_agent.state / "history.sqlite").exists(), "nothing is recorded"

    answer = json.loads(scale_agent("decide", "--json", "--config", start_agent.config).stdout)
    assert answer["pool"] == "chat"
    assert (answer["output"]["decision"]["current"], answer["output"]["decision"]["target"]) == (0, 2)
    wrong = scale_agent("decide", "--pool", "none", "--config", start_agent.config)
    assert wrong.returncode == 64 and "the configuration has chat" in wrong.stderr


def test_decide_and_status_beside_a_running_agent(start_agent, local_text):
    agent = start_agent(local_text).ready()
    eventually(lambda: len(agent.pool()["supply"]["serving"]) == 2, 20, "two replicas serve")
    before = set(marked_processes(start_agent.state))
    ticks = agent.ticks()
    decided = scale_agent("decide", "--config", start_agent.config)
    assert (decided.returncode, decided.stdout.splitlines()[0]) == (0, "chat: 2 replicas, target 2")
    agent.after_ticks(2)
    assert set(marked_processes(start_agent.state)) == before and agent.ticks() > ticks
    assert agent.metric("scale_agent_history_errors_total") == 0

    for arguments in (["--config", start_agent.config], ["--url", agent.url]):
        status = scale_agent("status", *arguments)
        assert (status.returncode, status.stderr) == (0, "")
        assert "chat (local, " in status.stdout and "2 replicas, target 2" in status.stdout
        assert status.stdout.count("answering") == 2
    assert json.loads(scale_agent("status", "--json", "--url", agent.url).stdout)["pools"][0]["pool"] == "chat"

    agent.stop()
    gone = scale_agent("status", "--url", agent.url)
    assert gone.returncode == 1 and gone.stdout == "" and agent.url in gone.stderr


def test_a_port_that_is_taken_is_an_error_that_names_it(start_agent, local_text, closing):
    agent = start_agent(local_text).ready()
    second = start_agent.config.parent / "second.yaml"
    second_state = start_agent.config.parent / "second"
    second.write_text(start_agent.config.read_text().replace(str(start_agent.state), str(second_state)))
    try:
        result = scale_agent("run", "--config", second, timeout=20)
        assert result.returncode == 1
        assert agent.url.removeprefix("http://") in result.stderr and "in use" in result.stderr.lower()
    finally:
        kill_marked(second_state)


def test_without_a_configuration_run_finds_a_local_engine_and_only_advises(closing, tmp_path):
    if any(_answers(port) for port in range(8000, 8008)) or _answers(9839):
        pytest.skip("!!! LEFT OUT: something listens on the usual ports of this host")
    sim = Process([sim_binary(), "--port", "8003", "--boot-time", "0"], tmp_path / "sim.log")
    closing.append(sim)
    eventually(lambda: get("http://127.0.0.1:8003/health").status == 200, 15, "the engine serves")
    agent = Process([agent_binary(), "run"], tmp_path / "log", {"TMPDIR": str(tmp_path)}, cwd=tmp_path)
    closing.append(agent)
    eventually(lambda: get("http://127.0.0.1:9839/-/ready").status == 200, 20, "the agent is ready")
    assert "found http://127.0.0.1:8003; advising only" in agent.log
    (pool,) = get("http://127.0.0.1:9839/status.json").json()["pools"]
    assert pool["authority"]["mode"] == "advise" and pool["engines"][0]["condition"] == "answering"
    agent.send(signal.SIGTERM)
    assert agent.wait(5) == 0


def _answers(port):
    try:
        get(f"http://127.0.0.1:{port}/", timeout=1)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    return True


# The demo


@pytest.fixture
def start_demo(closing, tmp_path):
    """Starts a demo with a temporary folder of its own."""
    listen, gateway = (f"127.0.0.1:{free_port()}" for _ in range(2))
    folder = tmp_path / "temporary"
    folder.mkdir()

    def start(*arguments):
        demo = Process(
            [agent_binary(), "demo", "--listen", listen, "--gateway", gateway, "--port", free_ports(4),
             "--replicas", "4", "--engine", sim_binary(), *arguments],
            tmp_path / "log", {"TMPDIR": str(folder)})
        demo.url, demo.gateway, demo.folder = f"http://{listen}", f"http://{gateway}", folder
        closing.append(demo)
        return demo

    yield start
    for thing in closing:
        thing.end()
    for pid in replicas_below(folder):
        os.kill(pid, signal.SIGKILL)


def replicas_below(folder):
    """The processes of demos whose state is below this folder, by their environment."""
    found = []
    for state in {path for path in folder.rglob("*") if path.is_dir()} | {folder}:
        found += marked_processes(state)
    return found


def test_whoever_asks_the_sleeping_demo_is_answered(start_demo):
    demo = start_demo("--speed", "240", "--duration", "300", "--start-hour", "3")
    eventually(lambda: get(f"{demo.gateway}/health").status == 200)
    asked = subprocess.run(
        ["curl", "-sS", "--max-time", "60", demo.gateway + "/v1/completions", "--json",
         '{"model": "demo", "prompt": "why", "max_tokens": 20}'], capture_output=True, text=True, timeout=70)
    assert json.loads(asked.stdout)["usage"]["completion_tokens"] == 20, asked
    assert demo.runs(), demo.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_demo_leaves_nothing(start_demo, number):
    demo = start_demo("--speed", "240", "--duration", "300")
    eventually(lambda: len(replicas_below(demo.folder)) >= 2, 30, "the demo has grown")
    processes = replicas_below(demo.folder)
    demo.send(number)
    assert demo.wait(20) == 0
    assert [pid for pid in processes if os.path.exists(f"/proc/{pid}")] == []
    assert list(demo.folder.iterdir()) == []
    assert "requests served" in demo.log and "grow to" in demo.log and "still running" not in demo.log


def test_a_demo_ends_by_itself_and_tells_the_balance(start_demo):
    demo = start_demo("--speed", "240", "--duration", "12")
    assert demo.wait(40) == 0
    served = re.search(r"^(\d+) of (\d+) requests served, (\d+) failed", demo.log, re.M)
    assert served and int(served[1]) >= 4 and int(served[1]) + int(served[3]) == int(served[2]), demo.log
    assert int(re.search(r"largest fleet (\d+)", demo.log)[1]) >= 2
    assert list(demo.folder.iterdir()) == []


@pytest.mark.parametrize("speed", ["1", "1000"])
def test_a_demo_runs_at_every_speed_that_it_accepts(start_demo, speed):
    demo = start_demo("--speed", speed, "--duration", "2")
    assert demo.wait(30) == 0, demo.log
    assert "requests served" in demo.log


def test_a_demo_without_its_engine_says_where_it_looked(tmp_path):
    result = scale_agent("demo", "--engine", tmp_path / "none", "--duration", "1", timeout=20)
    assert result.returncode != 0 and f"{tmp_path}/none: there is no such program" in result.stderr


# Documents


def documents():
    paths = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    assert all(path.exists() for path in paths)
    return paths


def code(path):
    """What a document shows as code: fenced blocks and inline."""
    text = path.read_text()
    blocks = re.findall(r"^```(?:sh|console|text)?\n(.*?)^```", text, re.M | re.S)
    return "\n".join(blocks + re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_the_commands_of_a_document_exist(path):
    listed = run(["make", "help"], cwd=REPOSITORY).stdout
    targets = set(re.findall(r"^  make (\w+)", listed, re.M))
    assert {"run", "test", "build"} <= targets
    assert set(re.findall(r"^(?:\$ )?make ([a-z]+)\b", code(path), re.M)) <= targets

    commands = set(re.findall(r"^  ([a-z]+)  ", scale_agent("--help").stdout, re.M))
    assert {"run", "check", "demo"} <= commands
    for line in code(path).splitlines():
        found = re.match(r"^(?:\$ )?(?:sudo )?scale-agent ([a-z]+)\b(.*)", line)
        if not found:
            continue
        assert found[1] in commands, line
        sub = re.match(r" (engine|gpu)\b", found[2]) if found[1] == "inspect" else None
        help_ = scale_agent(found[1], *([sub[1]] if sub else []), "--help").stdout
        for option in re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", found[2].split("#")[0]):
            assert option in help_, line


def test_readme_shows_how_to_start():
    assert {"make run", "make test"} <= {line.split("  ")[0] for line in code(REPOSITORY / "README.md").splitlines()}
