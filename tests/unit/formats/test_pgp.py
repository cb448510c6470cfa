import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import FileError
from headwater.formats.contents import open_contents
from headwater.formats.pgp import is_pgp
from headwater.formats.tail import find_cut

SESSION_KEY = b"\x03" + b"\x21\x15\xb9\x5e\xa6\x20\xf8\xe3" + b"\x12" + bytes(90)
MESSAGES = {
    "key": b"\x84\x64" + SESSION_KEY,
    "key-two-byte-length": b"\x85\x01\x0c" + SESSION_KEY,
    "key-new-format": b"\xc1\x64" + SESSION_KEY,
    "key-new-format-two-byte-length": b"\xc1\xc0\x4c" + SESSION_KEY,
    "key-new-format-five-byte-length": b"\xc1\xff\x00\x00\x01\x0c" + SESSION_KEY,
    "passphrase": b"\x8c\x0d\x04\x09\x03\x02" + bytes(20),
    "passphrase-new-format": b"\xc3\x0d\x04\x09\x03\x02" + bytes(20),
    "signed": b"\x90\x0d\x03\x00\x0a\x16" + bytes(20),
    "compressed": b"\xa3\x01\x78\x9c",
    "compressed-new-format": b"\xc8\xeb\x02\x78\x9c",
    "marker": b"\xa8\x03PGP\x84\x64" + SESSION_KEY,
    "armor": b"-----BEGIN PGP MESSAGE-----\n\nhQEM",
    "armor-after-blanks": b"\xef\xbb\xbf\r\n-----BEGIN PGP MESSAGE-----\r\n",
    "clear-signed": b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n",
}


@pytest.mark.parametrize("start", MESSAGES.values(), ids=MESSAGES)
def test_messages_are_told_by_their_first_bytes(start: bytes) -> None:
    assert is_pgp(start)
    with pytest.raises(FileError, match=r"^f: the file is encrypted or signed with OpenPGP"):
        next(open_contents(io.BytesIO(start), file="f"))


@given(st.text(max_size=300))
def test_text_is_no_message(text: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        assert not is_pgp(text.encode(encoding)) or text.lstrip().startswith("-----BEGIN PGP ")


@pytest.mark.parametrize(
    "start",
    [
        "Ärger,Öl\n1,2\n".encode("iso-8859-1"),
        "Århus;1\n".encode("windows-1252"),
        "…,a\n".encode("windows-1252"),
        b"",
        b"\x84",
        b"\xc1",
        b"PAR1",
        b"\x1f\x8b\x08",
        b"-----BEGIN CERTIFICATE-----",
    ],
    ids=["umlauts", "ring", "ellipsis", "nothing", "one-byte", "one-byte-new", "parquet", "gzip", "certificate"],
)
def test_other_beginnings_are_no_message(start: bytes) -> None:
    assert not is_pgp(start)


def test_a_key_is_no_message() -> None:
    with pytest.raises(FileError, match="an OpenPGP key or signature, and no message"):
        next(open_contents(io.BytesIO(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), file="f"))


def test_armor_without_its_end_looks_cut_off() -> None:
    whole = b"-----BEGIN PGP MESSAGE-----\n\nhQEM\n=abcd\n-----END PGP MESSAGE-----"
    assert find_cut(io.BytesIO(whole), encoding="utf-8") is None
    assert find_cut(io.BytesIO(whole[:-30]), encoding="utf-8") == "the end of the OpenPGP armor is missing"
    assert find_cut(io.BytesIO(MESSAGES["key"] + b"a,b,c\n1"), encoding="utf-8") is None
