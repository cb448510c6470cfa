from typing import Any

from headwater.mapping import suggest_mappings

TEXT = {"type": "string"}


def leaves(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, TEXT)}


PRODUCT = {
    "properties": {
        "_id": TEXT,
        "_t": leaves("productSku", "productName", "productCategory", "productColor", "productSize", "productPrice"),
    }
}
PERSON = {
    "properties": {
        "_id": TEXT,
        "person": {
            "properties": {"name": leaves("firstName", "lastName", "fullName"), "birthDate": TEXT, "gender": TEXT}
        },
        "homeAddress": leaves("city", "postalCode", "street1"),
        "personalEmail": leaves("address"),
        "mobilePhone": leaves("number"),
        "tags": {"type": "array", "items": TEXT},
    }
}


def suggest(columns: list[str], schema: dict[str, Any]) -> dict[str, str]:
    return {found.source: found.destination for found in suggest_mappings(columns, schema)}


def test_the_luma_products() -> None:
    columns = ["SKU", "Name", "Category", "Color", "Size", "Price"]
    assert suggest(columns, PRODUCT) == {column: f"_t.product{column.capitalize()}" for column in columns}


def test_altered_headings() -> None:
    assert suggest(["item_sku", "PRODUCT NAME", "prod-category", "Colour", "productsize", "Unit Price"], PRODUCT) == {
        "item_sku": "_t.productSku",
        "PRODUCT NAME": "_t.productName",
        "prod-category": "_t.productCategory",
        "Colour": "_t.productColor",
        "productsize": "_t.productSize",
        "Unit Price": "_t.productPrice",
    }


def test_people() -> None:
    assert suggest(["First Name", "surname", "DOB", "Email Address", "ZIP", "Town", "mobile", "sex"], PERSON) == {
        "First Name": "person.name.firstName",
        "surname": "person.name.lastName",
        "DOB": "person.birthDate",
        "Email Address": "personalEmail.address",
        "ZIP": "homeAddress.postalCode",
        "Town": "homeAddress.city",
        "sex": "person.gender",
    }


def test_the_better_name_scores_higher() -> None:
    [path] = suggest_mappings(["person.gender"], PERSON)
    [name] = suggest_mappings(["gender"], PERSON)
    [other_case] = suggest_mappings(["GENDER"], PERSON)
    assert 1 == path.score > name.score > other_case.score > 0.5


def test_what_fits_nowhere_is_left_out() -> None:
    assert suggest(["xyz", "", "---", "Warehouse"], PRODUCT) == {}


def test_no_field_is_suggested_twice() -> None:
    found = suggest(["sku", "SKU", "Sku"], PRODUCT)
    assert found == {"sku": "_t.productSku"}
