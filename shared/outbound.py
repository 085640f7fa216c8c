"""Requests that leave for addresses that users name: guarded, bounded, never redirected (N5)."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, as text."""

LONGEST_ANSWER_BYTES = 64 * 1024
LONGEST_WAIT_SECONDS = 10.0

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_CLOUD_METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Reachable only from inside a cloud, though the address itself is a public one."""


class AddressNotAllowed(Exception):
    """Refused before anything left: not https, or the name leads to a place inside."""


class NotSent(Exception):
    """No connection came about: the request definitely did not arrive."""


class NoAnswer(Exception):
    """The request left, or may have, and no whole answer came: it may have arrived."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def system_resolver(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """Posts to public https addresses, and to hosts that the operator allows by name.

    An allowed host may also be private and be reached by plain http. The request goes to the very
    address that was checked, so that a name cannot lead elsewhere between check and connection.
    """

    allowed_hosts: frozenset[str] = frozenset()
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS
    longest_answer_bytes: int = LONGEST_ANSWER_BYTES
    resolver: Resolver = system_resolver
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """One attempt, no redirects. Raises AddressNotAllowed, NotSent or NoAnswer."""
        return await self.request("POST", url, content, headers)

    async def request(
        self, method: str, url: str, content: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """One attempt, no redirects. Raises AddressNotAllowed, NotSent or NoAnswer."""
        progress = _Progress()
        try:
            async with asyncio.timeout(self.longest_wait_seconds):
                return await self._request(method, url, content, headers, progress)
        except (httpx.TransportError, TimeoutError, OSError) as failure:
            reason = type(failure).__name__
            raise (NoAnswer(reason) if progress.sending else NotSent(reason)) from failure

    async def _request(
        self,
        method: str,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        progress: "_Progress",
    ) -> Answer:
        target = parsed(url)
        address = await self.checked_address(target)
        request = httpx.Request(
            method,
            target.copy_with(host=str(address)),
            content=content,
            headers={**headers, "host": _host_header(target), "accept-encoding": "identity"},
            extensions={
                "sni_hostname": target.host,
                "timeout": dict.fromkeys(
                    ("connect", "read", "write", "pool"), self.longest_wait_seconds
                ),
                "trace": progress.follow,
            },
        )
        # the transport itself: a client would log the address, which holds a robot's secret
        async with httpx.AsyncHTTPTransport(verify=self.tls, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                body = await self._bounded(response)
            finally:
                await response.aclose()
        return Answer(response.status_code, dict(response.headers), body)

    async def _bounded(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self.longest_answer_bytes:
                raise NoAnswer("answer-too-large")
        return bytes(body)

    async def checked_address(self, target: httpx.URL) -> IpAddress:
        """Where the request will go. AddressNotAllowed if any address of the name is inside."""
        host = target.host.lower().rstrip(".")
        allowed = host in self.allowed_hosts
        if target.scheme != "https" and not (allowed and target.scheme == "http"):
            raise AddressNotAllowed("only https leaves")
        if target.userinfo:
            raise AddressNotAllowed("an address holds no user and password")
        port = target.port or (443 if target.scheme == "https" else 80)
        return await self.address_of(host, port)

    async def connected(self, host: str, port: int) -> socket.socket:
        """A connection for another protocol, under the same guard; whoever asked closes it.

        Raises AddressNotAllowed or NotSent.
        """
        try:
            async with asyncio.timeout(self.longest_wait_seconds):
                return await self._connected(host, port)
        except (TimeoutError, OSError) as failure:
            raise NotSent(type(failure).__name__) from failure

    async def _connected(self, host: str, port: int) -> socket.socket:
        address = await self.address_of(host.lower().rstrip("."), port)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, (str(address), port))
        except BaseException:
            connection.close()
            raise
        return connection

    async def address_of(self, host: str, port: int) -> IpAddress:
        """AddressNotAllowed if any address of the name is inside and the name is not allowed."""
        allowed = host in self.allowed_hosts
        try:
            found = await self.resolver(host, port)
        except UnicodeError as broken:
            raise AddressNotAllowed("not a host name") from broken
        addresses = [ipaddress.ip_address(text) for text in found]
        if not addresses:
            raise NotSent("unknown-host")
        if not allowed and not all(is_public(address) for address in addresses):
            raise AddressNotAllowed("the name leads to an address that is not public")
        return addresses[0]


def parsed(url: str) -> httpx.URL:
    """Raises AddressNotAllowed for what is no absolute http address."""
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as broken:
        raise AddressNotAllowed("not an address") from broken
    if target.scheme not in {"http", "https"} or not target.host or not _is_port(target.port):
        raise AddressNotAllowed("not an http address")
    return target


def is_public(address: IpAddress) -> bool:
    """False for private, loopback, link-local, multicast, reserved and metadata addresses, also
    when they are wrapped in one of version 6."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = _wrapped(address)
        if wrapped is not None:
            return is_public(wrapped)
    if address in _CLOUD_METADATA:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _TRANSLATED:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port < 65536


def _host_header(target: httpx.URL) -> str:
    return target.netloc.decode("ascii").rpartition("@")[2]


class _Progress:
    """Whether any of the request may have left: what decides between not sent and unknown."""

    def __init__(self) -> None:
        self.sending = False

    async def follow(self, event: str, details: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self.sending = True
