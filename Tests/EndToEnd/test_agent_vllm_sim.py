"""`scale-agent run` with the local driver: replicas are real `vllm-sim` processes, faults are real signals."""
import os
import random
import signal
import threading
import time

import pytest

from harness import (
    alive, always, complete, eventually, free_ports, get, marked_processes, request, scale_agent, sim_binary)

CONFIG = """
listen: LISTEN
state: STATE
gpu: {{source: "off"}}
pools:
  - name: chat
    engine: {{kind: vllm, timeout: 1s}}
    capacity: 4
    min: {minimum}
    max: {maximum}
    interval: 1s
    target_load: 80%
    policy:
      scale_up: {{cooldown: 1s}}
      scale_down: {{after: {after}, cooldown: 1s}}
      maximum_age: 4s
      stable_window: 2s
    boot: {{expected: 1s, deadline: {boot_deadline}}}
    drain: {{deadline: 30s}}
    dead_after: 2s
    driver:
      kind: local
      command: [{command}]
      slots: {slots}
      ports: {first}-{last}
      graceful_stop: 5s
"""


@pytest.fixture
def pool():
    """Texts of a configuration of one pool, always on the same ports."""
    first = free_ports(6)

    def text(minimum=1, maximum=3, slots=6, after="2s", boot_deadline="30s", command=None, engine=()):
        words = command or [sim_binary(), "--port", "{port}", "--boot-time", "0.5", *engine]
        quoted = ", ".join('"%s"' % str(word).replace("\\", "\\\\").replace('"', '\\"') for word in words)
        return CONFIG.format(
            minimum=minimum, maximum=maximum, slots=slots, after=after, boot_deadline=boot_deadline,
            command=quoted, first=first, last=first + slots - 1)

    return text


def serving(agent, count):
    """The pool once exactly so many replicas serve and nothing else is about."""

    def settled():
        pool = agent.pool()
        supply = pool["supply"]
        busy = [name for name in ("booting", "draining", "stuck", "dead", "lost") if supply.get(name)]
        return pool if len(supply["serving"]) == count == len(pool["replicas"]) and not busy else None

    return eventually(settled, 30, f"{count} replicas serve")


def pids(start_agent):
    return set(marked_processes(start_agent.state))


def endpoints(pool):
    return [replica["endpoint"] for replica in pool["replicas"]]


def settled(read, calm=0.3):
    """What is read once it no longer changes: a start that a killed agent had begun may still complete."""
    value, since = read(), time.monotonic()
    for _ in range(100):
        if time.monotonic() - since > calm:
            return value
        time.sleep(0.05)
        now = read()
        if now != value:
            value, since = now, time.monotonic()
    raise AssertionError(f"still changing: {value}")


def served(outcome):
    return outcome[:2] == (200, "length") if isinstance(outcome, tuple) else False


def test_load_grows_the_fleet_and_idleness_shrinks_it_without_cutting_a_request(start_agent, start_users, pool):
    agent = start_agent(pool(engine=("--shutdown-timeout", "0"))).ready()
    serving(agent, 1)
    # 8 requests at once need 8 / (4 x 0.8) = 2.5 replicas.
    users = start_users(agent, workers=8, tokens=40)
    grown = serving(agent, 3)
    assert agent.metric("scale_agent_actions_total", kind="grow") >= 1
    outcomes = users.stop()

    # A long request on each: two of the three replicas are not needed for them, and must not leave before they end.
    long = []
    threads = [
        threading.Thread(target=lambda place=place: long.append(complete(place, 400))) for place in endpoints(grown)]
    for thread in threads:
        thread.start()
    cordoned = eventually(lambda: agent.pool()["cordoned"], 20, "a replica is cordoned")
    busy = {engine["id"]: engine.get("running") for engine in agent.pool()["engines"]}
    assert busy.get(cordoned[0]) == 1, "a cordoned replica serves the request it has"
    serving(agent, 1)
    for thread in threads:
        thread.join(30)
    outcomes += long
    assert len(long) == 3 and len(outcomes) > 20
    assert [outcome for outcome in outcomes if not served(outcome)] == []
    assert {tokens for _, _, tokens in long} == {400}

    eventually(lambda: len(pids(start_agent)) == 1, 10, "the others have ended")
    assert agent.metric("scale_agent_replica_changes_total", change="cordoned") == 2
    assert agent.metric("scale_agent_replica_changes_total", change="removed") == 2
    assert agent.metric("scale_agent_drain_killed_requests_total") == 0
    assert agent.metric("scale_agent_history_errors_total") == 0


def test_sigterm_leaves_replicas_running_and_a_restart_adopts_them(start_agent, pool):
    agent = start_agent(pool(minimum=2)).ready()
    before = serving(agent, 2)
    processes = pids(start_agent)
    assert len(processes) == 2
    assert agent.stop(within=5) == 0
    assert pids(start_agent) == processes
    assert all(served(complete(place, 5)) for place in endpoints(before)), "replicas serve without the agent"

    agent = start_agent().ready()
    after = serving(agent, 2)
    assert [replica["id"] for replica in after["replicas"]] == [replica["id"] for replica in before["replicas"]]
    agent.after_ticks(3)
    assert pids(start_agent) == processes
    assert agent.metric("scale_agent_replica_changes_total", change="ordered") == 0


def test_sigterm_in_the_middle_of_a_slow_reading_ends_within_seconds(start_agent, pool):
    agent = start_agent(pool()).ready()
    serving(agent, 1)
    (replica,) = pids(start_agent)
    os.kill(replica, signal.SIGSTOP)
    eventually(lambda: agent.metric("scale_agent_reading_errors_total") >= 1, 15, "a reading has failed")
    assert agent.stop(within=5) == 0
    os.kill(replica, signal.SIGCONT)


class Census(threading.Thread):
    """Counts the replicas of a state folder all the time; `most` is the largest number seen."""

    def __init__(self, state):
        super().__init__(daemon=True)
        self.state, self.most, self.done = state, 0, threading.Event()

    def run(self):
        while not self.done.wait(0.02):
            self.most = max(self.most, len(leaders(self.state)))

    def end(self):
        self.done.set()
        self.join(5)


def leaders(state):
    """The replicas' first processes: a forked copy that has not become a session's leader yet is none."""
    return {pid: markers for pid, markers in marked_processes(state).items() if os.getsid(pid) == pid}


def test_an_agent_killed_in_the_middle_of_a_growth_starts_nothing_twice(start_agent, closing, pool):
    target, seed = 5, 20260731
    print(f"seed {seed}")
    chance = random.Random(seed)
    census = Census(start_agent.state)
    census.start()
    closing.append(census)
    text = pool(minimum=target, maximum=target)
    for round_ in range(6):
        agent = start_agent(text if round_ == 0 else None)
        have = pids(start_agent)
        if round_ % 2:
            time.sleep(chance.uniform(0, 0.4))
        else:
            eventually(
                lambda: pids(start_agent) - have or not agent.runs(), 20, "it has begun to start replicas", every=0.001)
            time.sleep(chance.uniform(0, 0.02))
        assert agent.runs(), agent.log
        agent.kill()
        left = settled(lambda: pids(start_agent))
        # Makes room for another growth.
        victims = set(chance.sample(sorted(left), k=min(len(left), 3)))
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: pids(start_agent) == left - victims, 5, "the victims are gone and nothing else has changed")

    agent = start_agent().ready()
    pool_ = serving(agent, target)
    agent.after_ticks(4)
    processes = leaders(start_agent.state)
    assert len(processes) == target and census.most <= target
    assert {markers["SCALE_AGENT_REPLICA"] for markers in processes.values()} == {
        replica["id"] for replica in pool_["replicas"]}, "every process is known"
    assert len({markers["SCALE_AGENT_PORT"] for markers in processes.values()}) == target
    assert agent.metric("scale_agent_history_errors_total") == 0


def test_a_second_agent_on_the_same_state_is_refused(start_agent, pool):
    agent = start_agent(pool()).ready()
    second = scale_agent("run", "--config", start_agent.config, timeout=15)
    assert second.returncode == 1
    assert f"in use by another scale-agent (process {agent.pid})" in second.stderr
    assert str(start_agent.state) in second.stderr and "key `state`" in second.stderr
    assert agent.runs() and get(agent.url + "/-/healthy").status == 200


def test_hangup_swaps_a_good_configuration_and_keeps_the_old_one_instead_of_a_broken_one(start_agent, pool):
    agent = start_agent(pool(maximum=3)).ready()
    serving(agent, 1)
    processes = pids(start_agent)

    good = start_agent.config.read_text()
    start_agent.config.write_text(good.replace("max: 3", "max: -3").replace("interval:", "intervall:"))
    agent.send(signal.SIGHUP)
    log = eventually(lambda: "kept the running configuration" in agent.log and agent.log, 10, "it says so in the log")
    line = 1 + good[:good.index("max: 3")].count("\n")
    assert f"scale-agent.yaml:{line}:" in log and "intervall" in log
    assert agent.metric("scale_agent_maximum_replicas") == 3
    agent.after_ticks(2)

    start_agent.config.write_text(good.replace("max: 3", "max: 2"))
    agent.send(signal.SIGHUP)
    eventually(lambda: agent.metric("scale_agent_maximum_replicas") == 2, 10, "the new maximum is in force")
    agent.after_ticks(2)
    assert pids(start_agent) == processes, "a reload touches no replica"


def test_a_reload_by_http_answers_with_what_became_of_it(start_agent, pool):
    agent = start_agent(pool(maximum=3)).ready()
    good = start_agent.config.read_text()
    start_agent.config.write_text(good.replace("max: 3", "max: 0"))
    kept = request("POST", agent.url + "/-/reload")
    line = 1 + good[:good.index("max: 3")].count("\n")
    assert kept.status == 400 and f"scale-agent.yaml:{line}:" in kept.text
    start_agent.config.write_text(good.replace("max: 3", "max: 4"))
    assert (request("POST", agent.url + "/-/reload").status, get(agent.url + "/-/reload").status) == (200, 404)
    eventually(lambda: agent.metric("scale_agent_maximum_replicas") == 4, 10, "the new maximum is in force")


def test_many_reloads_at_once_are_all_answered(start_agent, pool):
    agent = start_agent(pool()).ready()
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(request("POST", agent.url + "/-/reload", timeout=20).status))
        for _ in range(8)]
    for thread in threads:
        thread.start()
        agent.send(signal.SIGHUP)
    for thread in threads:
        thread.join(25)
    assert answers == [200] * 8
    agent.after_ticks(2)
    assert agent.stop(within=5) == 0


def test_a_boot_that_hangs_is_cancelled_at_its_deadline_and_replaced(start_agent, pool, tmp_path):
    # The first boot hangs for ever; later ones do not.
    script = (
        f'mkdir "{tmp_path}/first" 2>/dev/null && exec {sim_binary()} --port "$1" --stuck-boot; '
        f'exec {sim_binary()} --port "$1" --boot-time 0.5')
    agent = start_agent(pool(command=["sh", "-c", script, "sim", "{port}"], boot_deadline="4s")).ready()
    (stuck,) = eventually(lambda: pids(start_agent), 15, "a replica boots")
    assert [replica["id"] for replica in agent.pool()["replicas"]] == agent.pool()["supply"]["booting"]
    eventually(lambda: not alive(stuck), 20, "the boot that hangs is cancelled")
    serving(agent, 1)
    assert len(pids(start_agent)) == 1
    assert agent.metric("scale_agent_boots_timed_out_total") == 1


def test_a_killed_replica_is_replaced(start_agent, pool):
    agent = start_agent(pool(minimum=2)).ready()
    serving(agent, 2)
    before = pids(start_agent)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    eventually(lambda: len(pids(start_agent) - before) == 1, 15, "another one is started")
    serving_now = eventually(
        lambda: len(agent.pool()["supply"]["serving"]) == 2 and agent.pool(), 20, "two replicas serve again")
    assert len(pids(start_agent)) == 2 and victim not in pids(start_agent)
    assert len(serving_now["supply"]["serving"]) == 2


def test_an_engine_that_died_under_its_server_is_replaced_and_removed(start_agent, pool, tmp_path):
    # The first replica's engine dies soon and its server lives on; later ones are healthy.
    script = (
        f'mkdir "{tmp_path}/first" 2>/dev/null && exec {sim_binary()} --port "$1" --boot-time 0 '
        f'--engine-death-after 2 --keep-alive-on-engine-death; exec {sim_binary()} --port "$1" --boot-time 0')
    agent = start_agent(pool(command=["sh", "-c", script, "sim", "{port}"])).ready()
    (first,) = eventually(lambda: pids(start_agent), 15, "a replica runs")
    place = eventually(lambda: agent.pool()["replicas"], 10, "it is listed")[0]["endpoint"]
    eventually(lambda: get(place + "/health").status == 503, 20, "its engine is dead")
    assert get(place + "/metrics").status == 200, "its metrics live on"
    eventually(lambda: not alive(first), 20, "the dead one is removed")
    pool_ = serving(agent, 1)
    assert get(endpoints(pool_)[0] + "/health").status == 200
    assert len(pids(start_agent)) == 1
    assert agent.metric("scale_agent_replica_changes_total", change="died") == 1


def test_a_silent_engine_holds_the_size(start_agent, start_users, pool):
    agent = start_agent(pool(maximum=2, after="3s")).ready()
    serving(agent, 1)
    users = start_users(agent, workers=5, tokens=25)
    serving(agent, 2)
    # One falls silent while it is needed; then the demand ends.
    silent = max(pids(start_agent))
    os.kill(silent, signal.SIGSTOP)
    try:
        users.stopping.set()
        eventually(
            lambda: agent.metric("scale_agent_signal_coverage_ratio") == 0.5
            and agent.metric("scale_agent_demand_requests", kind="running") == 0, 20, "one answers and it is idle")
        before = agent.ticks()
        always(
            lambda: len(pids(start_agent)) == 2 and not agent.pool()["cordoned"], 8,
            "the size is kept while an engine is silent")
        assert agent.ticks() - before >= 3
        assert "fresh_data" in {step["rule"] for step in agent.pool()["steps"]}
    finally:
        os.kill(silent, signal.SIGCONT)
    # And it was the silence that held it.
    serving(agent, 1)
    eventually(lambda: len(pids(start_agent)) == 1, 10, "the other has ended")


def test_an_idle_pool_goes_to_zero_and_comes_back_when_somebody_asks(start_agent, pool):
    text = pool(minimum=0).replace("min: 0", "min: 0\n    scale_to_zero: {after: 2s}").replace("interval: 1s", "interval: 3s")
    agent = start_agent(text.replace("maximum_age: 4s", "maximum_age: 9s")).ready()

    def wake():
        return request("POST", agent.url + "/-/wake?pool=chat").status

    assert agent.pool()["target"] == 0 and agent.metric("scale_agent_at_zero") == 1, "it begins without replicas"
    asked = time.monotonic()
    assert wake() == 202
    eventually(lambda: pids(start_agent), 2.5, "a replica is started before the next planned round")
    eventually(lambda: wake() == 200, 20, "it serves", every=0.5)
    assert served(complete(endpoints(agent.pool())[0], 5))
    assert agent.metric("scale_agent_wakes_total", cause="asked", outcome="served") == 1
    assert 0 < agent.metric("scale_agent_wake_seconds_total") <= time.monotonic() - asked

    eventually(lambda: not pids(start_agent), 40, "nobody asks any more")
    eventually(lambda: agent.metric("scale_agent_at_zero") == 1, 10, "it rests at zero")
    assert agent.metric("scale_agent_drain_killed_requests_total") == 0
    assert agent.stop(within=5) == 0
    agent = start_agent().ready()
    agent.after_ticks(2)
    assert agent.pool()["target"] == 0 and not pids(start_agent), "a restart at zero stays there"
    assert request("POST", agent.url + "/-/wake?pool=other").status == 404
