"""Robots answer 200 to a refusal as well: the number in their answer says what it was (N5)."""

import json
from dataclasses import dataclass

from services.notifications.channels.channel import NOT_UNDERSTOOD, Report, limited
from services.notifications.domain.message_commands import (
    Outcome,
)

_TAKEN = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """How one vendor numbers them. `busy`: it may have been taken all the same."""

    name: str
    too_fast: frozenset[int]
    rest_seconds: float
    busy: frozenset[int] = frozenset()

    def judged(self, body: bytes) -> Report:
        try:
            code = json.loads(body)[self.name]
        except (ValueError, KeyError, TypeError):
            return NOT_UNDERSTOOD
        if not isinstance(code, int):
            return NOT_UNDERSTOOD
        if code in self.too_fast:
            return limited(None, otherwise_seconds=self.rest_seconds)
        return Report(outcome=self._outcome(code), detail=f"{self.name}-{code}"[:40])

    def _outcome(self, code: int) -> Outcome:
        if code == _TAKEN:
            return Outcome.ACCEPTED
        return Outcome.UNKNOWN if code in self.busy else Outcome.REFUSED
