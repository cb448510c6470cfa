"""How to reach a source."""

from typing import Any, Literal

from pydantic import Field

from headwater.model.documents.resource import Resource


class Account(Resource):
    """How to reach a source, for runs without Airflow; under Airflow a Connection of the same id comes first.

    `params` are the connector's own (see its page in the reference); a parameter that is secret is a `SecretRef`. An
    account of type `pgp` is no source, but the keys of encrypted files.
    """

    kind: Literal["account"] = "account"
    type: str
    params: dict[str, Any] = Field(default_factory=dict)
