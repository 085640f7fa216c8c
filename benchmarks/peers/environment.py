"""Where peers are installed: outside the checkout, once."""

import shutil
import subprocess
import sys
from pathlib import Path

import jgo

from stack.kafka_server import downloads_folder

_MINUTES = 10


class PeerIsAbsent(Exception):
    """It could not be installed here; the message says why."""


def python_of(name: str, *requirements: str) -> Path:
    """The interpreter of the peer's environment. Raises PeerIsAbsent."""
    folder = downloads_folder() / "peers" / name
    python = folder / "bin" / "python"
    complete = folder / "complete"
    wanted = "\n".join(requirements)
    if complete.exists() and complete.read_text() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
    except (OSError, subprocess.SubprocessError) as failure:
        shutil.rmtree(folder, ignore_errors=True)
        raise PeerIsAbsent(f"{name} cannot be installed: {_told(failure)}") from failure
    complete.write_text(wanted)
    return python


def jars_of(name: str, *coordinates: str) -> list[Path]:
    """Java archives from Maven, kept beside the environment. Raises PeerIsAbsent."""
    cache = downloads_folder() / "peers" / f"{name}-jars"
    found: list[Path] = []
    for each in coordinates:
        try:
            found += jgo.build(each, cache_dir=cache).path.rglob("*.jar")
        except Exception as failure:  # of jgo, of what it asks, or of the way there
            raise PeerIsAbsent(f"{each} cannot be fetched: {_told(failure)}") from failure
    # It is in Flink itself already, in another version.
    return [jar for jar in found if not jar.name.startswith("flink-connector-base")]


def _run(*arguments: str) -> None:
    subprocess.run(
        arguments, check=True, capture_output=True, encoding="utf-8", timeout=_MINUTES * 60
    )


def _told(failure: Exception) -> str:
    said = getattr(failure, "stderr", None) or str(failure)
    return str(said).strip().splitlines()[-1]
