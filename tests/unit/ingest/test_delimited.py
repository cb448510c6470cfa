"""Delimited files through the engine, with a mapping set and without."""

import csv
import io
import random
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater.errors import FileError, MappingError
from headwater.formats import FormatOptions
from headwater.ingest import Plan, compile_plan
from headwater.ingest.bindings import bind_fields, bind_mappings
from headwater.ingest.columns import compile_columns
from headwater.ingest.delimited import RULE, DelimitedEngine, RowwiseDelimitedEngine
from headwater.ingest.engine import Engine, JsonEngine
from headwater.ingest.judge import Judge
from headwater.ingest.mapped import MappedEngine
from headwater.mapping.apply import compile_mapping_set
from headwater.model.documents import MappingSet
from tests.unit.ingest.reading import Outcome, read
from tests.unit.ingest.schemas import ODD_VALUES

TEXT = {"type": "string"}
PRODUCT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "_t": {
            "type": "object",
            "required": ["productSku"],
            "properties": {
                "productSku": TEXT | {"pattern": "^[A-Za-z0-9-]+$"},
                "productName": TEXT,
                "productCategory": TEXT,
                "productColor": TEXT,
                "productSize": TEXT,
                "productPrice": {"type": "number", "minimum": 0},
                "inStock": {"type": "boolean"},
                "since": {"type": "string", "format": "date-time"},
                "day": {"type": "string", "format": "date"},
                "count": {"type": "integer", "meta:xdmType": "short", "maximum": 1000},
                "dimensions": {
                    "type": "object",
                    "required": ["unit"],
                    "properties": {"unit": TEXT, "width": {"type": "number"}},
                },
                "tags": {"type": "array", "items": TEXT},
                "labels": {"type": "object", "additionalProperties": TEXT},
            },
        },
        "source": TEXT,
    },
}
LUMA = b"""\xef\xbb\xbfSKU,Name,Category,Color,Size,Price
LLMH09,Abominable Hoodie,men:tops:hoodies_sweatshirts,blue,s,69
24-UG03,"Harmony ""Lumaflex\xe2\x84\xa2"", kit",gear,,,22.00
Luma-1,Pants,men:bottoms,black,32,35
"""
COLUMNS = ["SKU", "Name", "Category", "Color", "Size", "Price"]


def mapping_set(mappings: dict[str, str], **constants: str) -> MappingSet:
    """A mapping set from source -> destination, and constants by destination with `_t.` before it."""
    return MappingSet.from_json(
        {
            "kind": "mapping_set",
            "name": "products",
            "schema": "luma_product",
            "mappings": [{"source": source, "destination": destination} for source, destination in mappings.items()]
            + [
                {"source_type": "STATIC", "source": text, "destination": f"_t.{name}"}
                for name, text in constants.items()
            ],
        }
    )


LUMA_MAPPING = {column: f"_t.product{column.capitalize()}" for column in COLUMNS}


@pytest.fixture(scope="module")
def products() -> Plan:
    return compile_plan(PRODUCT, mapping=mapping_set(LUMA_MAPPING))


def row(outcome: Outcome, number: int = 0) -> dict[str, Any]:
    """What is stored below `_t`, without nulls."""
    return {name: value for name, value in (outcome.rows[number]["_t"] or {}).items() if value is not None}


def test_the_luma_products(products: Plan) -> None:
    outcome = read(products, LUMA)
    assert [row(outcome, i) for i in range(3)] == [
        {
            "productSku": "LLMH09",
            "productName": "Abominable Hoodie",
            "productCategory": "men:tops:hoodies_sweatshirts",
            "productColor": "blue",
            "productSize": "s",
            "productPrice": 69.0,
        },
        {
            "productSku": "24-UG03",
            "productName": 'Harmony "Lumaflex™", kit',
            "productCategory": "gear",
            "productPrice": 22.0,
        },
        {
            "productSku": "Luma-1",
            "productName": "Pants",
            "productCategory": "men:bottoms",
            "productColor": "black",
            "productSize": "32",
            "productPrice": 35.0,
        },
    ]
    assert all(
        LUMA[found["byte_offset"] :].startswith(start)
        for found, start in zip(outcome.rows, [b"LL", b"24", b"Lu"], strict=True)
    )
    assert outcome.report.notes == ()


def test_rejected_rows_and_left_out_values(products: Plan) -> None:
    outcome = read(
        products, b"SKU,Name,Category,Color,Size,Price,Extra\nA,a,,,,n/a,x\n,b,,,,1,\n!,c,,,,-1,\nshort\nB,d,,,,2,\n"
    )
    assert [row(outcome, i) for i in range(2)] == [
        {"productSku": "A", "productName": "a"},
        {"productSku": "B", "productName": "d", "productPrice": 2.0},
    ]
    assert outcome.problems == [
        (2, "/_t/productSku", "required", "1555"),
        (3, "/_t/productSku", "pattern", "1502"),
        (3, "/_t/productPrice", "minimum", "1502"),
        (4, "", "csv", "1401"),
    ]
    assert outcome.errors[2].raw == b"short"
    assert outcome.errors[2].problems[0].message == "the record has 1 fields, the header has 7"
    assert outcome.report.notes == (
        "in/f: 1 columns of the file are in no mapping",
        "in/f: values that the mapping could not convert were left out (MAPPER-3700-400): /_t/productPrice (1)",
    )


def test_a_required_field_that_the_mapping_left_out_fails_the_record_with_both_reasons() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    outcome = read(compile_plan(schema, mapping=mapping_set({"N": "n"})), b"N\nx\n1\n")
    assert outcome.problems == [(1, "/n", "mapping", "3700"), (1, "/n", "required", "1555")]
    assert outcome.errors[0].problems[0].message == (
        "expected a whole number, found text that is not one; the field is left out"
    )


@pytest.mark.parametrize(
    ("destination", "text", "expected"),
    [
        ("inStock", "yes", True),
        ("inStock", "OFF", False),
        ("inStock", "True", None),
        ("inStock", "1", None),
        ("since", "2000-05-15", datetime(2000, 5, 15, tzinfo=UTC)),
        ("since", "1531263959000", datetime(2018, 7, 10, 23, 5, 59, tzinfo=UTC)),
        ("since", "12/31/2024", None),
        ("count", "+12", 12),
        ("count", "12.0", 12),
        ("count", "32768", None),
        ("count", "007", 7),
        ("productPrice", ".5", 0.5),
        ("productPrice", "1e-3", 0.001),
        ("productPrice", "1e999", None),
        ("productPrice", "12,5", None),
    ],
)
def test_conversions_of_a_mapping(destination: str, text: str, expected: object) -> None:
    plan = compile_plan(PRODUCT, mapping=mapping_set({"S": "_t.productSku", "V": f"_t.{destination}"}))
    outcome = read(plan, f'S,V\ns,"{text}"\n'.encode())
    assert outcome.rows[0]["_t"][destination] == expected
    assert sum(outcome.report.left_out.values()) == (expected is None)


def test_constants() -> None:
    outcome = read(
        compile_plan(PRODUCT, mapping=mapping_set({"S": "_t.productSku"}, inStock="on", count="7")), b"S\na\nb\n"
    )
    assert [row(outcome, i) for i in range(2)] == [{"productSku": s, "inStock": True, "count": 7} for s in "ab"]


def test_an_object_without_values_is_absent(products: Plan) -> None:
    outcome = read(products, b"SKU,Name,Category,Color,Size,Price\n,,,,,\n")
    assert outcome.rows[0]["_t"] is None


def test_declared_dialect_and_timestamps() -> None:
    plan = compile_plan(
        PRODUCT, mapping=mapping_set({"S": "_t.productSku", "Größe": "_t.productSize", "D": "_t.since"})
    )
    content = "S;Größe;D\na;NULL;31.12.2024 12:00\nb;'x;y';\n".encode("iso-8859-1")
    outcome = read(
        plan,
        content,
        delimiter=";",
        quote="'",
        encoding="iso-8859-1",
        null_marker="NULL",
        timestamps={"patterns": ["dd.MM.yyyy HH:mm"], "zone": "Europe/Berlin"},
    )
    assert [row(outcome, i) for i in range(2)] == [
        {"productSku": "a", "since": datetime(2024, 12, 31, 11, tzinfo=UTC)},
        {"productSku": "b", "productSize": "x;y"},
    ]
    assert outcome.report.rules == {"/_t/since": {"declared pattern": 1}}


class TestHeaders:
    def test_a_missing_column_names_what_is_there_and_what_was_perhaps_meant(self, products: Plan) -> None:
        with pytest.raises(FileError) as caught:
            read(products, b"sku,Nome,Category,Color,Size,Price\n")
        assert str(caught.value) == (
            "in/f: the mapping set uses columns 'SKU', 'Name', which the file does not have; it has 'sku', 'Nome', "
            "'Category', 'Color', 'Size', 'Price'. 'SKU' may be 'sku' now, 'Name' may be 'Nome' now. Change the "
            "mapping set, or have the file sent with its old header."
        )
        assert caught.value.code == "200"

    def test_another_delimiter_is_suspected(self, products: Plan) -> None:
        with pytest.raises(FileError, match=re.escape("The header has ';' in it: is that the `delimiter`?")):
            read(products, b"SKU;Name;Category;Color;Size;Price\n")

    def test_a_mapped_column_that_stands_twice_is_refused(self, products: Plan) -> None:
        with pytest.raises(FileError, match="the header has 'SKU' more than once; it is not clear which one is meant"):
            read(products, b"SKU,SKU,Name,Category,Color,Size,Price\n")

    def test_a_column_that_stands_twice_and_is_not_mapped_does_no_harm(self, products: Plan) -> None:
        outcome = read(products, b"SKU,Name,Category,Color,Size,Price,X,X\na,,,,,1,2,3\n")
        assert row(outcome) == {"productSku": "a", "productPrice": 1.0}

    def test_a_header_alone_is_a_file_without_records(self, products: Plan) -> None:
        assert read(products, b"SKU,Name,Category,Color,Size,Price\n").rows == []

    def test_an_empty_header(self, products: Plan) -> None:
        with pytest.raises(FileError, match="the header is empty") as caught:
            read(products, b",,,\n1,2,3,4\n")
        assert caught.value.code == "118"

    def test_odd_names_are_wrapped(self) -> None:
        plan = compile_plan(PRODUCT, mapping=mapping_set({"${First Name}": "_t.productName", "a.b": "_t.productSku"}))
        assert row(read(plan, b"First Name,a.b\nx,y\n")) == {"productSku": "y", "productName": "x"}


class TestWithoutMappingSet:
    def test_columns_named_like_fields_go_there(self) -> None:
        outcome = read(compile_plan(PRODUCT), b"_t.productSku,_t.inStock,source,other\na,true,shop,1\n")
        assert row(outcome) == {"productSku": "a", "inStock": True}
        assert outcome.rows[0]["source"] == "shop"
        assert outcome.report.unused_columns == ("other",)

    def test_what_does_not_convert_fails_its_record(self) -> None:
        outcome = read(compile_plan(PRODUCT), b"_t.productSku,_t.productPrice\na,n/a\nb,1\n")
        assert outcome.problems == [(1, "/_t/productPrice", "conversion", "1501")]
        assert row(outcome) == {"productSku": "b", "productPrice": 1.0}

    def test_no_column_named_like_a_field_fails_the_file_with_a_suggestion(self) -> None:
        with pytest.raises(FileError) as caught:
            read(compile_plan(PRODUCT), b"SKU,Price\n1,2\n")
        assert str(caught.value) == (
            "in/f: none of the columns 'SKU', 'Price' is a field of the schema. Name a mapping set. It could map 'SKU' "
            "to '_t.productSku', 'Price' to '_t.productPrice'."
        )


def test_arrays_and_maps_are_mapped_row_by_row() -> None:
    plan = compile_plan(
        PRODUCT,
        mapping=mapping_set(
            {"S": "_t.productSku", "T": "_t.tags[0]", "U": "_t.tags[1]", "L": "_t.labels.en", "P": "_t.productPrice"}
        ),
    )
    outcome = read(plan, b"S,T,U,L,P\ns,t,u,l,x\n!,t,,,1\nr,,,,\nshort\n")
    assert row(outcome) == {"productSku": "s", "tags": ["t", "u"], "labels": [("en", "l")]}
    assert row(outcome, 1) == {"productSku": "r"}
    assert outcome.problems == [(2, "/_t/productSku", "pattern", "1502"), (4, "", "csv", "1401")]
    assert [error.raw for error in outcome.errors] == [b"!,t,,,1", b"short"]
    assert outcome.report.left_out == {"/_t/productPrice": 1}


@pytest.mark.parametrize(
    ("mappings", "constants", "message"),
    [
        ({"S": "_t.sku"}, {}, "destination '_t.sku' is not in the schema"),
        (
            {"S": "_t.productSku"},
            {"inStock": "maybe"},
            "the constant for /_t/inStock does not fit: expected one of the words for true",
        ),
        (
            {"S": "_t.productName"},
            {},
            "the required field '_t.productSku' is not mapped; without it every record is rejected",
        ),
    ],
)
def test_a_mapping_set_that_cannot_work_is_refused_before_any_file(
    mappings: dict[str, str], constants: dict[str, str], message: str
) -> None:
    with pytest.raises(MappingError, match=re.escape(message)):
        compile_plan(PRODUCT, mapping=mapping_set(mappings, **constants))


class RowByRow(Plan):
    """The same plan, but nothing is done by column."""

    def delimited_engine(
        self, header: tuple[str, ...], options: FormatOptions, *, file: str
    ) -> tuple[Engine, tuple[str, ...]]:
        if self.mapping is None:
            bound = bind_fields(header, self.json_schema, file=file)
        else:
            mappings = compile_mapping_set(self.mapping, self.json_schema)
            bound = bind_mappings(mappings, header, file=file, delimiter=options.delimiter)
        root = compile_columns(self.shape, timestamps=self.timestamps, words=True)
        inner = JsonEngine(root, Judge(root, self.json_schema), mapped=True, rule=RULE)
        rowwise = MappedEngine(inner, root, bound, dropping=self.mapping is not None)
        return RowwiseDelimitedEngine(rowwise, header=header, options=options), ()


FIELDS = ["productSku", "productName", "productPrice", "inStock", "since", "day", "count"]
HEADER = tuple(f"_t.{field}" for field in [*FIELDS, "dimensions.unit", "dimensions.width"])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("mapped", [True, False])
def test_whole_columns_and_single_rows_come_to_the_same(seed: int, mapped: bool) -> None:
    rng = random.Random(seed)
    odd = [str(value) for value in ODD_VALUES if not isinstance(value, dict | list)]
    odd += [""] * 4 * len(odd)
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER)
    writer.writerows([[f"sku-{i}", *(rng.choice(odd) for _ in HEADER[1:])] for i in range(200)])
    mapping = mapping_set({field: field for field in HEADER}) if mapped else None
    plan = compile_plan(PRODUCT, mapping=mapping)
    assert isinstance(plan.delimited_engine(HEADER, FormatOptions(), file="f")[0], DelimitedEngine)
    by_column = read(plan, text.getvalue().encode())
    by_row = read(RowByRow(PRODUCT, mapping=mapping, timestamps=plan.timestamps), text.getvalue().encode())
    assert repr(by_column.rows) == repr(by_row.rows)
    assert [(e.row_number, set(e.problems)) for e in by_column.errors] == [
        (e.row_number, set(e.problems)) for e in by_row.errors
    ]
    assert by_column.report.left_out == by_row.report.left_out
    assert 20 < len(by_column.rows) < 200
