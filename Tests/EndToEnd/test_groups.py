"""`scale-agent run` with pools of several groups: local ones, and Auto Scaling groups of which one has no machines."""
import os

import pytest

from cloud import Cloud, Proxy, moto_executable, refusal
from harness import LongRequests, eventually, free_ports, marked_processes, sim_binary

POLICY = """
    capacity: 4
    min: 1
    max: 3
    interval: 1s
    target_load: 80%
    policy:
      scale_up: {cooldown: 1s}
      scale_down: {after: 2s, cooldown: 1s}
      maximum_age: 4s
      stable_window: 2s
    boot: {expected: 1s, deadline: 60s}
"""

HEAD = """
listen: LISTEN
state: STATE
gpu: {source: "off"}
pools:
  - name: chat
"""


def local_groups():
    first = free_ports(4)
    command = f'["{sim_binary()}", "--port", "{{port}}", "--boot-time", "0.5"]'

    def driver(port):
        return f"{{kind: local, command: {command}, slots: 2, ports: {port}-{port + 1}, graceful_stop: 5s}}"

    return HEAD + "    engine: {kind: vllm, timeout: 1s}" + POLICY + f"""
    drain: {{deadline: 30s}}
    groups:
      - {{name: cheap, market: spot, usd_per_hour: 1, max: 1, driver: {driver(first)}}}
      - {{name: dear, usd_per_hour: 3, driver: {driver(first + 2)}}}
"""


def groups_of(agent):
    return sorted(replica["group"] for replica in agent.pool()["replicas"] if replica["state"] == "ready")


def test_overflow_goes_to_the_second_local_group_and_leaves_it_first(start_agent, start_users):
    agent = start_agent(local_groups()).ready()
    eventually(lambda: groups_of(agent) == ["cheap"], 20, "the first replica is in the first group")
    users = start_users(agent, workers=8, tokens=40)
    eventually(lambda: groups_of(agent) == ["cheap", "dear", "dear"], 30, "the rest in the second")
    users.stop()
    eventually(lambda: groups_of(agent) == ["cheap"], 40, "the second group is left first")

    # The next process finds the replicas of each group.
    agent.stop()
    before = set(marked_processes(start_agent.state))
    agent = start_agent().ready()
    eventually(lambda: groups_of(agent) == ["cheap"], 20, "the replica is adopted")
    assert set(marked_processes(start_agent.state)) == before
    assert agent.metric("scale_agent_history_errors_total") == 0


@pytest.mark.skipif(
    not (moto_executable() and os.access(moto_executable(), os.X_OK)),
    reason="!!! LEFT OUT: MOTO_SERVER names no moto_server")
def test_a_group_without_machines_is_made_up_for_by_the_next_and_asked_again_later(
        start_agent, start_sim, closing, tmp_path):
    cloud = Cloud(tmp_path / "moto.log")
    closing.append(cloud)
    proxy = Proxy(cloud.url)
    closing.append(proxy)
    cheap, dear = cloud.create_group("spot", 0, 5, 1), cloud.create_group("demand", 0, 5, 0)
    engine = start_sim("--max-num-seqs", "64")

    def driver(group):
        return f"{{kind: aws_asg, group: {group}, region: us-east-1, endpoint_url: {proxy.url}}}"

    agent = start_agent(HEAD + f'    engine: {{kind: vllm, endpoints: ["{engine.url}"], timeout: 2s}}' + POLICY + f"""
    drain: {{deadline: 1s}}
    groups:
      - {{name: spot, market: spot, max: 3, driver: {driver("spot")}}}
      - {{name: demand, driver: {driver("demand")}}}
""", environment=cloud.environment).ready()
    eventually(lambda: agent.pool()["fleet_desired"] == 1, 10, "the groups are described")

    no_machines = refusal(400, "InsufficientInstanceCapacity", "no Spot capacity in us-east-1a")
    proxy.fault = lambda call: no_machines if (
        call.action == "SetDesiredCapacity" and call.fields["AutoScalingGroupName"] == "spot") else None
    load = LongRequests(engine.url, 9)
    load.end = load.cut
    closing.append(load)
    eventually(lambda: dear.desired == 2, 20, "the next group makes up for it")
    assert cheap.desired == 1
    assert proxy.made("SetDesiredCapacity")[0].fields["AutoScalingGroupName"] == "spot", "the preferred one was asked first"
    assert agent.metric("scale_agent_driver_errors_total", kind="no_capacity") >= 1
    agent.after_ticks(3)
    assert (cheap.desired, dear.desired) == (1, 2)

    # A control plane that does not answer is no reason to order what it has once more.
    proxy.fault = lambda call: (503, "text/html", b"") if "spot" in call.fields.values() else None
    agent.after_ticks(4)
    assert agent.pool()["current"] == 3 and dear.desired == 2
    proxy.fault = lambda call: None
    load.cut()
    eventually(lambda: (cheap.desired, dear.desired) == (1, 0), 40, "what overflowed leaves first")
