"""What a manifest says of a data file."""

from typing import Annotated

from pydantic import Field, StringConstraints

from headwater.model.base import Document


class Expected(Document):
    """Size, checksums and number of records that a file has to have; what the manifest does not say is None.

    Checksums are hexadecimal, in lower case.
    """

    size_bytes: int | None = Field(default=None, ge=0)
    records: int | None = Field(default=None, ge=0)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    md5: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
