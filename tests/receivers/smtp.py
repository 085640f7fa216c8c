"""A mail server that insists on TLS, and refuses, limits, stays silent or hangs up, as told."""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from tests.receivers.receiver import Behaviour, serving


@dataclass(frozen=True)
class Mail:
    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def letter(self) -> EmailMessage:
        letter = message_from_bytes(self.content, policy=default)
        assert isinstance(letter, EmailMessage)
        return letter


@dataclass
class MailReceiver:
    """`arrived` is what was answered with 250, or taken before the line was cut."""

    user: str
    password: str
    tls: ssl.SSLContext
    offers_tls: bool = True
    behaviours: deque[Behaviour] = field(default_factory=deque)
    arrived: list[Mail] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    port: int = 0

    def then(self, *behaviours: Behaviour) -> None:
        self.behaviours.extend(behaviours)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = _Session(self, reader, writer)
        try:
            await session.run()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            return
        finally:
            writer.close()


class _Session:
    def __init__(
        self,
        receiver: MailReceiver,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._receiver = receiver
        self._reader = reader
        self._writer = writer
        self._is_signed_in = False
        self._sender = ""
        self._recipients: list[str] = []
        behaviours = receiver.behaviours
        self._behaviour = behaviours.popleft() if behaviours else Behaviour.TAKE

    async def run(self) -> None:
        await self._say("220 mail.inside ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
            self._receiver.commands.append(line.split(" ")[0].upper())
            if not await self._answer(line):
                return

    async def _answer(self, line: str) -> bool:
        """False at the end of the conversation."""
        verb, _, rest = line.partition(" ")
        is_safe = self._writer.get_extra_info("sslcontext") is not None
        match verb.upper():
            case "EHLO":
                offers = "AUTH PLAIN LOGIN" if is_safe else "STARTTLS"
                if not is_safe and not self._receiver.offers_tls:
                    offers = "8BITMIME"
                await self._say(f"250-mail.inside\r\n250 {offers}")
            case "STARTTLS":
                await self._say("220 go on")
                await self._writer.start_tls(self._receiver.tls)
            case "AUTH" if is_safe:
                await self._sign_in(rest)
            case "MAIL" if self._is_signed_in:
                self._sender = rest[rest.index("<") + 1 : rest.index(">")]
                await self._say("250 ok")
            case "RCPT":
                self._recipients.append(rest[rest.index("<") + 1 : rest.index(">")])
                await self._answer_recipient()
            case "DATA":
                return await self._take()
            case "QUIT":
                await self._say("221 bye")
                return False
            case _:
                await self._say("530 not like this")
        return True

    async def _sign_in(self, rest: str) -> None:
        method, _, initial = rest.partition(" ")
        expected = f"\0{self._receiver.user}\0{self._receiver.password}".encode()
        self._is_signed_in = method == "PLAIN" and base64.b64decode(initial) == expected
        await self._say("235 welcome" if self._is_signed_in else "535 who are you")

    async def _answer_recipient(self) -> None:
        match self._behaviour:
            case Behaviour.REFUSE:
                await self._say("550 no such mailbox")
            case Behaviour.LIMIT:
                await self._say("421 too many, come again")
            case _:
                await self._say("250 ok")

    async def _take(self) -> bool:
        await self._say("354 go on")
        content = (await self._reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
        mail = Mail(self._sender, tuple(self._recipients), content.replace(b"\r\n..", b"\r\n."))
        match self._behaviour:
            case Behaviour.TAKE:
                self._receiver.arrived.append(mail)
                await self._say("250 taken")
                return True
            case Behaviour.FAIL:
                await self._say("451 later perhaps")
                return True
            case Behaviour.TAKE_AND_HANG_UP:
                self._receiver.arrived.append(mail)
            case Behaviour.TAKE_AND_STAY_SILENT:
                self._receiver.arrived.append(mail)
                await asyncio.sleep(30)
            case _:
                await asyncio.sleep(30)
        return False

    async def _say(self, text: str) -> None:
        self._writer.write(text.encode() + b"\r\n")
        await self._writer.drain()


@asynccontextmanager
async def receiving_mail(
    user: str,
    password: str,
    tls: ssl.SSLContext,
    *,
    from_the_start: bool = False,
    offers_tls: bool = True,
) -> AsyncIterator[MailReceiver]:
    receiver = MailReceiver(user, password, tls, offers_tls)
    async with serving(receiver.serve, tls if from_the_start else None) as receiver.port:
        yield receiver
