"""What a call can end with instead of an answer."""

from collections.abc import Sequence
from typing import Any


class Away(Exception):
    """The server cannot be reached, or cannot work now: the same call may be sent again."""


class Refused(Exception):
    """The server understood and refused; `problem` is its problem+json."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{problem.get('code', status)}: {problem.get('detail', '')}")
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        return str(self.problem.get("code", ""))

    @property
    def errors(self) -> Sequence[dict[str, str]]:
        """Field by field: `field`, `code`, `message`."""
        found: list[dict[str, str]] = self.problem.get("errors", [])
        return found
