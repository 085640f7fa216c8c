"""Where the embedded data lies when nobody says so: the platform's own folder for it."""

import os
import sys
from pathlib import Path

from shared.settings import InstallationSettings

_NAME = "pulsetrail"


def data_folder(named: Path | None) -> Path:
    """`--data`, else `PULSETRAIL_DATA_DIR`, else the platform's data directory."""
    return (named or InstallationSettings().data_dir or _platform_folder()).expanduser().absolute()


def database_is_named() -> bool:
    """Whether the environment says where the scaled system's PostgreSQL is."""
    return any(os.environ.get(name) for name in ("DATABASE_URL", "DATABASE_URL_FILE"))


def _platform_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / _NAME
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / _NAME
    shared_data = os.environ.get("XDG_DATA_HOME")
    return (Path(shared_data) if shared_data else Path.home() / ".local" / "share") / _NAME
