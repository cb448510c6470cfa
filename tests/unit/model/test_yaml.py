import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import DocumentError
from headwater.model.documents import RESOURCE_TYPES, Account, Dataflow, Dataset, IdentityNamespace, Schema
from headwater.model.nodes import MAX_CHARACTERS
from headwater.model.yaml import KINDS, dump_document, find_line, parse_document

FLOW = """\
# Shop purchases
kind: dataflow
name: purchases
source:
  account: luma_sftp
  path: /outbox
  files: "*.json"
  ready: {settle_seconds: 5, ignore: ["*.part"]}
target: {dataset: purchase_events}
schedule: {frequency: day, start: 2026-11-01T02:00:00Z, backfill: no}
partial_ingestion: {threshold_percent: 5}
"""


def refuse(text: str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        parse_document(text, file="flows/f.yaml")
    return caught.value


def test_a_document_becomes_its_resource() -> None:
    flow = parse_document(FLOW, file="f.yaml")

    assert isinstance(flow, Dataflow)
    assert flow.source.ready.settle_seconds == 5
    assert flow.schedule.start == datetime(2026, 11, 1, 2, tzinfo=UTC)
    assert flow.schedule.backfill is False
    assert flow.threshold_percent == 5


def test_camel_case_keys_are_read_too() -> None:
    camel = FLOW.replace("settle_seconds", "settleSeconds").replace("partial_ingestion", "partialIngestion")

    assert parse_document(camel, file="f.yaml") == parse_document(FLOW, file="f.yaml")


def test_a_misspelt_key_names_the_nearest_and_hides_the_missing_one() -> None:
    error = refuse(FLOW.replace("schedule:", "shedule:"))

    assert str(error) == "flows/f.yaml:10: shedule: unknown key `shedule`; did you mean `schedule`?"
    assert (error.file, error.line, error.key) == ("flows/f.yaml", 10, "shedule")


def test_an_unknown_key_that_resembles_none_lists_the_known() -> None:
    error = refuse(FLOW.replace("{dataset: purchase_events}", "{dataset: purchase_events, zzz: 1}"))

    assert str(error) == "flows/f.yaml:9: target.zzz: unknown key `zzz`; known are `dataset`"


def test_every_problem_is_listed_in_the_order_of_the_text() -> None:
    text = (
        FLOW.replace("account: luma_sftp", "account: 7")
        .replace("settle_seconds: 5", "settle_seconds: soon")
        .replace("frequency: day", "frequency: month")
        .replace("threshold_percent: 5", "threshold_percent: 500")
    )

    assert str(refuse(text)).splitlines() == [
        'flows/f.yaml:5: source.account: expected text; put it in quotes ("…"), found `7`',
        "flows/f.yaml:8: source.ready.settle_seconds: expected a whole number, found `soon`",
        "flows/f.yaml:10: schedule.frequency: expected 'once', 'minute', 'hour', 'day' or 'week', found `month`",
        "flows/f.yaml:11: partial_ingestion.threshold_percent: expected less than or equal to 100, found `500`",
    ]


def test_a_missing_key_is_reported_at_its_parent() -> None:
    error = refuse(FLOW.replace("{dataset: purchase_events}", "{}"))

    assert str(error) == "flows/f.yaml:9: target.dataset: key `dataset` is missing"


def test_a_key_in_both_spellings_is_refused() -> None:
    error = refuse(FLOW.replace("settle_seconds: 5", "settle_seconds: 5, settleSeconds: 6"))

    assert str(error) == (
        "flows/f.yaml:8: source.ready.settle_seconds: key `settle_seconds` is given twice, "
        "as `settle_seconds` and as `settleSeconds`; keep one"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "kind: dataset\nname: A-b\nschema: s\n",
            "2: name: expected a small letter, then small letters, digits or `_`, at most 128 characters, found `A-b`",
        ),
        (
            "kind: class\nname: 1a\nbehavior: record\n",
            "2: name: expected a letter, then letters, digits, `_`, `.` or `-`, at most 128 characters, found `1a`",
        ),
        (
            "kind: descriptor\nname: d\ntype: identity\nschema: s\nnamespace: n\nproperty: person.name\n",
            "6: property: expected a path such as `/person/name`, found `person.name`",
        ),
        (
            "kind: webhook\nname: w\nurl: https://example.com\nevents: []\n",
            "4: events: is empty; give at least one entry",
        ),
        ("kind: dataset\nname: d\nschema:\n", '3: schema: expected text; put it in quotes ("…"), found nothing'),
        ("kind: dataset\nname: d\nschema: s\nupsert: maybe\n", "4: upsert: expected true or false, found `maybe`"),
        ("kind: dataset\nname: d\nschema: [s]\n", '3: schema: expected text; put it in quotes ("…")'),
        (
            "kind: dataflow\nname: f\nsource: s\ntarget: d\nschedule: {frequency: day}\n",
            "3: source: expected a mapping with `account`, `path`, `files`, `recursive`, `format`, `format_options`, "
            "`ready`, `changed_files`, `encryption`\nflows/f.yaml:4: target: expected a mapping with `dataset`",
        ),
    ],
)
def test_wrong_values_are_told_what_was_expected(text: str, problem: str) -> None:
    assert str(refuse(text)) == f"flows/f.yaml:{problem}"


def test_a_time_without_zone_is_refused() -> None:
    error = refuse(FLOW.replace("02:00:00Z", "02:00:00"))

    assert str(error) == (
        "flows/f.yaml:10: schedule.start: expected a time with its zone, such as "
        '"2026-11-01T02:00:00Z", found `2026-11-01T02:00:00`'
    )


def test_an_entry_of_a_list_is_named_by_position() -> None:
    error = refuse(
        "kind: webhook\nname: w\nurl: https://example.com\nevents:\n  - ing_load_success\n  - ing_load_sucess\n"
    )

    assert error.line == 6
    assert error.key == "events[1]"
    assert str(error).startswith("flows/f.yaml:6: events[1]: expected 'ing_load_success', ")
    assert str(error).endswith("found `ing_load_sucess`; did you mean `ing_load_success`?")


def test_a_rule_between_keys_is_reported() -> None:
    error = refuse(FLOW.replace("frequency: day", "frequency: minute"))

    assert str(error) == "flows/f.yaml:10: schedule: `interval` with `minute` is at least 15, not 1"


@pytest.mark.parametrize(
    "text", ["secret: hunter2\nurl: https://example.com", "secret: {env: A}\nurl: ftp://u:hunter2@h"]
)
def test_what_may_be_secret_is_not_repeated(text: str) -> None:
    assert "hunter2" not in str(refuse(f"kind: webhook\nname: w\nevents: [ing_load_success]\n{text}\n"))


def test_kind_missing_names_the_valid_ones() -> None:
    error = refuse("name: x\n")

    assert str(error) == f"flows/f.yaml:1: key `kind` is missing; kinds are {KINDS}"
    assert all(f"`{kind}`" in KINDS for kind in RESOURCE_TYPES)


def test_kind_unknown_names_the_nearest() -> None:
    error = refuse("name: x\nkind: dataflo\n")

    assert str(error) == f"flows/f.yaml:2: unknown kind `dataflo`; did you mean `dataflow`? Kinds are {KINDS}"
    assert (error.line, error.key) == (2, "kind")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: the file is empty; a document begins with `kind` and `name`"),
        ("# nothing\n", ":2: the file is empty; a document begins with `kind` and `name`"),
        ("- kind: dataset\n", f":1: expected a mapping with `kind` and `name`; kinds are {KINDS}"),
        ("kind: [1, 2]\n", f":1: unknown kind `[1, 2]`; kinds are {KINDS}"),
        (FLOW + "---\n" + FLOW, ":12: a second document begins here (`---`); write one resource per file"),
        (FLOW + "name: again\n", ":12: key `name` is given twice, first in line 3; keep one"),
        ("a: [1,\nb: 2", ":3: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence"),
        ("a: \x01", ":1: not valid YAML: control characters are not allowed (#x0001)"),
        ("a: \ud800", ":1: the text holds half of a surrogate pair; save the file as UTF-8"),
        ("? [a]\n: b", ":1: a key is text, not a list, a mapping or an alias"),
        ("a: {<<: {b: c}}", ":1: merge keys (`<<`) are not supported; write the keys out"),
        ("a: &a [*a]", ":1: alias `*a` stands for nothing; its anchor comes first"),
        ("a: !!int x", ":1: `x` is not what its tag `tag:yaml.org,2002:int` says"),
        pytest.param("\n[" * 500_000, ":66: values are nested more than 64 deep", id="deep"),
    ],
)
def test_what_is_not_one_plain_document_is_refused(text: str, message: str) -> None:
    assert str(refuse(text)) == f"flows/f.yaml{message}"


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system", "!local"])
def test_tags_are_refused(tag: str) -> None:
    assert "is not supported; leave it out" in str(refuse(f"a: {tag} [x]"))


def test_a_text_beyond_the_bound_is_refused() -> None:
    assert str(refuse("#" * (MAX_CHARACTERS + 1))) == (
        "flows/f.yaml:1: the document has 1,048,577 characters; 1,048,576 is the most that is read"
    )


def test_aliases_that_multiply_are_refused() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]

    assert str(refuse("\n".join(["l0: &l0 [x, x, x]", *levels]))) == (
        "flows/f.yaml:6: the document has more than 100,000 values, aliases written out"
    )


def test_an_alias_stands_for_its_anchor() -> None:
    account = parse_document(
        "kind: account\nname: a\ntype: sftp\nparams: {first: &f {x: [1]}, second: *f}\n", file="a.yaml"
    )

    assert isinstance(account, Account)
    assert account.params == {"first": {"x": [1]}, "second": {"x": [1]}}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("02:00", "02:00"),
        ("2026-11-01", "2026-11-01"),
        ("0123", "0123"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("12", 12),
        ("-1.5e3", -1500.0),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        pytest.param("9" * 5000, "9" * 5000, id="long"),
    ],
)
def test_plain_scalars_follow_the_core_schema(written: str, value: object) -> None:
    account = parse_document(
        f"kind: account\nname: a\ntype: sftp\nparams: {{list: [{written or '~'}]}}\n", file="a.yaml"
    )

    assert isinstance(account, Account)
    assert account.params["list"] == [value]
    assert type(account.params["list"][0]) is type(value)


def test_find_line_answers_for_either_spelling_and_for_absent_keys() -> None:
    assert find_line(FLOW, "target", "dataset") == 9
    assert find_line(FLOW, "source", "ready", "settleSeconds") == 8
    assert find_line(FLOW, "source", "ready", "ignore", 0) == 8
    assert find_line(FLOW, "source", "format") == 4
    assert find_line("a: [", "a") is None


def test_dumping_puts_kind_and_name_first_and_leaves_defaults_out() -> None:
    schema = Schema(name="s", title="T: x", xdm_class="_xdm.context.profile", field_groups=("g",))

    assert dump_document(schema) == (
        "kind: schema\nname: s\ntitle: 'T: x'\nclass: _xdm.context.profile\nfield_groups:\n  - g\n"
    )


def test_dumping_a_flow_and_reading_it_gives_the_same() -> None:
    flow = parse_document(FLOW, file="f.yaml")

    assert parse_document(dump_document(flow), file="f.yaml") == flow


@pytest.mark.parametrize(
    "resource",
    [
        Dataset(name="d", xdm_schema="s", upsert=True),
        IdentityNamespace.model_validate({"name": "crm", "type": "Cross_device"}),
    ],
)
def test_other_kinds_round_trip(resource: Dataset | IdentityNamespace) -> None:
    assert parse_document(dump_document(resource), file="f.yaml") == resource


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["1e5", "null", "0x1f", "0o7", "~", "no", "1.", ".5", "<<", "2026-11-01", "=", "- a", "a: b", "\t", "\n"]
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["x", "1", "<<", "true", "null"]), _VALUES))
def test_whatever_is_dumped_is_read_back(params: dict[str, object]) -> None:
    account = Account(name="a", type="sftp", params=params)

    assert parse_document(dump_document(account), file="a.yaml") == account


@given(st.text())
def test_no_text_gets_past_the_reader_or_crashes_it(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^f\.yaml"):
        parse_document(text, file="f.yaml")


def test_the_error_survives_pickling() -> None:
    error = refuse("name: x\n")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert (str(copy), copy.file, copy.line, copy.key) == (str(error), error.file, error.line, error.key)
