"""What a dataflow may declare about the timestamps of its files."""

from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import field_validator, model_validator

from headwater.model.base import Document
from headwater.timestamps.patterns import AEP_PATTERNS, DatePattern, compile_pattern

Unit = Literal["seconds", "milliseconds", "microseconds", "nanoseconds"]


class TimestampOptions(Document):
    """How times are written where they are neither ISO 8601 with an offset nor epoch milliseconds.

    Attributes:
        unit: Unit of numbers. None means AEP's milliseconds, and refuses numbers that look like seconds.
        zone: IANA zone of texts that name none (`Europe/Berlin`). Without it such texts are refused.
        patterns: Java date patterns (`dd.MM.yyyy HH:mm`), tried in order after ISO 8601; `aep` stands for the eighteen
            that AEP's mapper tries (spec: data-prep.md, section 5.2), read as UTC unless `zone` says otherwise.
    """

    unit: Unit | None = None
    zone: str | None = None
    patterns: tuple[str, ...] | Literal["aep"] = ()

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError(f"{name!r} is no IANA time zone; write it like 'Europe/Berlin' or 'UTC'") from None
        return name

    @model_validator(mode="after")
    def _patterns_have_a_zone(self) -> "TimestampOptions":
        for pattern in self.compiled_patterns():
            if pattern.needs_zone and self.local_zone() is None:
                raise ValueError(f"pattern {pattern.text!r} has a time of day but no offset; declare `zone` with it")
        return self

    def compiled_patterns(self) -> tuple[DatePattern, ...]:
        """The declared patterns, ready to read with (compiled once per process)."""
        texts = AEP_PATTERNS if self.patterns == "aep" else self.patterns
        return tuple(compile_pattern(text) for text in texts)

    def local_zone(self) -> ZoneInfo | None:
        """The zone of texts that name none, or None where such texts are refused."""
        if self.zone is None:
            return ZoneInfo("UTC") if self.patterns == "aep" else None
        return ZoneInfo(self.zone)
