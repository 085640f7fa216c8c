"""Typed client of Pulsetrail's HTTP API, async and sync, with a queue for times without network."""

from pulsetrail_client import calls
from pulsetrail_client.call import Call
from pulsetrail_client.clients import AsyncClient, Client
from pulsetrail_client.failures import Away, Refused
from pulsetrail_client.offline_queue import OfflineQueue, Posted, RefusedCommand

__all__ = [
    "AsyncClient",
    "Away",
    "Call",
    "Client",
    "OfflineQueue",
    "Posted",
    "Refused",
    "RefusedCommand",
    "calls",
]
