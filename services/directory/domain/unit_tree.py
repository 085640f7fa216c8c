"""The unit tree of a tenant: one root, known parents, and no unit below itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound, NotYetKnown
from shared.events.directory import UnitAdded, UnitMoved, UnitRenamed

UNIT_KINDS = ("headquarters", "region", "team", "store")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddUnit:
    """`parent_id` None: the root."""

    unit_id: str
    name: str
    parent_id: str | None
    kind: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameUnit:
    unit_id: str
    name: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveUnit:
    unit_id: str
    parent_id: str
    now: datetime


UnitTreeCommand = AddUnit | RenameUnit | MoveUnit
UnitTreeEvent = UnitAdded | UnitRenamed | UnitMoved


class UnitAlreadyExists(DomainError):
    code = "unit-already-exists"


class TreeHasARoot(DomainError):
    """A second unit without a parent was to be added."""

    code = "tree-has-a-root"


class RootStaysOnTop(DomainError):
    code = "root-stays-on-top"


class UnitWouldContainItself(DomainError):
    code = "unit-would-contain-itself"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    name: str
    parent_id: str | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplanted:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    units: Mapping[str, Unit]
    root_id: str

    def is_within(self, unit_id: str, ancestor_id: str) -> bool:
        """Whether a unit is the ancestor or lies below it."""
        step: str | None = unit_id
        while step is not None and step != ancestor_id:
            step = self.units[step].parent_id
        return step is not None


UnitTree = Unplanted | Standing


def decide(command: UnitTreeCommand, tree: UnitTree) -> Sequence[UnitTreeEvent]:
    match command:
        case AddUnit():
            return add(command, tree)
        case RenameUnit():
            return rename(command, tree)
        case MoveUnit():
            return move(command, tree)
        case _:
            assert_never(command)


def add(command: AddUnit, tree: UnitTree) -> Sequence[UnitTreeEvent]:
    _refuse_what_is_malformed(command.name, command.kind)
    added = UnitAdded(
        unit_id=command.unit_id,
        name=command.name,
        parent_id=command.parent_id,
        kind=command.kind,
    )
    match tree:
        case Unplanted():
            if command.parent_id is not None:
                raise NotYetKnown(f"unit {command.parent_id}")
            return [added]
        case Standing():
            return _add_to(tree, added)
        case _:
            assert_never(tree)


def _add_to(tree: Standing, added: UnitAdded) -> Sequence[UnitTreeEvent]:
    known = tree.units.get(added.unit_id)
    if known is not None:
        if known == Unit(name=added.name, parent_id=added.parent_id, kind=added.kind):
            return []
        raise UnitAlreadyExists(added.unit_id)
    if added.parent_id is None:
        raise TreeHasARoot(tree.root_id)
    if added.parent_id not in tree.units:
        raise NotYetKnown(f"unit {added.parent_id}")
    return [added]


def rename(command: RenameUnit, tree: UnitTree) -> Sequence[UnitTreeEvent]:
    standing = _standing_with(tree, command.unit_id)
    _refuse_what_is_malformed(command.name)
    if standing.units[command.unit_id].name == command.name:
        return []
    return [UnitRenamed(unit_id=command.unit_id, name=command.name)]


def move(command: MoveUnit, tree: UnitTree) -> Sequence[UnitTreeEvent]:
    standing = _standing_with(tree, command.unit_id)
    if command.parent_id not in standing.units:
        raise NotYetKnown(f"unit {command.parent_id}")
    if standing.units[command.unit_id].parent_id == command.parent_id:
        return []
    if command.unit_id == standing.root_id:
        raise RootStaysOnTop(command.unit_id)
    if standing.is_within(command.parent_id, command.unit_id):
        raise UnitWouldContainItself(command.unit_id)
    return [UnitMoved(unit_id=command.unit_id, parent_id=command.parent_id)]


def _standing_with(tree: UnitTree, unit_id: str) -> Standing:
    if isinstance(tree, Unplanted) or unit_id not in tree.units:
        raise NotFound(f"unit {unit_id}")
    return tree


def _refuse_what_is_malformed(name: str, kind: str = UNIT_KINDS[0]) -> None:
    problems = []
    if not name.strip():
        problems.append(FieldProblem("name", "missing", "must not be empty"))
    if kind not in UNIT_KINDS:
        expected = f"must be one of {', '.join(UNIT_KINDS)}"
        problems.append(FieldProblem("kind", "out-of-range", expected))
    if problems:
        raise Malformed("unit", errors=problems)


def evolve(tree: UnitTree, event: UnitTreeEvent) -> UnitTree:
    match event:
        case UnitAdded():
            unit = Unit(name=event.name, parent_id=event.parent_id, kind=event.kind)
            if isinstance(tree, Unplanted):
                return Standing(units={event.unit_id: unit}, root_id=event.unit_id)
            return replace(tree, units={**tree.units, event.unit_id: unit})
        case UnitRenamed():
            return _with_unit(tree, event.unit_id, name=event.name)
        case UnitMoved():
            return _with_unit(tree, event.unit_id, parent_id=event.parent_id)
        case _:
            assert_never(event)


def _with_unit(tree: UnitTree, unit_id: str, **changed: str) -> UnitTree:
    standing = _standing_with(tree, unit_id)
    unit = replace(standing.units[unit_id], **changed)
    return replace(standing, units={**standing.units, unit_id: unit})


UNIT_TREE: Decider[UnitTreeCommand, UnitTree, UnitTreeEvent] = Decider(
    name="unit_tree",
    decide=decide,
    evolve=evolve,
    initial=Unplanted(),
    states=(Unplanted, Standing),
)
