import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.catalog.catalog import Catalog
from headwater.errors import ConflictError, NotFoundError
from headwater.flows.public_schemas import import_folder
from headwater.flows.resources import apply_documents, read_documents
from headwater.flows.schemas import resolve_schema

PET_ID = "https://ns.adobe.com/xdm/context/profile-pet"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        yield opened


def write_repository(folder: Path, **properties: object) -> Path:
    group = folder / "components" / "fieldgroups" / "profile" / "profile-pet.schema.json"
    group.parent.mkdir(parents=True, exist_ok=True)
    body = {
        "$id": PET_ID,
        "title": "Pet",
        "type": "object",
        "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": {"pet": {"properties": properties}},
        "allOf": [{"$ref": "#/definitions/pet"}],
    }
    group.write_text(json.dumps(body))
    return folder


def apply_schema(catalog: Catalog, folder: Path) -> None:
    folder.mkdir()
    (folder / "schema.yaml").write_text(
        f"kind: schema\nname: owners\nclass: https://ns.adobe.com/xdm/context/profile\nfield_groups: [{PET_ID}]\n"
    )
    (folder / "dataset.yaml").write_text("kind: dataset\nname: owners\nschema: owners\n")
    apply_documents(catalog, read_documents([folder]), tenant="acme")


def test_an_imported_field_group_can_be_used(catalog: Catalog, tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "xdm", **{"xdm:petName": {"type": "string"}})
    (repository / "components" / "broken.schema.json").write_text("{")
    (repository / "docs").mkdir()
    (repository / "docs" / "copy.schema.json").write_text("{}")

    found = import_folder(catalog, repository, tenant="acme")
    apply_schema(catalog, tmp_path / "resources")

    assert [resource["$id"] for resource in found.resources] == [PET_ID]
    assert found.skipped == (("components/broken.schema.json", "not a JSON object"),)
    resolved = resolve_schema(catalog.resources, "owners", tenant="acme")
    assert resolved.json_schema["properties"]["petName"]["meta:xdmType"] == "string"


def test_importing_again_replaces(catalog: Catalog, tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "xdm", **{"xdm:petName": {"type": "string"}})
    import_folder(catalog, repository, tenant="acme")
    apply_schema(catalog, tmp_path / "resources")
    write_repository(repository, **{"xdm:petName": {"type": "string"}, "xdm:petAge": {"type": "integer"}})
    import_folder(catalog, repository, tenant="acme")

    resolved = resolve_schema(catalog.resources, "owners", tenant="acme")
    assert {"petName", "petAge"} <= resolved.json_schema["properties"].keys()
    assert len(catalog.resources.definitions()) == 1


def test_an_import_that_would_break_stored_data_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "xdm", **{"xdm:petName": {"type": "string"}})
    import_folder(catalog, repository, tenant="acme")
    apply_schema(catalog, tmp_path / "resources")
    write_repository(repository, **{"xdm:petName": {"type": "integer"}})

    with pytest.raises(ConflictError) as caught:
        import_folder(catalog, repository, tenant="acme")

    assert str(caught.value).splitlines() == [
        "schema 'owners' has a dataset; this change would break what is stored: petName changed its type from string "
        "to long. Keep it, and add a new field of the new type.",
        "Nothing was imported.",
    ]
    resolved = resolve_schema(catalog.resources, "owners", tenant="acme")
    assert resolved.json_schema["properties"]["petName"]["meta:xdmType"] == "string"


def test_a_folder_without_resources_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        import_folder(catalog, tmp_path, tenant="acme")

    assert str(caught.value) == (
        f"{tmp_path} holds no XDM resources. Give the root of a checkout of Adobe's repository `xdm`: the folder in "
        "which `components`, `extensions` and `schemas` are."
    )
