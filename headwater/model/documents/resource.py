"""What every authored document has, and how one refers to a secret."""

from typing import Self

from pydantic import model_validator

from headwater.model.base import Document, Name


class SecretRef(Document):
    """Where a secret is kept; documents never hold the secret itself. Exactly one of the two is given."""

    env: str | None = None
    file: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give exactly one of `env` (a variable's name) and `file` (a path)")
        return self


class Resource(Document):
    """What every authored document has beside its `kind`."""

    name: Name
    title: str | None = None
    description: str | None = None
