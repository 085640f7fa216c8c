"""Runs all benchmarks, or those named, and prints one table.

    python -m benchmarks [--json FILE] [NAME…]

Ends with 1 where a target is not met.
"""

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import benchmarks
from benchmarks.figure import Figure, table, write_json

NO_BENCHMARKS = {"__main__", "courses", "figure"}


def names() -> list[str]:
    modules = pkgutil.iter_modules(benchmarks.__path__)
    found = {module.name for module in modules if not module.ispkg}
    return sorted(found - NO_BENCHMARKS)


def measure(name: str) -> list[Figure]:
    print(f"measuring {name} …", file=sys.stderr, flush=True)
    return list(importlib.import_module(f"benchmarks.{name}").measure())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("name", nargs="*", help=f"of {', '.join(names())}; default: all of them")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.name) - set(names())):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    figures = [figure for name in given.name or names() for figure in measure(name)]
    print(table(figures))
    if given.json:
        write_json(figures, given.json)
    return 1 if any(figure.met is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
