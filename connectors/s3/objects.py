"""What S3's answers say about an object, and how to ask for exactly that one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.objects.checksums import ALGORITHMS, Checksum, checksum

_MD5 = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectFacts:
    """One version of an object.

    Attributes:
        size_bytes: None if the store did not say.
        modified_at: Aware, UTC; None if the store did not say. Whole seconds.
        etag: In quotes, as it is sent; None if there is none.
        version_id: The store's version id; None where the bucket keeps no versions.
        checksum: Of the whole object; None if the store keeps none that can be verified. The ETag of an object that
            was uploaded in parts, or that is encrypted with a key of one's own, is none.
    """

    size_bytes: int | None
    modified_at: datetime | None
    etag: str | None
    version_id: str | None
    checksum: Checksum | None = None

    def version(self, *, by_id: bool) -> str | None:
        """Return what tells this version from others: its id, where there is one and it is asked for, or its ETag."""
        return self.version_id if by_id and self.version_id is not None else self.etag

    def request(self, *, by_id: bool) -> dict[str, str]:
        """Return the arguments of a request for this version and no other."""
        version = self.version(by_id=by_id)
        return {} if version is None else request_for(version)


def facts_of(answer: Mapping[str, Any]) -> ObjectFacts:
    """Read an entry of a listing, or the answer to HEAD."""
    return ObjectFacts(
        size_bytes=answer.get("Size", answer.get("ContentLength")),
        modified_at=_in_utc(answer.get("LastModified")),
        etag=quoted(answer.get("ETag")),
        version_id=version if (version := answer.get("VersionId")) != "null" else None,
        checksum=_checksum(answer),
    )


def request_for(version: str) -> dict[str, str]:
    """Return the arguments of a request for a version that `ObjectFacts.version` named; ETags are the quoted ones."""
    return {"IfMatch": version} if version.startswith('"') else {"VersionId": version}


def quoted(etag: str | None) -> str | None:
    """Return an ETag in quotes; some stores leave them out."""
    return f'"{etag.strip(chr(34))}"' if etag else None


def honours_range(answer: Mapping[str, Any], start: int, stop: int, size_bytes: int) -> bool:
    """Return whether an answer to GET holds the bytes from `start` up to `stop`, and no others."""
    found = _RANGE.fullmatch(answer.get("ContentRange") or "")
    if found is None:
        return (start, stop) == (0, size_bytes)
    return (int(found[1]), int(found[2]) + 1) == (start, stop) and found[3] in ("*", str(size_bytes))


def _checksum(answer: Mapping[str, Any]) -> Checksum | None:
    if answer.get("ChecksumType") != "COMPOSITE":
        for algorithm in ALGORITHMS:
            encoded = answer.get(f"Checksum{algorithm}")
            if encoded and (found := checksum(algorithm, encoded)) is not None:
                return found
    etag = (quoted(answer.get("ETag")) or "").strip('"')
    own_key = answer.get("SSECustomerAlgorithm") or (answer.get("ServerSideEncryption") or "").startswith("aws:kms")
    if _MD5.fullmatch(etag) and not own_key:
        return Checksum(algorithm="MD5", expected=bytes.fromhex(etag))
    return None


def _in_utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None
