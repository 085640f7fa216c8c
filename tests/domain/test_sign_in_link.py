"""Links that sign in: kept by the hash of their code, used once and in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.directory.domain.sign_in_link import (
    SIGN_IN_LINK,
    LinkIsSpent,
    MakeSignInLink,
    UseSignInLink,
)
from shared.events.directory import SignInLinkMade, SignInLinkUsed
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
UNTIL = NOW + timedelta(hours=12)

make = MakeSignInLink(
    link_id="ab" * 32, role="manager", unit_id="north", person_id="P1", expires_at=UNTIL, now=NOW
)
made = SignInLinkMade(
    link_id="ab" * 32,
    role="manager",
    unit_id="north",
    person_id="P1",
    made_at=NOW,
    expires_at=UNTIL,
)
use = UseSignInLink(link_id="ab" * 32, now=UNTIL - MILLISECOND)
used = SignInLinkUsed(link_id="ab" * 32, used_at=UNTIL - MILLISECOND)
no_link = Spec(SIGN_IN_LINK)
link = no_link.given(made)


def test_a_link_is_made_with_the_hash_of_its_code_only() -> None:
    no_link.when(make).then(made)
    link.when(make).then_nothing()


def test_a_link_is_used_once() -> None:
    link.when(use).then(used)
    link.given(used).when(use).then_refused(LinkIsSpent)
    link.given(used).when(make).then_nothing()


def test_a_link_that_has_expired_or_never_was_is_refused() -> None:
    link.when(replace(use, now=UNTIL)).then_refused(LinkIsSpent)
    no_link.when(use).then_refused(LinkIsSpent)
