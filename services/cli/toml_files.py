"""Reading the TOML files that a command is given."""

import tomllib
from pathlib import Path
from typing import Any

from shared.errors import Malformed


class FileIsNoToml(Malformed):
    """The file is not there, is no text or no TOML."""

    code = "file-is-no-toml"


def read_toml(path: Path) -> dict[str, Any]:
    """Raises FileIsNoToml."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as refusal:
        raise FileIsNoToml(f"{path}: {refusal.strerror or refusal}") from refusal
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as refusal:
        raise FileIsNoToml(f"{path}: {refusal}") from refusal
