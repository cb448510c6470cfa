"""The base of every document: frozen, camelCase on the wire, snake_case when authored, None left out."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,127}$")]
"""A resource's name: a letter, then letters, digits, `_`, `.` or `-`; at most 128 characters."""


class Document(BaseModel):
    """What crosses a border or is stored as JSON.

    Keys are accepted in snake_case (as people author them) and camelCase (as AEP's API has them). Unknown keys are
    errors. An attribute that Python or pydantic claims for itself (`class`, `schema`) is named `xdm_…` in code only.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )

    def to_json(self) -> dict[str, Any]:
        """The JSON form: camelCase keys, None left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def to_authored(self) -> dict[str, Any]:
        """The form that people write: snake_case keys, None and defaults left out."""
        dumped = self.model_dump(mode="json", by_alias=False, exclude_none=True, exclude_defaults=True)
        return {key.removeprefix("xdm_"): value for key, value in dumped.items()}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read either form.

        Raises:
            pydantic.ValidationError: the value does not fit.
        """
        return cls.model_validate(value)
