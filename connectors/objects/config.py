"""What people configure for every object store."""

from abc import ABC

from pydantic import Field

from connectors.base import ConnectorConfig
from connectors.pace import (
    LEAST_BYTES_PER_SECOND,
    LEAST_SPEED_SECONDS,
    LeastBytesPerSecond,
    LeastSpeed,
    LeastSpeedSeconds,
)


class ObjectStoreConfig(ConnectorConfig, ABC):
    """The settings that all kinds of object stores share."""

    bucket_name: str = Field(
        title="Bucket", description="Name of the bucket, without a protocol.", examples=["example-exchange"]
    )
    folder_path: str | None = Field(
        default=None,
        title="Folder",
        description="The folder that the account gives access to: all paths are relative to it. Without it, the whole "
        "bucket.",
    )
    ca_certificate: str | None = Field(
        default=None,
        title="CA certificate",
        description="Certificates of the authorities that are trusted instead of the public ones: PEM text, or the "
        "path of a file.",
    )
    verify_checksums: bool = Field(
        default=True,
        title="Verify checksums",
        description="Compare what was read with the checksum that the store keeps, if a file is read whole.",
    )
    timeout_seconds: float = Field(
        default=30, gt=0, le=600, title="Timeout", description="How many seconds to wait for each answer."
    )
    least_bytes_per_second: LeastBytesPerSecond = LEAST_BYTES_PER_SECOND
    least_speed_seconds: LeastSpeedSeconds = LEAST_SPEED_SECONDS
    max_attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        title="Most attempts",
        description="How often a request is made before it counts as failed.",
    )
    parallel_parts: int = Field(
        default=4, ge=1, le=32, title="Parallel parts", description="How many parts of a file are fetched at once."
    )
    part_bytes: int = Field(
        default=8 * 1024 * 1024,
        ge=64 * 1024,
        le=256 * 1024 * 1024,
        title="Size of a part",
        description="Size of the parts in bytes. Up to `parallel_parts` times as much is held in memory for each file "
        "that is being read.",
    )

    @property
    def least_speed(self) -> LeastSpeed:
        """How fast the store has to send."""
        return LeastSpeed(bytes_per_second=self.least_bytes_per_second, seconds=self.least_speed_seconds)
