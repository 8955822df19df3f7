"""Fixtures: they start what a test needs and end it, whatever became of the test."""
import pytest

from harness import Agent, Process, Users, eventually, free_port, get, kill_marked, sim_binary


@pytest.fixture
def closing():
    """A list of things to `end` after the test, the latest first."""
    things = []
    yield things
    for thing in reversed(things):
        thing.end()


@pytest.fixture
def start_sim(closing, tmp_path):
    """Starts a `vllm-sim` that serves at once, and gives its process with its `url`."""

    def start(*arguments, within=15.0):
        port = free_port()
        process = Process(
            [sim_binary(), "--port", port, "--boot-time", "0", *arguments], tmp_path / f"sim-{port}.log")
        process.url = f"http://127.0.0.1:{port}"
        closing.append(process)
        eventually(lambda: get(process.url + "/health").status == 200, within, "vllm-sim serves")
        return process

    return start


@pytest.fixture
def start_agent(closing, tmp_path):
    """Starts an agent on the text of a configuration, in which `LISTEN` and `STATE` are filled in.

    Its state is `tmp_path / "state"`; replicas that it leaves are ended with the test.
    """
    listen = f"127.0.0.1:{free_port()}"
    state = tmp_path / "state"
    config = tmp_path / "scale-agent.yaml"

    def write(text):
        config.write_text(text.replace("LISTEN", listen).replace("STATE", str(state)))

    def start(text=None, environment=None):
        """Without a text it starts again on the configuration that is there."""
        if text is not None:
            write(text)
        agent = Agent(config, listen, tmp_path / "agent.log", environment)
        closing.append(agent)
        return agent

    start.write, start.state, start.config = write, state, config
    yield start
    # The agents first, or they would start anew what is killed here.
    for thing in closing:
        if isinstance(thing, Agent):
            thing.end()
    kill_marked(state)


@pytest.fixture
def start_users(closing):
    """Starts users of an agent's replicas."""

    def start(agent, workers, tokens):
        users = Users(agent.url, workers, tokens)
        users.end = users.stopping.set
        closing.append(users)
        return users

    return start
