"""What is wrong with a name, or with a word that must be one of a few."""

from collections import Counter
from collections.abc import Iterator, Sequence

from shared.errors import FieldProblem

LONGEST_NAME = 64


def name_problem(path: str, name: str) -> Iterator[FieldProblem]:
    """Names of stages, action types and fields are any text of 1-64 characters."""
    if not name.strip() or len(name) > LONGEST_NAME:
        yield FieldProblem(path, "not-a-name", f"a name has 1-{LONGEST_NAME} characters")


def not_among(path: str, value: str, allowed: Sequence[str]) -> FieldProblem:
    return FieldProblem(path, "not-among", f"{value!r} is none of {', '.join(allowed)}")


def duplicates(path: str, code: str, names: Sequence[str]) -> Iterator[FieldProblem]:
    for name, count in Counter(names).items():
        if count > 1:
            yield FieldProblem(path, code, f"{name!r} is there twice")
