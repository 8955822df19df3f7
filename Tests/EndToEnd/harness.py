"""Processes, ports, HTTP and waiting for the tests of the finished binaries.

Everything is on 127.0.0.1, every wait has a deadline, and processes are ended by their id.
"""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SCALE_AGENT_SHARED", REPOSITORY.parent / "shared"))


def binary(variable, name):
    """The program that the variable names, or the one of the release build."""
    path = Path(os.environ.get(variable, REPOSITORY / ".build" / "release" / name))
    assert os.access(path, os.X_OK), f"{path}: there is no such program; build it or set {variable}"
    return str(path)


def agent_binary():
    return binary("SCALE_AGENT_BINARY", "scale-agent")


def sim_binary():
    return binary("VLLM_SIM_BINARY", "vllm-sim")


# Waiting


def eventually(condition, within=20.0, what="", every=0.05):
    """The first truthy answer of `condition`. Fails at the deadline with its last answer, or its last error."""
    end = time.monotonic() + within
    while True:
        try:
            last = condition()
            if last:
                return last
        except (OSError, http.client.HTTPException, AssertionError, LookupError, ValueError) as error:
            last = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {within} s: {what}; last seen: {last!r}")
        time.sleep(every)


def always(condition, during, what="", every=0.1):
    """Fails at the first moment within so many seconds at which `condition` does not hold."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(every)


# Ports


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def free_ports(count):
    """The first of so many free ports in a row, below those that the kernel gives to clients."""
    for _ in range(200):
        first = random.randrange(20_000, 32_000 - count)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
    raise AssertionError(f"no {count} free ports in a row")


# HTTP


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def request(method, url, body=None, headers=None, timeout=5.0):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def get(url, headers=None, timeout=5.0):
    return request("GET", url, headers=headers, timeout=timeout)


# Processes


def alive(pid):
    """Whether the process runs; one that has ended and is not yet reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def marked_processes(state):
    """The replicas of an agent's state folder that run now, by the markers in their environment: {pid: markers}."""
    wanted = os.path.realpath(state)
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            environ = Path(f"/proc/{entry}/environ").read_bytes()
        except OSError:
            continue
        markers = dict(
            item.split("=", 1) for item in environ.decode(errors="replace").split("\0") if item.startswith("SCALE_AGENT_")
        )
        if markers.get("SCALE_AGENT_STATE") == wanted and alive(int(entry)):
            found[int(entry)] = markers
    return found


def kill_marked(state):
    for pid in marked_processes(state):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Process:
    """A program with its output in a file; `end` leaves nothing of it behind."""

    def __init__(self, arguments, log, environment=None, cwd=None):
        self.log_path = Path(log)
        with open(self.log_path, "ab") as output:
            self.popen = subprocess.Popen(
                [str(argument) for argument in arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(environment or {})}, cwd=cwd)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def runs(self):
        return self.popen.poll() is None

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, within):
        """The exit status."""
        try:
            return self.popen.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"process {self.pid} still runs after {within} s; it said:\n{self.log}") from None

    def kill(self):
        if self.runs():
            self.popen.kill()
        self.popen.wait(10)

    end = kill


def run(arguments, environment=None, timeout=30, cwd=None, stdin=None):
    """A finished program with `returncode`, `stdout` and `stderr` as text."""
    return subprocess.run(
        [str(argument) for argument in arguments], env={**os.environ, **(environment or {})}, cwd=cwd, input=stdin,
        capture_output=True, text=True, timeout=timeout)


def scale_agent(*arguments, **options):
    return run([agent_binary(), *arguments], **options)


# The agent


class Agent(Process):
    """`scale-agent run` on a configuration file."""

    def __init__(self, config, listen, log, environment=None):
        self.url = f"http://{listen}"
        super().__init__([agent_binary(), "run", "--config", config], log, environment)

    def ready(self, within=20.0):
        eventually(self._ready, within, "the agent is ready")
        return self

    def _ready(self):
        assert self.runs(), f"the agent has ended:\n{self.log}"
        return get(self.url + "/-/ready").status == 200

    def status(self):
        return get(self.url + "/status.json").json()

    def pool(self, name=None):
        pools = self.status()["pools"]
        return next(pool for pool in pools if name in (None, pool["pool"]))

    def metrics(self):
        """{(name, ((label, value), ..)): value} of the text exposition."""
        from prometheus_client.parser import text_string_to_metric_families

        families = text_string_to_metric_families(get(self.url + "/metrics").text)
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families for sample in family.samples
        }

    def metric(self, name, **labels):
        """The one series with this name and, among others, these labels; `None` when it is absent."""
        values = [
            value for (found, pairs), value in self.metrics().items()
            if found == name and set(labels.items()) <= set(pairs)
        ]
        assert len(values) <= 1, f"{name} {labels}: {len(values)} series"
        return values[0] if values else None

    def ticks(self):
        return self.metric("scale_agent_ticks_total") or 0

    def after_ticks(self, count, within=30.0):
        """Returns when so many more ticks have begun and ended."""
        goal = self.ticks() + count
        eventually(lambda: self.ticks() >= goal, within, f"{count} more ticks")

    def stop(self, within=5.0):
        """SIGTERM; the exit status."""
        self.send(signal.SIGTERM)
        return self.wait(within)


# Users


class Users:
    """Threads that send completions like the users behind a router: to a replica that serves and is not cordoned.

    `outcomes` has one entry a request: `(status, finish_reason, tokens)`, or the error that cut it.
    """

    def __init__(self, agent_url, workers, tokens):
        self.url, self.tokens = agent_url, tokens
        self.outcomes = []
        self.in_flight = {}
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def _endpoint(self):
        try:
            pool = get(self.url + "/status.json").json()["pools"][0]
        except (OSError, http.client.HTTPException):
            return None
        serving = set(pool["supply"]["serving"]) - set(pool["cordoned"])
        endpoints = [replica["endpoint"] for replica in pool["replicas"] if replica["id"] in serving]
        with self.lock:
            return min(endpoints, key=lambda endpoint: (self.in_flight.get(endpoint, 0), endpoint), default=None)

    def _work(self):
        while not self.stopping.is_set():
            endpoint = self._endpoint()
            if endpoint is None:
                self.stopping.wait(0.1)
                continue
            with self.lock:
                self.in_flight[endpoint] = self.in_flight.get(endpoint, 0) + 1
            outcome = complete(endpoint, self.tokens)
            with self.lock:
                self.in_flight[endpoint] -= 1
                self.outcomes.append(outcome)

    def stop(self, within=30.0):
        """Lets everyone finish the request they have begun."""
        self.stopping.set()
        end = time.monotonic() + within
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
            assert not thread.is_alive(), f"a request is not answered within {within} s"
        return self.outcomes


def complete(endpoint, tokens, timeout=60.0):
    """One completion: `(status, finish_reason, tokens)`, or the error that cut it."""
    body = json.dumps({"model": "llama-sim", "prompt": "why", "max_tokens": tokens})
    try:
        answer = request(
            "POST", endpoint + "/v1/completions", body, {"Content-Type": "application/json"}, timeout=timeout)
        if answer.status != 200:
            return answer.status, None, 0
        parsed = answer.json()
        return 200, parsed["choices"][0]["finish_reason"], parsed["usage"]["completion_tokens"]
    except (OSError, http.client.HTTPException, ValueError) as error:
        return error


class LongRequests:
    """Completions that run until `cut`, which hangs up on them."""

    def __init__(self, endpoint, count, tokens=8000):
        parts = urllib.parse.urlsplit(endpoint)
        body = json.dumps({"model": "llama-sim", "prompt": "why", "max_tokens": tokens}).encode()
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
        self.sockets = []
        for _ in range(count):
            connection = socket.create_connection((parts.hostname, parts.port), timeout=5)
            connection.sendall(head.encode() + body)
            self.sockets.append(connection)

    def cut(self):
        for connection in self.sockets:
            connection.close()
        self.sockets = []
