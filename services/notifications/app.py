"""Composition root of services/notifications."""

from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    return Service(name="notifications")
