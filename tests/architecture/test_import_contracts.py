"""The import contracts hold, and each of them catches what it is there to catch."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

PLANTED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "events-only": (("services/leads/domain/__init__.py", "import services.directory.domain"),),
    "shared-knows-no-service": (("shared/errors.py", "import services.leads"),),
    "client-alone": (("pulsetrail_client/call.py", "import shared.errors"),),
    "pure-domain": (
        ("services/leads/domain/__init__.py", "import asyncio"),
        ("services/projections/domain/__init__.py", "import msgspec"),
        ("services/notifications/domain/__init__.py", "import structlog"),
        ("services/opportunities/domain/__init__.py", "import shared.codec"),
        ("shared/events/__init__.py", "import sqlalchemy"),
        ("shared/projection.py", "import time"),
    ),
    "hosts-pick-adapters": (
        ("services/leads/app.py", "import shared.adapters.sqlite_event_store"),
        ("services/cli/__main__.py", "import shared.adapters.sqlite_event_store"),
    ),
    "nobody-imports-the-host": (("services/leads/app.py", "import services.embedded"),),
    "layers": (
        ("services/leads/domain/__init__.py", "import services.leads.app"),
        ("services/leads/api.py", "import services.leads.app"),
        ("services/leads/helpers.py", ""),
    ),
}
"""Contract → (file, line added to it) that breaks it."""


def declared_contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each for each in settings["tool"]["importlinter"]["contracts"]}


def lint_imports(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The tree, free to be broken."""
    for package in ("services", "shared", "pulsetrail_client"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds() -> None:
    linted = lint_imports(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_every_contract_has_a_planted_violation() -> None:
    assert set(PLANTED) == set(declared_contracts())


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [(contract, *planted) for contract, several in PLANTED.items() for planted in several],
    ids=lambda value: value or "a module without a place",
)
def test_a_contract_catches_a_planted_violation(
    copy: Path, contract: str, file: str, line: str
) -> None:
    path = copy / file
    source = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{source}\n{line}\n", encoding="utf-8")

    linted = lint_imports(copy, "--contract", contract)

    assert linted.returncode == 1, linted.stdout + linted.stderr
    assert f"{declared_contracts()[contract]['name']} BROKEN" in linted.stdout


def test_every_service_stands_under_the_contracts() -> None:
    declared = declared_contracts()
    services = {
        f"services.{path.parent.parent.name}" for path in ROOT.glob("services/*/domain/__init__.py")
    }
    assert set(declared["events-only"]["modules"]) == services
    assert set(declared["layers"]["containers"]) == services


def test_every_shared_module_is_either_pure_or_kept_from_the_domain() -> None:
    contract = declared_contracts()["pure-domain"]
    modules = {
        f"shared.{path.stem}"
        for path in ROOT.glob("shared/*")
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    pure = {name for name in contract["source_modules"] if name.startswith("shared.")}
    kept = {name for name in contract["forbidden_modules"] if name.startswith("shared.")}
    assert pure | kept == modules
    assert pure & kept == set()
