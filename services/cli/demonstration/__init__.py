"""The demonstration tenant: a simulated organisation that sends the ordinary commands."""

from services.cli.demonstration.filling import Filled, demonstrate, fill_demo
from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.demonstration.script import FULL_SIZE, Size
from services.cli.demonstration.signing_in import SignInIdentity, sign_in_identities

__all__ = [
    "DEMO_TENANT",
    "FULL_SIZE",
    "Filled",
    "SignInIdentity",
    "Size",
    "demonstrate",
    "fill_demo",
    "sign_in_identities",
]
