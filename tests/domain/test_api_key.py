"""API keys: created with a hash, revoked for good."""

from dataclasses import replace
from datetime import UTC, datetime

from services.directory.domain.api_key import (
    API_KEY,
    ApiKeyAlreadyExists,
    ApiKeyIsRevoked,
    CreateApiKey,
    RevokeApiKey,
)
from shared.errors import Malformed, NotFound
from shared.events.directory import ApiKeyCreated, ApiKeyRevoked
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)

create = CreateApiKey(
    key_id="K1",
    key_hash="ab" * 32,
    role="manager",
    unit_id="company",
    person_id="P1",
    name="board",
    now=NOW,
)
created = ApiKeyCreated(
    key_id="K1",
    key_hash="ab" * 32,
    role="manager",
    unit_id="company",
    person_id="P1",
    name="board",
    created_at=NOW,
)
revoke = RevokeApiKey(key_id="K1", now=NOW)
revoked = ApiKeyRevoked(key_id="K1", revoked_at=NOW)
no_key = Spec(API_KEY)
key = no_key.given(created)


def test_a_key_is_created_with_its_hash_only() -> None:
    no_key.when(create).then(created)


def test_creating_the_same_key_again_changes_nothing() -> None:
    key.when(create).then_nothing()


def test_another_key_under_the_same_id_is_refused() -> None:
    key.when(replace(create, key_hash="cd" * 32)).then_refused(ApiKeyAlreadyExists)


def test_a_key_for_an_unknown_role_is_malformed() -> None:
    no_key.when(replace(create, role="emperor")).then_refused(Malformed)


def test_a_key_is_revoked_once() -> None:
    key.when(revoke).then(revoked)
    key.given(revoked).when(revoke).then_nothing()


def test_a_revoked_key_is_not_created_again() -> None:
    key.given(revoked).when(create).then_refused(ApiKeyIsRevoked)


def test_an_unknown_key_cannot_be_revoked() -> None:
    no_key.when(revoke).then_refused(NotFound)
