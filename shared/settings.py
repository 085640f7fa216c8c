"""Settings of the installation: environment variables, checked at the start, named when wrong."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class InstallationSettings(BaseSettings):
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
    allowed_outbound_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Host names, comma-separated, that may be called although private or plain"
        " HTTP.",
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that /metrics asks for; unset: loopback only."
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
