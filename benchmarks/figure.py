"""One measured figure, and the table that figures are printed in."""

import json
import os
import platform
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
    """The figures under their column names, aligned, and the machine that they were measured on."""
    lines = [COLUMNS, *(_cells(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    aligned = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    return "\n".join((machine(), *aligned))


def machine() -> str:
    """What the figures go by: processors, memory, system and interpreter."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors ({_processor()}), {memory:.0f} GiB,"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


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
    told = {"machine": machine(), "figures": [asdict(figure) for figure in figures]}
    text = json.dumps(told, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
