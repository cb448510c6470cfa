import csv
import gzip
import hashlib
import io
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from demo import data
from demo.data import SampleData
from demo.people import CRM_ID, LOYALTY_ID, TENANT, crm_id_of, loyalty_id_of

DIGESTS = {
    data.LOYALTY_FILE: "6a88aa16fc5eadaae1a286ac99b1b67a146aa19a2076293000fee5caf7c7baaf",
    data.CRM_FILE: "3e87512be553de7ff1a13b177b795042711c55868ab6976a5f527fba348b6155",
    data.PRODUCTS_FILE: "7f097ab56fe5c60aeef74c719a3492d3eab715a8363b0275f7173998bdb42623",
    data.PURCHASES_FILE: "8b2ca0264b3840c5e10704ae36704438024a1085f84f7485d01299e7a2b714e4",
}


@pytest.fixture(scope="module")
def sample() -> SampleData:
    return data.sample_data()


@pytest.fixture(scope="module")
def files(sample: SampleData) -> dict[str, bytes]:
    return data.file_contents(sample)


@pytest.fixture(scope="module")
def products(files: dict[str, bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(files[data.PRODUCTS_FILE].decode(), newline="")))


def purchases(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def test_files_are_the_same_bytes_on_every_machine(files: dict[str, bytes]) -> None:
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == DIGESTS


@pytest.mark.parametrize("name", [data.LOYALTY_FILE, data.CRM_FILE])
def test_people_are_a_json_array_with_one_object_per_line(files: dict[str, bytes], name: str) -> None:
    lines = files[name].decode().splitlines()
    assert len(lines) == 1_000
    assert lines[0].startswith("[{")
    assert lines[-1].endswith("}]")
    for line in lines:
        assert isinstance(json.loads(line.lstrip("[").removesuffix("]").removesuffix(",")), dict)
    assert len(json.loads(files[name])) == 1_000


def test_daniel_is_a_member_with_both_ids(files: dict[str, bytes]) -> None:
    members = json.loads(files[data.LOYALTY_FILE])
    assert [member for member in members if loyalty_id_of(member) == LOYALTY_ID] == [
        {
            TENANT: {"systemIdentifier": {"loyaltyId": "5625458", "crmId": "112ca06ed53d3db37e4cea49cc45b71e"}},
            "loyalty": {"points": 596518, "tier": "gold", "joinDate": "2000-05-15"},
            "person": {"name": {"firstName": "Daniel", "lastName": "Wright"}},
            "homeAddress": {"city": "New York City"},
        }
    ]


def test_danny_is_a_customer(files: dict[str, bytes]) -> None:
    customers = json.loads(files[data.CRM_FILE])
    assert [customer for customer in customers if crm_id_of(customer) == CRM_ID] == [
        {
            TENANT: {"systemIdentifier": {"crmId": "112ca06ed53d3db37e4cea49cc45b71e"}},
            "person": {"name": {"firstName": "Danny", "lastName": "Wright"}, "gender": None},
            "personalEmail": {"address": "dwright@adobe.com"},
            "mobilePhone": {"number": "212-555-5555"},
            "homeAddress": {"city": "Portland"},
        }
    ]


def test_daniel_bought_once(files: dict[str, bytes], products: list[dict[str, str]]) -> None:
    bought = [record for record in purchases(files[data.PURCHASES_FILE]) if loyalty_id_of(record) == LOYALTY_ID]
    assert bought == [
        {
            TENANT: {"systemIdentifier": {"loyaltyId": 5625458}},
            "commerce": {"order": {"purchaseID": "805-472-642-1090", "priceTotal": 252.19}},
            "productListItems": [
                {"SKU": "24-UG03", "quantity": 1},
                {"SKU": "LLMJ03", "quantity": 3},
                {"SKU": "LLWP11", "quantity": 2},
                {"SKU": "LLMH09", "quantity": 3},
            ],
            "timestamp": "2020-08-11T00:00:00Z",
            "_id": "e722bbcc-9653-4715-8ff6-545b314061f2",
        }
    ]
    assert {item["SKU"] for item in bought[0]["productListItems"]} <= {product["SKU"] for product in products}


def test_outlets_write_as_shops_do_and_gzip(sample: SampleData) -> None:
    files = data.demo_files(sample)
    assert list(files) == [*DIGESTS, data.OUTLETS_FILE]
    records = purchases(gzip.decompress(files[data.OUTLETS_FILE]))
    members = {loyalty_id_of(record) for record in sample.loyalty} - {LOYALTY_ID}
    assert len(records) == 250
    assert {loyalty_id_of(record) for record in records} <= members
    assert {record["_id"] for record in records} & {record["_id"] for record in sample.purchases} == set()


def test_ids_are_distinct_and_most_members_are_customers(sample: SampleData) -> None:
    crm_ids = [crm_id_of(record) for record in sample.crm]
    links = [crm_id for record in sample.loyalty if (crm_id := crm_id_of(record))]
    assert len({loyalty_id_of(record) for record in sample.loyalty}) == 1_000
    assert len(set(crm_ids)) == 1_000
    assert None not in crm_ids
    assert len(set(links)) == len(links) == 940
    assert len(set(links) & set(crm_ids)) == 900
    assert sample.people == 1_100


def test_nulls_stand_where_the_worked_example_has_them(files: dict[str, bytes]) -> None:
    members, customers = json.loads(files[data.LOYALTY_FILE]), json.loads(files[data.CRM_FILE])
    assert any(crm_id_of(member) is None for member in members)
    for people in (members, customers):
        assert any(person["person"]["name"]["firstName"] is None for person in people)
        assert any(person["person"]["name"]["lastName"] is None for person in people)
        assert any(person["homeAddress"]["city"] is None for person in people)
    assert any(customer["personalEmail"]["address"] is None for customer in customers)
    assert any(customer["mobilePhone"]["number"] is None for customer in customers)
    genders = {customer["person"]["gender"] for customer in customers}
    assert genders == {None, "male", "female", "not_specified", "non_specific"}


def test_names_and_cities_have_apostrophes_hyphens_and_accents(files: dict[str, bytes]) -> None:
    for name in (data.LOYALTY_FILE, data.CRM_FILE):
        text = files[name].decode()
        for sign in ("O'", "O’", "é", "ã", "Jean-Luc", "L’Aquila", "Coeur d'Alene", "Saint-Étienne"):
            assert sign in text


def test_join_dates_are_bare_dates(files: dict[str, bytes]) -> None:
    for member in json.loads(files[data.LOYALTY_FILE]):
        assert datetime.strptime(member["loyalty"]["joinDate"], "%Y-%m-%d").replace(tzinfo=UTC).year < 2022


def test_purchases_are_of_2020_by_members_of_known_products(sample: SampleData, files: dict[str, bytes]) -> None:
    records = purchases(files[data.PURCHASES_FILE])
    members = {loyalty_id_of(record) for record in sample.loyalty}
    skus = {product[0] for product in sample.products}
    assert len({record["_id"] for record in records}) == 1_000
    assert all(record["timestamp"].startswith("2020-") and record["timestamp"].endswith("Z") for record in records)
    assert {loyalty_id_of(record) for record in records} <= members
    assert {item["SKU"] for record in records for item in record["productListItems"]} <= skus


def test_loyalty_ids_of_purchases_are_numbers_as_often_as_text(files: dict[str, bytes]) -> None:
    ids = [record[TENANT]["systemIdentifier"]["loyaltyId"] for record in purchases(files[data.PURCHASES_FILE])]
    kinds = Counter(type(value) for value in ids)
    assert set(kinds) == {int, str}
    assert min(kinds.values()) > 400


def test_products_are_92_with_the_three_kinds_of_sku(products: list[dict[str, str]]) -> None:
    assert list(products[0]) == ["SKU", "Name", "Category", "Color", "Size", "Price"]
    kinds = Counter("LL" if sku.startswith("LL") else sku.partition("-")[0] for sku in (p["SKU"] for p in products))
    assert kinds == {"LL": 62, "24": 24, "Luma": 6}
    assert len({product["SKU"] for product in products}) == 92
    assert {
        "SKU": "LLMH09",
        "Name": "Abominable Hoodie",
        "Category": "men:tops:hoodies_sweatshirts",
        "Color": "blue",
        "Size": "s",
        "Price": "69",
    } in products


def test_products_have_the_traps_of_the_worked_example(products: list[dict[str, str]]) -> None:
    sizes = {product["Size"] for product in products}
    names = " ".join(product["Name"] for product in products)
    assert {"", "s", "xs", "28", "32"} <= sizes
    assert any(product["Color"] == "" for product in products if product["SKU"].startswith("LL"))
    assert "â„¢" in names
    assert "Â®" in names
    assert "\ufffd" in names
    assert "," in names
    assert '"' in names


def test_altered_headings_change_the_first_line_only(sample: SampleData, files: dict[str, bytes]) -> None:
    usual = files[data.PRODUCTS_FILE].splitlines()
    altered = data.products_with_altered_headings(sample).splitlines()
    assert altered[0] == b"Product SKU,Product Name,category,Colour,size,List Price"
    assert altered[1:] == usual[1:]


def test_one_broken_line_is_no_json(sample: SampleData, files: dict[str, bytes]) -> None:
    usual = files[data.PURCHASES_FILE].splitlines()
    broken = data.purchases_with_broken_line(sample).splitlines()
    different = [number for number, pair in enumerate(zip(usual, broken, strict=True), 1) if pair[0] != pair[1]]
    assert different == [data.BROKEN_LINE]
    with pytest.raises(json.JSONDecodeError):
        json.loads(broken[data.BROKEN_LINE - 1])


def test_written_files_look_settled(tmp_path: Path, files: dict[str, bytes]) -> None:
    data.write_files(tmp_path, files)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files
    for path in tmp_path.iterdir():
        assert datetime.fromtimestamp(path.stat().st_mtime, UTC) == datetime(2022, 6, 1, 2, tzinfo=UTC)
