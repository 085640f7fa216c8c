"""What runs on Kubernetes: rendered, then checked by the API's schema and by what must agree."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.cli.process_commands import ServiceName

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "production")
KUBERNETES = "1.36"
PORTS = {"api": 8700, "worker": 8701, "watch": 8702, "relay": 8703}


@cache
def rendered(overlay: str) -> tuple[dict[str, Any], ...]:
    kubectl = shutil.which("kubectl")
    assert kubectl is not None, "kubectl is missing: install it to check the manifests"
    run = subprocess.run(
        [kubectl, "kustomize", ROOT / "deploy/k8s/overlays" / overlay],
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(yaml.safe_load_all(run.stdout))


def of_kind(overlay: str, *kinds: str) -> Iterator[dict[str, Any]]:
    return (each for each in rendered(overlay) if each["kind"] in kinds)


def pods(overlay: str) -> dict[str, dict[str, Any]]:
    """Pod templates by the name of what makes them."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in of_kind(overlay, "Deployment", "StatefulSet", "Job")
    }


def ours(overlay: str) -> dict[str, dict[str, Any]]:
    """Those that run our image."""
    return {
        name: pod
        for name, pod in pods(overlay).items()
        if pod["spec"]["containers"][0]["name"] == "pulsetrail"
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_what_the_api_knows(overlay: str) -> None:
    for each in rendered(overlay):
        kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_has_its_relay_and_its_worker_and_all_share_an_address(overlay: str) -> None:
    expected = {f"{each}-{part}" for each in ServiceName for part in ("relay", "worker")}
    assert ours(overlay).keys() == expected | {"api", "watch", "prepare"}
    for each in ServiceName:
        assert (ROOT / f"deploy/k8s/base/{each}.yaml").is_file()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_are_restricted(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] != 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
    for name, pod in ours(overlay).items():
        assert pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], name
    [namespace] = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_selector_finds_exactly_its_own_pods(overlay: str) -> None:
    templates = pods(overlay)

    def found(selector: dict[str, str]) -> list[str]:
        return [
            name
            for name, pod in templates.items()
            if selector.items() <= pod["metadata"]["labels"].items()
        ]

    for each in of_kind(overlay, "Deployment", "StatefulSet", "PodDisruptionBudget"):
        name = each["metadata"]["name"]
        assert found(each["spec"]["selector"]["matchLabels"]) == [name]
    for each in of_kind(overlay, "Service"):
        name = each["metadata"]["name"]
        assert found(each["spec"]["selector"]) == [name]
        [container] = templates[name]["spec"]["containers"]
        named = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in each["spec"]["ports"]} <= named


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_process_listens_where_it_is_asked_how_it_is(overlay: str) -> None:
    for name, pod in ours(overlay).items():
        if name == "prepare":
            continue
        [container] = pod["spec"]["containers"]
        process = container["args"][0]
        port = PORTS[process]
        assert container["args"][-2:] == ["--port", str(port)], name
        assert container["ports"] == [{"name": "http", "containerPort": port}], name
        assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(port), name
        probes = {
            probe: container[probe]["httpGet"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert probes["readinessProbe"] == {"path": "/readyz", "port": "http"}, name
        assert probes["livenessProbe"] == {"path": "/healthz", "port": "http"}, name
        assert probes["startupProbe"] == {"path": "/healthz", "port": "http"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_relays_and_workers_name_the_service_they_are_of(overlay: str) -> None:
    for name, pod in ours(overlay).items():
        if name.endswith(("-relay", "-worker")):
            service, _dash, process = name.rpartition("-")
            assert pod["spec"]["containers"][0]["args"][:2] == [process, service]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_mounted_and_read_from_is_there(overlay: str) -> None:
    maps = {each["metadata"]["name"] for each in of_kind(overlay, "ConfigMap")}
    claims = {each["metadata"]["name"] for each in of_kind(overlay, "PersistentVolumeClaim")}
    accounts = {each["metadata"]["name"] for each in of_kind(overlay, "ServiceAccount")}
    for name, pod in ours(overlay).items():
        spec = pod["spec"]
        assert spec["serviceAccountName"] in accounts, name
        [container] = spec["containers"]
        assert {each["configMapRef"]["name"] for each in container["envFrom"]} <= maps, name
        volumes = {each["name"]: each for each in spec["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} == volumes.keys(), name
        assert {
            each["persistentVolumeClaim"]["claimName"]
            for each in volumes.values()
            if "persistentVolumeClaim" in each
        } <= claims


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_environment_is_one_that_the_settings_read(overlay: str) -> None:
    documented = (ROOT / "docs/configuration.md").read_text()
    for each in of_kind(overlay, "ConfigMap"):
        for variable in each["data"]:
            assert f"`{variable.removesuffix('_FILE')}`" in documented


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_in_a_manifest(overlay: str) -> None:
    assert list(of_kind(overlay, "Secret")) == []
    for pod in pods(overlay).values():
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                assert "PASSWORD" not in variable["name"] or variable["name"].endswith("_FILE")


def test_production_survives_the_loss_of_a_node() -> None:
    budgets = {
        each["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]
        for each in of_kind("production", "PodDisruptionBudget")
    }
    for each in of_kind("production", "Deployment"):
        assert each["spec"]["replicas"] >= 2, each["metadata"]["name"]
        assert each["metadata"]["name"] in budgets
        assert each["spec"]["template"]["spec"]["topologySpreadConstraints"]


def test_compose_starts_the_processes_of_the_stack() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    commands = {
        name: each["command"][0]
        for name, each in compose["services"].items()
        if each.get("image") == "pulsetrail:local" and "command" in each
    }
    assert commands == {
        "api": "api",
        "relay": "relay",
        "worker": "worker",
        "notifications": "worker",
        "watch": "watch",
    }
    followed = [
        *compose["services"]["worker"]["command"][1:-4],
        *compose["services"]["notifications"]["command"][1:-4],
    ]
    assert sorted(followed) == sorted(ServiceName)
    for name, each in compose["services"].items():
        if name not in {"prepare", "collector"}:
            assert each["healthcheck"]["test"][0] == "CMD", name
    assert [each["ports"] for each in compose["services"].values() if "ports" in each] == [
        ["127.0.0.1:8700:8700"]
    ]


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") > max(
        number for number, line in enumerate(lines) if line.startswith("FROM")
    )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*", "nothing goes into the image that is not named"
