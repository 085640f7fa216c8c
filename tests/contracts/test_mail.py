"""What the e-mail channel promises, against a mail server that insists on TLS (N1, N5)."""

import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.notifications.channels.channel import Address, Outgoing, Report
from services.notifications.channels.email import Email, MailServer, mail_server
from services.notifications.channels.letter import NotAnAddress, letter_bytes, mail_address
from services.notifications.domain.message_commands import (
    Outcome,
)
from shared.outbound import Outbound
from tests.receivers.certificates import tls_contexts
from tests.receivers.receiver import Behaviour
from tests.receivers.smtp import MailReceiver, receiving_mail

USER = "alerts@pulsetrail.example"
PASSWORD = "mail-password"
MESSAGE = Outgoing(
    message_id="M1",
    language="zh",
    title="商机 O-1 静默超限",
    body="- 商机 O-1 静默已超限 9.0 小时\n- 商机 <script> & O-2",
    link="https://pulsetrail.example/act/abc?x=1&y=2",
    escalation_ids=("E1",),
    may_be_repeat=False,
    sent_at=datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
)


async def inside(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return tls_contexts("mail.inside", tmp_path)


@pytest.fixture
def outbound(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> Outbound:
    return Outbound(
        allowed_hosts=frozenset({"mail.inside", "other.inside"}),
        longest_wait_seconds=0.8,
        resolver=inside,
        tls=tls[1],
    )


@pytest.fixture
async def receiver(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[MailReceiver]:
    async with receiving_mail(USER, PASSWORD, tls[0]) as running:
        yield running


def address(receiver: MailReceiver, scheme: str = "smtp", host: str = "mail.inside") -> Address:
    url = f"{scheme}://alerts%40pulsetrail.example@{host}:{receiver.port}"
    return Address(url=url, secret=PASSWORD, mention="zhang.wei@example.com")


async def sent(receiver: MailReceiver, outbound: Outbound, message: Outgoing = MESSAGE) -> Report:
    return await Email().send(message, address(receiver), outbound)


async def test_a_letter_arrives_as_text_and_as_html(
    receiver: MailReceiver, outbound: Outbound
) -> None:
    report = await sent(receiver, outbound)
    assert report == Report(outcome=Outcome.ACCEPTED, detail="smtp-250")
    [mail] = receiver.arrived
    assert (mail.sender, mail.recipients) == (USER, ("zhang.wei@example.com",))
    letter = mail.letter
    assert letter["Subject"] == MESSAGE.title
    assert letter["To"] == "zhang.wei@example.com"
    assert letter["Auto-Submitted"] == "auto-generated"
    text, html = (str(part.get_content()) for part in letter.iter_parts())
    assert MESSAGE.body in text.replace("\r\n", "\n")
    assert f"{MESSAGE.link_words}: {MESSAGE.link}" in text
    assert "商机 &lt;script&gt; &amp; O-2" in html
    assert 'href="https://pulsetrail.example/act/abc?x=1&amp;y=2"' in html
    assert "<script" not in html


async def test_tls_from_the_start_works_as_well(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], outbound: Outbound
) -> None:
    async with receiving_mail(USER, PASSWORD, tls[0], from_the_start=True) as receiver:
        report = await Email().send(MESSAGE, address(receiver, "smtps"), outbound)
        assert report.outcome is Outcome.ACCEPTED
        assert "STARTTLS" not in receiver.commands


async def test_without_tls_nothing_is_said(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], outbound: Outbound
) -> None:
    async with receiving_mail(USER, PASSWORD, tls[0], offers_tls=False) as receiver:
        report = await sent(receiver, outbound)
        assert report.outcome is Outcome.REFUSED
        assert set(receiver.commands) <= {"EHLO", "QUIT"}


@pytest.mark.parametrize("from_the_start", [False, True])
async def test_a_certificate_for_another_name_is_not_trusted(
    tls: tuple[ssl.SSLContext, ssl.SSLContext], outbound: Outbound, from_the_start: bool
) -> None:
    scheme = "smtps" if from_the_start else "smtp"
    async with receiving_mail(USER, PASSWORD, tls[0], from_the_start=from_the_start) as receiver:
        elsewhere = address(receiver, scheme, "other.inside")
        report = await Email().send(MESSAGE, elsewhere, outbound)
        assert report == Report(outcome=Outcome.REFUSED, detail="not-sent: certificate")
        assert "AUTH" not in receiver.commands


async def test_a_certificate_of_an_unknown_issuer_is_not_trusted(
    receiver: MailReceiver, outbound: Outbound
) -> None:
    stranger = replace(outbound, tls=ssl.create_default_context())
    assert (await sent(receiver, stranger)).detail == "not-sent: certificate"


async def test_a_private_mail_server_is_refused_unless_the_operator_allows_it(
    receiver: MailReceiver, outbound: Outbound
) -> None:
    guarded = replace(outbound, allowed_hosts=frozenset())
    report = await sent(receiver, guarded)
    assert report == Report(outcome=Outcome.REFUSED, detail="address-not-allowed")
    assert receiver.commands == []


async def test_a_wrong_password_is_refused(receiver: MailReceiver, outbound: Outbound) -> None:
    wrong = replace(address(receiver), secret="wrong")
    report = await Email().send(MESSAGE, wrong, outbound)
    assert report == Report(outcome=Outcome.REFUSED, detail="smtp-535")


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour.REFUSE, (Outcome.REFUSED, "smtp-550", None)),
        (Behaviour.FAIL, (Outcome.REFUSED, "smtp-451", None)),
        (Behaviour.LIMIT, (Outcome.LIMITED, "limited", 60.0)),
        (Behaviour.STAY_SILENT, (Outcome.UNKNOWN, "no-answer: TimeoutError", None)),
        (Behaviour.TAKE_AND_STAY_SILENT, (Outcome.UNKNOWN, "no-answer: TimeoutError", None)),
    ],
    ids=lambda value: value.value if isinstance(value, Behaviour) else "",
)
async def test_what_the_server_says_decides(
    receiver: MailReceiver,
    outbound: Outbound,
    behaviour: Behaviour,
    expected: tuple[Outcome, str, float | None],
) -> None:
    receiver.then(behaviour)
    report = await sent(receiver, outbound)
    assert (report.outcome, report.detail, report.retry_after_seconds) == expected


async def test_a_line_cut_after_the_letter_leaves_it_unknown_and_a_repeat_has_the_same_id(
    receiver: MailReceiver, outbound: Outbound
) -> None:
    receiver.then(Behaviour.TAKE_AND_HANG_UP)
    assert (await sent(receiver, outbound)).outcome is Outcome.UNKNOWN
    repeat = replace(MESSAGE, may_be_repeat=True)
    assert (await sent(receiver, outbound, repeat)).outcome is Outcome.ACCEPTED
    ids = {mail.letter["Message-ID"] for mail in receiver.arrived}
    assert (len(receiver.arrived), ids) == (2, {"<M1@pulsetrail.example>"})
    assert receiver.arrived[-1].letter["Subject"].startswith("（可能重复）")


async def test_what_never_left_is_refused(receiver: MailReceiver, outbound: Outbound) -> None:
    nowhere = replace(address(receiver), url="smtp://alerts%40pulsetrail.example@mail.inside:1")
    report = await Email().send(MESSAGE, nowhere, outbound)
    assert report == Report(outcome=Outcome.REFUSED, detail="not-sent: ConnectionRefusedError")


async def test_no_header_can_be_smuggled_in(receiver: MailReceiver, outbound: Outbound) -> None:
    wicked = replace(MESSAGE, title="Silent\r\nBcc: thief@evil.example\n\n<p>\u2028x")
    assert (await sent(receiver, outbound, wicked)).outcome is Outcome.ACCEPTED
    [mail] = receiver.arrived
    assert mail.recipients == ("zhang.wei@example.com",)
    assert mail.letter["Bcc"] is None
    assert mail.letter["Subject"] == "Silent Bcc: thief@evil.example <p> x"


async def test_a_line_of_one_dot_does_not_end_the_letter(
    receiver: MailReceiver, outbound: Outbound
) -> None:
    dots = replace(MESSAGE, language="en", title="Dots", body="before\n.\nafter")
    assert (await sent(receiver, outbound, dots)).outcome is Outcome.ACCEPTED
    text = next(receiver.arrived[0].letter.iter_parts()).get_content()
    assert "before\n.\nafter" in text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "a@b@c",
        "a@example.com, b@example.com",
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "Zhang Wei <a@example.com>",
        "a@example.com>",
        "张@example.com",
    ],
)
async def test_what_is_not_exactly_one_address_gets_no_letter(
    receiver: MailReceiver, outbound: Outbound, text: str
) -> None:
    with pytest.raises(NotAnAddress):
        mail_address(text)
    report = await Email().send(MESSAGE, replace(address(receiver), mention=text), outbound)
    assert report == Report(outcome=Outcome.REFUSED, detail="no-mail-address")
    assert receiver.commands == []


def test_equal_attempts_give_equal_letters() -> None:
    first, second = (letter_bytes(MESSAGE, USER, "a@example.com") for _ in range(2))
    assert first == second


async def test_the_password_is_neither_logged_nor_reported(
    receiver: MailReceiver, outbound: Outbound, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.then(Behaviour.REFUSE, Behaviour.TAKE)
    for _ in range(2):
        assert PASSWORD not in repr(await sent(receiver, outbound))
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(address(receiver))


def test_a_mail_servers_address_names_user_port_and_sender() -> None:
    given = "smtps://robot@mail.example.com?from=alerts%40example.com"
    assert mail_server(given) == MailServer(
        host="mail.example.com",
        port=465,
        is_tls_from_the_start=True,
        user="robot",
        sender="alerts@example.com",
    )
    assert mail_server("smtp://mail.example.com?from=a%40example.com").port == 587


@pytest.mark.parametrize(
    ("url", "secret", "field"),
    [
        ("https://mail.example.com", "x", "url"),
        ("smtp://robot@mail.example.com", "x", "url"),
        ("smtp://a%40b.example:word@mail.example.com", "x", "url"),
        ("smtp://a%40b.example@mail.example.com:99999", "x", "url"),
        ("smtp://a%40b.example@mail.example.com", "", "secret"),
        ("smtp://mail.example.com?from=a%40b.example", "x", "secret"),
    ],
)
def test_a_mail_server_that_could_never_be_used_is_told(url: str, secret: str, field: str) -> None:
    flaws = Email().flaws(Address(url=url, secret=secret))
    assert [flaw.field for flaw in flaws] == [field]
