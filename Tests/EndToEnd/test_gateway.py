"""The gateway as clients meet it: models that sleep, wake, stream, time out and stop."""
import asyncio
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest

from harness import (
    Process, agent_binary, always, eventually, free_port, free_ports, get, marked_processes, request, run, scale_agent,
    sim_binary,
)

MESSAGES = [{"role": "user", "content": "why"}]


def pool(boot=2, slots=8, replicas=1, after="2s", outlives=False):
    first = free_ports(replicas)
    return f"""
pools:
  - name: chat
    engine: {{kind: vllm, timeout: 2s}}
    capacity: {slots}
    scale_to_zero: {{after: {after}}}
    max: {replicas}
    interval: 1s
    target_load: 70%
    policy: {{stable_window: 1s, scale_down: {{after: 1s, cooldown: 0s}}}}
    boot: {{expected: {boot}s, deadline: 60s}}
    drain: {{deadline: 20s}}
    driver:
      kind: local
      command: ["{sim_binary()}", --port, "{{port}}", --served-model-name, llama,{"" if outlives else " --exit-with-parent,"}
        --max-num-seqs, "{slots}", --boot-time, "{boot}", --shutdown-timeout, "2"]
      slots: {replicas}
      ports: {first}-{first + replicas - 1}
      graceful_stop: 3s
"""


def gateway(port, more="", settings="idle_grace: 1s", fields=""):
    return f"""
listen: LISTEN
state: STATE
gateway:
  listen: 127.0.0.1:{port}
  models: {{llama: chat}}
  pools: [{{name: chat, {settings}}}]
{more}{fields}"""


def client(port, **options):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", **options)


def chat(port, timeout=60, **options):
    return client(port, timeout=timeout).chat.completions.create(
        model="llama", messages=MESSAGES, max_tokens=options.pop("max_tokens", 4), **options)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def replicas(state):
    return marked_processes(state) if state.exists() else {}


def test_a_sleeping_model_answers_after_its_wake_and_goes_back_to_sleep(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, fields=pool()))
    eventually(lambda: get(agent.url + "/-/ready").status == 200, what="the agent has decided")
    listed = eventually(lambda: get(f"http://127.0.0.1:{port}/v1/models").json(), what="the gateway listens")
    assert [model["id"] for model in listed["data"]] == ["llama"]
    always(lambda: not replicas(start_agent.state), 2.5, "looking at the models wakes nothing")

    assert chat(port).choices[0].message.content
    assert len(replicas(start_agent.state)) == 1
    eventually(lambda: not replicas(start_agent.state), 40, "the pool goes back to zero")
    assert chat(port).choices[0].message.content, "and wakes again"

    def counted():
        names = ["wake_seconds_count", "wait_seconds_count"]
        return [agent.metric("scale_agent_gateway_" + name) for name in names] == [2, 2]

    eventually(counted, 5, "both wakes and both requests are counted")
    assert agent.metric("scale_agent_gateway_requests_total", status="200", outcome="served") == 2
    assert agent.metric("scale_agent_gateway_held_requests", pool="chat") == 0


def test_a_wake_waits_for_its_boot_and_not_for_the_next_tick(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, fields=pool(after="10m").replace("interval: 1s", "interval: 2m")))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    assert chat(port, timeout=60).choices
    assert agent.metric("scale_agent_ticks_total", pool="chat") == 2


def test_a_stream_waits_with_heartbeats_that_no_client_sees(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, more="  heartbeat: 1s\n", fields=pool(boot=4)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    body = json.dumps({"model": "llama", "messages": MESSAGES, "max_tokens": 4, "stream": True})
    raw = subprocess.Popen(
        ["curl", "-sSN", "--max-time", "60", "-H", "content-type: application/json", "-d", body,
         f"http://127.0.0.1:{port}/v1/chat/completions"], stdout=subprocess.PIPE, text=True)
    chunks = list(chat(port, stream=True))
    assert all(chunk.object == "chat.completion.chunk" for chunk in chunks)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    text, _ = raw.communicate(timeout=60)
    assert text.startswith(": waking"), text
    assert text.rstrip().endswith("data: [DONE]"), text


def test_what_strangers_and_scanners_send_wakes_nothing(start_agent, tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text("".join(f"{hashlib.sha256(key.encode()).hexdigest()} {key}\n" for key in ["team", "batch"]))
    port = free_port()
    limits = f"  keys: {keys}\n  key_limits: [{{key: batch, wake: false}}]\n"
    agent = start_agent(gateway(port, more=limits, fields=pool()))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    url = f"http://127.0.0.1:{port}"

    def ask(key, method="POST", path="/v1/chat/completions", model="llama"):
        body = json.dumps({"model": model, "messages": MESSAGES, "max_tokens": 4})
        answer = request(
            method, url + path, body if method == "POST" else None,
            {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}, timeout=30)
        return answer.status, json.loads(answer.body)["error"]["code"] if answer.status >= 400 and answer.body else None

    assert ask(None) == ask("guess") == (401, "invalid_api_key")
    assert ask("team", model="other") == (404, "model_not_found")
    assert ask("team", path="/admin.php")[0] == 404
    assert ask("team", "GET")[0] in (404, 405)
    answered = [ask("team", "HEAD", "/v1/models"), ask("team", "OPTIONS"), ask(None, "GET", "/health")]
    assert answered == [(200, None), (204, None), (200, None)]
    assert ask("batch") == (503, "model_asleep")
    always(lambda: not replicas(start_agent.state), 2.5, "nobody has woken it")
    assert ask("team") == (200, None)
    assert ask("batch") == (200, None), "it may use what is awake"


def test_node_fetch_gets_the_answer_after_the_wake(start_agent):
    node = shutil.which("node")
    if node is None:
        pytest.skip("SKIPPED LOUDLY: there is no node on this machine")
    port = free_port()
    agent = start_agent(gateway(port, more="  heartbeat: 1s\n", fields=pool(boot=3)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    script = """
    const ask = stream => fetch(process.argv[1], {method: "POST", headers: {"content-type": "application/json"},
      body: JSON.stringify({model: "llama", prompt: "why", max_tokens: 4, stream})}).then(r => r.text());
    Promise.all([ask(false), ask(true)]).then(([whole, stream]) => {
      JSON.parse(whole).choices[0].text;
      const events = stream.split("\\n\\n").filter(e => e.startsWith("data: ")).map(e => e.slice(6));
      if (events.pop() !== "[DONE]") throw "cut";
      events.map(JSON.parse); console.log("ok");
    }).catch(e => { console.log("failed", e); process.exit(1); });
    """
    done = subprocess.run(
        [node, "-e", script, f"http://127.0.0.1:{port}/v1/completions"], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "ok", done.stdout + done.stderr


def test_go_gets_the_answer_after_the_wake(start_agent, tmp_path):
    go = shutil.which("go")
    if go is None:
        pytest.skip("SKIPPED LOUDLY: there is no go on this machine")
    program = tmp_path / "client"
    subprocess.run(
        [go, "build", "-o", program, Path(__file__).with_name("client.go")], check=True, timeout=300,
        env={**os.environ, "GO111MODULE": "off"})
    port = free_port()
    agent = start_agent(gateway(port, more="  heartbeat: 1s\n", fields=pool(boot=3)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    done = run([program, f"http://127.0.0.1:{port}/v1/completions"], timeout=60)
    assert done.stdout.strip() == "ok", done.stdout + done.stderr


def test_the_client_of_yesterday_is_served_alike():
    """Major version 1 of the OpenAI SDK, which does not go together with the current one."""
    if openai.__version__.startswith("1."):
        pytest.skip("this is the run with it")
    old = Path(sys.prefix) / "openai-1"
    if not old.is_dir():
        pytest.skip(f"SKIPPED LOUDLY: there is no {old} (make test installs it)")
    done = run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k",
         "sleeping or heartbeats or too_long or dies"], environment={"PYTHONPATH": str(old)}, timeout=240)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout + done.stderr


def test_a_wake_that_takes_too_long_is_a_timeout_that_is_not_repeated(start_agent):
    port = free_port()
    hold = "  heartbeat: 1s\n  hold: {budget: 2s, at_most: 3s}\n"
    agent = start_agent(gateway(port, more=hold, fields=pool(boot=30)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    started = time.monotonic()
    with pytest.raises(openai.InternalServerError) as caught:
        client(port, max_retries=2).chat.completions.create(model="llama", messages=MESSAGES)
    assert time.monotonic() - started < 6, "one attempt"
    assert (caught.value.status_code, caught.value.code) == (504, "wake_timeout")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert int(caught.value.response.headers["retry-after"]) > 0

    # Behind a heartbeat it is an error event, and nothing is repeated either.
    started = time.monotonic()
    with pytest.raises(openai.APIError, match="wake"):
        list(chat(port, stream=True))
    assert 1 < time.monotonic() - started < 6

    # It says how long it waits, so it is answered before that, if the machine lets it.
    with pytest.raises((openai.InternalServerError, openai.APITimeoutError)):
        client(port, timeout=1, max_retries=0).chat.completions.create(model="llama", messages=MESSAGES)
    gone = run(["curl", "-sS", "--max-time", "1", f"http://127.0.0.1:{port}/v1/completions", "-H",
                "content-type: application/json", "-d", '{"model": "llama", "prompt": "why"}'])
    assert gone.returncode == 28
    eventually(lambda: agent.metric("scale_agent_gateway_held_requests", pool="chat") == 0, 5, "it has left the queue")


def test_replicas_that_break_as_they_start_fail_the_wake_early(start_agent):
    port = free_port()
    broken = pool().replace(f'["{sim_binary()}", --port,', f'["{sim_binary()}", --no-such-option, --port,')
    agent = start_agent(gateway(port, fields=broken))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    with pytest.raises(openai.InternalServerError, match="break") as caught:
        client(port, timeout=60, max_retries=0).chat.completions.create(model="llama", messages=MESSAGES)
    assert (caught.value.status_code, caught.value.code) == (503, "wake_failed")


def test_300_wait_for_one_start(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, fields=pool(boot=3, slots=16)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            seen.extend(replicas(start_agent.state))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()

    async def everybody():
        async with openai.AsyncOpenAI(
                base_url=f"http://127.0.0.1:{port}/v1", api_key="none", timeout=90, max_retries=0) as users:
            return await asyncio.gather(*[
                users.chat.completions.create(model="llama", messages=MESSAGES, max_tokens=2) for _ in range(300)])

    answers = asyncio.run(everybody())
    stop.set()
    watcher.join()
    assert len(answers) == 300 and all(answer.choices[0].message.content for answer in answers)
    assert len(set(seen)) == 1, f"one start, found {set(seen)}"


def test_requests_that_come_while_the_last_replica_leaves_are_all_served(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, settings="idle_grace: 0s", fields=pool(boot=1, after="1s")))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    seen, pauses = set(), random.Random(7)
    for _ in range(10):
        assert chat(port, timeout=30).choices[0].message.content
        seen |= set(replicas(start_agent.state))
        # Around the time that the idle rule, the cordon and the removal take together.
        time.sleep(pauses.uniform(2, 6))
    assert len(seen) > 1, f"it went to sleep in between, found {seen}"
    assert agent.metric("scale_agent_drain_killed_requests_total") == 0


def test_sigterm_finishes_what_runs_and_refuses_the_rest(start_sim, closing, tmp_path):
    sim = start_sim("--served-model-name", "llama", "--decode-tokens-per-second", "10")
    port = free_port()
    alone = Process(
        [agent_binary(), "gateway", "--listen", f"127.0.0.1:{port}", "--origin", sim.url, "--model", "llama",
         "--log"], tmp_path / "gateway.log")
    closing.append(alone)
    eventually(lambda: get(f"http://127.0.0.1:{port}/health").status == 200)
    stream = chat(port, stream=True, max_tokens=30)
    next(iter(stream))
    alone.send(signal.SIGTERM)
    chunks = list(stream)
    assert chunks[-1].choices[0].finish_reason, "the stream that ran has its end"
    assert alone.wait(10) == 0
    # The client may hang up once it has read `[DONE]`, so that it counts as one that went away.
    assert "cut=0" in alone.log and "path=/v1/chat/completions status=200 outcome=" in alone.log


def test_sigterm_of_everything_lets_streams_end_and_replicas_run(start_agent):
    port = free_port()
    agent = start_agent(gateway(port, fields=pool(after="60s", outlives=True)))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    stream = chat(port, stream=True, max_tokens=120)
    next(iter(stream))
    agent.send(signal.SIGTERM)
    eventually(lambda: not listens(port), 5, "it listens no more")
    assert agent.runs()
    assert list(stream)[-1].choices[0].finish_reason
    assert agent.wait(10) == 0
    assert len(replicas(start_agent.state)) == 1


def test_a_stream_whose_replica_dies_is_cut_and_not_ended(start_sim, closing, tmp_path):
    sim = start_sim("--served-model-name", "llama", "--decode-tokens-per-second", "10")
    port = free_port()
    closing.append(Process(
        [agent_binary(), "gateway", "--listen", f"127.0.0.1:{port}", "--origin", sim.url, "--key", "secret"],
        tmp_path / "gateway.log"))
    eventually(lambda: get(f"http://127.0.0.1:{port}/health").status == 200)
    with pytest.raises(openai.AuthenticationError):
        chat(port)
    users = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="secret", timeout=20)
    with pytest.raises(openai.NotFoundError):
        users.chat.completions.create(model="other", messages=MESSAGES)
    url = f"http://127.0.0.1:{port}/v1/completions"
    body = '{"model": "llama", "prompt": "why", "max_tokens": 100, "stream": true}'
    others = {"curl": ["-sSN", "--max-time", "30", "-H", "authorization: Bearer secret", "--json", body, url], "node": [
        "-e", "fetch(process.argv[1], {method: 'POST', headers: {authorization: 'Bearer secret', 'content-type': "
        "'application/json'}, body: process.argv[2]}).then(r => r.text()).catch(e => console.log(e.message))", url, body]}
    started = {
        name: subprocess.Popen([name, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for name, arguments in others.items() if shutil.which(name)}
    stream = users.chat.completions.create(model="llama", messages=MESSAGES, max_tokens=100, stream=True)
    next(iter(stream))
    load = 'vllm:num_requests_running{'
    eventually(lambda: any(line.startswith(load) and float(line.split()[-1]) == len(started) + 1
                           for line in get(sim.url + "/metrics").text.splitlines()))
    sim.kill()
    with pytest.raises(Exception) as caught:
        list(stream)
    expected = "RemoteProtocolError" if openai.__version__.startswith("1.") else "APIConnectionError"
    assert type(caught.value).__name__ == expected, caught.value
    said = {name: (process.communicate(timeout=30)[0], process.returncode) for name, process in started.items()}
    assert said["curl"][1] == 18, "a partial transfer"
    assert "node" not in said or said["node"][0].strip() == "terminated", said


def test_a_gateway_of_its_own_wakes_through_its_controller_and_serves_without_it(start_agent, closing, tmp_path):
    agent = start_agent("listen: LISTEN\nstate: STATE\n" + pool(after="30s", outlives=True))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    port, metrics = free_port(), free_port()
    config = tmp_path / "gateway.yaml"
    config.write_text(
        f"listen: 127.0.0.1:{metrics}\ngateway:\n  listen: 127.0.0.1:{port}\n  controller: {agent.url}\n"
        "  models: {llama: chat}\n")
    alone = Process([agent_binary(), "run", "--config", config], tmp_path / "gateway.log")
    closing.append(alone)
    eventually(lambda: get(f"http://127.0.0.1:{port}/health").status == 200)
    assert chat(port).choices[0].message.content

    def known():
        return [replica["state"] for replica in get(agent.url + "/api/v1/replicas").json()["pools"][0]["replicas"]]

    eventually(lambda: known() == ["up"], what="the controller sees that it serves")

    agent.send(signal.SIGKILL)
    agent.wait(10)
    assert chat(port).choices[0].message.content, "the controller is away"
    eventually(lambda: "the controller is away" in alone.log)
    eventually(lambda: "gateway_controller_up 0" in get(f"http://127.0.0.1:{metrics}/metrics").text)
    assert get(f"http://127.0.0.1:{metrics}/-/ready").status == 200
    assert not (tmp_path / "scale-agent-state").exists(), "a gateway alone keeps nothing"
    alone.send(signal.SIGTERM)
    assert alone.wait(10) == 0


def test_a_request_waits_for_a_controller_that_comes_later_and_the_model_sleeps_again(start_agent, closing, tmp_path):
    port, listen = free_port(), f"127.0.0.1:{free_port()}"
    config = tmp_path / "gateway.yaml"
    config.write_text(
        f"listen: off\ngateway:\n  listen: 127.0.0.1:{port}\n  controller: http://{listen}\n"
        "  models: {llama: chat}\n  pools: [{name: chat, idle_grace: 1s}]\n")
    alone = Process([agent_binary(), "run", "--config", config], tmp_path / "gateway.log")
    closing.append(alone)
    eventually(lambda: "the controller is away" in alone.log)
    answers = []
    user = threading.Thread(target=lambda: answers.append(chat(port).choices[0].message.content))
    user.start()
    start_agent(f"listen: {listen}\nstate: STATE\n" + pool())
    user.join(60)
    assert answers and answers[0]
    assert "the controller is back" in alone.log
    eventually(lambda: not replicas(start_agent.state), 40, "the gateway elsewhere lets the last replica go")
    assert chat(port).choices[0].message.content, "and wakes it again"


def test_a_reload_takes_over_models_and_keys_and_cuts_nothing(start_agent, tmp_path):
    keys = tmp_path / "keys.txt"

    def write(key, models):
        keys.write_text(f"{hashlib.sha256(key.encode()).hexdigest()} team\n")
        return gateway(port, more=f"  keys: {keys}\n", fields=pool(after="60s")).replace("{llama: chat}", models)

    def models(key):
        answer = get(f"http://127.0.0.1:{port}/v1/models", headers={"Authorization": f"Bearer {key}"})
        return [model["id"] for model in answer.json()["data"]] if answer.status == 200 else answer.status

    port = free_port()
    agent = start_agent(write("old", "{llama: chat}"))
    eventually(lambda: get(agent.url + "/-/ready").status == 200)
    user = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="old", timeout=30)
    stream = user.chat.completions.create(model="llama", messages=MESSAGES, max_tokens=60, stream=True)
    next(iter(stream))
    start_agent.write(write("new", "{llama: chat, alias: chat}"))
    assert request("POST", agent.url + "/-/reload").status == 200
    assert eventually(lambda: models("new") == ["alias", "llama"], 5)
    assert models("old") == 401
    assert list(stream)[-1].choices[0].finish_reason


def test_a_gateway_before_given_engines_takes_over_models_and_engines(start_agent, start_sim):
    first, second = (start_sim("--served-model-name", name) for name in ["llama", "other"])
    port = free_port()

    def text(models, *sims):
        pools = ", ".join(f"{{name: p{at}, endpoints: [\"{sim.url}\"]}}" for at, sim in enumerate(sims))
        return f"listen: LISTEN\ngateway:\n  listen: 127.0.0.1:{port}\n  models: {models}\n  pools: [{pools}]\n"

    agent = start_agent(text("{llama: p0}", first))
    assert eventually(lambda: listens(port)) and chat(port).choices
    start_agent.write(text("{llama: p0, other: p1}", first, second))
    answer = request("POST", agent.url + "/-/reload")
    assert answer.status == 200 and "next start" not in answer.text
    assert client(port, timeout=30).chat.completions.create(model="other", messages=MESSAGES, max_tokens=2).choices
    assert chat(port).choices


def test_a_gateway_says_what_its_files_lack(tmp_path):
    config, keys = tmp_path / "scale-agent.yaml", tmp_path / "keys.txt"
    config.write_text(
        "listen: off\ngateway:\n  listen: [{address: \"127.0.0.1:0\", tls: {certificate: tls.crt, key: tls.key}}]\n"
        "  keys: keys.txt\n  key_limits: [{key: nosuch}]\n  models: {llama: chat}\n"
        "  pools: [{name: chat, endpoints: [\"http://127.0.0.1:1\"]}]\n")
    for command in ("check", "run"):
        result = scale_agent(command, "--config", config)
        places = [line.split(": ")[1] for line in result.stderr.splitlines()]
        assert result.returncode == 2
        assert places == ["gateway.listen[0].tls.certificate", "gateway.listen[0].tls.key", "gateway.keys"], result.stderr
        assert result.stderr.count("there is no such file") == 3
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("no PEM")
    keys.write_text("\nabc team\n")
    assert f"{keys}:2: expected 64 hexadecimal digits" in scale_agent("check", "--config", config).stderr
    keys.write_text("0" * 64 + " team\n")
    checked = scale_agent("check", "--config", config)
    assert checked.returncode == 0 and 'there is no key "nosuch"' in checked.stderr
    ran = scale_agent("run", "--config", config)
    assert ran.returncode not in (0, 2) and str(tmp_path / "tls.crt") in ran.stderr


def test_a_key_from_the_environment_is_on_no_disk(start_sim, closing, tmp_path):
    sim = start_sim("--served-model-name", "llama")
    port = free_port()
    closing.append(Process(
        [agent_binary(), "gateway", "--listen", f"127.0.0.1:{port}", "--origin", sim.url], tmp_path / "gateway.log",
        {"SCALE_AGENT_GATEWAY_KEY": "secret", "TMPDIR": str(tmp_path)}))
    assert eventually(lambda: listens(port))
    url = f"http://127.0.0.1:{port}/v1/models"
    assert get(url).status == 401
    assert get(url, headers={"Authorization": "Bearer secret"}).status == 200
    assert not list(tmp_path.glob("scale-agent-key-*"))


def test_a_gateway_may_open_as_many_files_as_it_is_allowed(start_sim, closing, tmp_path):
    sim = start_sim("--served-model-name", "llama")
    arguments = [agent_binary(), "gateway", "--listen", f"127.0.0.1:{free_port()}", "--origin", sim.url]
    few = Process(["prlimit", "--nofile=256:4096", *arguments], tmp_path / "gateway.log")
    closing.append(few)
    eventually(lambda: "files=4096" in few.log)
    limits = Path(f"/proc/{few.pid}/limits").read_text().splitlines()
    assert next(line.split()[3:5] for line in limits if line.startswith("Max open files")) == ["4096", "4096"]


def test_other_hosts_need_the_token(start_agent):
    port = free_port()
    text = f"listen: 0.0.0.0:{port}\nstate: STATE\ngateway_token: 0123456789abcdef\n" + pool()
    start_agent.write(text)
    agent = start_agent()
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: get(url + "/-/ready").status == 200)
    good = {"Authorization": "Bearer 0123456789abcdef"}
    for headers, status in [({}, 403), ({"Authorization": "Bearer 0123456789abcdee"}, 403), (good, 200)]:
        assert get(url + "/api/v1/replicas", headers=headers).status == status
    report = json.dumps({"gateway": "g", "isLeaving": False, "pools": []})
    assert request("POST", url + "/api/v1/demand", report, {}).status == 403
    assert request("POST", url + "/api/v1/demand", report, good).status == 200
    assert request("POST", url + "/api/v1/demand", "{", good).status == 400
    assert request("POST", url + "/-/wake?pool=chat", None, good).status == 202
    assert agent.runs()
