"""E-mail over SMTP, never without TLS and a certificate that was checked (N1).

Its address is `smtps://user@host:465?from=a@b.c`, or `smtp://` with STARTTLS on port 587; its
secret is the password.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib

from services.notifications.channels.channel import (
    NOT_ALLOWED,
    Address,
    Outgoing,
    Report,
    limited,
    not_sent,
)
from services.notifications.channels.letter import NotAnAddress, letter_bytes, mail_address
from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.domain.throttle import Limit
from shared.errors import FieldProblem
from shared.outbound import AddressNotAllowed, NotSent, Outbound

_PORTS = {"smtps": 465, "smtp": 587}
_COME_AGAIN = 421
_FIRST_REFUSAL = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    host: str
    port: int
    is_tls_from_the_start: bool
    user: str
    sender: str


@dataclass(slots=True)
class _Progress:
    """Whether the letter itself may have left: what decides between not delivered and unknown."""

    sending: bool = False


@dataclass(frozen=True, slots=True)
class Email:
    kind: str = "email"
    is_group_robot: bool = False
    needs_address: bool = True
    body_limit_bytes: int = 100_000
    limits: tuple[Limit, ...] = (Limit(count=120, seconds=60),)

    def flaws(self, address: Address) -> Sequence[FieldProblem]:
        try:
            server = mail_server(address.url)
        except ValueError as flaw:
            return (FieldProblem("url", "malformed", str(flaw)),)
        if bool(server.user) is not bool(address.secret):
            return (FieldProblem("secret", "malformed", "a user goes with a password"),)
        return ()

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        try:
            server = mail_server(address.url)
            recipient = mail_address(address.mention or "")
            letter = letter_bytes(outgoing, server.sender, recipient)
        except NotAnAddress:
            return Report(outcome=Outcome.REFUSED, detail="no-mail-address")
        except ValueError:
            return Report(outcome=Outcome.REFUSED, detail="mail-server-not-usable")
        progress = _Progress()
        try:
            async with asyncio.timeout(outbound.longest_wait_seconds):
                await _handed_over(server, address.secret, recipient, letter, outbound, progress)
        except AddressNotAllowed:
            return NOT_ALLOWED
        except NotSent as reason:
            return not_sent(reason)
        except (TimeoutError, OSError, aiosmtplib.SMTPException) as failure:
            return _reported(failure, progress)
        return Report(outcome=Outcome.ACCEPTED, detail="smtp-250")


def mail_server(url: str) -> MailServer:
    """Raises ValueError for what is no mail server's address."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.password is not None:
        raise ValueError("smtps://user@host:465?from=address or smtp://… with STARTTLS")
    user = unquote(parts.username or "")
    sender = parse_qs(parts.query).get("from", [user])[0]
    try:
        mail_address(sender)
    except NotAnAddress:
        raise ValueError("from= names the sender's mail address") from None
    return MailServer(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        is_tls_from_the_start=parts.scheme == "smtps",
        user=user,
        sender=sender,
    )


async def _handed_over(
    server: MailServer,
    password: str,
    recipient: str,
    letter: bytes,
    outbound: Outbound,
    progress: _Progress,
) -> None:
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=await outbound.connected(server.host, server.port),
        use_tls=server.is_tls_from_the_start,
        start_tls=not server.is_tls_from_the_start,
        tls_context=outbound.tls,
        username=server.user or None,
        password=password or None,
        local_hostname="pulsetrail",
        timeout=outbound.longest_wait_seconds,
    )
    try:
        await client.connect()
        await client.mail(server.sender)
        await client.rcpt(recipient)
        progress.sending = True
        await client.data(letter)
    finally:
        client.close()


def _reported(failure: Exception, progress: _Progress) -> Report:
    """A number of the server's is its word that it did not take the letter."""
    if isinstance(failure, aiosmtplib.SMTPResponseException) and failure.code >= _FIRST_REFUSAL:
        if failure.code == _COME_AGAIN:
            return limited(None)
        return Report(outcome=Outcome.REFUSED, detail=f"smtp-{failure.code}")
    reason = _name_of(failure)
    if progress.sending:
        return Report(outcome=Outcome.UNKNOWN, detail=f"no-answer: {reason}")
    return Report(outcome=Outcome.REFUSED, detail=f"not-sent: {reason}")


def _name_of(failure: Exception) -> str:
    cause = failure.__cause__ or failure
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "certificate"
    return "TimeoutError" if isinstance(failure, TimeoutError) else type(cause).__name__
