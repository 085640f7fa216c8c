"""Evidence over HTTP: uploaded once, sealed, referred to, handed out as a download (O5)."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from services.directory.domain.tenant import TENANT, ChangeSettings
from services.opportunities.domain.evidence_object import EVIDENCE
from services.opportunities.evidence import removing
from services.opportunities.evidence.keeping import KEEPING_SUBSCRIPTION
from services.opportunities.evidence.removing import EvidenceRemoving
from services.opportunities.evidence.sealing import evidence_stream, opened_evidence
from shared.hosting import application
from shared.http import BASE
from shared.read_store import PARKED_STREAMS
from shared.settings import InstallationSettings
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

PHOTO = b"\xff\xd8\xff a storefront"
SHA = sha256(PHOTO).hexdigest()
OTHER = b"\xff\xd8\xff another storefront"
VISIT = {"type": "visit", "evidence": [{"sha256": SHA, "kind": "photo_storefront"}]}
ALMOST, OVER = timedelta(hours=23, minutes=59), timedelta(hours=24, milliseconds=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    settings = InstallationSettings(max_evidence_bytes=1024)
    async with sales_floor(tmp_path, settings) as running:
        yield running


async def put(
    floor: SalesFloor,
    content: bytes,
    media_type: str = "image/jpeg",
    key: str = "rep-1",
    **more: str,
) -> httpx.Response:
    headers = {"Authorization": f"Bearer key-{key}", "Content-Type": media_type}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return await floor.http.put(f"{BASE}/evidence", content=content, headers=headers)


async def test_the_same_bytes_answer_the_same_hash(floor: SalesFloor) -> None:
    first = await put(floor, PHOTO)
    assert first.status_code == 201
    assert first.json()["sha256"] == SHA
    again = await put(floor, PHOTO, key="rep-2")
    assert (again.status_code, again.json()["sha256"]) == (200, SHA)
    assert await floor.events(f"evidence/{SHA}") == ["evidence_awaited", "evidence_stored"]


async def lying(floor: SalesFloor, sha256: str = SHA, generation: int = 1) -> bytes | None:
    """What the object store holds."""
    store = floor.hosting.ports.object_store
    found = await store.get("T1", f"{sha256}.{generation}")
    return None if found is None else b"".join([chunk async for chunk in found])


async def test_bytes_are_sealed_where_they_lie(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    sealed = await lying(floor)
    assert sealed is not None
    assert PHOTO not in sealed


@pytest.mark.parametrize(
    ("content", "media_type", "answer"),
    [
        (PHOTO, "text/html", (415, "unsupported")),
        (PHOTO, "", (415, "unsupported")),
        (PHOTO, "application/pdf", (415, "unsupported")),
        (b"<html><script>", "image/jpeg", (415, "unsupported")),
        (b"\xff\xd8\xff" + b"x" * 1022, "image/jpeg", (413, "too-large")),
        (b"", "image/jpeg", (422, "malformed")),
    ],
)
async def test_what_is_not_taken_in_says_why(
    floor: SalesFloor, content: bytes, media_type: str, answer: tuple[int, str]
) -> None:
    assert code_of(await put(floor, content, media_type)) == answer


async def test_a_stream_that_grows_too_large_is_stopped(floor: SalesFloor) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "image/jpeg"}
    response = await floor.http.put(f"{BASE}/evidence", content=endless(), headers=headers)
    assert code_of(response) == (413, "too-large")


async def test_a_key_used_for_other_bytes_is_refused(floor: SalesFloor) -> None:
    assert (await put(floor, PHOTO, Idempotency_Key="once")).status_code == 201
    assert (await put(floor, PHOTO, Idempotency_Key="once")).json()["sha256"] == SHA
    assert code_of(await put(floor, OTHER, Idempotency_Key="once")) == (
        409,
        "idempotency-key-reused",
    )


async def test_evidence_proves_an_action_and_is_handed_out_as_a_download(
    floor: SalesFloor,
) -> None:
    await put(floor, PHOTO)
    await floor.open()
    piece = {"sha256": SHA, "kind": "photo_storefront"}
    action = await floor.told("/opportunities/O1/log-action", {"type": "visit"}, "rep-1")
    attached = await floor.told(
        "/opportunities/O1/attach-evidence",
        {"action_id": action["action_id"], "evidence": [piece]},
        "rep-1",
    )
    assert attached["action"]["evidence"] == [piece]
    path = f"/opportunities/O1/evidence/{SHA}"
    download = await floor.get(path, "rep-1")
    assert download.content == PHOTO
    assert download.headers["Content-Type"] == "image/jpeg"
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert (await floor.get(path, "rep-2")).status_code == 404
    await floor.open("O2")
    assert (await floor.get(f"/opportunities/O2/evidence/{SHA}", "rep-1")).status_code == 404


async def test_a_recording_without_consent_is_refused(floor: SalesFloor) -> None:
    call = b"ID3 a call"
    await put(floor, call, "audio/mpeg")
    await floor.open()
    sha256_of_call = sha256(call).hexdigest()
    recording = {"type": "call", "evidence": [{"sha256": sha256_of_call, "kind": "recording"}]}
    refused = await floor.post("/opportunities/O1/log-action", recording, "rep-1")
    assert code_of(refused) == (409, "consent-is-missing")


async def test_an_upload_that_is_shorter_than_declared_stores_nothing(floor: SalesFloor) -> None:
    async def half() -> AsyncIterator[bytes]:
        yield PHOTO

    headers = {
        "Authorization": "Bearer key-rep-1",
        "Content-Type": "image/jpeg",
        "Content-Length": str(len(PHOTO) + 5),
    }
    response = await floor.http.put(f"{BASE}/evidence", content=half(), headers=headers)
    assert code_of(response) == (422, "malformed")
    assert response.json()["errors"][0]["code"] == "cut-short"
    assert await floor.events(f"evidence/{SHA}") == []


async def test_an_upload_whose_connection_ends_stores_nothing(floor: SalesFloor) -> None:
    answers: list[dict[str, object]] = []
    said: Iterator[dict[str, object]] = iter(
        [
            {"type": "http.request", "body": PHOTO, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, object]:
        return next(said)

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        answers.append(message)

    headers = [(b"authorization", b"Bearer key-rep-1"), (b"content-type", b"image/jpeg")]
    scope = {
        "type": "http", "http_version": "1.1", "method": "PUT", "path": f"{BASE}/evidence",
        "raw_path": f"{BASE}/evidence".encode(), "query_string": b"", "headers": headers,
        "scheme": "http", "server": ("test", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await application(floor.hosting)(scope, receive, send)
    assert answers[0]["status"] == 422
    assert await floor.events(f"evidence/{SHA}") == []


async def after(floor: SalesFloor, time: timedelta) -> None:
    floor.clock.move_to(NOW + time)
    await floor.hosting.catch_up()


async def test_an_upload_that_nothing_refers_to_is_removed_after_24_hours(
    floor: SalesFloor,
) -> None:
    await put(floor, PHOTO)
    await after(floor, ALMOST)
    assert await lying(floor) is not None
    await after(floor, OVER)
    assert await lying(floor) is None
    keys = await floor.hosting.ports.key_store.existing_keys("T1", [f"object/{SHA}.1"])
    assert set(keys.values()) == {None}


async def test_an_upload_that_is_referred_to_is_kept_for_ever(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    await floor.open()
    await after(floor, ALMOST)
    logged = await floor.told("/opportunities/O1/log-action", VISIT, "rep-1")
    void = {"action_id": logged["action_id"], "reason": "twice"}
    await after(floor, timedelta(days=400))
    await floor.told("/opportunities/O1/void-action", void, "rep-1")
    await after(floor, timedelta(days=800))
    assert (await floor.get(f"/opportunities/O1/evidence/{SHA}", "rep-1")).content == PHOTO


async def test_a_reference_to_a_removed_upload_is_refused_until_it_is_uploaded_again(
    floor: SalesFloor,
) -> None:
    await put(floor, PHOTO, Idempotency_Key="once")
    await floor.open()
    await after(floor, OVER)
    refused = await floor.post("/opportunities/O1/log-action", VISIT, "rep-1")
    assert code_of(refused) == (422, "malformed")
    assert refused.json()["errors"][0]["code"] == "unknown-evidence"
    again = await put(floor, PHOTO, Idempotency_Key="once")
    assert again.json()["sha256"] == SHA
    await floor.told("/opportunities/O1/log-action", VISIT, "rep-1")
    await floor.hosting.catch_up()
    assert (await floor.get(f"/opportunities/O1/evidence/{SHA}", "rep-1")).content == PHOTO


async def test_nothing_goes_while_what_may_refer_to_it_cannot_be_read(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    parked = PARKED_STREAMS.insert().values(
        subscription=KEEPING_SUBSCRIPTION, stream="T1/opportunity/O1", reason="unreadable"
    )
    async with floor.hosting.ports.read_store.transaction() as connection:
        await connection.execute(parked)
    await after(floor, OVER)
    assert await lying(floor) is not None


async def test_the_hours_are_a_setting_of_the_tenant(floor: SalesFloor) -> None:
    patient = ChangeSettings(settings={"evidence_kept_unreferred_hours": 48}, now=floor.clock())
    await floor.handle("directory", TENANT, "T1", patient)
    await put(floor, PHOTO)
    await after(floor, OVER)
    assert await lying(floor) is not None
    await after(floor, 2 * OVER)
    assert await lying(floor) is None


async def test_uploading_the_same_again_gives_it_another_24_hours(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    await after(floor, ALMOST)
    await put(floor, PHOTO)
    await after(floor, ALMOST * 2)
    assert await lying(floor) is not None


async def test_an_upload_that_was_broken_off_leaves_nothing(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its bytes were written and before that was said."""
    handling = floor.hosting.ports.commands("opportunities")
    handle = handling.handle

    async def killed(decider: object, aggregate_id: str, command: object, *rest: object) -> object:
        if type(command).__name__ == "StoreEvidence":
            raise asyncio.CancelledError
        return await handle(decider, aggregate_id, command, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(handling, "handle", killed)
    with pytest.raises(asyncio.CancelledError):
        await put(floor, PHOTO)
    assert await lying(floor) is not None
    await after(floor, OVER)
    assert await lying(floor) is None


async def test_a_reference_on_its_way_keeps_the_upload_from_going(floor: SalesFloor) -> None:
    """Whoever is first at the evidence's own stream wins; nothing is accepted and then lost."""
    ports = floor.hosting.ports
    remover = EvidenceRemoving(ports, ports.commands("opportunities"))
    for number in range(10):
        content = PHOTO + bytes([number])
        await put(floor, content)
        await floor.open(f"O{number}")
    await floor.hosting.catch_up()
    floor.clock.move_to(NOW + OVER)
    hashes = [sha256(PHOTO + bytes([number])).hexdigest() for number in range(10)]

    async def refer(number: int) -> httpx.Response:
        await asyncio.sleep(number / 500)
        visit = {"type": "visit", "evidence": [{"sha256": hashes[number], "kind": "photo"}]}
        return await floor.post(f"/opportunities/O{number}/log-action", visit, "rep-1")

    referring = [asyncio.create_task(refer(number)) for number in range(10)]
    await remover.step(floor.clock())
    answers = await asyncio.gather(*referring)
    await after(floor, OVER * 3)
    assert {each.status_code for each in answers} <= {200, 422}
    for number, answer in enumerate(answers):
        kept = await lying(floor, hashes[number])
        assert (kept is not None) == (answer.status_code == 200)


async def test_a_removal_that_overtook_nothing_is_decided_again(floor: SalesFloor) -> None:
    """The remover saw it waiting, and a command held it before the removal was written."""
    ports = floor.hosting.ports
    await put(floor, PHOTO)
    await floor.open()
    await floor.hosting.catch_up()
    floor.clock.move_to(NOW + OVER)
    handling = ports.commands("opportunities")
    handle_runs = handling.handle_runs
    remover = EvidenceRemoving(ports, handling)

    async def overtaken(*arguments: object) -> object:
        await floor.told("/opportunities/O1/log-action", VISIT, "rep-1")
        return await handle_runs(*arguments)  # type: ignore[arg-type]

    handling.handle_runs = overtaken  # type: ignore[method-assign,assignment]
    try:
        await remover.step(floor.clock())
    finally:
        handling.handle_runs = handle_runs  # type: ignore[method-assign]
    await after(floor, OVER * 3)
    assert (await floor.get(f"/opportunities/O1/evidence/{SHA}", "rep-1")).content == PHOTO


async def test_a_late_removal_takes_nothing_of_what_was_uploaded_anew(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    await floor.hosting.catch_up()
    floor.clock.move_to(NOW + OVER)
    ports = floor.hosting.ports
    await EvidenceRemoving(ports, ports.commands("opportunities")).step(floor.clock())
    await put(floor, PHOTO)
    stored = await ports.event_store.read_stream(f"T1/evidence/{SHA}")
    removed = [ports.codec.decode(each) for each in stored if "removed" in each.type]
    for _ in range(2):
        await removing.reaction(ports).react(removed)
    assert (await lying(floor, generation=1), await lying(floor, generation=2) is None) == (
        None,
        False,
    )


async def test_evidence_goes_with_the_last_of_those_whose_it_is(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    for opportunity_id, customer_id in (("O1", "C1"), ("O2", "C2")):
        await floor.open(opportunity_id, customer_id=customer_id)
        await floor.told(f"/opportunities/{opportunity_id}/log-action", VISIT, "rep-1")
    await floor.hosting.catch_up()
    keys = floor.hosting.ports.key_store
    path = f"/opportunities/O1/evidence/{SHA}"
    await keys.erase("T1", "customer/C1")
    assert (await floor.get(path, "rep-1")).content == PHOTO
    await keys.erase("T1", "customer/C2")
    assert (await floor.get(path, "rep-1")).status_code == 404
    assert code_of(await put(floor, PHOTO)) == (409, "evidence-is-erased")


async def test_evidence_attached_after_an_erasure_is_not_the_erased_ones_alone(
    floor: SalesFloor,
) -> None:
    """The erasure was faster than the binding."""
    await put(floor, PHOTO)
    await floor.open()
    await floor.told("/opportunities/O1/log-action", VISIT, "rep-1")
    await floor.hosting.ports.key_store.erase("T1", "customer/C1")
    await floor.hosting.catch_up()
    assert (await floor.get(f"/opportunities/O1/evidence/{SHA}", "rep-1")).status_code == 404


async def test_evidence_that_was_tampered_with_is_not_handed_out(
    floor: SalesFloor, tmp_path: Path
) -> None:
    await put(floor, PHOTO)
    await floor.open()
    await floor.told("/opportunities/O1/log-action", VISIT, "rep-1")
    [file] = [each for each in tmp_path.rglob(f"{SHA}.1") if each.is_file()]
    sealed = bytearray(file.read_bytes())
    sealed[20] ^= 1
    file.write_bytes(sealed)
    response = await floor.get(f"/opportunities/O1/evidence/{SHA}", "rep-1")
    assert code_of(response) == (500, "evidence-is-damaged")


async def test_large_evidence_is_never_held_in_memory_whole(tmp_path: Path) -> None:
    """In a process of its own: what it needs at most grows by far less than the file."""
    program = """
import asyncio, json, resource, sys
from pathlib import Path
from tests.services.sales_floor import sales_floor
from tests.services.test_evidence_api import BASE, send_large

async def measure():
    async with sales_floor(Path(sys.argv[1])) as floor:
        await send_large(floor, 1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = await send_large(floor, 48)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps({"size": size, "grown_kib": grown}))

asyncio.run(measure())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    answer, _errors = await process.communicate()
    measured = json.loads(answer)
    assert measured["size"] > 48_000_000
    assert measured["grown_kib"] < 16 * 1024


async def send_large(floor: SalesFloor, megabytes: int) -> int:
    """Upload it, refer to it, read it again; answers how much was read."""

    async def content() -> AsyncIterator[bytes]:
        yield b"\xff\xd8\xff"
        for number in range(megabytes):
            yield bytes([number]) * 1_024_000

    digest = sha256()
    async for chunk in content():
        digest.update(chunk)
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "image/jpeg"}
    sent = await floor.http.put(f"{BASE}/evidence", content=content(), headers=headers)
    assert sent.status_code == 201
    await floor.open(f"O{megabytes}")
    piece = {"sha256": digest.hexdigest(), "kind": "photo"}
    visit = {"type": "visit", "evidence": [piece]}
    await floor.told(f"/opportunities/O{megabytes}/log-action", visit, "rep-1")
    ports = floor.hosting.ports
    stream = evidence_stream("T1", digest.hexdigest())
    _version, evidence = await ports.commands("opportunities").load(EVIDENCE, stream)
    return sum([len(chunk) async for chunk in await opened_evidence(ports, "T1", evidence)])
