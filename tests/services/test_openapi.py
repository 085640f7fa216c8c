"""The OpenAPI document against the app: whatever is sent, right or wrong, gets an answer."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from shared.hosting import application
from shared.http import BASE
from shared.settings import InstallationSettings
from tests.services.sales_floor import SalesFloor, sales_floor

LEFT_OUT = {
    f"GET {BASE}/live": "streams for 15 minutes; the role matrix asks how it begins",
    f"POST {BASE}/commands": "takes lines; test_bad_input.py sends bad ones",
}
EXAMPLES = 8
KEYS = ("director", "administrator", "auditor")
"""Whoever may is who asks."""


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    plenty = InstallationSettings(requests_a_minute=1_000_000)
    async with sales_floor(tmp_path, plenty) as running:
        await running.open("O1")
        yield running


def cases_of(operation: Any, mode: GenerationMode) -> list[Any]:
    """The same in every run; an operation without anything to get wrong has no wrong ones."""
    found: list[Any] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, operation.label
    return found


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
async def test_every_operation_answers_without_failing(
    floor: SalesFloor, mode: GenerationMode
) -> None:
    schema: Any = schemathesis.openapi.from_dict(application(floor.hosting).openapi())
    wrong: list[str] = []
    asked: set[str] = set()
    for operation in (result.ok() for result in schema.get_all_operations()):
        asked.add(operation.label)
        if operation.label in LEFT_OUT:
            continue
        for case in cases_of(operation, mode):
            response = await _sent(floor, case)
            media_type = response.headers.get("content-type", "")
            refused = response.status_code >= 400
            if response.status_code >= 500 or (
                refused and media_type != "application/problem+json"
            ):
                said = response.text[:200]
                wrong.append(f"{operation.label} {case.query} {case.body} {response} {said}")
    assert set(LEFT_OUT) <= asked
    assert wrong == []
    await floor.hosting.catch_up()
    assert await floor.hosting.at_head()


async def _sent(floor: SalesFloor, case: Any) -> httpx.Response:
    kwargs = case.as_transport_kwargs(base_url="http://test")
    content: dict[str, Any] = {}
    if kwargs.get("json") is not None:
        content["json"] = kwargs["json"]
    elif isinstance(kwargs.get("data"), bytes | str):
        content["content"] = kwargs["data"]
    for key in KEYS:
        headers = {**kwargs.get("headers", {}), "Authorization": f"Bearer key-{key}"}
        named = {name.encode("latin-1", "replace"): _sendable(headers[name]) for name in headers}
        response = await floor.http.request(
            kwargs["method"], kwargs["url"], params=kwargs.get("params"), headers=named, **content
        )
        if response.status_code != 403:
            return response
    return response


def _sendable(value: Any) -> bytes:
    return str(value).encode("latin-1", "replace").replace(b"\r", b"").replace(b"\n", b"")
