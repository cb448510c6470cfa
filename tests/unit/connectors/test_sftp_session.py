"""The SFTP session against peers that answer oddly, over real sockets."""

import socket
import stat
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sftp import wire
from connectors.sftp.reading import OpenFile, read_blocks
from connectors.sftp.session import SftpSession
from connectors.sftp.wire import Fields, ProtocolError, StatusError, pack_string, pack_uint32
from connectors.streams import Blocks

Answer = Callable[[int, int, bytes], bytes]
"""Kind, id and body of a request; returns the packets that answer it."""

VERSION = wire.pack_packet(wire.VERSION, pack_uint32(3))
MIB = 1024 * 1024
HANDLE = pack_string(b"h")


def packet(kind: int, request: int, body: bytes = b"") -> bytes:
    return wire.pack_packet(kind, pack_uint32(request) + body)


def status(request: int, code: int, text: bytes = b"") -> bytes:
    return packet(wire.STATUS, request, pack_uint32(code) + pack_string(text) + pack_string(b"en"))


def handle(request: int) -> bytes:
    return packet(wire.HANDLE, request, HANDLE)


def blocks_of(ours: SftpSession, *, offset: int = 0, end: int | None) -> Blocks:
    return read_blocks(OpenFile(session=ours, handle=HANDLE), offset=offset, end=end, window_bytes=MIB)


@contextmanager
def session(answer: Answer, *, version: bytes = VERSION) -> Iterator[SftpSession]:
    """A session whose peer greets with `version` and answers each request as told."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with suppress(ConnectionError), theirs.makefile("rb") as requests:  # the session may be closed at any time
            while head := requests.read(5):
                size, kind = struct.unpack(">IB", head)
                body = requests.read(size - 1)
                reply = version if kind == wire.INIT else answer(kind, int.from_bytes(body[:4], "big"), body[4:])
                theirs.sendall(reply)

    peer = threading.Thread(target=serve)
    peer.start()
    try:
        ours.settimeout(20)
        yield SftpSession(ours)
    finally:
        ours.close()
        peer.join()
        theirs.close()


def never(kind: int, request: int, body: bytes) -> bytes:
    raise AssertionError("no request was expected")


def file_of(content: bytes, *, most: int = 1 << 30, reverse: bool = False) -> Answer:
    """Answers reads from the content, no more than `most` bytes at once, pairs of answers swapped if `reverse`."""
    held: list[bytes] = []

    def answer(kind: int, request: int, body: bytes) -> bytes:
        if kind != wire.READ:
            return status(request, 0)
        fields = Fields(memoryview(body))
        fields.string()
        offset, count = fields.uint64(), fields.uint32()
        block = content[offset : offset + min(count, most)]
        reply = packet(wire.DATA, request, pack_string(block)) if block else status(request, wire.STATUS_EOF)
        if not reverse:
            return reply
        held.append(reply)
        return b"".join(held.pop() for _ in range(2)) if len(held) == 2 else b""

    return answer


def test_the_server_does_not_speak_sftp() -> None:
    with (
        pytest.raises(ProtocolError, match="announced a packet of"),
        session(never, version=b"Welcome to our server!\r\n"),
    ):
        pass
    too_old = wire.pack_packet(wire.VERSION, pack_uint32(2))
    with pytest.raises(ProtocolError, match="does not offer SFTP version 3"), session(never, version=too_old):
        pass


@pytest.mark.parametrize("size", [0, 17 * 1024 * 1024, 2**32 - 1])
def test_a_packet_size_that_can_not_be(size: int) -> None:
    with session(lambda *_: pack_uint32(size)) as ours, pytest.raises(ProtocolError, match=f"a packet of {size} bytes"):
        ours.stat(b"a")


def test_an_answer_that_nobody_asked_for() -> None:
    with (
        session(lambda _, request, __: handle(request + 1)) as ours,
        pytest.raises(ProtocolError, match="a request that was not made"),
    ):
        ours.open_file(b"a")


def test_an_answer_of_the_wrong_kind() -> None:
    with (
        session(lambda _, request, __: handle(request)) as ours,
        pytest.raises(ProtocolError, match="packet type 102 instead of 105"),
    ):
        ours.stat(b"a")


def test_an_answer_that_is_too_short() -> None:
    with (
        session(lambda _, request, __: packet(wire.ATTRS, request, pack_uint32(0xF))) as ours,
        pytest.raises(ProtocolError, match="shorter than its fields"),
    ):
        ours.stat(b"a")


def test_more_bytes_than_were_asked_for() -> None:
    with (
        session(lambda _, request, __: packet(wire.DATA, request, pack_string(b"123456"))) as ours,
        pytest.raises(ProtocolError, match="more bytes than were asked for"),
    ):
        list(blocks_of(ours, end=5))


def test_a_status_keeps_code_and_words() -> None:
    with session(lambda _, request, __: status(request, 4, b"caf\xe9")) as ours, pytest.raises(StatusError) as caught:
        ours.stat(b"a")
    assert (caught.value.code, caught.value.text) == (4, "caf�")


def test_a_status_without_words_as_old_servers_send_it() -> None:
    with (
        session(lambda _, request, __: packet(wire.STATUS, request, pack_uint32(2))) as ours,
        pytest.raises(StatusError) as caught,
    ):
        ours.stat(b"a")
    assert (caught.value.code, caught.value.text) == (2, "")


def test_the_server_hangs_up() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(VERSION)
        session = SftpSession(ours)
        theirs.shutdown(socket.SHUT_RDWR)
        with pytest.raises((EOFError, BrokenPipeError)):
            session.stat(b"a")


@pytest.mark.parametrize("most", [1 << 30, 32768, 5000, 1000])
@pytest.mark.parametrize("known_size", [True, False])
def test_reads_every_byte_in_order_however_short_the_answers(most: int, known_size: bool) -> None:
    content = bytes(range(256)) * 1200
    with session(file_of(content, most=most)) as ours:
        blocks = blocks_of(ours, offset=7, end=len(content) if known_size else None)
        assert b"".join(blocks) == content[7:]


def test_a_short_answer_does_not_slow_the_next_file_down() -> None:
    asked: list[int] = []
    answer = file_of(bytes(40_000))

    def record(kind: int, request: int, body: bytes) -> bytes:
        asked.append(int.from_bytes(body[-4:], "big"))
        return answer(kind, request, body)

    with session(record) as ours:
        assert sum(map(len, blocks_of(ours, end=None))) == 40_000
        asked.clear()
        assert sum(map(len, blocks_of(ours, end=40_000))) == 40_000
    assert asked == [32_768, 7_232]


def test_answers_in_another_order() -> None:
    content = bytes(range(256)) * 512  # four requests of 32 KiB
    with session(file_of(content, reverse=True)) as ours:
        assert b"".join(blocks_of(ours, end=len(content))) == content


def test_an_abandoned_read_leaves_the_session_usable() -> None:
    content = bytes(4 * 1024 * 1024)
    with session(file_of(content)) as ours:
        for _ in range(20):
            blocks = blocks_of(ours, end=len(content))
            next(blocks)
            blocks.close()
        assert sum(map(len, blocks_of(ours, end=len(content)))) == len(content)


def test_the_limits_of_a_server_are_kept() -> None:
    asked: list[int] = []
    version = wire.pack_packet(wire.VERSION, pack_uint32(3) + pack_string(b"limits@openssh.com") + pack_string(b"1"))

    def answer(kind: int, request: int, body: bytes) -> bytes:
        if kind == wire.EXTENDED:
            return packet(wire.EXTENDED_REPLY, request, b"".join(map(wire.pack_uint64, (20000, 10000, 10000, 5))))
        asked.append(int.from_bytes(body[-4:], "big"))
        return packet(wire.DATA, request, pack_string(bytes(asked[-1])))

    with session(answer, version=version) as ours:
        assert (
            sum(map(len, read_blocks(OpenFile(session=ours, handle=HANDLE), window_bytes=MIB, offset=0, end=25000)))
            == 25000
        )
    assert asked == [10000, 10000, 5000]


def test_a_listing_keeps_what_arrives_after_the_end() -> None:
    def answer(kind: int, request: int, body: bytes) -> bytes:
        if kind == wire.OPENDIR:
            return handle(request)
        if kind == wire.CLOSE or request == 3:  # the second of the listing's requests
            return status(request, wire.STATUS_EOF)
        if request > 4:
            return status(request, wire.STATUS_EOF)
        entry = pack_string(b"f%d" % request) + pack_string(b"") + pack_uint32(0)
        return packet(wire.NAME, request, pack_uint32(1) + entry)

    with session(answer) as ours:
        assert [entry.name for entry in ours.list_folder(b"/")] == [b"f2", b"f4"]


def test_attributes_that_are_not_there_are_none() -> None:
    with session(lambda _, request, __: packet(wire.ATTRS, request, pack_uint32(0))) as ours:
        attributes = ours.stat(b"a")
    assert (attributes.size_bytes, attributes.mode, attributes.modified_epoch) == (None, None, None)


def test_all_attributes() -> None:
    mode = stat.S_IFREG | 0o644
    block = (
        struct.pack(">IQIIIIII", 0x8000000F, 2**40, 1, 2, mode, 3, 4, 1) + pack_string(b"vendor") + pack_string(b"x")
    )
    attributes = Fields(memoryview(block)).attributes()
    assert (attributes.size_bytes, attributes.file_type, attributes.modified_epoch) == (2**40, stat.S_IFREG, 4)


@given(st.binary(max_size=64))
def test_no_bytes_break_the_reader_of_fields(data: bytes) -> None:
    fields = Fields(memoryview(data))
    try:
        entry = fields.entry()
    except ProtocolError:
        return
    assert len(entry.name) + len(entry.long_name) + 12 <= len(data)


@pytest.mark.parametrize("most", [1 << 30, 5000])
def test_two_sessions_read_one_file_in_order(most: int) -> None:
    content = bytes(range(256)) * 4096 * 5 + b"end"
    asked: set[int] = set()

    def counted(name: int) -> Answer:
        answer = file_of(content, most=most)

        def record(kind: int, request: int, body: bytes) -> bytes:
            asked.add(name)
            return answer(kind, request, body)

        return record

    with session(counted(1)) as first, session(counted(2)) as second:
        joining = iter([[], [OpenFile(session=second, handle=HANDLE)]])
        asked.clear()
        blocks = read_blocks(
            OpenFile(session=first, handle=HANDLE),
            offset=3,
            end=len(content),
            window_bytes=MIB,
            joining=lambda: next(joining, []),
        )
        assert b"".join(blocks) == content[3:]
    assert asked == {1, 2}


def test_a_file_that_ends_early_ends_early_in_every_session() -> None:
    content = bytes(3 * MIB)
    with session(file_of(content)) as first, session(file_of(content)) as second:
        joining = iter([[OpenFile(session=second, handle=HANDLE)]])
        blocks = read_blocks(
            OpenFile(session=first, handle=HANDLE),
            offset=0,
            end=9 * MIB,
            window_bytes=MIB,
            joining=lambda: next(joining, []),
        )
        assert sum(map(len, blocks)) == len(content)
