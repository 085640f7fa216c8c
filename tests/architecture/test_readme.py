"""What the README tells people to type works as written.

A block after `<!-- run -->` is run, its lines in order, in one folder of data; a line of output
under a command must appear in what the command printed (`…` stands for anything).
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
MARKED_BLOCK = re.compile(r"<!-- run -->\n+```console\n(?P<lines>.*?)```", re.DOTALL)


class Step(NamedTuple):
    command: str
    shown: tuple[str, ...]


def steps_in(text: str) -> list[Step]:
    steps: list[Step] = []
    for block in MARKED_BLOCK.finditer(text):
        for line in block["lines"].splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), ()))
            elif line.strip() and steps:
                steps[-1] = Step(steps[-1].command, (*steps[-1].shown, line))
    return steps


def appears(line: str, printed: str) -> bool:
    """Spacing aside; `…` stands for anything."""
    pieces = [r"\s+".join(re.escape(word) for word in piece.split()) for piece in line.split("…")]
    return re.search(r".*?".join(pieces), " ".join(printed.split())) is not None


STEPS = steps_in((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_readme_has_commands_to_run() -> None:
    assert STEPS


@pytest.mark.timeout(300)
def test_what_the_readme_shows_is_what_happens(tmp_path: Path) -> None:
    pulsetrail = f"{shlex.quote(sys.executable)} -m services.cli"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PULSETRAIL_DATA_DIR": str(tmp_path / "data"),
        "COLUMNS": "160",
        "NO_COLOR": "1",
    }
    for step in STEPS:
        done = subprocess.run(
            step.command.replace(".venv/bin/pulsetrail", pulsetrail),
            shell=True,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, f"$ {step.command}\n{printed}"
        missing = [line for line in step.shown if not appears(line, printed)]
        assert missing == [], f"$ {step.command}\n{printed}"


def test_a_marked_block_is_read_as_commands_with_what_they_print() -> None:
    text = "<!-- run -->\n```console\n$ one\nfirst … line\n\n$ two\n```\n```console\n$ three\n```\n"
    assert steps_in(text) == [Step("one", ("first … line",)), Step("two", ())]
    assert appears("first … line", "the first  and\nlast line")
    assert not appears("first line", "the first and last line")
