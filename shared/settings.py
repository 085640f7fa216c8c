"""Settings of the installation: environment variables, checked at the start, named when wrong."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


class _SecretFiles(EnvSettingsSource):
    """Secrets that come by file: the variable `<NAME>_FILE` names it."""

    def __call__(self) -> dict[str, Any]:
        found: dict[str, str] = {}
        for name, declared in self.settings_cls.model_fields.items():
            path = self.env_vars.get(f"{self.env_prefix}{name}_file".lower())
            if path and "SecretStr" in str(declared.annotation):
                found[name] = _read(Path(path))
        return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as failure:
        raise SettingsError(f"the secret cannot be read from {path}: {failure.strerror}") from None


class WithSecretFiles(BaseSettings):
    """Settings whose secrets may also come by file."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, _SecretFiles(settings_cls))


class InstallationSettings(WithSecretFiles):
    """Read by every service. Secrets may also come by file: `<NAME>_FILE`."""

    model_config = SettingsConfigDict(env_prefix="PULSETRAIL_", extra="ignore")

    data_dir: Path | None = Field(
        None, description="Folder of the embedded system; unset: the platform's data directory."
    )
    log_level: str = Field(
        "warning",
        pattern="^(debug|info|warning|error)$",
        description="Least severe level that is logged.",
    )
    max_body_bytes: int = Field(
        8 * 1024 * 1024, ge=1024, description="Largest request body, in bytes (evidence apart)."
    )
    max_batch_lines: int = Field(10_000, ge=1, description="Most commands in one POST /commands.")
    max_evidence_bytes: int = Field(
        50 * 1024 * 1024, ge=1024, description="Largest evidence file, in bytes."
    )
    requests_a_minute: int = Field(
        6_000, ge=1, description="Requests a caller may make in a minute before 429."
    )
    intake_per_address_a_minute: int = Field(
        10, ge=1, description="Leads that one address may send by web form in a minute."
    )
    intake_per_key_a_minute: int = Field(
        600, ge=1, description="Leads that one partner or form may send in a minute."
    )
    max_intake_body_bytes: int = Field(
        16 * 1024, ge=1024, description="Largest web form or partner's lead, in bytes."
    )
    allowed_outbound_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names, comma-separated, that may be called although private or plain"
        " HTTP.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that /metrics asks for; unset: loopback only."
    )
    session_hours: int = Field(
        12, ge=1, le=24 * 90, description="How long somebody stays signed in, in hours."
    )
    public_url: str | None = Field(
        None, description="Address that links in messages begin with; unset: the bound address."
    )

    @field_validator("allowed_outbound_hosts", mode="before")
    @classmethod
    def _by_commas(cls, given: Any) -> Any:
        if isinstance(given, str):
            return tuple(each.strip() for each in given.split(",") if each.strip())
        return given


class OidcSettings(WithSecretFiles):
    """Who signs people in. Secrets may also come by file: `<NAME>_FILE`."""

    model_config = SettingsConfigDict(env_prefix="PULSETRAIL_", extra="ignore")

    oidc_issuer: str | None = Field(
        None, description="Address of the OpenID Connect provider; unset: nobody signs in by one."
    )
    oidc_client_id: str | None = Field(None, description="What the provider calls this system.")
    oidc_client_secret: SecretStr | None = Field(
        None, description="This system's secret at the provider; unset: a public client, by PKCE."
    )
    oidc_audience: str | None = Field(
        None, description="Audience of access tokens for the API; unset: the client's id."
    )
    oidc_jwks_url: str | None = Field(
        None, description="Where the provider's keys are; unset: where its description says."
    )
    oidc_scope: str = Field("openid profile", description="What is asked for when signing in.")
    oidc_tenant: str = Field(
        "default", description="Tenant of those whose token names none by OIDC_TENANT_CLAIM."
    )
    oidc_tenant_claim: str = Field(
        "pulsetrail_tenant", description="Claim that names the tenant, where a token has it."
    )
    oidc_person_claim: str = Field("sub", description="Claim that holds the person's id.")

    @model_validator(mode="after")
    def _named_to_the_provider(self) -> "OidcSettings":
        if self.oidc_issuer is not None and self.oidc_client_id is None:
            raise ValueError("OIDC_CLIENT_ID: the provider must know who asks")
        return self


_KURRENTDB = (
    "kurrentdb:",
    "kurrentdb+discover:",
    "kdb:",
    "kdb+discover:",
    "esdb:",
    "esdb+discover:",
)


class ScaledSettings(WithSecretFiles):
    """Where the scaled system's servers are. Secrets may also come by file: `<NAME>_FILE`."""

    model_config = SettingsConfigDict(extra="ignore")

    database_url: SecretStr = Field(
        description="PostgreSQL of the read models, leases and keys: postgresql://user@host/name.",
    )
    event_store_url: SecretStr | None = Field(
        None,
        description="The event store: postgresql://… or kurrentdb://…; unset: DATABASE_URL.",
    )
    kafka_bootstrap_servers: str = Field(
        "localhost:9092", min_length=1, description="Kafka's addresses, comma-separated."
    )
    kafka_topic_prefix: str = Field(
        "pulsetrail",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
        description="What the names of topics and groups begin with.",
    )
    kafka_replication: int = Field(
        1, ge=1, le=9, description="Copies of each topic that `pulsetrail topics` makes."
    )
    kafka_retention_hours: int = Field(
        168, ge=1, description="How long topics keep what was relayed, in hours."
    )
    log_partitions: int = Field(
        16,
        ge=1,
        le=1_024,
        description="Partitions of each log and its topic; fixed when they are created.",
    )
    object_store_url: str = Field(
        "file:///var/lib/pulsetrail/objects",
        pattern="^(file|s3)://",
        description="Where evidence lies: file:///folder, shared by all processes, or s3://bucket.",
    )
    object_store_endpoint: str | None = Field(
        None,
        pattern="^https?://",
        description="Address of an S3 that is not Amazon's. Its keys: AWS_ACCESS_KEY_ID, …",
    )
    api_drain_seconds: float = Field(
        0.0,
        ge=0.0,
        le=60.0,
        description="How long an api that was told to stop goes on taking requests, no longer"
        " ready, so that whoever spreads them notices first.",
    )
    database_connections: int = Field(
        8, ge=2, le=200, description="Most connections to PostgreSQL a process keeps for a store."
    )

    @property
    def events_url(self) -> str:
        """The event store's address."""
        url = self.event_store_url or self.database_url
        return url.get_secret_value()

    @property
    def is_on_kurrentdb(self) -> bool:
        return self.events_url.startswith(_KURRENTDB)

    @property
    def partitions(self) -> int:
        """Of each log and its topic: on KurrentDB a log has one."""
        return 1 if self.is_on_kurrentdb else self.log_partitions

    @model_validator(mode="after")
    def _one_partition_on_kurrentdb(self) -> "ScaledSettings":
        if "log_partitions" in self.model_fields_set and self.log_partitions != self.partitions:
            raise ValueError("LOG_PARTITIONS: a log has one partition where KurrentDB keeps it")
        return self


class TelemetrySettings(WithSecretFiles):
    """Where traces go, of the embedded system too."""

    model_config = SettingsConfigDict(extra="ignore")

    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        description="Where traces are sent (OTLP over HTTP, to /v1/traces); unset: nowhere.",
    )
    otel_exporter_otlp_headers: SecretStr | None = Field(
        None, description="Headers sent along with traces: name=value, comma-separated."
    )
    otel_traces_sampler_arg: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        description="Share of the traces begun here that is kept; those of clients that send"
        " `traceparent` are kept as they say.",
    )

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _an_address(cls, given: str | None) -> str | None:
        if not given:
            return None
        if not re.match(r"https?://[^/\s]+", given):
            raise ValueError("is no address like http://collector:4318")
        return given


class DatabasePasswords(WithSecretFiles):
    """Read by `pulsetrail migrate` alone: a service whose password is given gets a login of its
    own, `pulsetrail_<service>`; the others' roles are for logins to be members of."""

    model_config = SettingsConfigDict(extra="ignore")

    directory_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_directory."
    )
    leads_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_leads."
    )
    opportunities_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_opportunities."
    )
    scoring_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_scoring."
    )
    projections_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_projections."
    )
    notifications_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_notifications."
    )
    relay_database_password: SecretStr | None = Field(
        None, description="Password of the database role pulsetrail_relay."
    )
    api_database_password: SecretStr | None = Field(
        None,
        description="Password of the database role pulsetrail_api, which may do what each service"
        " may.",
    )

    def given(self) -> dict[str, str]:
        """By service."""
        return {
            name.removesuffix("_database_password"): value.get_secret_value()
            for name, value in self
            if isinstance(value, SecretStr)
        }
