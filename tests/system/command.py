"""The real `pulsetrail` command on a data folder of its own, as a person would type it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system import warm_start

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pulsetrail:
    folder: Path

    def arguments(self, *arguments: str) -> list[str]:
        """What is typed after `pulsetrail`."""
        return ["--data", str(self.folder), *arguments]

    def run(self, *arguments: str, exit_code: int = 0) -> str:
        """What the command prints on stdout. Raises AssertionError for another exit code."""
        done = warm_start.run(*self.arguments(*arguments))
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Json:
        """The one document of a command that answers with one."""
        document: Json = json.loads(self.run(*arguments, "--json"))
        return document

    def lines(self, *arguments: str) -> list[Json]:
        """The documents of a command that answers with one a line."""
        return [json.loads(line) for line in self.run(*arguments).splitlines()]

    def import_log(self, mapping: Path, *files: Path, until: str | None = None) -> Json:
        """Import files of one history; answers with the command's last line."""
        more = ["--until", until] if until else []
        named = [str(file) for file in files]
        text = self.run("import", *named, "--mapping", str(mapping), *more, "--json")
        last: Json = json.loads(text.splitlines()[-1])
        return last
