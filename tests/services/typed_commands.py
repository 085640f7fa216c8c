"""Commands as they are typed, on an embedded folder and without a process each."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from services.cli.desk import Desk, Request, furnish
from services.cli.output import Output
from services.embedded import open_embedded
from shared.hosting import Hosting


@dataclass
class TypedCommands:
    hosting: Hosting

    async def asked(self, request: Request, code: int = 0) -> dict[str, Any]:
        """What it answers with --json; `code` is its exit code."""
        said = io.StringIO()
        output = Output(Console(file=said, width=100_000), Console(quiet=True), as_json=True)
        desk = Desk(hosting=self.hosting, output=output, tenant_id="default")
        assert await request.run(desk) == code, said.getvalue()
        document: dict[str, Any] = json.loads(said.getvalue())
        return document

    async def events(self, what: str = "") -> list[Any]:
        """Of leads and customers, as they are stored."""
        store = self.hosting.ports.event_store
        found: list[Any] = []
        while stored := await store.read_log("leads", 0, len(found), 10_000):
            found += stored
        return [each for each in found if each.type.startswith(f"leads.{what}")]


@asynccontextmanager
async def typed_commands(path: Path) -> AsyncIterator[TypedCommands]:
    async with open_embedded(path) as hosting:
        await furnish(hosting.ports)
        await hosting.catch_up()
        yield TypedCommands(hosting)
