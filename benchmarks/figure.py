"""One measured figure, and the table that figures are printed in."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`target` says what is wanted, such as `>= 0.10`; without one `met` is None.

    `compared_with` names what the figure was measured against, on this machine in the same run.
    """

    name: str
    value: float
    unit: str
    target: str | None = None
    met: bool | None = None
    compared_with: str | None = None


def under(name: str, value: float, unit: str, most: float) -> Figure:
    """One that is to stay below `most`."""
    return Figure(name=name, value=value, unit=unit, target=f"< {most:g}", met=value < most)


COLUMNS = ("name", "value", "unit", "target", "met", "compared_with")


def table(figures: Iterable[Figure]) -> str:
    """The figures under their column names, aligned."""
    lines = [COLUMNS, *(_cells(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def told(figures: Iterable[Figure]) -> Iterator[Figure]:
    """The same, each said as soon as it is known: a benchmark may take many minutes."""
    for figure in figures:
        print("  " + "  ".join(_cells(figure)), file=sys.stderr, flush=True)
        yield figure


def _cells(figure: Figure) -> tuple[str, ...]:
    met = {True: "yes", False: "NO", None: "-"}[figure.met]
    value = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.4g}"
    return (
        figure.name,
        value,
        figure.unit,
        figure.target or "-",
        met,
        figure.compared_with or "-",
    )


def write_json(figures: Iterable[Figure], file: Path) -> None:
    text = json.dumps([asdict(figure) for figure in figures], ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
