"""The log of one service: its partitions, events, commands and snapshots."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE TABLE compatibility (works_from integer NOT NULL)",
    "INSERT INTO compatibility VALUES (1)",
    "CREATE TABLE log (log_id text NOT NULL, partitions integer NOT NULL CHECK (partitions > 0))",
    "CREATE UNIQUE INDEX one_log ON log ((true))",
    """
    CREATE TABLE partitions (
        partition integer PRIMARY KEY,
        next_offset bigint NOT NULL,
        recorded_at bigint NOT NULL
    ) WITH (fillfactor = 10, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0)
    """,
    """
    CREATE TABLE events (
        partition integer NOT NULL, log_offset bigint NOT NULL,
        stream text COLLATE "C" NOT NULL, version integer NOT NULL, event_id uuid NOT NULL,
        type text NOT NULL, schema_version integer NOT NULL,
        tenant_id text NOT NULL, actor_id text,
        occurred_at bigint NOT NULL, raw_occurred_at bigint, sent_at bigint, entered_at bigint,
        origin text NOT NULL, recorded_at bigint NOT NULL,
        correlation_id text NOT NULL, causation_id text, command_id text, trace_context text,
        payload bytea NOT NULL, hash bytea NOT NULL,
        PRIMARY KEY (partition, log_offset),
        CONSTRAINT events_by_stream UNIQUE (stream, version),
        CONSTRAINT events_by_id UNIQUE (event_id)
    )
    """,
    # Sealed bytes do not get shorter; trying costs more than the rest of the insert.
    "ALTER TABLE events ALTER COLUMN payload SET STORAGE EXTERNAL",
    """
    CREATE TABLE commands (
        tenant_id text COLLATE "C" NOT NULL, command_id text COLLATE "C" NOT NULL,
        digest bytea NOT NULL, version integer NOT NULL, partition integer, log_offset bigint,
        event_ids bytea NOT NULL, answer bytea NOT NULL,
        CONSTRAINT commands_by_id PRIMARY KEY (tenant_id, command_id)
    )
    """,
    """
    CREATE TABLE snapshots (
        stream text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL,
        version integer NOT NULL, state bytea NOT NULL,
        PRIMARY KEY (stream, key)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
