"""What is kept beside the read models: checkpoints, what was parked, the leases of relays.

Tables that a worker of this first version has made already are taken as they are.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE TABLE compatibility (works_from integer NOT NULL)",
    "INSERT INTO compatibility VALUES (1)",
    """
    CREATE TABLE IF NOT EXISTS checkpoints (
        subscription varchar(128) NOT NULL,
        partition bigint NOT NULL,
        log varchar(32) NOT NULL,
        log_id varchar(64) NOT NULL,
        next_offset bigint NOT NULL,
        source_offset bigint,
        recorded_until bigint,
        epoch bigint NOT NULL,
        PRIMARY KEY (subscription, partition)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS parked_streams (
        subscription varchar(128) NOT NULL,
        stream varchar(200) NOT NULL,
        reason varchar NOT NULL,
        PRIMARY KEY (subscription, stream)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS dead_letters (
        subscription varchar(128) NOT NULL,
        partition bigint NOT NULL,
        log_offset bigint NOT NULL,
        stream varchar(200) NOT NULL,
        event_id bytea NOT NULL,
        reason varchar NOT NULL,
        discarded_by varchar(200),
        PRIMARY KEY (subscription, partition, log_offset)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS relays (
        log varchar(32) NOT NULL,
        partition bigint NOT NULL,
        log_id varchar(64) NOT NULL,
        next_offset bigint NOT NULL,
        epoch bigint NOT NULL,
        holder varchar(64) NOT NULL,
        held_until bigint NOT NULL,
        PRIMARY KEY (log, partition)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
