"""Habits that no linter knows: names, lengths, nothing of one machine, nothing undone."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]

BANNED_NAMES = {
    "base", "common", "core", "data", "helpers", "info", "manager", "misc", "processor", "utils",
}  # fmt: skip

LONG = 320
LONGER_FOR_A_REASON: dict[str, str] = {
    "shared/events/leads.py": "the same",
    "shared/events/opportunities.py": "the published language of one service, one class per fact",
}

# Put together here: this file is searched like every other.
UNDONE = re.compile("TO[D]O|FIX[M]E|X[X]X|raise Not[I]mplementedError")
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("home", "Users", "root", "tmp"))
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("proxy", "golang"),
    )
)
BROUGHT_ALONG = {"starlette", "mode-streaming", "numpy", "threadpoolctl"}
"""Part of the interface of a declared dependency (fastapi, faust-streaming, scikit-learn)."""
INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX")


def tracked_files() -> list[Path]:
    """What is committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({ROOT / name for name in listed.stdout.split("\0") if name})


def texts() -> dict[str, str]:
    read = {}
    for path in tracked_files():
        try:
            read[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture or an archive; or removed since it was listed
    return read


TEXTS = texts()
MODULES = {name: text for name, text in TEXTS.items() if name.endswith(".py")}
OURS = {name: text for name, text in MODULES.items() if name.startswith(("services/", "shared/"))}


def canonical(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def lines_with(words: tuple[str, ...]) -> list[str]:
    return [
        f"{name}: {line.strip()}"
        for name, text in TEXTS.items()
        if any(word in text for word in words)
        for line in text.splitlines()
        if any(word in line for word in words)
    ]


def test_no_module_is_named_after_nothing() -> None:
    named = {name: set(Path(name).with_suffix("").parts) for name in OURS}
    assert [name for name, parts in named.items() if parts & BANNED_NAMES] == []


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    assert [name for name, text in MODULES.items() if not text.startswith('"""')] == []


def test_no_module_is_long_without_a_reason() -> None:
    lengths = {name: text.count("\n") for name, text in OURS.items()}
    too_long = {name for name, length in lengths.items() if length > LONG}
    assert too_long == set(LONGER_FOR_A_REASON), (
        "split it where the business splits, or name the reason (or drop one no longer needed)"
    )


def test_nothing_is_left_undone() -> None:
    undone = [
        f"{name}: {line.strip()}"
        for name, text in TEXTS.items()
        if not name.endswith(".lock")
        for line in text.splitlines()
        if UNDONE.search(line)
    ]
    assert undone == []


def test_no_path_of_one_machine_is_committed() -> None:
    here = (str(ROOT), *MACHINE_PATHS)
    assert lines_with(here) == []


def test_no_registry_host_is_committed() -> None:
    configured = [
        host
        for variable in INDEX_VARIABLES
        for address in os.environ.get(variable, "").split()
        if (host := urlsplit(address).hostname)
    ]
    assert lines_with((*REGISTRY_HOSTS, *configured)) == []


@pytest.mark.parametrize("lock", ["build", "dev", "run", "scale"])
def test_a_lock_file_has_hashes_and_no_address(lock: str) -> None:
    text = TEXTS[f"requirements/{lock}.lock"]
    assert "://" not in text
    pinned = re.findall(r"^[A-Za-z0-9._-]+==\S+", text, re.MULTILINE)
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(entries) == len(pinned)
    assert all("--hash=sha256:" in entry for entry in entries)


def test_every_declared_dependency_is_locked() -> None:
    project = tomllib.loads(TEXTS["pyproject.toml"])["project"]
    run, extras = project["dependencies"], project["optional-dependencies"]
    scale = [*run, *extras["scale"]]
    scale = [*scale, *extras["scoring"]]
    dev = [*scale, *(each for each in extras["dev"] if not each.startswith("pulsetrail["))]
    for lock, dependencies in (("run", run), ("scale", scale), ("dev", dev)):
        locked = set(
            re.findall(r"^([a-z0-9-]+)==", TEXTS[f"requirements/{lock}.lock"], re.MULTILINE)
        )
        wanted = {canonical(re.split(r"[<>=;\[ ]", each)[0]) for each in dependencies}
        assert wanted <= locked, "run `make lock`"


def test_what_the_code_imports_is_declared() -> None:
    project = tomllib.loads(TEXTS["pyproject.toml"])["project"]
    extras = project["optional-dependencies"]
    declared = [*project["dependencies"], *extras["scale"], *extras["scoring"]]
    names = {canonical(re.split(r"[<>=;\[ ]", each)[0]) for each in declared} | BROUGHT_ALONG
    providers = packages_distributions()
    imported = {
        module.split(".")[0]
        for text in OURS.values()
        for module in re.findall(r"^\s*(?:import|from) ([a-z_0-9.]+)", text, re.MULTILINE)
    }
    undeclared = {
        module
        for module in imported - sys.stdlib_module_names - {"services", "shared"}
        if not names & {canonical(each) for each in providers.get(module, [module])}
    }
    assert undeclared == set()


def test_only_the_relay_and_orders_write_to_kafka() -> None:
    def naming(what: str) -> set[str]:
        return {name for name, text in OURS.items() if re.search(what, text)}

    assert naming(r"\bAIOKafkaProducer\b") == {
        "shared/adapters/kafka_outlet.py",
        "services/scaled.py",
    }
    assert naming(r"\bKafkaOutlet\b") == {
        "shared/adapters/kafka_outlet.py",
        "shared/adapters/kafka_relay.py",
        "services/relaying.py",
    }


def test_every_version_is_the_same_in_all_lock_files() -> None:
    def versions(lock: str) -> dict[str, str]:
        found = re.findall(
            r"^([a-z0-9-]+)==([^ ;]+)", TEXTS[f"requirements/{lock}.lock"], re.MULTILINE
        )
        return dict(found)

    developing = versions("dev")
    for lock in ("build", "run"):
        shared = {name: version for name, version in versions(lock).items() if name in developing}
        assert shared == {name: developing[name] for name in shared}


def test_every_decision_says_what_enforces_it() -> None:
    decisions = {name: text for name, text in TEXTS.items() if name.startswith("docs/adr/0")}
    assert decisions
    for name, text in decisions.items():
        assert text.strip().splitlines()[-1].startswith("Enforced by: "), name
        assert text.count("\n") <= 70, f"{name}: one page"
