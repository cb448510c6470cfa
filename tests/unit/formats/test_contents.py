import bz2
import contextlib
import gzip
import io
import re
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from headwater.errors import FileError
from headwater.formats import FormatOptions, members
from headwater.formats.contents import open_contents
from headwater.formats.tail import find_cut
from tests.unit.formats.packing import bare_deflate, entry, tarred, tarred_entries, zipped, zstd

TEXT = b"a,b\n1,2\n"
LONG = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 10007) for n in range(30_000))


class Pipe(io.RawIOBase):
    """A stream that cannot be wound back, and that hands out little at a time."""

    def __init__(self, content: bytes) -> None:
        self._rest = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._rest.read(min(size, 777))


def unpack(stream: BinaryIO, **options: Any) -> list[tuple[str, tuple[str, ...], bytes]]:  # noqa: ANN401
    """All contents of a file named `f`."""
    found = []
    for content in open_contents(stream, file="f", options=FormatOptions.from_json(options)):
        pieces = []
        while piece := content.source.read(100_000):
            pieces.append(piece)
        found.append((content.file, content.layers, b"".join(pieces)))
    return found


def drain(packed: bytes) -> None:
    """Read all contents, and keep nothing."""
    for content in open_contents(io.BytesIO(packed), file="f"):
        while content.source.read(1 << 20):
            pass


WRAPPED = [
    pytest.param(LONG, "f", (), id="plain"),
    pytest.param(gzip.compress(LONG, mtime=0), "f", ("gzip",), id="gzip"),
    pytest.param(bz2.compress(LONG), "f", ("bzip2",), id="bzip2"),
    pytest.param(zlib.compress(LONG), "f", ("deflate",), id="zlib"),
    pytest.param(zlib.compress(LONG, 1), "f", ("deflate",), id="zlib, fastest"),
    pytest.param(zlib.compress(LONG, 3), "f", ("deflate",), id="zlib, fast"),
    pytest.param(zlib.compress(LONG, 9), "f", ("deflate",), id="zlib, best"),
    pytest.param(zstd(LONG), "f", ("zstd",), id="zstd"),
    pytest.param(zstd(LONG[:9]) + zstd(LONG[9:]), "f", ("zstd",), id="two zstd frames"),
    pytest.param(zipped(("x.csv", LONG)), "f!/x.csv", ("zip",), id="zip"),
    pytest.param(zipped(("x.csv", LONG), method=0), "f!/x.csv", ("zip",), id="zip, stored"),
    pytest.param(tarred(("x.csv", LONG)), "f!/x.csv", ("tar",), id="tar"),
    pytest.param(gzip.compress(tarred(("x.csv", LONG)), mtime=0), "f!/x.csv", ("gzip", "tar"), id="tar.gz"),
    pytest.param(bz2.compress(tarred(("x.csv", LONG))), "f!/x.csv", ("bzip2", "tar"), id="tar.bz2"),
    pytest.param(zstd(tarred(("x.csv", LONG))), "f!/x.csv", ("zstd", "tar"), id="tar.zst"),
    pytest.param(zipped(("x.gz", gzip.compress(LONG, mtime=0))), "f!/x.gz", ("zip", "gzip"), id="gz in zip"),
    pytest.param(gzip.compress(zipped(("x", LONG)), mtime=0), "f!/x", ("gzip", "zip"), id="zip.gz"),
    pytest.param(zstd(tarred(("x", bz2.compress(LONG)))), "f!/x", ("zstd", "tar", "bzip2"), id="bz2 in tar.zst"),
    pytest.param(gzip.compress(gzip.compress(LONG, mtime=0), mtime=0), "f", ("gzip", "gzip"), id="gzip twice"),
]


@pytest.mark.parametrize(("packed", "file", "layers"), WRAPPED)
def test_wrappers_are_told_and_taken_off(packed: bytes, file: str, layers: tuple[str, ...]) -> None:
    assert unpack(io.BytesIO(packed)) == [(file, layers, LONG)]
    assert unpack(cast("BinaryIO", Pipe(packed))) == [(file, layers, LONG)]
    assert find_cut(io.BytesIO(packed), encoding="utf-8") is None


@pytest.mark.parametrize(("packed", "file", "layers"), [case for case in WRAPPED if case.id != "plain"])
def test_a_file_cut_anywhere_is_an_error(packed: bytes, file: str, layers: tuple[str, ...]) -> None:
    for kept in (1500, len(packed) // 2, len(packed) - 600, len(packed) - 3):
        if kept >= len(packed) - 600 and layers == ("tar",):
            kept -= 10_000  # what only pads the end mark may be missing
        with pytest.raises(FileError, match=r"cut short|is missing|damaged"):
            unpack(io.BytesIO(packed[:kept]))


@pytest.mark.parametrize(
    ("packed", "declared"),
    [
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (bz2.compress(TEXT), "bzip2"),
        (zlib.compress(TEXT), "deflate"),
        (bare_deflate(TEXT), "deflate"),
        (zipped(("x", TEXT)), "zipDeflate"),
        (gzip.compress(tarred(("x", TEXT)), mtime=0), "tarGzip"),
        (gzip.compress(tarred(("x", TEXT)), mtime=0), "gzip"),
        (tarred(("x", TEXT)), "tar"),
        (zstd(TEXT), "zstd"),
    ],
)
def test_a_declaration_that_is_right(packed: bytes, declared: str) -> None:
    [(_, _, content)] = unpack(io.BytesIO(packed), compressionType=declared)
    assert content == TEXT


@pytest.mark.parametrize(
    ("packed", "declared", "message"),
    [
        (
            TEXT,
            "gzip",
            "f: declared as `compression_type: gzip`, but the content is not packed. Correct the declaration",
        ),
        (zipped(("x", TEXT)), "tar", "f: declared as `compression_type: tar`, but the content is zip"),
        (gzip.compress(TEXT, mtime=0), "tarGzip", "tarGzip`, but what the gzip data holds is not packed"),
        (gzip.compress(TEXT, mtime=0), "deflate", "deflate`, but the content is gzip"),
        (TEXT, "deflate", "f: begins like deflate, but is damaged"),
    ],
)
def test_a_declaration_that_is_wrong(packed: bytes, declared: str, message: str) -> None:
    with pytest.raises(FileError, match=re.escape(message)):
        unpack(io.BytesIO(packed), compression_type=declared)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"compressionType": "zipDeflate"}, "zipDeflate"),
        ({"compression_type": "ZIPDEFLATE"}, "zipDeflate"),
        ({"compression_type": "zip"}, "zipDeflate"),
        ({"compression_type": "tar.gz"}, "tarGzip"),
        ({"compression_type": "TarGzip"}, "tarGzip"),
        ({"compression_type": "GZIP"}, "gzip"),
        ({"compression_type": "bz2"}, "bzip2"),
        ({"compression_type": "tar"}, "tar"),
        ({"compression_type": None}, None),
    ],
    ids=["aep", "any-case", "zip", "tar.gz", "tarGzip", "gzip", "bz2", "tar", "none"],
)
def test_a_declaration_may_be_written_in_several_ways(written: dict[str, object], meant: str | None) -> None:
    assert FormatOptions.from_json(written).compression_type == meant


@pytest.mark.parametrize("wrong", ["rar", "gzipped", 7])
def test_a_declaration_that_is_unknown_is_refused_with_those_that_are_known(wrong: object) -> None:
    with pytest.raises(ValidationError, match="Input should be 'bzip2', 'gzip', 'deflate', 'zipDeflate', 'tarGzip'"):
        FormatOptions.from_json({"compression_type": wrong})


def test_text_that_begins_like_zlib_is_text() -> None:
    for text in (b"x^2,y\n1,2\n", b"x^a\n", b"x^cb,d\n" * 99, b"x^"):
        assert unpack(io.BytesIO(text)) == [("f", (), text)]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_many_members_one_after_the_other(pack: Any) -> None:  # noqa: ANN401
    packed = pack(
        ("b.csv", TEXT),
        ("empty.csv", b""),
        ("__MACOSX/._b.csv", b"\0\5\x16\7"),
        ("in/.DS_Store", b"\0\0\0\1"),
        ("./in/größe\N{SNOWMAN}.csv", b"x" * 1000),
        ("n" * 150 + "/" + "m" * 150, b"y"),
    )
    assert [(file, len(content)) for file, _, content in unpack(io.BytesIO(packed))] == [
        ("f!/b.csv", 8),
        ("f!/in/größe\N{SNOWMAN}.csv", 1000),
        ("f!/" + "n" * 150 + "/" + "m" * 150, 1),
    ]


def test_what_is_not_read_of_a_member_is_skipped() -> None:
    packed = tarred(("a", LONG), ("b", TEXT), format=tarfile.GNU_FORMAT)
    assert [content.source.read(3) for content in open_contents(io.BytesIO(packed), file="f")] == [b"a,b", b"a,b"]


def test_tars_of_all_dialects() -> None:
    long = "d/" * 90 + "x.csv"
    for format in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        [(file, _, content)] = unpack(io.BytesIO(tarred((long, TEXT), format=format)))
        assert (file, content) == (f"f!/{long}", TEXT)


def test_a_name_that_is_not_utf8_is_kept_as_paths_are() -> None:
    [(file, _, _)] = unpack(io.BytesIO(tarred(("gr\udcf6.csv", TEXT), format=tarfile.GNU_FORMAT)))
    assert file == "f!/gr\U0010fff6.csv"


def encrypted() -> bytes:
    """An archive whose members say that they are encrypted."""
    packed = bytearray(zipped(("x.csv", TEXT)))
    packed[6] |= 1
    packed[packed.index(b"PK\1\2") + 8] |= 1
    return bytes(packed)


def linked() -> bytes:
    """An archive with a symbolic link."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo("x.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return sink.getvalue()


TAR = tarred(("x", TEXT), ("y", TEXT))


@pytest.mark.parametrize(
    ("packed", "code", "message"),
    [
        pytest.param(encrypted(), "200", "f!/x.csv: the member is encrypted with a ZIP password", id="encrypted"),
        pytest.param(linked(), "200", "f!/x.csv: the archive is refused: this member is a link", id="link in zip"),
        pytest.param(
            zipped(("x", TEXT), method=zipfile.ZIP_LZMA), "200", "f!/x: the member is compressed with lzma", id="lzma"
        ),
        pytest.param(
            zipped(("x", TEXT), method=zipfile.ZIP_BZIP2), "200", "f!/x: the member is compressed with bzip2", id="bz2"
        ),
        pytest.param(zipped(("../x", TEXT)), "200", "the name of its member '../x' leads out of", id="zip, out"),
        pytest.param(zipped(("/x", TEXT)), "200", "the name of its member '/x' leads out of", id="zip, absolute"),
        pytest.param(zipped(("C:\\x", TEXT)), "200", "leads out of the archive", id="zip, drive"),
        pytest.param(zipped(("a\\..\\x", TEXT)), "200", "leads out of the archive", id="zip, backslashes"),
        pytest.param(zipped(("a\nb", TEXT)), "200", r"its member 'a\nb' has control characters", id="line end"),
        pytest.param(zipped(("", TEXT)), "200", "the name of its member '' leads out of the archive", id="no name"),
        pytest.param(zipped(), "106", "f: the archive holds no file with content", id="empty zip"),
        pytest.param(zipped(("a/", b""), ("b", b"")), "106", "the archive holds no file with content", id="no file"),
        pytest.param(tarred(("a/../../x", TEXT)), "200", "leads out of the archive", id="tar, out"),
        pytest.param(
            tarred(("/x", TEXT)), "200", "f: the archive is refused: the name of its member '/x'", id="tar, abs"
        ),
        pytest.param(tarred(("x", TEXT), ("./x", TEXT)), "200", "it has the member 'x' twice", id="twice"),
        pytest.param(
            tarred(("x", zipped(("y", TEXT)))), "200", "f!/x: is zip within tar; one archive", id="zip in tar"
        ),
        pytest.param(
            gzip.compress(gzip.compress(gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0), mtime=0), mtime=0),
            "200",
            "f: is gzip within gzip, gzip, gzip; one archive, compressed or not",
            id="too deep",
        ),
        *(
            pytest.param(
                tarred_entries(entry("x", type=type)),
                "200",
                f"its member 'x' is {what}. Nothing of it",
                id=f"tar, {what}",
            )
            for type, what in [
                (tarfile.SYMTYPE, "a symbolic link"),
                (tarfile.LNKTYPE, "a hard link"),
                (tarfile.BLKTYPE, "a device"),
                (tarfile.FIFOTYPE, "a named pipe"),
                (b"Z", "of the unknown type b'Z'"),
            ]
        ),
        pytest.param(TAR[:1024], "200", "f: the tar data ends too early; the file is cut short", id="between members"),
        pytest.param(TAR[:1024] + b"\xff" * 512 + TAR[1536:], "200", "there is no header at byte 1,024", id="header"),
        pytest.param(TAR + TAR, "200", "bytes follow its end mark; perhaps several archives", id="two tars"),
        pytest.param(
            zlib.compress(TEXT) + b"more", "200", "f: begins like deflate, but is damaged", id="zlib and more"
        ),
        pytest.param(b"\x28\xb5\x2f\xfd" + b"\xff" * 99, "200", "f: begins like zstd, but is damaged", id="zstd"),
        pytest.param(
            b"-----BEGIN PGP MESSAGE-----\n",
            "200",
            "encrypted or signed with OpenPGP, and the dataflow has no",
            id="PGP",
        ),
    ],
)
def test_what_is_refused(packed: bytes, code: str, message: str) -> None:
    with pytest.raises(FileError, match=re.escape(message)) as caught:
        unpack(io.BytesIO(packed))
    assert caught.value.code == code


def test_a_damaged_member_is_named() -> None:
    packed = bytearray(zipped(("a", TEXT), ("b", LONG), method=0))
    packed[-5000] ^= 1
    with pytest.raises(FileError, match=r"f!/b: begins like ZIP, but is damaged"):
        unpack(io.BytesIO(bytes(packed)))


def test_a_bomb_is_told_by_what_all_layers_and_members_become() -> None:
    zeros = bytes(64 * 1024 * 1024)
    inner = zlib.compress(zeros, 9)
    packed = zipped(*((str(n), inner) for n in range(6)))
    with pytest.raises(FileError, match=r"f: [\d,]+ bytes of deflate data expand to more than 250 times as many"):
        drain(packed)
    twice = gzip.compress(gzip.compress(zeros * 5, mtime=0), mtime=0)
    with pytest.raises(FileError, match=r"f: [\d,]+ bytes of gzip data expand to more than 250 times as many"):
        drain(twice)


def test_what_a_file_may_become_has_a_limit() -> None:
    content = bytes(range(256)) * 8192
    message = "f: the zstd data expands to more than 1,048,576 bytes (`max_unpacked_bytes`). Send it in several files"
    with pytest.raises(FileError, match=re.escape(message)):
        unpack(io.BytesIO(zstd(content)), max_unpacked_bytes=1024 * 1024)


def test_an_archive_of_very_many_members_is_refused() -> None:
    names = [(str(n), b"") for n in range(members.MAX_MEMBERS + 1)]
    for packed in (zipped(*names), tarred(*names)):
        with pytest.raises(FileError, match=r"f: the archive is refused: it has more than 10,000 entries"):
            unpack(io.BytesIO(packed))


def test_a_directory_that_claims_to_be_huge_is_not_read() -> None:
    packed = bytearray(zipped(("a", TEXT)))
    struct.pack_into("<L", packed, packed.index(b"PK\5\6") + 12, 0x7FFFFFFF)
    with pytest.raises(FileError, match=r"f: the archive is refused: its directory has 2,147,483,647 bytes"):
        unpack(io.BytesIO(bytes(packed)))


def test_a_member_that_lies_nowhere_is_damage(tmp_path: Path) -> None:
    packed = bytearray(zipped(("a", TEXT)))
    struct.pack_into("<L", packed, packed.index(b"PK\5\6") + 16, 0x7FFFFFFF)
    (tmp_path / "f").write_bytes(packed)
    with (tmp_path / "f").open("rb") as stream, pytest.raises(FileError, match="begins like ZIP, but is damaged"):
        unpack(stream)


def test_a_tar_header_that_claims_to_be_huge_is_not_read() -> None:
    info, _ = entry("x", type=tarfile.GNUTYPE_LONGNAME)
    info.size = 8 * 1024**3
    packed = info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    with pytest.raises(FileError, match=r"f: the archive is refused: it has a header of 8,589,934,592 bytes"):
        unpack(io.BytesIO(packed))


@given(
    contents=st.lists(st.binary(min_size=1, max_size=3000).map(lambda body: b"a," + body), min_size=1, max_size=4),
    inner=st.sampled_from([bytes, zlib.compress, gzip.compress, bz2.compress, zstd]),
    archive=st.booleans().map(lambda is_zip: zipped if is_zip else tarred),
    outer=st.sampled_from([bytes, zlib.compress, gzip.compress, bz2.compress, zstd]),
    wound=st.booleans(),
)
def test_whatever_is_packed_comes_out(contents: list[bytes], inner: Any, archive: Any, outer: Any, wound: bool) -> None:  # noqa: ANN401
    packed = outer(archive(*((f"m{n}", inner(content)) for n, content in enumerate(contents))))
    stream = io.BytesIO(packed) if wound else cast("BinaryIO", Pipe(packed))
    assert [content for _, _, content in unpack(stream)] == contents


@given(
    start=st.sampled_from([case.values[0] for case in WRAPPED]), noise=st.binary(max_size=40), at=st.integers(0, 9999)
)
def test_damage_raises_nothing_but_file_errors(start: Any, noise: bytes, at: int) -> None:  # noqa: ANN401
    damaged = start[: at % len(start)] + noise + start[at % len(start) + len(noise) :]
    with contextlib.suppress(FileError):
        drain(damaged)
