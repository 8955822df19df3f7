"""Looking back: explain and replay on what a running agent has recorded."""
import json
import sqlite3

import pytest

from harness import eventually, free_ports, scale_agent, sim_binary

CONFIG = """
listen: LISTEN
state: STATE
gpu: {{source: "off"}}
pools:
  - name: chat
    engine: {{kind: vllm, timeout: 2s}}
    capacity: 4
    min: {minimum}
    max: 2
    interval: 1s
    usd_per_hour: 3.60
    policy: {{stable_window: 2s, maximum_age: 4s}}
    boot: {{expected: 1s, deadline: 30s}}
    driver:
      kind: local
      command: ["{sim}", "--port", "{{port}}", "--boot-time", "0"]
      slots: 3
      ports: {first}-{last}
"""


@pytest.fixture
def recorded(start_agent, start_users):
    """The state folder of an agent that had work, was restarted, and got other settings."""
    first = free_ports(3)

    def text(minimum):
        return CONFIG.format(minimum=minimum, sim=sim_binary(), first=first, last=first + 2)

    agent = start_agent(text(1)).ready()
    users = start_users(agent, workers=8, tokens=40)
    eventually(lambda: len(agent.pool()["supply"]["serving"]) == 2, 30, "two replicas serve")
    agent.after_ticks(3)
    users.stop()
    assert agent.stop() == 0
    agent = start_agent().ready()
    agent.after_ticks(3)
    assert agent.stop() == 0
    agent = start_agent(text(2)).ready()
    agent.after_ticks(3)
    assert agent.metric("scale_agent_rule_bound_seconds_total", rule="minimum") is not None
    assert agent.stop() == 0
    return start_agent.state


def test_what_was_recorded_is_derived_again_and_explained(recorded, start_agent):
    options = ["--state", recorded]
    whole = scale_agent("replay", *options)
    assert (whole.returncode, whole.stderr) == (0, ""), whole.stdout + whole.stderr
    assert "decisions derived again, no difference" in whole.stdout and whole.stdout.startswith("chat, ")
    answer = json.loads(scale_agent("replay", "--json", "--config", start_agent.config).stdout)
    assert answer["ticks"] >= 9 and (answer["different"], answer["gaps"], answer["differences"]) == (0, 0, [])

    database = sqlite3.connect(recorded / "history.sqlite")
    ticks = database.execute("SELECT at, rule FROM tick ORDER BY at").fetchall()
    grown = [at for at, rule in ticks if rule == "maximum"]
    assert grown, f"the maximum never bound: {ticks}"
    told = scale_agent("explain", "--at", grown[0] / 1000, *options)
    assert (told.returncode, told.stderr) == (0, "")
    for words in ["target 2", "Seen", "demand", "requests (", "Decided", "maximum lowers it from", "; without it", "Done"]:
        assert words in told.stdout, told.stdout
    one = json.loads(scale_agent("explain", "--json", "--at", grown[0] / 1000, *options).stdout)
    lowered = [step for step in one["steps"] if step["rule"] == "maximum"]
    assert one["target"] == 2 and lowered[0]["without"] > 2
    assert scale_agent("explain", *options).stdout.startswith("chat, ")

    early = scale_agent("explain", "--at", ticks[0][0] / 1000 - 60, *options)
    assert early.returncode == 1 and "no tick at or before" in early.stderr and "the nearest is" in early.stderr
    assert scale_agent("explain", "--pool", "none", *options).returncode == 64
    assert "no history yet" in scale_agent("explain", "--state", recorded / "none").stderr

    ledger = json.loads(scale_agent("explain", "--ledger", "--json", *options).stdout)
    rules = {rule["rule"]: rule for rule in ledger["rules"]}
    denied = rules["maximum"]["denied"]
    assert denied["replica_seconds"] > 0 and denied["usd"] == pytest.approx(denied["replica_seconds"] * 0.001)
    assert sum(rule["bound_seconds"] for rule in rules.values()) == pytest.approx(ledger["seconds"])
    assert "maximum" in scale_agent("explain", "--ledger", *options).stdout


def test_a_record_that_was_changed_is_found(recorded):
    database = sqlite3.connect(recorded / "history.sqlite")
    at = database.execute("SELECT at FROM tick WHERE target IS NOT NULL ORDER BY at LIMIT 1 OFFSET 4").fetchone()[0]
    database.execute("UPDATE tick SET output = json_set(output, '$.decision.steps[0].to', 99) WHERE at = ?", [at])
    database.commit()
    result = scale_agent("replay", "--state", recorded)
    assert result.returncode == 1 and "1 differ" in result.stdout
    assert "step 1, recorded: " in result.stdout and "to 99" in result.stdout
    answer = json.loads(scale_agent("replay", "--json", "--state", recorded).stdout)
    assert answer["different"] == 1 and answer["differences"][0]["parts"] == ["decision"]
    assert answer["differences"][0]["step"] == 0
    rest = scale_agent("replay", "--state", recorded, "--from", at / 1000 + 0.001)
    assert rest.returncode == 0 and "no difference" in rest.stdout
