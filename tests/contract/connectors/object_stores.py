"""What is tested alike on each object store of our own."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Literal

import pytest

from connectors import Connector, ConnectorError, FileChangedError, TransferError, create_connector
from tests.servers.object_store import ObjectStore
from tests.servers.odd_gcs import OddGcs
from tests.servers.odd_s3 import OddS3

MIB = 1024 * 1024
SMALL_PARTS = {"part_bytes": 64 * 1024, "parallel_parts": 3}

Connect = Callable[..., Connector]


@contextmanager
def connecting(kind: str) -> Iterator[Connect]:
    """Yield what builds a connector for a store, with changes of its configuration; all are closed at the end."""
    with ExitStack() as stack:

        def build(store: OddS3 | OddGcs, **changes: object) -> Connector:
            return stack.enter_context(closing(create_connector(kind, store.config(**changes))))

        yield build


def read(connector: Connector, path: str, **options: object) -> bytes:
    with connector.open_file(path, **options) as stream:  # type: ignore[arg-type]
        return stream.read()


class TransferContract:
    """One file, read in parts. Who inherits this has the fixtures `store` and `connect`."""

    CONTENT = os.urandom(MIB + 17)

    @pytest.fixture
    def connector(self, store: ObjectStore, connect: Connect) -> Connector:
        store.files["a.bin"] = self.CONTENT
        return connect(store, **SMALL_PARTS, timeout_seconds=2)

    @pytest.mark.parametrize("drop_after", [0, 1, 65_535, 30_000])
    def test_a_part_is_continued_where_its_connection_broke(
        self, store: ObjectStore, connector: Connector, drop_after: int
    ) -> None:
        store.drop_after = [None, drop_after, None, drop_after]
        assert read(connector, "a.bin") == self.CONTENT
        assert store.drop_after == []

    @pytest.mark.parametrize(("drip", "chunked"), [("all", False), ("body", False), ("body", True)])
    def test_a_listing_that_comes_one_byte_at_a_time(
        self, store: ObjectStore, connect: Connect, drip: Literal["all", "body"], chunked: bool
    ) -> None:
        store.files["in/a.bin"] = self.CONTENT
        store.drip_listing, store.chunked = drip, chunked
        least = {"least_bytes_per_second": 1000, "least_speed_seconds": 0.3}
        connector = connect(store, **least, timeout_seconds=5, max_attempts=2)
        with pytest.raises(TransferError) as caught:
            list(connector.list_files("in"))
        assert re.search(
            r"sent \d+ bytes of 'in' in 0 s, less than the 1000 bytes per second that are the least\. The transfer was "
            r"cut off\. Try again; if the source is always so slow, lower `least_bytes_per_second`\.$",
            str(caught.value),
        ), str(caught.value)
        assert caught.value.retryable
        assert len([each for each in store.requests if "in%2F" in each.path]) == 2, "it was asked again, and no more"
        store.drip_listing = ""
        assert [file.path for file in connector.list_files("in")] == ["in/a.bin"]

    def test_no_content_length(self, store: ObjectStore, connector: Connector) -> None:
        store.chunked = True
        assert read(connector, "a.bin") == self.CONTENT

    def test_no_ranges_at_all(self, store: ObjectStore, connector: Connector) -> None:
        store.ignore_range = True
        with pytest.raises(ConnectorError, match="and sent the whole file"):
            read(connector, "a.bin")
        store.files["small.bin"] = b"123"
        assert read(connector, "small.bin") == b"123"

    @pytest.mark.parametrize("ignore_conditions", [False, True])
    def test_a_file_that_is_replaced_while_it_is_read(
        self, store: ObjectStore, connector: Connector, ignore_conditions: bool
    ) -> None:
        store.replace_after = (2, bytes(len(self.CONTENT)))
        store.ignore_conditions = ignore_conditions
        with connector.open_file("a.bin") as stream, pytest.raises(FileChangedError, match="was replaced since"):
            stream.read()

    @pytest.mark.parametrize("ignore_conditions", [False, True])
    def test_a_file_that_was_replaced_since_it_was_listed(
        self, store: ObjectStore, connector: Connector, ignore_conditions: bool
    ) -> None:
        (listed,) = connector.list_files("")
        assert read(connector, "a.bin", version=listed.version) == self.CONTENT
        store.files["a.bin"] = b"another"
        store.ignore_conditions = ignore_conditions
        with pytest.raises(FileChangedError) as caught:
            read(connector, "a.bin", version=listed.version)
        assert (caught.value.path, caught.value.version) == ("a.bin", listed.version)
        assert not caught.value.retryable
