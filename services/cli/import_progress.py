"""What a terminal would be shown of an import, kept for whoever asks."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from services.cli.output import Advance, Output


class ProgressOfImport(Output):
    """Keeps what a terminal would be shown."""

    def __init__(self) -> None:
        nowhere = Console(file=io.StringIO())
        super().__init__(nowhere, nowhere, as_json=True)
        self.done = 0
        self.total: int | None = None

    @contextmanager
    def progress(self, doing: str, total: int | None) -> Iterator[Advance]:
        if total is not None:
            self.total = total

        def advance(done: int) -> None:
            self.done = done

        yield advance
