"""Imports asked for over HTTP: files that were uploaded, and what became of each import."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import structlog

from services.cli.desk import Desk, Workplace
from services.cli.import_history import History, import_files
from services.cli.import_leads import Leads
from services.cli.import_progress import ProgressOfImport
from services.cli.undo_import import take_back
from services.cli.uploaded_files import KINDS, UploadedFile, opens_to_little
from shared.access import Caller
from shared.errors import DomainError, FieldProblem, Malformed, NotFound

LOG = structlog.get_logger(__name__)

_KEPT_FOR = timedelta(hours=24)
_MOST_FILES_OF_A_TENANT = 20
Kind = Literal["history", "leads", "undo"]
Work = Callable[[Desk], Awaitable[dict[str, Any]]]


class ImportIsRunning(DomainError):
    """One import of a tenant at a time."""

    code = "import-is-running"


class ImportStays(DomainError):
    """Only what an import of leads wrote can be taken back."""

    code = "import-stays"


@dataclass(slots=True, kw_only=True)
class Import:
    """`asked`: mapping and pipeline as they were sent. One of `outcome`, `refusal` ends it.
    `taken_back_by`: the import of kind `undo` that takes back what this one wrote."""

    import_id: str
    kind: Kind
    file: UploadedFile
    asked: dict[str, Any]
    dry_run: bool
    begun_at: datetime
    output: ProgressOfImport = field(default_factory=ProgressOfImport)
    outcome: dict[str, Any] | None = None
    refusal: DomainError | None = None
    taken_back_by: str | None = None

    @property
    def state(self) -> str:
        if self.refusal is not None:
            return "refused"
        return "running" if self.outcome is None else "done"


class Imports:
    """Of one process, which forgets them a day later or when it ends; what they wrote stays."""

    def __init__(self, hosting: Workplace, folder: Path) -> None:
        self._hosting = hosting
        self._folder = folder
        self._files: dict[str, UploadedFile] = {}
        self._imports: dict[str, Import] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def keep(self, tenant_id: str, name: str, content: AsyncIterator[bytes]) -> UploadedFile:
        """Raises Malformed for a kind of file that is not taken, for one that is too large, and
        one that swells when opened."""
        suffix = next((each for each in KINDS if name.lower().endswith(each)), None)
        if suffix is None:
            raise Malformed("file", errors=[FieldProblem("file", "media-type", ", ".join(KINDS))])
        self._forget(tenant_id)
        file_id, now = str(self._hosting.ports.new_id()), self._hosting.ports.clock()
        path = self._folder / f"{file_id}{suffix}"
        size = await self._written(path, content)
        if size is None or not await asyncio.to_thread(opens_to_little, path):
            path.unlink()
            raise Malformed("file", errors=[FieldProblem("file", "too-large", "is too large")])
        kept = UploadedFile(
            file_id=file_id,
            tenant_id=tenant_id,
            name=Path(name).name,
            path=path,
            size_bytes=size,
            uploaded_at=now,
        )
        self._files[file_id] = kept
        return kept

    async def _written(self, path: Path, content: AsyncIterator[bytes]) -> int | None:
        """How many bytes it holds; None: more than are taken."""
        size = 0
        with path.open("wb") as target:
            async for piece in content:
                size += await asyncio.to_thread(target.write, piece)
                if size > self._hosting.ports.settings.max_body_bytes:
                    return None
        return size

    def file(self, tenant_id: str, file_id: str) -> UploadedFile:
        """Raises NotFound."""
        known = self._files.get(file_id)
        if known is None or known.tenant_id != tenant_id:
            raise NotFound(f"there is no uploaded file {file_id}")
        return known

    def one(self, tenant_id: str, import_id: str) -> Import:
        """Raises NotFound."""
        known = self._imports.get(import_id)
        if known is None or known.file.tenant_id != tenant_id:
            raise NotFound(f"there is no import {import_id}")
        return known

    def of(self, tenant_id: str) -> list[Import]:
        """The latest first."""
        found = [each for each in self._imports.values() if each.file.tenant_id == tenant_id]
        return sorted(found, key=lambda each: each.begun_at, reverse=True)

    def begin(
        self,
        caller: Caller,
        file: UploadedFile,
        what: History | Leads,
        asked: dict[str, Any],
        *,
        dry_run: bool,
    ) -> Import:
        """Raises ImportIsRunning."""

        async def work(desk: Desk) -> dict[str, Any]:
            began = time.monotonic()
            outcome = await import_files(desk, what, dry_run=dry_run)
            document = outcome.document(time.monotonic() - began, dry_run=dry_run)
            for each in (*document["errors"], *document.get("decisions", ())):
                each["file"] = file.name
            return document

        kind: Kind = "leads" if isinstance(what, Leads) else "history"
        return self._begin(caller, self._new(kind, file, asked, dry_run=dry_run), work)

    def taking_back(self, one: Import) -> Import | None:
        """The import that takes it back, unless that was refused."""
        found = self._imports.get(one.taken_back_by or "")
        return None if found is None or found.refusal is not None else found

    def take_back(self, caller: Caller, import_id: str) -> Import:
        """By further events; asked again, the same. Raises NotFound, ImportStays,
        ImportIsRunning."""
        known = self.one(caller.tenant_id, import_id)
        run = (known.outcome or {}).get("run")
        if run is None:
            raise ImportStays("only what an import of leads wrote can be taken back")
        before = self.taking_back(known)
        if before is not None:
            return before

        async def work(desk: Desk) -> dict[str, Any]:
            return (await take_back(desk, run)).document()

        begun = self._begin(caller, self._new("undo", known.file, known.asked), work)
        known.taken_back_by = begun.import_id
        return begun

    def _new(
        self, kind: Kind, file: UploadedFile, asked: dict[str, Any], *, dry_run: bool = False
    ) -> Import:
        ports = self._hosting.ports
        return Import(
            import_id=str(ports.new_id()),
            kind=kind,
            file=file,
            asked=asked,
            dry_run=dry_run,
            begun_at=ports.clock(),
        )

    def _begin(self, caller: Caller, begun: Import, work: Work) -> Import:
        """Raises ImportIsRunning."""
        if any(each.state == "running" for each in self.of(caller.tenant_id)):
            raise ImportIsRunning("wait until the other import of this tenant has ended")
        self._imports[begun.import_id] = begun
        desk = Desk(
            hosting=self._hosting,
            output=begun.output,
            tenant_id=caller.tenant_id,
            live=True,
            actor_id=caller.actor_id,
        )
        task = asyncio.create_task(_carry_out(desk, begun, work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return begun

    async def end(self) -> None:
        """What is under way stops where it is; repeated, it goes on from there."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _forget(self, tenant_id: str) -> None:
        """What is of yesterday, and the tenant's oldest files where it has too many."""
        by_age = sorted(self._files.values(), key=lambda each: each.uploaded_at)
        of_tenant = [each.file_id for each in by_age if each.tenant_id == tenant_id]
        spare = set(of_tenant[: max(0, len(of_tenant) - _MOST_FILES_OF_A_TENANT + 1)])
        oldest_kept = self._hosting.ports.clock() - _KEPT_FOR
        busy = {each.file.file_id for each in self._imports.values() if each.state == "running"}
        for known in by_age:
            is_old = known.file_id in spare or known.uploaded_at < oldest_kept
            if is_old and known.file_id not in busy:
                known.path.unlink(missing_ok=True)
                del self._files[known.file_id]
        for one in list(self._imports.values()):
            if one.begun_at < oldest_kept and one.state != "running":
                del self._imports[one.import_id]


async def _carry_out(desk: Desk, begun: Import, work: Work) -> None:
    try:
        begun.outcome = await work(desk)
    except DomainError as refusal:
        begun.refusal = refusal
    except Exception as failure:
        LOG.error("import_failed", import_id=begun.import_id, exc_info=failure)
        begun.refusal = DomainError("the import broke off; what it wrote so far stays")
