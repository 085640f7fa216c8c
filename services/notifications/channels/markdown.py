"""What people wrote, put into a robot's markdown so that it stays text."""

import re

_TAGS = str.maketrans({"<": "＜", ">": "＞"})
_MENTION = re.compile(r"[A-Za-z0-9_.@-]{1,128}")


def plain(text: str) -> str:
    """Without tags, mentions and links: robots know no way to escape them, so they are replaced by
    look-alikes that mean nothing."""
    return text.translate(_TAGS).replace("](", "] (")


def mentionable(mention: str | None) -> str | None:
    """The id, unless it could be something else than one person's id."""
    if mention is None or mention.lower() == "all" or not _MENTION.fullmatch(mention):
        return None
    return None if mention.startswith("@") else mention
