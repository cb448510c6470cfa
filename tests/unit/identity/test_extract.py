from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import SchemaError
from headwater.identity import Identity, Namespaces, SkipReason
from headwater.identity.extract import IdentityReader, RowIdentities
from headwater.identity.rules import IdentityRules
from headwater.identity.values import check_value, is_placeholder
from headwater.model.documents import IdentityType
from headwater.model.xdm import IdentityField

ECID = "12345678901234567890123456789012345678"
ITEM = pa.struct([("id", pa.string()), ("authenticatedState", pa.string()), ("primary", pa.bool_())])
SCHEMA = pa.schema(
    [
        ("_luma", pa.struct([("ids", pa.struct([("crmId", pa.string()), ("loyaltyId", pa.string())]))])),
        ("identityMap", pa.map_(pa.string(), pa.list_(ITEM))),
    ]
)
NAMESPACES = Namespaces({"lumaCrmId": IdentityType.CROSS_DEVICE, "lumaLoyaltyId": IdentityType.CROSS_DEVICE})
CRM = IdentityField(path=("_luma", "ids", "crmId"), namespace="lumacrmid", primary=True)
LOYALTY = IdentityField(path=("_luma", "ids", "loyaltyId"), namespace="lumaLoyaltyId", primary=False)


FILLERS = ["test@test.com", "TEST@example.com", "no-reply@domain.org", "0000", "0", "00000000-0000-0000", "999 99 99"]
FILLERS += ["xxxx", "unknown", " None ", "n/a", "undefined"]


def batch(*records: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(records), schema=SCHEMA)


def reader(*fields: IdentityField, in_map: bool = False) -> IdentityReader:
    return IdentityReader(fields=fields, primary_in_identity_map=in_map, namespaces=NAMESPACES)


def names(identities: list[Identity]) -> list[tuple[str, str]]:
    return [(each.namespace, each.value) for each in identities]


def primaries(found: RowIdentities) -> list[str]:
    """Values, or the reasons why there are none."""
    return [each if isinstance(each, SkipReason) else each[1] for each in found.primary]


def test_descriptor_fields_and_identity_map_are_read_together() -> None:
    rows = batch({"_luma": {"ids": {"crmId": "c1", "loyaltyId": "l1"}}, "identityMap": {"ecid": [{"id": ECID}]}})
    found = reader(CRM, LOYALTY).read(rows)
    assert names(found.of_row(0)) == [("lumaCrmId", "c1"), ("lumaLoyaltyId", "l1"), ("ECID", ECID)]
    assert primaries(found) == ["c1"]
    assert not found.skipped


def test_rows_keep_their_places_in_sliced_batches() -> None:
    rows = batch(
        {"_luma": None, "identityMap": {"lumaCrmId": [{"id": "a"}, {"id": "b", "primary": True}]}},
        {"_luma": {"ids": None}, "identityMap": None},
        {"_luma": {"ids": {"crmId": "c"}}, "identityMap": {}},
        {"identityMap": {"lumaCrmId": None, "lumaLoyaltyId": [{"id": "l", "primary": True}], "ECID": []}},
    )
    whole = reader(CRM, LOYALTY, in_map=True).read(rows)
    assert [names(whole.of_row(row)) for row in range(4)] == [
        [("lumaCrmId", "a"), ("lumaCrmId", "b")],
        [],
        [("lumaCrmId", "c")],
        [("lumaLoyaltyId", "l")],
    ]
    missing = SkipReason.NO_PRIMARY_IDENTITY
    assert primaries(whole) == ["b", missing, missing, "l"]
    for start in range(rows.num_rows):
        part = reader(CRM, LOYALTY, in_map=True).read(rows.slice(start))
        assert part.primary == whole.primary[start:]
        assert [part.of_row(row) for row in range(4 - start)] == [whole.of_row(row) for row in range(start, 4)]


def test_an_identity_in_field_and_map_counts_once() -> None:
    rows = batch({"_luma": {"ids": {"crmId": "c1"}}, "identityMap": {"LUMACRMID": [{"id": "c1"}, {"id": "c1"}]}})
    assert names(reader(CRM).read(rows).of_row(0)) == [("lumaCrmId", "c1")]


def test_what_is_no_identity_is_counted_by_reason() -> None:
    entries = {"nobodyKnows": [{"id": "1"}], "ECID": [{"id": "1"}], "lumaCrmId": [{"id": " "}, {"id": None}]}
    rows = batch({"_luma": {"ids": {"crmId": "anonymous"}}, "identityMap": entries}, {})
    found = reader(CRM).read(rows)
    assert not found.rows
    assert primaries(found) == [SkipReason.PLACEHOLDER_VALUE, SkipReason.NO_PRIMARY_IDENTITY]
    assert found.skipped == {
        SkipReason.PLACEHOLDER_VALUE: 1,
        SkipReason.UNKNOWN_NAMESPACE: 1,
        SkipReason.INVALID_ECID: 1,
        SkipReason.BLANK_VALUE: 1,
    }


@pytest.mark.parametrize(("count", "kept"), [(20, 20), (21, 0)])
def test_a_record_has_at_most_twenty_identities(count: int, kept: int) -> None:
    entries = [{"id": str(number), "primary": number == 3} for number in range(count)]
    found = reader(in_map=True).read(batch({"identityMap": {"lumaCrmId": entries}}))
    assert len(found.of_row(0)) == kept
    assert found.skipped == ({} if kept else {SkipReason.TOO_MANY_IDENTITIES: 21})
    assert primaries(found) == ["3"]


def test_of_two_primary_flags_the_first_counts() -> None:
    entries = {"lumaCrmId": [{"id": "a"}, {"id": "b", "primary": True}], "ECID": [{"id": ECID, "primary": True}]}
    assert primaries(reader(in_map=True).read(batch({"identityMap": entries}))) == ["b"]


def test_flags_do_not_matter_where_a_field_is_primary() -> None:
    rows = batch({"_luma": {"ids": {"crmId": "c"}}, "identityMap": {"ECID": [{"id": ECID, "primary": True}]}})
    assert primaries(reader(CRM).read(rows)) == ["c"]


def test_columns_that_rows_do_not_have_hold_no_identities() -> None:
    rows = pa.RecordBatch.from_pylist([{"_luma": {"other": "x"}}])
    field = IdentityField(path=("email",), namespace="Email", primary=True)
    assert not reader(CRM, field).read(rows).rows


def test_an_identity_cannot_lie_in_an_array() -> None:
    rows = pa.RecordBatch.from_pylist([{"emails": [{"address": "a"}]}])
    field = IdentityField(path=("emails", "address"), namespace="Email", primary=True)
    with pytest.raises(SchemaError) as caught:
        reader(field).read(rows)
    assert str(caught.value) == (
        "identity field 'emails.address' leads through list<item: struct<address: string>> above 'address'; an identity"
        " lies in an object's field, not in an array or map. Use `identityMap` for several identities of one kind."
    )


@settings(deadline=None)
@given(st.lists(st.text(max_size=6) | st.text("0189-.:+ aAx@", max_size=30) | st.sampled_from(FILLERS), max_size=20))
def test_a_column_is_judged_as_its_values_are_one_by_one(values: list[str]) -> None:
    """What passes without a closer look would have passed it."""
    rows = batch(*({"_luma": {"ids": {"crmId": value}}} for value in values))
    rules = IdentityRules(ignore_placeholders=True)
    strict = IdentityReader(fields=(CRM,), primary_in_identity_map=False, namespaces=NAMESPACES, rules=rules)
    for found, fillers in ((reader(CRM).read(rows), True), (strict.read(rows), False)):
        taken = [v for v in values if check_value("lumaCrmId", v) is None and (fillers or not is_placeholder(v))]
        assert sorted(found.values) == sorted(taken)
        assert found.placeholders == sum(is_placeholder(value) for value in found.values)
        assert len(found.values) + found.skipped.total() == len(values)


@pytest.mark.parametrize("value", FILLERS)
def test_fillers_are_seen(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize("value", ["ann@test.com.au", "test@acme.com", "1001", "00a0", "5625458", "x@y.org", "Ann"])
def test_what_names_somebody_is_no_filler(value: str) -> None:
    assert not is_placeholder(value)
