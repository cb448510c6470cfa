"""What S3's answers say about an object, and how to ask for exactly that one."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.objects.checksums import ALGORITHMS, Checksum, checksum
from connectors.objects.store import StoredObject

_MD5 = re.compile(r"[0-9a-f]{32}")


def read_object(key: str, answer: Mapping[str, Any], *, by_id: bool) -> StoredObject:
    """Read an entry of a listing, or the answer to HEAD.

    Args:
        key: The object's key.
        answer: What boto3 returned.
        by_id: Whether versions are told by the bucket's version ids. Where it keeps none, it is the ETag, in quotes.
    """
    etag = quoted(answer.get("ETag"))
    version_id = answer.get("VersionId")
    modified_at: datetime | None = answer.get("LastModified")
    return StoredObject(
        key=key,
        size_bytes=answer.get("Size", answer.get("ContentLength")),
        modified_at=modified_at.astimezone(UTC) if modified_at is not None else None,
        version=version_id if by_id and version_id not in (None, "null") else etag,
        etag=etag,
        checksum=_checksum(answer),
    )


def request_for(version: str | None) -> dict[str, str]:
    """Return the arguments of a request for a `StoredObject.version` and no other; ETags are the quoted ones."""
    if version is None:
        return {}
    return {"IfMatch": version} if version.startswith('"') else {"VersionId": version}


def quoted(etag: str | None) -> str | None:
    """Return an ETag in quotes; some stores leave them out."""
    return f'"{etag.strip(chr(34))}"' if etag else None


def _checksum(answer: Mapping[str, Any]) -> Checksum | None:
    """The checksum of the whole object. An ETag is none where the object came in parts or is encrypted with a key."""
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
