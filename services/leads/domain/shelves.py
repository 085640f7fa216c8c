"""A map that is copied a shelf at a time: books of 100,000 leads change one lead at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from zlib import crc32

V = TypeVar("V")

_SHELVES = 256
_EMPTY: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Shelves(Generic[V]):
    """Never changed: `put` and `taken` answer another that shares the shelves not touched."""

    shelves: tuple[Mapping[str, V], ...] = (_EMPTY,) * _SHELVES

    def get(self, key: str) -> V | None:
        return self.shelves[_shelf(key)].get(key)

    def put(self, key: str, value: V) -> "Shelves[V]":
        number = _shelf(key)
        return self._with(number, {**self.shelves[number], key: value})

    def taken(self, key: str) -> "Shelves[V]":
        number = _shelf(key)
        kept = {each: value for each, value in self.shelves[number].items() if each != key}
        return self._with(number, kept)

    def _with(self, number: int, shelf: Mapping[str, V]) -> "Shelves[V]":
        return Shelves((*self.shelves[:number], shelf, *self.shelves[number + 1 :]))


def _shelf(key: str) -> int:
    return crc32(key.encode()) % _SHELVES
