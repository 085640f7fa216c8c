"""What a batch comes to in a read model of rows: rows, figures, deadlines, and what was flawed."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from shared.clock import milliseconds
from shared.projection import Point
from shared.read_model import Flaw
from shared.row_memory import Key

SeriesRow = tuple[Any, ...]
AmountRow = tuple[int, int, int, int]


class RowChanges:
    """`partition`: whose points the figures are added to."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.rows: list[tuple[Any, ...]] = []
        self.narrow: list[tuple[Any, ...]] = []
        self.gone: list[Key] = []
        self.points: dict[str, dict[Point, int]] = {}
        self.due: dict[Key, int] = {}
        self.flaws: list[Flaw] = []

    def add(self, tenant_id: str, before: Mapping[Point, int], after: Mapping[Point, int]) -> None:
        """The difference that a row makes to the figures."""
        if not before and not after:
            return
        points = self.points.setdefault(tenant_id, {})
        for point, amount in after.items():
            difference = amount - before.get(point, 0)
            if difference:
                points[point] = points.get(point, 0) + difference
        for point, amount in before.items():
            if point not in after:
                points[point] = points.get(point, 0) - amount

    def figures(self) -> tuple[list[SeriesRow], list[AmountRow]]:
        """Rows of the tables of series and of points, sorted."""
        series: dict[int, SeriesRow] = {}
        amounts: list[AmountRow] = []
        for tenant_id, of_tenant in self.points.items():
            ids: dict[tuple[str, ...], int] = {}
            for point, amount in of_tenant.items():
                if amount:
                    of_what = point[:5]
                    series_id = ids.get(of_what)
                    if series_id is None:
                        series_id = ids[of_what] = _series_id(tenant_id, of_what)
                        series[series_id] = (series_id, tenant_id, *of_what)
                    amounts.append((series_id, milliseconds(point.at), self.partition, amount))
        return sorted(series.values()), sorted(amounts)


def _series_id(tenant_id: str, of_what: tuple[str, ...]) -> int:
    """63 bits of BLAKE2b: the same in every process, so that none has to ask for it."""
    text = "\x1f".join((tenant_id, *of_what))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1
