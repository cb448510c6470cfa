"""The form of a manual run, and what a Dag run asks of a flow run."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from airflow.sdk import Param
from airflow.sdk.definitions.context import Context
from pydantic import TypeAdapter, ValidationError
from pydantic.types import AwareDatetime

from headwater.errors import HeadwaterError
from headwater.model.documents import Dataflow, RunRequest

Trigger = Literal["scheduled", "manual", "backfill", "asset"]

_TEXT = ["null", "string"]
_FIELDS: Final = {
    "account": "account",
    "path": "path",
    "files": "files",
    "from": "window_start",
    "to": "window_end",
    "reprocess": "reprocess",
    "dry_run": "dry_run",
    "row_limit": "row_limit",
}
"""What a run may override: names in the form, and in `RunRequest`."""

_TRIGGERS: Final[Mapping[str, Trigger]] = {
    "scheduled": "scheduled",
    "backfill": "backfill",
    "asset_triggered": "asset",
    "asset_materialization": "asset",
}


def run_params(flow: Dataflow) -> dict[str, Param]:
    """The form that Airflow shows when somebody triggers the dataflow's Dag; every field may stay empty."""
    source = flow.source
    return {
        "account": Param(
            None,
            type=_TEXT,
            title="Account",
            description=f"Connection id to read from. Empty: {source.account}, as in the dataflow.",
        ),
        "path": Param(
            None,
            type=_TEXT,
            title="Folder",
            description=f"Folder on the source. Empty: {source.path}, as in the dataflow.",
        ),
        "files": Param(
            None,
            type=_TEXT,
            title="File names",
            description=f"Glob, or regex: and a regular expression. Empty: {source.files}, as in the dataflow.",
        ),
        "from": Param(
            None,
            type=_TEXT,
            format="date-time",
            title="Modified after",
            description="Only files that were modified after this time. Empty: no limit.",
        ),
        "to": Param(
            None,
            type=_TEXT,
            format="date-time",
            title="Modified until",
            description="Only files that were modified at or before this time. Empty: no limit.",
        ),
        "reprocess": Param(
            False,
            type="boolean",
            title="Load again what is loaded",
            description="Take files that are already in the lake, and replace their rows.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Check only",
            description="Read and check the files; load nothing, notify nobody.",
        ),
        "row_limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Records per file",
            description="Check only the first records of each file; loads nothing. Empty: all records.",
        ),
    }


def run_request(context: Context) -> RunRequest:
    """What a Dag run asks for: its parameters, and for a backfill its data interval as the files' window.

    Raises:
        HeadwaterError: a parameter is unknown or wrong; names it and what was expected.
    """
    dag_run = context["dag_run"]
    trigger = _TRIGGERS.get(str(getattr(dag_run.run_type, "value", dag_run.run_type)), "manual")
    window = (dag_run.data_interval_start, dag_run.data_interval_end) if trigger == "backfill" else (None, None)
    return request_from_params(
        context["params"],
        trigger=trigger,
        dag_run_id=dag_run.run_id,
        logical_date=dag_run.logical_date,
        window=window,
    )


def request_from_params(
    params: Mapping[str, Any],
    *,
    trigger: Trigger,
    dag_run_id: str,
    logical_date: datetime | None = None,
    window: tuple[datetime | None, datetime | None] = (None, None),
) -> RunRequest:
    """Read the form's values. Empty text counts as not given; `window` applies where the form gives no times.

    Raises:
        HeadwaterError: a parameter is unknown or wrong; names it and what was expected.
    """
    unknown = sorted(set(params) - set(_FIELDS))
    if unknown:
        raise HeadwaterError(
            f"unknown run parameters {', '.join(unknown)}; known are {', '.join(_FIELDS)}. Nothing was read."
        )
    given = {name: value for name, value in params.items() if value not in (None, "")}
    for name in ("from", "to"):
        if name in given:
            given[name] = _moment(name, given[name])
    start, end = given.get("from", window[0]), given.get("to", window[1])
    if start is not None and end is not None and start >= end:
        raise HeadwaterError(
            f"run parameters `from` ({start.isoformat()}) and `to` ({end.isoformat()}) leave no time between them; "
            "`from` has to be earlier. Nothing was read."
        )
    values = {_FIELDS[name]: value for name, value in given.items()} | {"window_start": start, "window_end": end}
    try:
        return RunRequest.model_validate(
            values | {"trigger": trigger, "dag_run_id": dag_run_id, "logical_date": logical_date}
        )
    except ValidationError as error:
        raise HeadwaterError(_explain(error)) from None


def _moment(name: str, value: object) -> datetime:
    try:
        return TypeAdapter(AwareDatetime).validate_python(value)
    except ValidationError:
        raise HeadwaterError(
            f"run parameter `{name}` is {value!r}; expected a time with its zone, such as "
            '"2026-11-01T02:00:00Z". Nothing was read.'
        ) from None


def _explain(error: ValidationError) -> str:
    form_names = {field: name for name, field in _FIELDS.items()} | {"rowLimit": "row_limit", "dryRun": "dry_run"}
    reasons = "; ".join(
        f"run parameter `{form_names.get(str(found['loc'][0]), found['loc'][0])}` is {found['input']!r}: {found['msg']}"
        for found in error.errors(include_url=False)
    )
    return f"{reasons}. Nothing was read."
