"""Gauges in a CloudWatch that checks signatures, and the scaling policies that the documentation shows."""
import datetime
import json
import os
import re

import pytest

from cloud import UNAVAILABLE, Cloud, Proxy, moto_executable
from harness import REPOSITORY, LongRequests, always, eventually, get

pytestmark = pytest.mark.skipif(
    not (moto_executable() and os.access(moto_executable(), os.X_OK)),
    reason="!!! LEFT OUT: MOTO_SERVER names no moto_server")

CONFIG = """
listen: LISTEN
state: STATE
mode: {mode}
gpu: {{source: "off"}}
cloudwatch: {{region: us-east-1, endpoint_url: {cloud}, interval: 1s, timeout: 3s}}
pools: [{{name: chat, engine: {{endpoints: ["{engine}"]}}, capacity: 2, interval: 1s}}]
"""


@pytest.fixture
def cloud(closing, tmp_path):
    cloud = Cloud(tmp_path / "moto.log")
    closing.append(cloud)
    return cloud


@pytest.fixture
def proxy(cloud, closing):
    proxy = Proxy(cloud.url)
    closing.append(proxy)
    return proxy


def largest(cloud, metric):
    now = datetime.datetime.now(datetime.timezone.utc)
    answer = cloud.metrics.get_metric_statistics(
        Namespace="Custom/LLMMetrics", MetricName=metric, Dimensions=[{"Name": "Pool", "Value": "chat"}],
        StartTime=now - datetime.timedelta(minutes=5), EndTime=now + datetime.timedelta(minutes=5), Period=600,
        Statistics=["Maximum"])
    return max((point["Maximum"] for point in answer["Datapoints"]), default=None)


def exported(agent, name, label=""):
    found = re.search(rf"^scale_agent_{name}{{[^}}]*{label}[^}}]*}} (\S+)$|^scale_agent_{name} (\S+)$",
                      get(agent.url + "/metrics").text, re.M)
    return float(found[1] or found[2]) if found else 0.0


def test_gauges_arrive_and_a_cloud_in_trouble_holds_nothing_up(start_agent, start_sim, closing, cloud, proxy):
    engine = start_sim("--max-num-seqs", "2")
    requests = LongRequests(engine.url, 5)
    requests.end = requests.cut
    closing.append(requests)
    # With a driver, this mode only looks at the group, and leaves scaling to the cloud.
    agent = start_agent(CONFIG.format(mode="dry_run", engine=engine.url, cloud=proxy.url), environment=cloud.environment)
    eventually(lambda: largest(cloud, "LLMQueueDepth") == 3, 30, "three requests wait, says CloudWatch")
    assert largest(cloud, "LLMDemandPerReplica") == 5 and largest(cloud, "LLMDesiredReplicas") == 1
    assert exported(agent, "cloudwatch_values_total") >= 3

    proxy.fault = lambda call: UNAVAILABLE
    eventually(lambda: exported(agent, "cloudwatch_errors_total", "unreachable") > 0, 20, "the failure is counted")
    # From here on no call is answered at all.
    proxy.fault, proxy.hold = (lambda call: None), ("PutMetricData", "before")
    assert proxy.held.wait(20)
    before = exported(agent, "ticks_total")
    eventually(lambda: exported(agent, "ticks_total") >= before + 3, 10, "decisions go on")


def test_of_a_paused_pool_nothing_is_published(start_agent, start_sim, cloud, proxy):
    agent = start_agent(
        CONFIG.format(mode="paused", engine=start_sim().url, cloud=proxy.url), environment=cloud.environment)
    eventually(lambda: exported(agent, "ticks_total") >= 2, 20, "it decides")
    always(lambda: not proxy.calls, 8, "nothing is called")


def test_the_policies_of_the_page_are_valid():
    import boto3
    import botocore.validate

    page = (REPOSITORY / "docs" / "cloudwatch.md").read_text()
    tracking, out = [json.loads(text) for text in re.findall(r"<<'JSON'\n(.*?)\nJSON", page, re.S)]
    assert (tracking["ScaleInCooldown"], tracking["ScaleOutCooldown"]) == (300, 60)
    for service, operation, member, policy in [
        ("application-autoscaling", "PutScalingPolicy", "TargetTrackingScalingPolicyConfiguration", tracking),
        ("autoscaling", "PutScalingPolicy", "TargetTrackingConfiguration", out),
    ]:
        model = boto3.client(service, region_name="us-east-1").meta.service_model.operation_model(operation)
        report = botocore.validate.ParamValidator().validate(policy, model.input_shape.members[member])
        unknown = set(policy) - set(model.input_shape.members[member].members)
        assert not report.has_errors() and not unknown, report.generate_report()
