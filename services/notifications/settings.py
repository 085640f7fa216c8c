"""Settings of notifications: environment variables, checked at the start."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class NotificationsSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="NOTIFICATIONS_", extra="ignore")

    link_valid_hours: int = Field(
        72, ge=1, le=24 * 90, description="How long a link sent to one person works, in hours."
    )
    deliveries_at_once: int = Field(
        200, ge=1, le=5_000, description="Messages that one look at the outbox takes."
    )
