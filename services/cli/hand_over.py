"""Handing work to the process that holds the data folder, and taking its answer from there."""

import asyncio
import sys
from pathlib import Path

import httpx
import msgspec

from services.cli.desk import Request
from services.cli.output import Output
from services.cli.server_away import ServerAway
from shared.data_folder import DataFolder, Serving

PATH = "/local/requests"
_WAIT_SECONDS = 5.0
_ASK_EVERY_SECONDS = 0.1


class Frame(msgspec.Struct, omit_defaults=True):
    """A piece of the answer: what goes to stdout or stderr, and at last the exit code."""

    out: str | None = None
    err: str | None = None
    exit_code: int | None = None


class HandedOver(msgspec.Struct):
    """A request on its way; `fields` are those of its class, consoles as the asker's terminal."""

    request: str
    tenant_id: str
    fields: dict[str, msgspec.Raw]
    as_json: bool
    out_is_terminal: bool
    err_is_terminal: bool
    width: int


async def hand_over(folder: Path, tenant_id: str, request: Request, output: Output) -> int:
    """The exit code. Raises ServerAway where the folder's holder cannot be asked."""
    serving = await _holder(folder)
    fields = msgspec.json.decode(msgspec.json.encode(request), type=dict[str, msgspec.Raw])
    body = HandedOver(
        request=request.name,
        tenant_id=tenant_id,
        fields=fields,
        as_json=output.as_json,
        out_is_terminal=output.out_is_terminal,
        err_is_terminal=output.err_is_terminal,
        width=output.width,
    )
    try:
        return await _asked(serving, msgspec.json.encode(body))
    except httpx.HTTPError as failure:
        raise ServerAway(f"{serving.address}: {failure or type(failure).__name__}") from failure


async def _holder(folder: Path) -> Serving:
    """Who has just taken the folder may not answer yet."""
    data_folder = DataFolder(folder)
    waited = 0.0
    while (serving := data_folder.serving()) is None:
        if waited >= _WAIT_SECONDS:
            raise ServerAway(f"{folder} is in use by a process that does not serve; try again")
        await asyncio.sleep(_ASK_EVERY_SECONDS)
        waited += _ASK_EVERY_SECONDS
    return serving


async def _asked(serving: Serving, body: bytes) -> int:
    headers = {"Authorization": f"Bearer {serving.token}", "Content-Type": "application/json"}
    timeout = httpx.Timeout(10.0, read=None)
    async with (
        httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
        client.stream("POST", serving.address + PATH, content=body, headers=headers) as answer,
    ):
        if answer.status_code != 200:
            await answer.aread()
            raise ServerAway(f"{serving.address} answered {answer.status_code}: {answer.text}")
        async for line in answer.aiter_lines():
            frame = msgspec.json.decode(line, type=Frame)
            if frame.out is not None:
                sys.stdout.write(frame.out)
                sys.stdout.flush()
            if frame.err is not None:
                sys.stderr.write(frame.err)
                sys.stderr.flush()
            if frame.exit_code is not None:
                return frame.exit_code
    raise ServerAway(f"{serving.address} ended before it was done")
