"""What every test may rely on: a clean environment, steady laws, the samples where they are."""

import gc
import os
import signal
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = (
    "tests.servers.kafka",
    "tests.servers.kurrentdb",
    "tests.servers.postgres",
    "tests.servers.s3",
)

ROOT = Path(__file__).parents[1]

# A law that fails once must fail again: the same examples in every run. Time limits belong to
# pytest-timeout; a shared machine makes single examples slow.
settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.load_profile("steady")

# What is loaded stays: looking through it for garbage so often is in vain.
gc.set_threshold(50_000, 10, 10)

# A build started in the background ignores Ctrl-C, and so would every process that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

OURS = (
    *("PULSETRAIL_", "DIRECTORY_", "LEADS_", "NOTIFICATIONS_", "OPPORTUNITIES_", "PROJECTIONS_"),
    "DATABASE_URL",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that wait for real servers are spread among those that only reckon: run one after
    the other at the end, they would leave the other process idle."""
    modules = [list(tests) for _path, tests in groupby(items, key=lambda test: test.path)]
    waiting = [tests for tests in modules if "system" in tests[0].path.parts]
    reckoning = [tests for tests in modules if "system" not in tests[0].path.parts]
    step = max(1, len(reckoning) // (len(waiting) + 1))
    for number, tests in enumerate(waiting):
        reckoning.insert(number * (step + 1), tests)
    items[:] = [test for tests in reckoning for test in tests]


@pytest.fixture(autouse=True)
def _nothing_configured_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own configuration changes no test."""
    for name in list(os.environ):
        if name.startswith(OURS) and name != "PULSETRAIL_SAMPLES":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of public data; tests that ask for it are left out where it is not at hand."""
    folder = Path(os.environ.get("PULSETRAIL_SAMPLES", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}; name its folder in PULSETRAIL_SAMPLES")
    return folder
