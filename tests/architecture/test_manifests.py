"""What runs on Kubernetes: rendered, then checked by the API's schema and by what must agree."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from services.cli.process_commands import ServiceName
from services.cli.web_server import GRACE_SECONDS
from shared.scaled_hosting import STOPPING_SECONDS
from shared.settings import DatabasePasswords, ScaledSettings

ROOT = Path(__file__).parents[2]
OVERLAYS = ("dev", "production")
KUBERNETES = "1.36"
PORTS = {"api": 8700, "worker": 8701, "watch": 8702, "relay": 8703}
METRICS_PORTS = {"api": 8704}
"""Of a process that shows them elsewhere than its health."""


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
        assert container["ports"][0] == {"name": "http", "containerPort": port}, name
        scraped = METRICS_PORTS.get(process, port)
        assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(scraped), name
        assert scraped in {each["containerPort"] for each in container["ports"]}, name
        probes = {
            probe: container[probe]["httpGet"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        }
        assert probes["readinessProbe"] == {"path": "/readyz", "port": "http"}, name
        assert probes["livenessProbe"] == {"path": "/healthz", "port": "http"}, name
        assert probes["startupProbe"] == {"path": "/healthz", "port": "http"}, name


def settings_of(overlay: str) -> dict[str, str]:
    [found] = [
        each["data"]
        for each in of_kind(overlay, "ConfigMap")
        if each["metadata"]["name"].startswith("pulsetrail")
    ]
    return dict(found)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_scrapes_a_pod_needs_the_token_that_is_mounted_in_it(overlay: str) -> None:
    token = PurePosixPath(settings_of(overlay)["PULSETRAIL_METRICS_TOKEN_FILE"])
    for name, pod in ours(overlay).items():
        [container] = pod["spec"]["containers"]
        mounted = {PurePosixPath(each["mountPath"]) for each in container["volumeMounts"]}
        assert token.parent in mounted, name
    [api] = ours(overlay)["api"]["spec"]["containers"]
    command = api["args"]
    assert command[command.index("--metrics-port") + 1] == str(METRICS_PORTS["api"])
    [service] = [each for each in of_kind(overlay, "Service") if each["metadata"]["name"] == "api"]
    assert [each["targetPort"] for each in service["spec"]["ports"]] == ["http"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_is_given_the_time_that_its_process_needs_to_stop(overlay: str) -> None:
    drain = float(settings_of(overlay)["API_DRAIN_SECONDS"])
    assert drain >= 5, "so long it may take until no request comes any more"
    for name, pod in ours(overlay).items():
        if name != "prepare":
            needed = GRACE_SECONDS + STOPPING_SECONDS + (drain if name == "api" else 0)
            assert pod["spec"]["terminationGracePeriodSeconds"] >= needed, name


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
def test_whoever_may_keep_evidence_in_a_folder_mounts_it(overlay: str) -> None:
    """The root of a pod is read-only."""
    default = ScaledSettings.model_fields["object_store_url"].default
    address = urlsplit(settings_of(overlay).get("OBJECT_STORE_URL", default))
    if address.scheme != "file":
        assert address.scheme == "s3"
        return
    for name, pod in ours(overlay).items():
        [container] = pod["spec"]["containers"]
        if container.get("args", ["prepare"])[0] in {"api", "worker", "watch"}:
            mounted = [
                PurePosixPath(each["mountPath"])
                for each in container["volumeMounts"]
                if not each.get("readOnly")
            ]
            assert any(PurePosixPath(address.path).is_relative_to(each) for each in mounted), name


def secret_of(pod: dict[str, Any]) -> str:
    [name] = [each["secret"]["secretName"] for each in pod["spec"]["volumes"] if "secret" in each]
    return str(name)


def test_in_production_each_process_has_the_login_of_its_service_only() -> None:
    expected = {"prepare": "pulsetrail", "api": "pulsetrail-api", "watch": "pulsetrail-projections"}
    for service in ServiceName:
        expected[f"{service}-worker"] = f"pulsetrail-{service}"
        expected[f"{service}-relay"] = "pulsetrail-relay"
    assert {name: secret_of(pod) for name, pod in ours("production").items()} == expected
    [container] = ours("production")["prepare"]["spec"]["containers"]
    made = {f"{name}_FILE".upper() for name in DatabasePasswords.model_fields}
    assert {each["name"] for each in container["env"]} == made
    assert {secret_of(pod) for pod in ours("dev").values()} == {"pulsetrail"}


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


@pytest.mark.parametrize(
    ("settings", "prepared"),
    [
        ({}, "migrate topics demo"),
        ({"PULSETRAIL_WITH_DEMO": "no"}, "migrate topics"),
        ({"EVENT_STORE_URL": "kurrentdb://kurrentdb:2113?tls=false"}, "migrate topics"),
    ],
)
def test_compose_prepares_the_demonstration_as_the_stack_does(
    tmp_path: Path, settings: dict[str, str], prepared: str
) -> None:
    """The script is run, with a `pulsetrail` that tells what it was called with."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    shell, options, script = services["prepare"]["entrypoint"]
    told = tmp_path / "pulsetrail"
    told.write_text('#!/bin/sh\necho "$1"\n')
    told.chmod(0o755)
    environment = {
        name: re.sub(
            r"\$\{(\w+):[-?](.*?)\}", lambda found: settings.get(found[1], found[2]), value
        )
        for name, value in services["prepare"]["environment"].items()
    }
    run = subprocess.run(
        [shell, options, script.replace("$$", "$")],
        env={**environment, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.split() == prepared.split()
    waiting = {name for name, each in services.items() if "prepare" in each.get("depends_on", {})}
    assert waiting == {"api", "relay", "worker", "notifications", "watch"}
    for name in waiting:
        condition = services[name]["depends_on"]["prepare"]["condition"]
        assert condition == "service_completed_successfully"
    assert "--invite" in services["api"]["command"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") > max(
        number for number, line in enumerate(lines) if line.startswith("FROM")
    )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*", "nothing goes into the image that is not named"
