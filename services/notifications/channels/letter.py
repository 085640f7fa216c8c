"""A message as an e-mail: text and HTML, and an id by which a repeat is recognised (N1, N5)."""

import re
from email.errors import HeaderParseError
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from html import escape

from services.notifications.channels.channel import Outgoing

_ADDRESS = re.compile(r"[!-~]{1,64}@[A-Za-z0-9.-]{1,255}")
_NO_HEADER_TEXT = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class NotAnAddress(ValueError):
    """Not exactly one mail address."""


def mail_address(text: str) -> str:
    """The text, which is exactly one plain address. Raises NotAnAddress."""
    if not _ADDRESS.fullmatch(text):
        raise NotAnAddress
    try:
        parsed = MailAddress(addr_spec=text)
    except (HeaderParseError, ValueError, IndexError) as broken:
        raise NotAnAddress from broken
    if parsed.addr_spec != text:
        raise NotAnAddress
    return text


def letter_bytes(outgoing: Outgoing, sender: str, recipient: str) -> bytes:
    """Equal for equal attempts, whatever random names a library would give."""
    letter = EmailMessage(policy=SMTP)
    letter["Message-ID"] = f"<{outgoing.message_id}@{sender.rpartition('@')[2]}>"
    letter["Date"] = outgoing.sent_at
    letter["From"] = MailAddress("Pulsetrail", addr_spec=sender)
    letter["To"] = MailAddress(addr_spec=recipient)
    letter["Subject"] = _NO_HEADER_TEXT.sub(" ", outgoing.marked_title)
    letter["Content-Language"] = outgoing.language
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(_text(outgoing))
    letter.add_alternative(_html(outgoing), subtype="html")
    letter.set_boundary(f"pulsetrail-{outgoing.message_id}")
    return letter.as_bytes()


def _text(outgoing: Outgoing) -> str:
    lines = [outgoing.marked_title, "", outgoing.body]
    if outgoing.link:
        lines += ["", f"{outgoing.link_words}: {outgoing.link}"]
    return "\n".join(lines) + "\n"


def _html(outgoing: Outgoing) -> str:
    """Without anything loaded from elsewhere; what people wrote is text."""
    title = escape(outgoing.marked_title)
    paragraphs = "".join(f"<p>{escape(line)}</p>\n" for line in outgoing.body.splitlines())
    button = ""
    if outgoing.link:
        style = (
            "display:inline-block;padding:12px 20px;border-radius:6px;"
            "background:#1d4ed8;color:#ffffff;text-decoration:none"
        )
        words = escape(outgoing.link_words)
        button = f'<p><a href="{escape(outgoing.link)}" style="{style}">{words}</a></p>\n'
    return (
        f'<!doctype html>\n<html lang="{escape(outgoing.language)}">\n'
        f'<head><meta charset="utf-8"><title>{title}</title></head>\n'
        f"<body>\n<h1>{title}</h1>\n{paragraphs}{button}</body>\n</html>\n"
    )
