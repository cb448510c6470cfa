"""Which files a dataflow takes, and when they count as complete."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from headwater.model.base import Document


class Readiness(Document):
    """When a file counts as completely written. A file that does not is left alone and named in the run's notes.

    `settle_seconds`: unchanged for that long. `ignore`: names never taken. `marker`: a file beside it that says "done";
    `{file}` stands for the file's own name (`{file}.ok`), without it one marker serves the folder (`_SUCCESS`).
    `manifest`: a file beside it, named likewise, with sizes, checksums or record counts that have to agree.
    `check_tail`: whether the end of what was read has to look like an end. `deadline_seconds`: how long a file may be
    incomplete before that is an error of the run.
    """

    settle_seconds: int = Field(default=60, ge=0, le=86_400)
    ignore: tuple[str, ...] = ("*.part", "*.tmp", ".*")
    marker: str | None = None
    manifest: str | None = None
    check_tail: bool = True
    deadline_seconds: int = Field(default=86_400, ge=60, le=31_536_000)

    @model_validator(mode="after")
    def _beside_the_file(self) -> Self:
        for key, pattern in (("marker", self.marker), ("manifest", self.manifest)):
            if pattern is not None and (not pattern or "/" in pattern):
                raise ValueError(
                    f"`{key}` {pattern!r} is no name of a file beside the data, such as '{{file}}.ok' or '_SUCCESS'; "
                    "files of other folders are not looked at"
                )
            if pattern == "{file}":
                raise ValueError(
                    f"`{key}` '{{file}}' is the data file itself; give it another ending, as '{{file}}.ok'"
                )
        return self


class Encryption(Document):
    """How files come encrypted with OpenPGP, in AEP's words (spec: sources.md, section 12).

    `public_key_id` names the account of type `pgp` with the private key. With `sign_verification_key_id`, the account
    with the senders' public keys, or with `signer_fingerprints`, each file needs a good signature: by one of these
    keys. `required` refuses files that are not encrypted.
    """

    public_key_id: str = Field(min_length=1, max_length=250)
    sign_verification_key_id: str | None = Field(default=None, min_length=1, max_length=250)
    signer_fingerprints: tuple[str, ...] = ()
    required: bool = True

    @field_validator("signer_fingerprints")
    @classmethod
    def _fingerprints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple("".join(text.split()).upper() for text in value)
        for text, written in zip(found, value, strict=True):
            if len(text) not in (40, 64) or set(text) - set("0123456789ABCDEF"):
                raise ValueError(
                    f"{written!r} is no fingerprint of an OpenPGP key: 40 or 64 hexadecimal digits, as "
                    "`gpg --fingerprint` shows them"
                )
        return found


class Source(Document):
    """Which files of which account.

    `files` is a glob on the name, or on the path below `path` if it has a slash; with `regex:` before it, it is a
    regular expression on the path below `path`. `changed_files` says what becomes of the rows of a file's earlier
    version when a changed one is loaded: `append` keeps them, as AEP does; `supersede` replaces them in one commit.
    `encryption` names the keys of files that are encrypted with OpenPGP.
    """

    account: str
    path: str = "/"
    files: str = "*"
    recursive: bool = False
    format: Literal["auto", "json", "ndjson", "csv", "parquet"] = "auto"
    format_options: dict[str, Any] = Field(default_factory=dict)
    ready: Readiness = Readiness()
    changed_files: Literal["append", "supersede"] = "append"
    encryption: Encryption | None = None
