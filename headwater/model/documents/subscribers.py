"""Who is told about what."""

from typing import Annotated, Literal, Self

from pydantic import Field, HttpUrl, StringConstraints, model_validator

from headwater.model.base import Name
from headwater.model.documents.resource import Resource, SecretRef

BatchEventCode = Literal[
    "ing_load_success",
    "ing_load_failure",
    "ig_load_success",
    "ig_load_failure",
    "ps_load_success",
    "ps_load_failure",
]
FlowRunEventCode = Literal["sources_flow_run_success", "sources_flow_run_failure"]
FileEventCode = Literal["sources_file_late", "sources_file_missing", "sources_file_short", "sources_file_empty"]
EventCode = Literal[BatchEventCode, FlowRunEventCode, FileEventCode]


class Webhook(Resource):
    """Who is told about what. `secret` signs each delivery.

    It gets the `events` of every dataflow that names it in `notify`, and of the datasets that it names itself.
    """

    kind: Literal["webhook"] = "webhook"
    url: HttpUrl
    secret: SecretRef | None = None
    events: tuple[EventCode, ...] = Field(min_length=1)
    datasets: tuple[Name, ...] = ()
    enabled: bool = True


class Notifier(Resource):
    """Who is told about what by e-mail or in Slack, through Airflow's own notifiers; as with a webhook otherwise.

    `connection` is the id of an Airflow Connection: of type `smtp` for `email`, of type `slackwebhook` for `slack`,
    where it stands for the channel. `to` are the addresses of an e-mail.
    """

    kind: Literal["notifier"] = "notifier"
    type: Literal["email", "slack"]
    connection: str = Field(min_length=1, max_length=250)
    to: tuple[Annotated[str, StringConstraints(pattern=r"^[^\s@,;<>]+@[^\s@,;<>]+$", max_length=254)], ...] = ()
    events: tuple[EventCode, ...] = Field(min_length=1)
    datasets: tuple[Name, ...] = ()
    enabled: bool = True

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if (self.type == "email") != bool(self.to):
            raise ValueError("`to` names the addresses of an e-mail, and is given with `type: email` only")
        return self
