"""The schemas on PostgreSQL: made and brought forward, never back.

A revision runs while the program before it still works: it adds; what it no longer wants is taken
away by a later one, which then says in `compatibility` from which version on programs still work.
"""

from shared.adapters.migrations.logs import PartitionsAreFixed, migrate_event_stores
from shared.adapters.migrations.roles import grant_roles
from shared.adapters.migrations.running import migrate_key_store, migrate_read_store

__all__ = [
    "PartitionsAreFixed",
    "grant_roles",
    "migrate_event_stores",
    "migrate_key_store",
    "migrate_read_store",
]
