"""A link that signs somebody in, once: kept as the hash of a code that was shown once (A9)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError
from shared.events.directory import SignInLinkMade, SignInLinkUsed


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSignInLink:
    """`link_id`: hex SHA-256 of the code; the code itself never comes here."""

    link_id: str
    role: str
    unit_id: str | None
    person_id: str | None
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSignInLink:
    link_id: str
    now: datetime


SignInLinkCommand = MakeSignInLink | UseSignInLink
SignInLinkEvent = SignInLinkMade | SignInLinkUsed


class LinkIsSpent(DomainError):
    """It was used or has expired, or there never was one: whoever presents it learns no more."""

    code = "link-is-spent"
    status = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    made: SignInLinkMade


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    made: SignInLinkMade


SignInLink = Unknown | Unused | Used


def decide(command: SignInLinkCommand, link: SignInLink) -> Sequence[SignInLinkEvent]:
    match command:
        case MakeSignInLink():
            return make(command, link)
        case UseSignInLink():
            return use(command, link)
        case _:
            assert_never(command)


def make(command: MakeSignInLink, link: SignInLink) -> Sequence[SignInLinkEvent]:
    if not isinstance(link, Unknown):
        return []
    return [
        SignInLinkMade(
            link_id=command.link_id,
            role=command.role,
            unit_id=command.unit_id,
            person_id=command.person_id,
            made_at=command.now,
            expires_at=command.expires_at,
        )
    ]


def use(command: UseSignInLink, link: SignInLink) -> Sequence[SignInLinkEvent]:
    """Of two at the same time one finds it used: the stream has one order. Raises LinkIsSpent."""
    match link:
        case Unused(made=made) if command.now < made.expires_at:
            return [SignInLinkUsed(link_id=command.link_id, used_at=command.now)]
        case Unknown() | Unused() | Used():
            raise LinkIsSpent(command.link_id)
        case _:
            assert_never(link)


def evolve(link: SignInLink, event: SignInLinkEvent) -> SignInLink:
    match event:
        case SignInLinkMade():
            return Unused(made=event)
        case SignInLinkUsed():
            return link if isinstance(link, Unknown) else Used(made=link.made)
        case _:
            assert_never(event)


SIGN_IN_LINK: Decider[SignInLinkCommand, SignInLink, SignInLinkEvent] = Decider(
    name="sign_in_link",
    decide=decide,
    evolve=evolve,
    initial=Unknown(),
    states=(Unknown, Unused, Used),
)
