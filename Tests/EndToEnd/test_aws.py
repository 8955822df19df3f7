"""`scale-agent run` with an EC2 Auto Scaling group of a cloud that checks signatures, through a faulty network."""
import json
import os
import signal
import sqlite3

import pytest

from cloud import THROTTLED, UNAVAILABLE, WRITES, Cloud, Proxy, moto_executable
from harness import LongRequests, eventually, scale_agent

pytestmark = pytest.mark.skipif(
    not (moto_executable() and os.access(moto_executable(), os.X_OK)),
    reason="!!! LEFT OUT: MOTO_SERVER names no moto_server")

CONFIG = """
listen: LISTEN
state: STATE
mode: {mode}
gpu: {{source: "off"}}
pools:
  - name: chat
    engine: {{kind: vllm, endpoints: ["{engine}"], timeout: 1s}}
    capacity: 4
    min: 1
    max: 5
    interval: 1s
    target_load: 80%
    policy:
      scale_up: {{cooldown: 1s}}
      scale_down: {{after: 2s, cooldown: 1s}}
      maximum_age: 5s
      stable_window: 2s
    boot: {{expected: 1s, deadline: 60s}}
    drain: {{deadline: 1s}}
    driver:
      kind: aws_asg
      group: {group}
      region: us-east-1
      endpoint_url: {cloud}
      timeout: {timeout}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = Cloud(tmp_path_factory.mktemp("cloud") / "moto.log")
    yield cloud
    cloud.end()


@pytest.fixture
def proxy(cloud, closing):
    proxy = Proxy(cloud.url)
    closing.append(proxy)
    return proxy


@pytest.fixture
def group(cloud, request):
    return cloud.create_group(f"g-{request.node.name}"[:60].rstrip("[]"), minimum=1, maximum=6, desired=1)


@pytest.fixture
def world(start_agent, start_sim, closing, cloud, proxy, group):
    """A group, an engine that all its replicas share, and an agent to start between them."""

    class World:
        engine = start_sim("--max-num-seqs", "64")

        def configure(self, mode="act", timeout="10s"):
            start_agent.write(CONFIG.format(
                mode=mode, engine=self.engine.url, group=group.name, cloud=proxy.url, timeout=timeout))

        def start(self, **settings):
            self.configure(**settings)
            return self.restart()

        def restart(self):
            return start_agent(environment=cloud.environment)

        def demand(self, requests):
            load = LongRequests(self.engine.url, requests)
            load.end = load.cut
            closing.append(load)
            return load

    return World()


def actions(state):
    """The recorded actions, oldest first."""
    database = sqlite3.connect(f"file:{state}/history.sqlite?mode=ro", uri=True, timeout=5)
    try:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM action ORDER BY at, id")]
    finally:
        database.close()


def test_load_grows_the_group_and_idleness_shrinks_it_by_name(world, proxy, group, start_agent):
    agent = world.start().ready()
    eventually(lambda: agent.pool()["fleet_desired"] == 1, 10, "the group is described")
    # 9 requests need 9 / (4 x 0.8) = 2.8 replicas.
    load = world.demand(9)
    eventually(lambda: group.desired == 3, 20, "the group grows")
    grown = group.instances
    agent.after_ticks(3)
    assert group.desired == 3 and len(proxy.made("SetDesiredCapacity")) == 1, "it is asked once"

    load.cut()
    eventually(lambda: group.desired == 1, 30, "the group shrinks")
    terminated = [call.fields for call in proxy.made("TerminateInstanceInAutoScalingGroup")]
    assert len(terminated) == 2 and all(call["ShouldDecrementDesiredCapacity"] == "true" for call in terminated)
    gone = {call["InstanceId"] for call in terminated}
    assert gone <= grown and group.instances == grown - gone
    assert set(group.machine_states(gone).values()) == {"terminated"}
    agent.after_ticks(3)
    assert group.desired == 1 and len(proxy.made("SetDesiredCapacity")) == 1
    assert {call.status for call in proxy.calls} == {200}
    recorded = actions(start_agent.state)
    assert [json.loads(row["action"]).popitem()[0] for row in recorded] == ["grow", "remove", "remove"]
    assert all(row["closed_at"] and row["outcome"] for row in recorded)


@pytest.mark.parametrize(
    "fault, kind", [(THROTTLED, "throttled"), (UNAVAILABLE, "unreachable")], ids=["throttled", "unavailable"])
def test_a_cloud_that_refuses_every_call_changes_nothing_and_recovers(world, proxy, group, fault, kind):
    agent = world.start(timeout="3s").ready()
    eventually(lambda: agent.pool()["fleet_desired"] == 1, 10, "the group is described")
    instances = group.instances
    proxy.fault = lambda call: fault
    world.demand(9)
    eventually(
        lambda: (agent.metric("scale_agent_driver_errors_total", kind=kind) or 0) >= 2, 30, f"{kind} is counted")
    assert agent.metric("scale_agent_reading_success", source="fleet") == 0
    assert agent.metric("scale_agent_current_replicas") is None, "what is unknown has no value"
    assert (group.desired, group.instances) == (1, instances)
    assert proxy.made("SetDesiredCapacity") == []

    proxy.fault = lambda call: None
    eventually(lambda: group.desired == 3, 30, "it recovers")
    eventually(lambda: agent.metric("scale_agent_reading_success", source="fleet") == 1, 10, "it says so")


def test_growth_that_is_throttled_is_asked_for_again_later(world, proxy, group):
    agent = world.start().ready()
    proxy.fault = lambda call: THROTTLED if call.action in WRITES else None
    world.demand(9)
    eventually(
        lambda: (agent.metric("scale_agent_driver_errors_total", kind="throttled") or 0) >= 2, 40,
        "throttled is counted")
    assert group.desired == 1 and len(group.instances) == 1
    asked = len(proxy.made("SetDesiredCapacity"))
    # Each order is tried three times at most, and the second only after a pause.
    assert 4 <= asked <= 3 * agent.metric("scale_agent_driver_errors_total", kind="throttled") + 3
    proxy.fault = lambda call: None
    eventually(lambda: group.desired == 3, 30, "it recovers")
    agent.after_ticks(3)
    assert group.desired == 3 and len(proxy.made("SetDesiredCapacity", forwarded=True)) == 1


def test_growth_whose_answer_is_a_server_error_is_looked_after_before_it_is_asked_again(world, proxy, group):
    agent = world.start().ready()
    answered = []

    def once(call):
        if call.action == "SetDesiredCapacity" and not answered:
            answered.append(call)
            return UNAVAILABLE
        return None

    proxy.fault = once
    world.demand(9)
    eventually(lambda: answered, 20, "growth is asked for")
    calls = proxy.calls
    eventually(lambda: group.desired == 3, 30, "it is asked again, since the group shows that nothing was done")
    between = calls[calls.index(answered[0]) + 1:]
    assert between[0].action == "DescribeAutoScalingGroups", "first it looks"
    assert agent.metric("scale_agent_driver_errors_total", kind="outcome_unknown") == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM], ids=["crash", "stop"])
def test_an_end_between_intent_and_receipt_repeats_nothing(world, proxy, group, start_agent, moment, end):
    agent = world.start(timeout="30s").ready()
    eventually(lambda: agent.pool()["fleet_desired"] == 1, 10, "the group is described")
    proxy.hold = ("SetDesiredCapacity", moment)
    world.demand(9)
    assert proxy.held.wait(20), "growth is asked for"
    agent.send(end)
    assert agent.wait(5) == (0 if end == signal.SIGTERM else -end), "no call holds up the end"
    (intent,) = actions(start_agent.state)
    assert intent["closed_at"] is None and intent["outcome"] is None, "the intent is written before the call"
    proxy.release()
    assert group.desired == (3 if moment == "after" else 1)

    agent = world.restart().ready()
    eventually(lambda: group.desired == 3, 20, "the group has the size that is needed")
    agent.after_ticks(4)
    assert group.desired == 3 and len(group.instances) == 3
    assert len(proxy.made("SetDesiredCapacity", forwarded=True)) == 1, "nothing is done twice"
    recorded = actions(start_agent.state)
    assert [row["id"] for row in recorded if row["closed_at"] is None] == []
    assert recorded[0]["found_done"] == (1 if moment == "after" else 0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_in_a_removal_takes_nobody_else(world, proxy, group, start_agent, cloud, moment):
    cloud.groups.set_desired_capacity(AutoScalingGroupName=group.name, DesiredCapacity=2, HonorCooldown=False)
    instances = group.instances
    proxy.hold = ("TerminateInstanceInAutoScalingGroup", moment)
    agent = world.start(timeout="30s").ready()
    assert proxy.held.wait(30), "a removal is asked for"
    agent.kill()
    proxy.release()
    (call,) = proxy.made("TerminateInstanceInAutoScalingGroup")
    victim = call.fields["InstanceId"]
    agent = world.restart().ready()
    eventually(lambda: group.desired == 1, 30, "the group has shrunk")
    agent.after_ticks(4)
    assert group.instances == instances - {victim} if moment == "after" else len(group.instances) == 1
    assert len(proxy.made("TerminateInstanceInAutoScalingGroup", forwarded=True)) == 1
    assert all(row["closed_at"] for row in actions(start_agent.state))


def test_a_dry_run_writes_nothing(world, proxy, group):
    agent = world.start(mode="dry_run").ready()
    world.demand(9)
    pool = eventually(lambda: agent.pool().get("target") == 3 and agent.pool(), 20, "it would grow")
    assert pool["authority"]["mode"] == "advise" and pool["current"] == 1
    agent.after_ticks(4)
    assert {call.action for call in proxy.calls} == {"DescribeAutoScalingGroups"}
    assert group.desired == 1
    assert agent.metric("scale_agent_actions_total", kind="grow") == 0


def test_decide_writes_nothing(world, proxy, group, start_agent, cloud):
    world.demand(9)
    world.configure()
    result = scale_agent("decide", "--config", start_agent.config, environment=cloud.environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert "chat: 1 replica, target 3" in result.stdout and "observed_demand" in result.stdout
    assert {call.action for call in proxy.calls} == {"DescribeAutoScalingGroups"}
    assert group.desired == 1


def test_wrong_keys_are_named(world, start_agent, cloud, proxy, group):
    world.configure()
    result = scale_agent(
        "decide", "--config", start_agent.config, environment={**cloud.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert result.returncode == 1
    assert "does not answer" in result.stdout and "pool chat: unauthorized" in result.stderr
    assert "SignatureDoesNotMatch" in result.stderr
