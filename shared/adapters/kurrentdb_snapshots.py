"""Snapshots of folded state on KurrentDB: a stream each, of which the last event counts."""

import msgspec
from kurrentdbclient import AsyncKurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import NotFoundError, WrongCurrentVersionError

from shared.adapters.kurrentdb_connecting import READ_SECONDS

_KEEP_ONE = {"$maxCount": 1}


class SnapshotMetadata(msgspec.Struct):
    version: int


class KurrentDbSnapshots:
    """They may be lost at any time, so the server may drop all but the last."""

    def __init__(self, client: AsyncKurrentDBClient, installation: str) -> None:
        self._client = client
        self._prefix = f"{installation}.snapshots-"

    async def load(self, stream: str, key: str) -> tuple[int, bytes] | None:
        try:
            found = await self._client.get_stream(
                self._name(stream, key), backwards=True, limit=1, timeout=READ_SECONDS
            )
        except NotFoundError:
            return None
        for event in found:
            metadata = msgspec.json.decode(event.metadata, type=SnapshotMetadata)
            return metadata.version, event.data
        return None

    async def save(self, stream: str, key: str, version: int, state: bytes) -> None:
        name = self._name(stream, key)
        event = NewEvent(
            type="snapshot.v1",
            data=state,
            metadata=msgspec.json.encode(SnapshotMetadata(version)),
            content_type="application/octet-stream",
        )
        try:
            await self._append(name, StreamState.NO_STREAM, event)
        except WrongCurrentVersionError:
            await self._append(name, StreamState.ANY, event)
        else:
            await self._client.set_stream_metadata(name, metadata=_KEEP_ONE, timeout=READ_SECONDS)

    async def _append(self, name: str, current: StreamState, event: NewEvent) -> None:
        await self._client.append_to_stream(
            name, current_version=current, events=[event], timeout=READ_SECONDS
        )

    def _name(self, stream: str, key: str) -> str:
        return f"{self._prefix}{stream}/{key}"
