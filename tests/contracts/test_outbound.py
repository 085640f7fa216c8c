"""Requests that leave go where they were allowed to go, and nowhere else (N5)."""

import ipaddress
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from shared.outbound import AddressNotAllowed, NoAnswer, NotSent, Outbound, Resolver, is_public
from tests.receivers.certificates import tls_contexts
from tests.receivers.receiver import Behaviour, Received, Reply, receiving
from tests.receivers.webhook import WebhookRules


class Anything(WebhookRules):
    def problem(self, received: Received) -> Reply | None:
        return None


RULES = Anything("whsec_d3Jvbmc=", 0)


def resolving(*addresses: str) -> Resolver:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    outbound = Outbound(resolver=resolving(address))
    with pytest.raises(AddressNotAllowed):
        await outbound.post("https://example.com/hook", b"", {})


@pytest.mark.parametrize("address", ["203.119.26.1", "8.8.8.8", "2606:4700:4700::1111"])
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


async def test_one_address_inside_among_public_ones_is_enough_to_refuse() -> None:
    outbound = Outbound(resolver=resolving("8.8.8.8", "127.0.0.1"))
    with pytest.raises(AddressNotAllowed):
        await outbound.post("https://example.com/hook", b"", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "https:///hook",
        "hook",
        "https://example.com:99999/",
    ],
)
async def test_only_a_plain_https_address_leaves(url: str) -> None:
    with pytest.raises(AddressNotAllowed):
        await Outbound(resolver=resolving("8.8.8.8")).post(url, b"", {})


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "[::1]"])
async def test_no_way_of_writing_the_own_machine_gets_through(host: str) -> None:
    with pytest.raises((AddressNotAllowed, NotSent)):
        await Outbound().post(f"https://{host}:1/", b"", {})


async def test_a_host_allowed_by_name_may_be_private_and_plain() -> None:
    outbound = Outbound(allowed_hosts=frozenset({"hooks.inside"}), resolver=resolving("127.0.0.1"))
    async with receiving(RULES) as receiver:
        answer = await outbound.post(f"http://hooks.inside:{receiver.port}/in", b"{}", {})
        assert answer.status == 204
        assert receiver.arrived[0].headers["host"] == f"hooks.inside:{receiver.port}"


async def test_the_name_is_asked_for_once_and_the_checked_address_is_used() -> None:
    asked = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    outbound = Outbound(allowed_hosts=frozenset({"hooks.inside"}), resolver=rebinding)
    async with receiving(RULES) as receiver:
        await outbound.post(f"http://hooks.inside:{receiver.port}/", b"", {})
        assert len(receiver.arrived) == 1
    assert asked == ["hooks.inside"]


async def test_a_label_that_no_name_can_have_is_refused() -> None:
    with pytest.raises(AddressNotAllowed):
        await Outbound().post(f"https://{'a' * 64}.example/", b"", {})


async def test_an_unknown_name_was_not_sent() -> None:
    with pytest.raises(NotSent):
        await Outbound(resolver=resolving()).post("https://example.com/", b"", {})


async def test_an_answer_without_end_is_cut_off() -> None:
    outbound = Outbound(allowed_hosts=frozenset({"127.0.0.1"}))
    async with receiving(RULES) as receiver:
        receiver.then(Behaviour.FLOOD)
        with pytest.raises(NoAnswer, match="too-large"):
            await outbound.post(f"http://127.0.0.1:{receiver.port}/", b"", {})


async def test_neither_address_nor_headers_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    outbound = Outbound(allowed_hosts=frozenset({"127.0.0.1"}))
    async with receiving(RULES) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/?access_token=topsecret"
        await outbound.post(url, b"", {"authorization": "topsecret"})
    assert "topsecret" not in caplog.text


async def test_the_certificate_is_checked_against_the_name_and_not_the_address(
    tmp_path: Path,
) -> None:
    server, client = tls_contexts("hooks.inside", tmp_path)
    outbound = Outbound(
        allowed_hosts=frozenset({"hooks.inside", "other.inside"}),
        resolver=resolving("127.0.0.1"),
        tls=client,
    )
    async with receiving(RULES, tls=server) as receiver:
        answer = await outbound.post(f"https://hooks.inside:{receiver.port}/", b"", {})
        assert answer.status == 204
        with pytest.raises(NotSent):
            await outbound.post(f"https://other.inside:{receiver.port}/", b"", {})
