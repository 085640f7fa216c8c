"""Composition root of services/opportunities."""

from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    return Service(name="opportunities")
