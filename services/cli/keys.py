"""`pulsetrail keys`: API keys, kept hashed and shown once."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, NamedTuple

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE
from services.directory.domain.api_key import API_KEY, CreateApiKey, RevokeApiKey
from services.directory.domain.person import PersonHasLeft
from shared.command_handling import CommandContext
from shared.errors import NotYetKnown
from shared.http import key_hash, new_key
from shared.ports import Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey(Request):
    """`unit`: the root unless named."""

    name: ClassVar[str] = "keys create"

    role: str
    unit: str | None = None
    person: str | None = None
    key_name: str = ""

    async def run(self, desk: Desk) -> int:
        key_id, key = await create_key(
            desk, role=self.role, unit_id=self.unit, person_id=self.person, name=self.key_name
        )
        if desk.output.as_json:
            desk.output.document({"key_id": key_id, "key": key})
        else:
            desk.output.line(f"{key_id}\n{key}")
            desk.output.notice("shown once: keep it where secrets are kept")
        return DONE


async def create_key(
    desk: Desk, *, role: str, unit_id: str | None, person_id: str | None, name: str
) -> tuple[str, str]:
    """The key's id and the key. Raises NotYetKnown for an unknown unit or person, Malformed."""
    asked = AskedKey(role, unit_id, person_id, name)
    return await new_api_key(desk.ports, desk.context(), asked)


class AskedKey(NamedTuple):
    """`unit_id`: the root unless named. `session_ends_at`: of a browser's session."""

    role: str
    unit_id: str | None = None
    person_id: str | None = None
    name: str = ""
    session_ends_at: datetime | None = None


async def new_api_key(ports: Ports, context: CommandContext, asked: AskedKey) -> tuple[str, str]:
    """Raises NotYetKnown for an unknown unit or person, PersonHasLeft, Malformed."""
    organisation = await ports.organisations.of(context.tenant_id)
    unit_id = asked.unit_id or organisation.root_id or ""
    if not organisation.knows_unit(unit_id):
        raise NotYetKnown(f"unit {unit_id}")
    if asked.person_id is not None and not organisation.knows_person(asked.person_id):
        raise NotYetKnown(f"person {asked.person_id}")
    if asked.person_id is not None and organisation.has_left(asked.person_id):
        raise PersonHasLeft(asked.person_id)
    key_id, key = str(ports.new_id()), new_key(ports.random_bytes)
    command = CreateApiKey(
        key_id=key_id,
        key_hash=key_hash(key),
        role=asked.role,
        unit_id=unit_id,
        person_id=asked.person_id,
        name=asked.name,
        expires_at=asked.session_ends_at,
        is_session=asked.session_ends_at is not None,
        now=ports.clock(),
    )
    await ports.commands("directory").handle(API_KEY, key_id, command, context)
    return key_id, key


@dataclass(frozen=True, slots=True, kw_only=True)
class ListKeys(Request):
    name: ClassVar[str] = "keys list"

    async def run(self, desk: Desk) -> int:
        organisation = await desk.ports.organisations.of(desk.tenant_id)
        rows = [
            {
                "key_id": key.key_id,
                "name": key.name,
                "role": key.role,
                "unit_id": key.unit_id,
                "person_id": key.person_id,
                "created_at": key.created_at,
                "revoked_at": key.revoked_at,
            }
            for key in sorted(organisation.api_keys.values(), key=lambda key: key.created_at)
        ]
        if desk.output.as_json:
            desk.output.document({"rows": rows})
        else:
            columns = ("key_id", "name", "role", "unit_id", "person_id", "created_at", "revoked_at")
            desk.output.table(None, rows, columns, empty="no keys")
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey(Request):
    name: ClassVar[str] = "keys revoke"

    key_id: str

    async def run(self, desk: Desk) -> int:
        command = RevokeApiKey(key_id=self.key_id, now=desk.ports.clock())
        commands = desk.ports.commands("directory")
        await commands.handle(API_KEY, self.key_id, command, desk.context())
        if desk.output.as_json:
            desk.output.document({"key_id": self.key_id, "revoked": True})
        else:
            desk.output.line(f"{self.key_id} is revoked")
        return DONE
