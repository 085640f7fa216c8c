"""The units and reps that a history names: made once, then looked up for every row."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.cli.history_rehearsal import Destination
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit
from services.opportunities.domain.history_mapping import UnitOfHistory
from services.opportunities.domain.history_statement import RepOfHistory
from shared.command_handling import CommandContext, Run, Step, derived_id
from shared.errors import FieldProblem, Malformed
from shared.organisation import Organisation

_LANGUAGE = "zh"


class UnitsDoNotFit(Malformed):
    """A unit of the mapping would hang below one that nobody knows."""

    code = "units-do-not-fit"


class Place(NamedTuple):
    unit_id: str
    unit_path: tuple[str, ...]


class HistoryStaff:
    """The organisation of one tenant during an import."""

    def __init__(
        self,
        destination: Destination,
        organisation: Organisation,
        context: CommandContext,
        now: datetime,
    ) -> None:
        self._commands = destination.directory
        self._told_organisation = destination.organisation
        self._organisation = organisation
        self._context = context
        self._now = now
        self._places: dict[str, Place] = {}

    def new_units(self, units: Sequence[UnitOfHistory]) -> list[AddUnit]:
        """The mapping's units that are not there yet, each after its parent.

        Raises UnitsDoNotFit naming those whose parent is neither there nor in the mapping.
        """
        organisation = self._organisation
        known = set(organisation.units) | ({organisation.root_id} - {None})
        waiting = {index: unit for index, unit in enumerate(units) if unit.unit_id not in known}
        found: list[AddUnit] = []
        while waiting:
            ready = [
                index
                for index, unit in waiting.items()
                if (unit.parent_id or organisation.root_id) in known
            ]
            if not ready:
                problems = [
                    FieldProblem(f"unit[{index}].parent", "unknown-unit", f"no {unit.parent_id!r}")
                    for index, unit in waiting.items()
                ]
                raise UnitsDoNotFit("units of the mapping hang in the air", errors=problems)
            for index in ready:
                unit = waiting.pop(index)
                known.add(unit.unit_id)
                found.append(
                    AddUnit(
                        unit_id=unit.unit_id,
                        name=unit.name,
                        parent_id=unit.parent_id or organisation.root_id,
                        kind=unit.kind,
                        now=self._now,
                    )
                )
        return found

    async def add_units(self, commands: Iterable[AddUnit]) -> None:
        for command in commands:
            await self._commands.handle(
                UNIT_TREE, self._organisation.tenant_id, command, self._context
            )
        self._organisation = await self._told_organisation()

    async def add_reps(self, joined: Mapping[RepOfHistory, datetime]) -> None:
        """Those who are not known yet, in the unit that the history first sees them in."""
        new = {
            rep.rep_id: (rep, joined_at)
            for rep, joined_at in reversed(list(joined.items()))
            if not self._organisation.knows_person(rep.rep_id)
        }
        if not new:
            return
        await self.add_units(self._units_of(rep for rep, _ in new.values()))
        runs = [self._run(rep, joined_at) for rep, joined_at in new.values()]
        for [refusal] in await self._commands.handle_runs(PERSON, runs):
            if refusal is not None:
                raise refusal
        self._organisation = await self._told_organisation()

    def _units_of(self, reps: Iterable[RepOfHistory]) -> list[AddUnit]:
        organisation = self._organisation
        wanted = {
            rep.unit_id: rep.unit_parent or organisation.root_id
            for rep in reps
            if not organisation.knows_unit(rep.unit_id)
        }
        return [
            AddUnit(unit_id=unit_id, name=unit_id, parent_id=parent, kind="team", now=self._now)
            for unit_id, parent in sorted(wanted.items())
        ]

    def _run(self, rep: RepOfHistory, joined_at: datetime) -> Run:
        command = AddPerson(
            person_id=rep.rep_id,
            unit_id=rep.unit_id,
            name=rep.name,
            language=_LANGUAGE,
            now=self._now,
            joined_at=joined_at,
        )
        event_id = derived_id(self._context.tenant_id, "imported person", rep.rep_id)
        return Run(rep.rep_id, [Step(command, self._context, event_id)])

    def place_of(self, rep_id: str, at: datetime) -> Place:
        """The rep's unit at a moment and its path from the root."""
        place = self._places.get(rep_id)
        if place is not None:
            return place
        unit_id = self._organisation.unit_of(rep_id, at) or ""
        place = Place(unit_id, self._organisation.unit_path(unit_id))
        if len(self._organisation.people[rep_id].unit_history) == 1:
            self._places[rep_id] = place
        return place

    @property
    def zone(self) -> str:
        return self._organisation.zone(self._organisation.clock(self._now))

    def knows_unit(self, unit_id: str) -> bool:
        return self._organisation.knows_unit(unit_id)

    def path_of(self, unit_id: str) -> tuple[str, ...]:
        """Raises NotYetKnown."""
        return self._organisation.unit_path(unit_id)
