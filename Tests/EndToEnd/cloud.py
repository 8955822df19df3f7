"""A cloud on loopback: moto_server, which checks signatures and policies, behind a proxy that can fail."""
import http.client
import http.server
import json
import os
import threading
import urllib.parse

from harness import Process, eventually, free_port, request

WRITES = {"SetDesiredCapacity", "TerminateInstanceInAutoScalingGroup", "UpdateAutoScalingGroup"}


def moto_executable():
    return os.environ.get("MOTO_SERVER")


class Cloud:
    """An account with a user who may scale groups; `environment` has the keys of that user."""

    REGION = "us-east-1"

    def __init__(self, log):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process([moto_executable(), "-H", "127.0.0.1", "-p", port], log)
        eventually(lambda: request("GET", self.url + "/moto-api/").status == 200, 40, "moto_server listens")
        iam = self._client("iam", "setup", "setup")
        iam.create_user(UserName="agent")
        statement = {"Effect": "Allow", "Action": ["autoscaling:*", "ec2:*", "iam:PassRole", "monitoring:*"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="agent", PolicyName="scale", PolicyDocument=policy)
        key = iam.create_access_key(UserName="agent")["AccessKey"]
        keys = (key["AccessKeyId"], key["SecretAccessKey"])
        self.environment = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1]}
        self.groups = self._client("autoscaling", *keys)
        self.machines = self._client("ec2", *keys)
        self.metrics = self._client("cloudwatch", *keys)
        self.groups.create_launch_configuration(
            LaunchConfigurationName="lc", ImageId="ami-12c6146b", InstanceType="t3.micro")
        # From now on every call must be signed well.
        assert request("POST", self.url + "/moto-api/reset-auth", b"0").status == 200

    def _client(self, service, access_key, secret):
        import boto3
        import botocore.config

        return boto3.client(
            service, endpoint_url=self.url, region_name=self.REGION, aws_access_key_id=access_key,
            aws_secret_access_key=secret, config=botocore.config.Config(retries={"max_attempts": 1}))

    def create_group(self, name, minimum, maximum, desired):
        self.groups.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchConfigurationName="lc", MinSize=minimum, MaxSize=maximum,
            DesiredCapacity=desired, AvailabilityZones=["us-east-1a"])
        return Group(self, name)

    def end(self):
        self.process.end()


class Group:
    def __init__(self, cloud, name):
        self.cloud, self.name = cloud, name

    def _read(self):
        (group,) = self.cloud.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])["AutoScalingGroups"]
        return group

    @property
    def desired(self):
        return self._read()["DesiredCapacity"]

    @property
    def instances(self):
        return {instance["InstanceId"] for instance in self._read()["Instances"]}

    def machine_states(self, ids):
        answer = self.cloud.machines.describe_instances(InstanceIds=sorted(ids))
        return {
            machine["InstanceId"]: machine["State"]["Name"]
            for reservation in answer["Reservations"] for machine in reservation["Instances"]
        }


class Call:
    """One call that came to the proxy; `status` is what the agent was told, `None` when its answer was lost."""

    def __init__(self, fields):
        self.fields = fields
        self.action = fields.get("Action")
        self.status = None
        self.forwarded = False


def refusal(status, code, message):
    """An error in the envelope of the query protocol."""
    return status, "text/xml", (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>proxy</RequestId></ErrorResponse>").encode()


THROTTLED = refusal(400, "Throttling", "Rate exceeded")
UNAVAILABLE = 503, "text/html", b"<html><body><h1>503 Service Unavailable</h1></body></html>"


class Proxy:
    """Passes calls on as they are, `Host` included, since the signature covers it.

    `fault(call)` may answer `(status, content type, body)` in the cloud's place. `hold` is `(action, "before")` or
    `(action, "after")`: such a call is stopped before or after it is passed on, `held` is set, and its answer never
    comes.
    """

    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.calls = []
        self.fault = lambda call: None
        self.hold = None
        self.held = threading.Event()
        self.released = threading.Event()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy._serve(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        call = Call(dict(urllib.parse.parse_qsl(body.decode())))
        self.calls.append(call)
        answer = self.fault(call)
        when = self.hold[1] if self.hold and self.hold[0] == call.action else None
        if when != "before" and answer is None:
            answer = self._forward(handler, body)
            call.forwarded = True
        if when:
            self.held.set()
            self.released.wait(30)
            handler.close_connection = True
            return
        call.status, kind, content = answer
        try:
            handler.send_response(call.status)
            handler.send_header("Content-Type", kind)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except OSError:
            call.status = None

    def _forward(self, handler, body):
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=20)
        try:
            connection.putrequest("POST", handler.path, skip_host=True, skip_accept_encoding=True)
            for name, value in handler.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.headers.get("Content-Type", "text/xml"), response.read()
        finally:
            connection.close()

    def made(self, action, forwarded=None):
        return [
            call for call in self.calls
            if call.action == action and (forwarded is None or call.forwarded == forwarded)
        ]

    def release(self):
        """Lets the calls that are held go, without an answer, and holds no more."""
        self.hold = None
        self.released.set()

    def end(self):
        self.release()
        self.server.shutdown()
        self.server.server_close()
