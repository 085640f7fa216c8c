"""An API key: a role on a unit, kept as the hash of a secret that was shown once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.access import OWN_GRANTS, Role
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.directory import ApiKeyCreated, ApiKeyRevoked


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApiKey:
    """`key_hash`: hex SHA-256 of the key; the key itself never comes here.

    `role` may be OWN_GRANTS where a person is named.
    """

    key_id: str
    key_hash: str
    role: str
    unit_id: str
    person_id: str | None
    name: str
    now: datetime
    expires_at: datetime | None = None
    is_session: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeApiKey:
    key_id: str
    now: datetime


ApiKeyCommand = CreateApiKey | RevokeApiKey
ApiKeyEvent = ApiKeyCreated | ApiKeyRevoked


class ApiKeyAlreadyExists(DomainError):
    code = "api-key-already-exists"


class ApiKeyIsRevoked(DomainError):
    code = "api-key-is-revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    created: ApiKeyCreated


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    created: ApiKeyCreated
    revoked_at: datetime


ApiKey = Unknown | Active | Revoked


def decide(command: ApiKeyCommand, api_key: ApiKey) -> Sequence[ApiKeyEvent]:
    match command:
        case CreateApiKey():
            return create(command, api_key)
        case RevokeApiKey():
            return revoke(command, api_key)
        case _:
            assert_never(command)


def create(command: CreateApiKey, api_key: ApiKey) -> Sequence[ApiKeyEvent]:
    stands_for_person = command.role == OWN_GRANTS and command.person_id is not None
    if command.role not in list(Role) and not stands_for_person:
        expected = f"must be one of {', '.join(Role)}"
        raise Malformed("key", errors=[FieldProblem("role", "out-of-range", expected)])
    match api_key:
        case Unknown():
            return [
                ApiKeyCreated(
                    key_id=command.key_id,
                    key_hash=command.key_hash,
                    role=command.role,
                    unit_id=command.unit_id,
                    person_id=command.person_id,
                    name=command.name,
                    created_at=command.now,
                    expires_at=command.expires_at,
                    is_session=command.is_session,
                )
            ]
        case Active():
            if api_key.created.key_hash == command.key_hash:
                return []
            raise ApiKeyAlreadyExists(command.key_id)
        case Revoked():
            raise ApiKeyIsRevoked(command.key_id)
        case _:
            assert_never(api_key)


def revoke(command: RevokeApiKey, api_key: ApiKey) -> Sequence[ApiKeyEvent]:
    match api_key:
        case Unknown():
            raise NotFound(f"key {command.key_id}")
        case Active():
            return [ApiKeyRevoked(key_id=command.key_id, revoked_at=command.now)]
        case Revoked():
            return []
        case _:
            assert_never(api_key)


def evolve(api_key: ApiKey, event: ApiKeyEvent) -> ApiKey:
    match event:
        case ApiKeyCreated():
            return Active(created=event)
        case ApiKeyRevoked():
            if isinstance(api_key, Unknown):
                return api_key
            return Revoked(created=api_key.created, revoked_at=event.revoked_at)
        case _:
            assert_never(event)


API_KEY: Decider[ApiKeyCommand, ApiKey, ApiKeyEvent] = Decider(
    name="api_key",
    decide=decide,
    evolve=evolve,
    initial=Unknown(),
    states=(Unknown, Active, Revoked),
)
