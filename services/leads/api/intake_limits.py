"""How many leads one address and one key may send in a minute: beyond that it is spam."""

from collections import OrderedDict

from shared.clock import Clock, milliseconds
from shared.errors import DomainError
from shared.settings import InstallationSettings

_SENDERS_KEPT = 10_000
_MINUTE = 60_000


class TooManyLeads(DomainError):
    code = "too-many-requests"
    status = 429


class LeadIsTooLarge(DomainError):
    code = "too-large"
    status = 413


class IntakeLimits:
    """Of one process, by the running minute."""

    def __init__(self, settings: InstallationSettings, clock: Clock) -> None:
        self._clock = clock
        self._per_address = settings.intake_per_address_a_minute
        self._per_key = settings.intake_per_key_a_minute
        self._most_bytes = settings.max_intake_body_bytes
        self._minute = 0
        self._counts: OrderedDict[tuple[str, str], int] = OrderedDict()

    def count_key(self, key: str) -> None:
        """Raises TooManyLeads."""
        self._count("key", key, self._per_key)

    def count_address(self, address: str) -> None:
        """Raises TooManyLeads."""
        self._count("address", address, self._per_address)

    def weigh(self, body: bytes) -> None:
        """Raises LeadIsTooLarge."""
        if len(body) > self._most_bytes:
            raise LeadIsTooLarge(f"a lead has at most {self._most_bytes} bytes")

    def _count(self, kind: str, sender: str, most: int) -> None:
        minute = milliseconds(self._clock()) // _MINUTE
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        number = self._counts.get((kind, sender), 0) + 1
        self._counts[kind, sender] = number
        if len(self._counts) > _SENDERS_KEPT:
            self._counts.popitem(last=False)
        if number > most:
            raise TooManyLeads(f"more than {most} leads in a minute")
