import json

import pytest

from headwater.errors import DocumentError
from headwater.flows.manifests import parse_manifest
from headwater.model.manifest import Expected

SHA, MD5 = "a" * 64, "b" * 32


def test_checksum_files_of_the_usual_tools() -> None:
    text = f"# made last night\n{SHA}  in/a.csv\n{SHA.upper()} *b.csv\n\n{MD5}  c d.csv\n"
    assert parse_manifest(text.encode(), path="/out/SHA256SUMS") == {
        "/out/in/a.csv": Expected(sha256=SHA),
        "/out/b.csv": Expected(sha256=SHA),
        "/out/c d.csv": Expected(md5=MD5),
    }
    assert parse_manifest(SHA.encode(), path="/out/a.sha256", data_file="/out/a") == {"/out/a": Expected(sha256=SHA)}


@pytest.mark.parametrize("wrapped", [True, False])
def test_json_with_a_list(wrapped: bool) -> None:
    entries = [{"name": "a.csv", "size": 10, "records": 2}, {"path": "../b.csv", "bytes": 0, "rows": 0, "note": "x"}]
    content = json.dumps({"files": entries} if wrapped else entries).encode()
    assert parse_manifest(content, path="/out/manifest.json") == {
        "/out/a.csv": Expected(size_bytes=10, records=2),
        "/b.csv": Expected(size_bytes=0, records=0),
    }


def test_json_about_one_file() -> None:
    content = json.dumps({"sha256": SHA, "record_count": 3}).encode()
    found = parse_manifest(content, path="/out/a.json", data_file="/out/a")
    assert found == {"/out/a": Expected(sha256=SHA, records=3)}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it names no file"),
        (b"done", "'done' is neither an MD5 nor a SHA-256 checksum"),
        (b"{", "it is no JSON"),
        (b"[1]", "its entries have to be objects"),
        (b'{"size": 1}', "an entry has no `name`"),
        (b'{"name": "a", "size": -1}', "`size_bytes`: Input should be greater than or equal to 0"),
        (b'{"name": "a", "sha256": "12"}', "`sha256`: String should match pattern"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"name": "a\\u0000b"}', "a name has a NUL character, which no file name has"),
        (b'{"name": "caf\xe9"}', "it is no JSON"),
        (SHA.encode(), "an entry has no `name`, and the manifest does not belong to one file"),
    ],
)
def test_what_cannot_be_used_is_said(content: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_manifest(content, path="/out/m")
    assert str(caught.value).startswith("manifest '/out/m' cannot be used: ")
    assert reason in str(caught.value)
    assert "lines of `sha256sum` or `md5sum`" in str(caught.value)


def test_names_of_any_bytes_are_those_of_the_listing() -> None:
    content = f"{SHA}  caf".encode() + b"\xe9.json\n" + f"{SHA}  line\u0085\u2028break.json\r\n".encode()
    assert set(parse_manifest(content, path="/out/m")) == {"/out/caf\udce9.json", "/out/line\u0085\u2028break.json"}
