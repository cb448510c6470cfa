"""What a dataflow may say about the format of its files."""

from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from headwater.formats.blocks import Limits
from headwater.model.base import Document

CompressionType = Literal["bzip2", "gzip", "deflate", "zipDeflate", "tarGzip", "tar", "zstd"]
"""AEP's names of what a file is wrapped in (sources.md, section 6), and `zstd`."""

_COMPRESSION_TYPES: Final[dict[str, CompressionType]] = {
    "bzip2": "bzip2",
    "bz2": "bzip2",
    "gzip": "gzip",
    "gz": "gzip",
    "deflate": "deflate",
    "zipdeflate": "zipDeflate",
    "zip": "zipDeflate",
    "targzip": "tarGzip",
    "tar.gz": "tarGzip",
    "tgz": "tarGzip",
    "tar": "tar",
    "zstd": "zstd",
    "zst": "zstd",
}


class FormatOptions(Document):
    r"""Options of a file format; those of another format than the file's are not used.

    Attributes:
        delimiter: CSV: one character; `\t` is a tab.
        quote: CSV: one character; it is doubled within a quoted field.
        escape: CSV: a character that takes the next one's meaning away; None as RFC 4180 has it.
        encoding: CSV: of the text; the three of UTF-16 hold for JSON too. A byte order mark goes before it.
        null_marker: CSV: a field of exactly this text has no value.
        max_record_bytes: A longer record is rejected.
        compression_type: What the file is wrapped in, by AEP's names and `zstd`; None leaves it to the content. Written
            in any case, or as the ending of a file's name, it becomes AEP's name.
        max_unpacked_bytes: What a packed file may become.
        timestamps: How times are written (`headwater.timestamps.options.TimestampOptions`).
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    encoding: Literal["utf-8", "iso-8859-1", "windows-1252", "utf-16", "utf-16-le", "utf-16-be"] = "utf-8"
    null_marker: str | None = None
    max_record_bytes: int = Field(default=16 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    compression_type: CompressionType | None = None
    max_unpacked_bytes: int = Field(default=100 * 1024**3, ge=1024 * 1024)
    timestamps: dict[str, Any] = Field(default_factory=dict)

    @field_validator("delimiter", mode="before")
    @classmethod
    def _tab(cls, value: object) -> object:
        return "\t" if value == "\\t" else value

    @field_validator("encoding", mode="before")
    @classmethod
    def _encoding(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("compression_type", mode="before")
    @classmethod
    def _compression(cls, value: object) -> object:
        return _COMPRESSION_TYPES.get(value.lower(), value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _distinct_characters(self) -> "FormatOptions":
        characters = [c for c in (self.delimiter, self.quote, self.escape) if c is not None]
        for character in characters:
            if len(character) != 1 or not character.isascii() or character in "\r\n\0":
                raise ValueError(f"delimiter, quote and escape are one ASCII character each, not {character!r}")
        if len(set(characters)) != len(characters):
            raise ValueError("delimiter, quote and escape must differ")
        return self

    @property
    def byte_encoding(self) -> str:
        """Of the bytes that records consist of: UTF-16 is turned into UTF-8 before records are told apart."""
        return "utf-8" if self.encoding.startswith("utf-16") else self.encoding

    @property
    def limits(self) -> Limits:
        """How much of a file is held at once."""
        return Limits(max_record_bytes=self.max_record_bytes)
