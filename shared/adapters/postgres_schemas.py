"""What the schemas on PostgreSQL are called, of which version, and who may do what in them."""

from shared.errors import CannotGoOn, StoreAway

READ_MODELS_SCHEMA = "read_models"
KEYS_SCHEMA = "keys"
RELAY = "relay"
"""Reads every log; has a role like a service."""
API = "api"
"""Has a role like a service, which is a member of theirs: the one address shows all of them."""
READ_MODELS_ROLE = "pulsetrail_read_models"
"""Owns the tables of read models, whoever makes them: the role of each service is a member."""

EVENT_STORE_VERSION = 1
KEY_STORE_VERSION = 1
READ_STORE_VERSION = 1
"""The revision that this program was written for; a newer one may work, see `compatibility`."""


class PartitionsAreFixed(CannotGoOn):
    """A log was made with another number of partitions than is configured: that never changes."""

    def __init__(self, log: str, made: int, configured: int) -> None:
        super().__init__(
            f"the log {log} was made with {made} partitions, configured are {configured}:"
            f" set LOG_PARTITIONS={made}"
        )


class SchemaOfAnotherVersion(StoreAway):
    """The database's schema is not one that this program can work with; a migration is to come."""

    def __init__(self, schema: str, found: str | None, wanted: int, *, too_new: bool) -> None:
        remedy = "install the newer version" if too_new else "run `pulsetrail migrate`"
        state = "missing" if found is None else f"of version {found}"
        super().__init__(
            f"the schema {schema} is {state}, this program is for version {wanted}: {remedy}"
        )


def role_of(service: str) -> str:
    """The database role that a service's login is (a member of)."""
    return f"pulsetrail_{service}"
