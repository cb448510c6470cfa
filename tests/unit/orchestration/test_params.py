from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamsDict

from headwater.errors import HeadwaterError
from headwater.model.documents import Dataflow, RunRequest
from headwater.orchestration.params import request_from_params, run_params

FLOW = Dataflow.from_json(
    {
        "kind": "dataflow",
        "name": "purchases",
        "source": {"account": "partner", "path": "/out", "files": "*.json"},
        "target": {"dataset": "purchases"},
        "schedule": {"frequency": "once"},
    }
)


def request(**params: object) -> RunRequest:
    return request_from_params(params, trigger="manual", dag_run_id="manual__1")


def test_an_untouched_form_asks_for_nothing_special() -> None:
    form = ParamsDict(dict(run_params(FLOW))).validate()

    assert request(**form) == RunRequest(dag_run_id="manual__1")


def test_every_field_of_the_form_reaches_the_request() -> None:
    asked = request(
        **{
            "account": "other",
            "path": "/in",
            "files": "regex:.*",
            "from": "2026-11-01T02:00:00Z",
            "to": "2026-11-02T02:00:00+01:00",
            "reprocess": True,
            "dry_run": True,
            "row_limit": 10,
        }
    )

    assert asked == RunRequest(
        account="other",
        path="/in",
        files="regex:.*",
        window_start=datetime(2026, 11, 1, 2, tzinfo=UTC),
        window_end=datetime(2026, 11, 2, 1, tzinfo=UTC),
        reprocess=True,
        dry_run=True,
        row_limit=10,
        dag_run_id="manual__1",
    )


def test_the_form_says_what_empty_means() -> None:
    form = run_params(FLOW)

    assert form["account"].description == "Connection id to read from. Empty: partner, as in the dataflow."
    assert form["path"].description == "Folder on the source. Empty: /out, as in the dataflow."
    assert all(param.schema["title"] and param.description for param in form.values())
    assert [form[name].schema.get("format") for name in ("from", "to")] == ["date-time", "date-time"]


def test_empty_text_counts_as_not_given() -> None:
    assert request(account="", path="", files="") == RunRequest(dag_run_id="manual__1")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pth": "/x"}, "unknown run parameters pth; known are account, path, files, from, to, reprocess, dry_run"),
        ({"from": "yesterday"}, "run parameter `from` is 'yesterday'; expected a time with its zone, such as"),
        ({"to": "2026-11-01T02:00:00"}, "run parameter `to` is '2026-11-01T02:00:00'; expected a time with its zone"),
        ({"row_limit": 0}, "run parameter `row_limit` is 0: Input should be greater than or equal to 1"),
        (
            {"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"},
            r"`from` \(2026-11-02T00:00:00\+00:00\) and `to` \(2026-11-01T00:00:00\+00:00\) leave no time",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(params: dict[str, Any], message: str) -> None:
    with pytest.raises(HeadwaterError, match=message) as caught:
        request(**params)

    assert not caught.value.retryable
    assert str(caught.value).endswith("Nothing was read.")


def test_a_backfill_takes_its_data_interval_unless_the_form_gives_times() -> None:
    window = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
    later = "2026-11-01T12:00:00Z"

    plain = request_from_params({}, trigger="backfill", dag_run_id="b", window=window)
    narrowed = request_from_params({"from": later}, trigger="backfill", dag_run_id="b", window=window)

    assert (plain.window_start, plain.window_end) == window
    assert (narrowed.window_start, narrowed.window_end) == (datetime(2026, 11, 1, 12, tzinfo=UTC), window[1])
