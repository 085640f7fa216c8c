"""`make check-manifests`: what kubeconform and promtool say of what runs on Kubernetes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import kubernetes_validate

from shared.exposition import exposition
from shared.service import Gauge
from shared.telemetry import DESCRIBED, Kind

_DEPLOY = Path(__file__).parents[1] / "deploy" / "k8s"
_KUBERNETES = "1.36"
_INSTALLED_BY = {
    "kubectl": "see kubernetes.io/docs/tasks/tools",
    "kubeconform": "go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
    "promtool": "it comes with Prometheus (Debian, Ubuntu: apt install prometheus)",
}
_FOUND_SOMETHING = 1
_MISSING = 4


class Checked(NamedTuple):
    """`said` by the tool where it found something; empty: nothing is wrong."""

    what: str
    said: str


def main() -> int:
    """The exit code: 1 where something is wrong, 4 where a tool is missing; what can be checked
    without it is checked."""
    missing = [name for name in _INSTALLED_BY if shutil.which(name) is None]
    wrong = False
    for checked in _checks(missing):
        wrong |= bool(checked.said)
        sys.stdout.write(f"{checked.what}: {checked.said or 'in order'}\n")
    for name in missing:
        sys.stderr.write(f"{name} is missing: {_INSTALLED_BY[name]}\n")
    if wrong:
        return _FOUND_SOMETHING
    return _MISSING if missing else 0


def _checks(missing: list[str]) -> Iterator[Checked]:
    if not {"kubectl", "kubeconform"} & {*missing}:
        yield from _manifests()
    if "promtool" not in missing:
        yield Checked("metrics", _said("promtool", "check", "metrics", given=_all_metrics()))


def _manifests() -> Iterator[Checked]:
    with TemporaryDirectory() as folder:
        _schemas_into(Path(folder))
        schemas = f"{folder}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
        for overlay in sorted((_DEPLOY / "overlays").iterdir()):
            rendered = subprocess.run(
                ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False
            )
            said = rendered.stderr or _said(
                "kubeconform",
                "-strict",
                *("-kubernetes-version", f"{_KUBERNETES}.0"),
                *("-schema-location", schemas),
                given=rendered.stdout,
            )
            yield Checked(f"overlay {overlay.name}", said)


def _schemas_into(folder: Path) -> None:
    """Those that the tests check by, with references that hold where they lie."""
    schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    for path in (schemas / f"v{_KUBERNETES}.0-local-strict").glob("*.json"):
        text = path.read_text().replace('"/api/_definitions.json#', '"_definitions.json#')
        schema = json.loads(text)
        schema.pop("$id", None)
        (folder / path.name).write_text(json.dumps(schema))


def _all_metrics() -> str:
    """Every figure that a process of ours can show."""
    return exposition(
        [
            Gauge(each.name, dict.fromkeys(each.labels, "x"), 1)
            for each in DESCRIBED.values()
            if each.kind is not Kind.HISTOGRAM and each.labels
        ]
    )


def _said(*command: str, given: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return f"{done.stdout}{done.stderr}".strip() or f"{command[0]} ended with {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
