"""Files that were uploaded to be imported: their kinds, and those that swell when opened."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from zipfile import BadZipFile, ZipFile

KINDS = (".csv", ".csv.gz", ".ndjson", ".ndjson.gz", ".xlsx")
_LARGEST_UNPACKED_BYTES = 512 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    file_id: str
    tenant_id: str
    name: str
    path: Path
    size_bytes: int
    uploaded_at: datetime


def opens_to_little(path: Path) -> bool:
    """A file that is not packed does; one that is packed otherwise than its name says is judged
    when it is read."""
    left = _LARGEST_UNPACKED_BYTES
    try:
        for packed in _packed(path):
            while piece := packed.read(_PIECE_BYTES):
                left -= len(piece)
                if left < 0:
                    return False
    except (OSError, EOFError, zlib.error, BadZipFile, NotImplementedError):
        return True
    return True


def _packed(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            yield file
    elif path.suffix == ".xlsx":
        with ZipFile(path) as workbook:
            for name in workbook.namelist():
                with workbook.open(name) as part:
                    yield part


@contextmanager
def folder_of_uploads() -> Iterator[Path]:
    """Gone with the process."""
    with TemporaryDirectory(prefix="pulsetrail-uploads-") as folder:
        yield Path(folder)
