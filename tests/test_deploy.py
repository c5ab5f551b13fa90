"""The Helm chart and the compose file: what they render is valid, and configures a server as it can be configured."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from nginx import NGINX, needs_nginx

from oagw_tornado.config.config import Config, read_config

ROOT = Path(__file__).parent.parent
CHART = ROOT / "deploy" / "helm" / "oagw-tornado"
HELM = shutil.which("helm")
needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not installed")

EVERYTHING = {
    "replicaCount": 3,
    "workers": "auto",
    "config": {"time-to-first-token": "1ms", "rules": [{"match": {"alias": "openai"}, "fault": "reset"}]},
    "tokens": ["one", "two"],
    "valkey": {"enabled": True},
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "locust": {"enabled": True, "workers": 3},
    "extraArgs": ["--max-num-seqs=4"],
    "extraEnv": [{"name": "OAGW_SIM_SEED", "value": "7"}],
    "networkPolicy": {"gatewayFrom": [{"podSelector": {"matchLabels": {"app": "mine"}}}]},
}


def helm(*arguments: str, values: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
    assert HELM is not None
    return subprocess.run(
        [HELM, *arguments, str(CHART), "--values", "-"],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rendered(values: dict[str, Any] | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    """All objects of a release called x, by kind and name."""
    told = helm("template", "x", values=values)
    assert told.returncode == 0, told.stderr
    objects = [each for each in yaml.safe_load_all(told.stdout) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def configuration(objects: dict[tuple[str, str], dict[str, Any]]) -> Config:
    """What a server of the release is started with, read as it reads it."""
    container = objects["Deployment", "x-oagw-tornado"]["spec"]["template"]["spec"]["containers"][0]
    secret = objects["Secret", "x-oagw-tornado"]["data"]
    environment = {
        each["name"]: each["value"]
        if "value" in each
        else base64.b64decode(secret[each["valueFrom"]["secretKeyRef"]["key"]]).decode()
        for each in container["env"]
    }
    files = {f"/etc/oagw/{name}": text for name, text in objects["ConfigMap", "x-oagw-tornado"]["data"].items()}
    return read_config(container["args"], environment, files.__getitem__)


@needs_helm
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["as it comes", "everything"])
def test_the_chart_is_sound(values: dict[str, Any]) -> None:
    told = helm("lint", "--strict", values=values)
    assert told.returncode == 0, told.stdout + told.stderr
    validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate, which has the schemas, is missing"
    )
    for (kind, _), each in rendered(values).items():
        if kind != "ServiceMonitor":  # not one of Kubernetes' own
            validate.validate(each, "1.30", strict=True)


@needs_helm
def test_a_pod_is_configured_as_asked() -> None:
    objects = rendered()
    config = configuration(objects)
    assert (config.host, config.port, config.tokens) == ("0.0.0.0", 8765, ("test-integration-token",))
    assert config.admin_token
    assert len(config.admin_token) == 32
    pod = objects["Deployment", "x-oagw-tornado"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > config.drain_timeout
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert {int(listener.port or 0) for listener in config.control_listen} == {ports["control"]}
    for probe in ("startupProbe", "readinessProbe"):
        assert pod["containers"][0][probe]["httpGet"] == {"path": "/readyz", "port": "control"}


@needs_helm
def test_all_values_arrive() -> None:
    objects = rendered(EVERYTHING)
    config = configuration(objects)
    assert config.tokens == ("one", "two")
    assert (config.knobs.max_num_seqs, config.knobs.seed) == (4, 7)
    assert str(config.knobs.time_to_first_token) == "1ms"
    assert len(config.rules) == 1
    assert objects["Deployment", "x-oagw-tornado"]["spec"]["replicas"] == 3
    assert objects["Deployment", "x-oagw-tornado-locust-worker"]["spec"]["replicas"] == 3
    script = objects["ConfigMap", "x-oagw-tornado-locust"]["data"]["locustfile.py"]
    compile(script, "locustfile.py", "exec")
    policy = objects["NetworkPolicy", "x-oagw-tornado"]["spec"]["ingress"]
    assert [rule["ports"][0]["port"] for rule in policy] == ["gateway", "control"]
    assert all("from" in rule for rule in policy)
    names = {name for _, name in objects}
    for deployment in (each for (kind, _), each in objects.items() if kind == "Deployment"):
        assert deployment["spec"]["template"]["metadata"]["labels"].items() >= (
            deployment["spec"]["selector"]["matchLabels"].items()
        )
        for volume in deployment["spec"]["template"]["spec"]["volumes"]:
            assert "configMap" not in volume or volume["configMap"]["name"] in names


@needs_helm
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replicaCount": 2}, "replicaCount 2 needs a state"),
        ({"workers": "auto"}, "workers auto needs a state"),
        ({"valkey": {"enabled": True}, "state": {"url": "redis://r"}}, "choose one of valkey.enabled, state.url"),
        ({"config": {"port": 1}}, "config.port is set by the chart"),
        ({"replicaCount": 0}, "/replicaCount"),
        ({"replicas": 2}, "replicas"),
        ({"state": {"url": "http://r"}}, "/state/url"),
    ],
)
def test_values_that_cannot_work_are_refused(values: dict[str, Any], said: str) -> None:
    told = helm("template", "x", values=values)
    assert told.returncode != 0
    assert said in told.stderr


def test_the_chart_has_the_load_test_of_the_docs() -> None:
    ours = (CHART / "files" / "locustfile.py").read_text(encoding="utf-8")
    assert ours == (ROOT / "docs" / "load" / "locustfile.py").read_text(encoding="utf-8")


@needs_nginx
def test_nginx_takes_the_configuration_of_the_compose_file(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    text = compose["configs"]["nginx"]["content"].replace("$$", "$").replace("server oagw:", "server 127.0.0.1:")
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/nginx.pid;\n{text}")
    assert NGINX is not None
    command = [NGINX, "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert "syntax is ok" in told.stderr
