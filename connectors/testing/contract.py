"""The tests that every connector passes."""

# ruff: noqa: S101, D102 (these are tests: they assert, and a test's name is its docstring)

import hashlib
import pickle
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import BinaryIO, ClassVar

import pytest
from pydantic import SecretStr

from connectors.base import Connector, RemoteFile, RemoteFolder
from connectors.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConnectorError,
    FileChangedError,
    FileGoneError,
    TransferError,
    UnreachableError,
    UntrustedHostError,
)
from connectors.registry import config_model, create_connector
from connectors.testing.sources import BYTES_NAME, ODD_NAMES, SourceUnderTest

_MIB = 1024 * 1024


class ConnectorContract:
    """What every connector promises. Subclass it, and override the fixture `source`."""

    large_file_bytes: ClassVar[int] = 64 * _MIB
    memory_bound_bytes: ClassVar[int] = 24 * _MIB

    @pytest.fixture
    def source(self) -> SourceUnderTest:
        """Return the source; every subclass overrides this."""
        pytest.fail("override the fixture `source`")

    @pytest.fixture
    def connector(self, source: SourceUnderTest) -> Iterator[Connector]:
        """Return a connector to the source, closed at the end."""
        with closing(create_connector(source.kind, source.config())) as connector:
            yield connector

    # What it is configured with

    def test_every_setting_explains_itself(self, source: SourceUnderTest) -> None:
        properties = config_model(source.kind).model_json_schema()["properties"]
        assert all({"title", "description"} <= set(field) for field in properties.values())

    def test_secrets_do_not_show(self, source: SourceUnderTest) -> None:
        config = config_model(source.kind).model_validate(dict(source.config()))
        secrets = [value for _, value in config if isinstance(value, SecretStr)]
        assert not any(secret.get_secret_value() in repr(config) for secret in secrets)

    # Connecting

    def test_check_says_what_it_did(self, connector: Connector) -> None:
        steps = connector.check().steps
        assert steps[0].name == "reach"
        assert steps[-1].name == "list"
        assert all(step.detail for step in steps)

    def test_close_twice_and_use_again(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "a.csv"), b"1")
        assert connector.stat_file(_join(source, "a.csv")).size_bytes in (1, None)
        connector.close()
        connector.close()
        assert connector.stat_file(_join(source, "a.csv")).size_bytes in (1, None)

    # Listing

    def test_lists_one_folder(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "a.csv"), b"12345")
        source.put_file(_join(source, "deep/er/b.csv"), b"1")
        files = list(connector.list_files(source.folder))
        assert [file.path for file in files] == [_join(source, "a.csv")]
        assert files[0].size_bytes in (5, None)
        assert files[0].modified_at is None or files[0].modified_at.utcoffset() == timedelta(0)

    def test_lists_recursively(self, source: SourceUnderTest, connector: Connector) -> None:
        paths = {_join(source, name) for name in ("a.csv", "deep/b.csv", "deep/er/c.csv", "other/d.csv")}
        for path in paths:
            source.put_file(path, b"1")
        assert _paths(connector.list_files(source.folder, recursive=True)) == paths

    def test_lists_an_empty_folder(self, source: SourceUnderTest, connector: Connector) -> None:
        source.make_folder(_join(source, "empty"))
        assert list(connector.list_files(_join(source, "empty"))) == []

    def test_browses_one_level(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "a.csv"), b"1")
        source.put_file(_join(source, "deep/er/b.csv"), b"1")
        entries = list(connector.browse(source.folder))
        assert {entry.path for entry in entries if isinstance(entry, RemoteFile)} == {_join(source, "a.csv")}
        assert {entry.path for entry in entries if isinstance(entry, RemoteFolder)} == {_join(source, "deep")}

    def test_opens_files_while_listing(self, source: SourceUnderTest, connector: Connector) -> None:
        contents = {_join(source, f"{number}.csv"): str(number).encode() for number in range(20)}
        for path, content in contents.items():
            source.put_file(path, content)
        read = {file.path: _read(connector, file.path) for file in connector.list_files(source.folder)}
        assert read == contents

    def test_abandoned_listing(self, source: SourceUnderTest, connector: Connector) -> None:
        for number in range(300):
            source.put_file(_join(source, f"{number}.csv"), b"1")
        next(iter(connector.list_files(source.folder)))
        assert len(list(connector.list_files(source.folder))) == 300

    def test_missing_folder(self, source: SourceUnderTest, connector: Connector) -> None:
        if not source.has_folders:
            assert list(connector.list_files(_join(source, "nowhere"))) == []
        look = connector.list_files if source.has_folders else connector.browse
        with pytest.raises(FileGoneError) as caught:
            list(look(_join(source, "nowhere")))
        assert caught.value.is_folder
        assert caught.value.path == _join(source, "nowhere")
        assert "no folder" in str(caught.value)
        assert not caught.value.retryable

    # Names

    def test_odd_names(self, source: SourceUnderTest, connector: Connector) -> None:
        names = [name for name in (*ODD_NAMES, BYTES_NAME) if name not in source.unsupported_names]
        for number, name in enumerate(names):
            source.put_file(_join(source, name), str(number).encode())
        assert _paths(connector.list_files(source.folder)) == {_join(source, name) for name in names}
        for number, name in enumerate(names):
            assert connector.stat_file(_join(source, name)).path == _join(source, name)
            assert _read(connector, _join(source, name)) == str(number).encode()

    def test_odd_folder_names(self, source: SourceUnderTest, connector: Connector) -> None:
        names = [name for name in (*ODD_NAMES, BYTES_NAME) if name not in source.unsupported_names]
        for name in names:
            source.put_file(_join(source, f"{name}/a.csv"), b"1")
        expected = {_join(source, f"{name}/a.csv") for name in names}
        assert _paths(connector.list_files(source.folder, recursive=True)) == expected

    @pytest.mark.parametrize("path", ["..", "../secret", "a/../../secret", "nul\0byte"])
    def test_no_way_upwards(self, source: SourceUnderTest, connector: Connector, path: str) -> None:
        with pytest.raises(AccessDeniedError, match="was refused"):
            list(connector.list_files(_join(source, path)))
        with pytest.raises(AccessDeniedError, match="was refused"):
            connector.stat_file(_join(source, path))
        with pytest.raises(AccessDeniedError, match="was refused"), connector.open_file(_join(source, path)):
            pytest.fail("it was opened")

    # Reading

    def test_empty_file(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "empty.csv"), b"")
        assert connector.stat_file(_join(source, "empty.csv")).size_bytes in (0, None)
        assert _read(connector, _join(source, "empty.csv")) == b""

    def test_reads_from_an_offset(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, b"0123456789")
        assert [_read(connector, path, offset) for offset in (0, 4, 10)] == [b"0123456789", b"456789", b""]

    def test_offset_beyond_the_end(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, b"0123456789")
        with pytest.raises(TransferError, match="has 10 bytes, so it can't be read up to byte 11"):
            _read(connector, path, 11)

    def test_reads_a_range(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, b"0123456789")
        ranges = [(0, 3), (3, 7), (9, 1), (4, 0)]
        assert [_read(connector, path, *each) for each in ranges] == [b"012", b"3456789", b"9", b""]

    def test_range_beyond_the_end(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, b"0123456789")
        with pytest.raises(TransferError, match="has 10 bytes, so it can't be read up to byte 11"):
            _read(connector, path, 8, 3)

    def test_reads_the_version_that_was_listed(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, b"old")
        version = connector.stat_file(path).version
        with connector.open_file(path, version=version) as stream:
            assert stream.read() == b"old"
        source.put_file(path, b"new")
        if version is not None:
            assert _read_version(connector, path, version) in (b"old", None), "the one asked for, or none"

    def test_stops_reading_early(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, bytes(8 * _MIB))
        with connector.open_file(path) as stream:
            assert stream.read(3) == b"\0\0\0"
        assert len(_read(connector, path)) == 8 * _MIB

    def test_two_files_at_once(self, source: SourceUnderTest, connector: Connector) -> None:
        one, two = _join(source, "1.csv"), _join(source, "2.csv")
        source.put_file(one, b"1" * _MIB)
        source.put_file(two, b"2" * _MIB)
        with connector.open_file(one) as first, connector.open_file(two) as second:
            pairs = [(first.read(1000), second.read(1000)) for _ in range(5)]
        assert pairs == [(b"1" * 1000, b"2" * 1000)] * 5

    def test_large_file_in_bounded_memory(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "large.bin")
        content = b"".join(number.to_bytes(8, "big") * 128 for number in range(self.large_file_bytes // 1024))
        source.put_file(path, content)
        expected = hashlib.sha256(content).digest()
        del content
        digest = hashlib.sha256()
        connector.check()
        tracemalloc.start()
        try:
            with connector.open_file(path) as stream:
                while block := stream.read(_MIB):
                    digest.update(block)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert digest.digest() == expected
        assert peak_bytes < self.memory_bound_bytes

    def test_file_gone_between_list_and_open(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "a.csv"), b"1")
        (listed,) = connector.list_files(source.folder)
        source.remove_file(_join(source, "a.csv"))
        with pytest.raises(FileGoneError, match="has no file") as caught:
            _read(connector, listed.path)
        assert (caught.value.path, caught.value.is_folder, caught.value.retryable) == (listed.path, False, False)
        with pytest.raises(FileGoneError, match="has no file"):
            connector.stat_file(listed.path)

    def test_a_folder_is_no_file(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "deep/a.csv"), b"1")
        with pytest.raises(FileGoneError):
            connector.stat_file(_join(source, "deep"))
        with pytest.raises(FileGoneError):
            _read(connector, _join(source, "deep"))

    # Errors

    def test_errors_cross_processes(self, connector: Connector, source: SourceUnderTest) -> None:
        with pytest.raises(FileGoneError) as caught:
            connector.stat_file(_join(source, "nowhere"))
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 (what was pickled here)
        assert (type(again), str(again), vars(again)) == (FileGoneError, str(caught.value), vars(caught.value))


class FileSystemContract(ConnectorContract):
    """What a connector to a file system promises besides: folders are denied, links lead on, files change in place.

    Object stores, whose files are only ever replaced, and whose folders are nothing but names, do not enrol.
    """

    def test_denied_folder(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "private/a.csv"), b"1")
        denied = source.deny(_join(source, "private"))
        if denied is None:
            pytest.skip("the source denies nothing")
        with denied, pytest.raises(AccessDeniedError) as caught:
            list(connector.list_files(_join(source, "private")))
        assert caught.value.path == _join(source, "private")
        assert not caught.value.retryable

    def test_denied_sub_folder_is_never_skipped(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "a.csv"), b"1")
        source.put_file(_join(source, "private/b.csv"), b"1")
        denied = source.deny(_join(source, "private"))
        if denied is None:
            pytest.skip("the source denies nothing")
        with denied:
            files = iter(connector.list_files(source.folder, recursive=True))
            assert next(files).path == _join(source, "a.csv"), "a listing has to be lazy"
            with pytest.raises(AccessDeniedError, match="private"):
                list(files)

    def test_links(self, source: SourceUnderTest, connector: Connector) -> None:
        source.put_file(_join(source, "real/a.csv"), b"123")
        if source.make_link(_join(source, "link.csv"), _join(source, "real/a.csv")) is None:
            pytest.skip("the source has no links")
        source.make_link(_join(source, "dangling.csv"), _join(source, "nowhere.csv"))
        source.make_link(_join(source, "real/loop"), _join(source, "real"))
        files = {file.path: file.size_bytes for file in connector.list_files(source.folder, recursive=True)}
        assert set(files) == {_join(source, "real/a.csv"), _join(source, "link.csv")}
        assert files[_join(source, "link.csv")] in (3, None)
        assert _read(connector, _join(source, "link.csv")) == b"123"
        assert RemoteFolder(path=_join(source, "real/loop")) in list(connector.browse(_join(source, "real")))

    def test_read_cut_short(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, bytes(16 * _MIB))
        with connector.open_file(path) as stream:
            stream.read(1)
            if source.shorten_file(path, 15 * _MIB) is None:
                pytest.skip("files are only ever replaced")
            with pytest.raises(TransferError, match="cut short") as caught:
                _drain(stream)
            with pytest.raises(TransferError, match="cut short"):
                stream.read(1)
        assert caught.value.retryable
        assert (caught.value.path, caught.value.expected_bytes) == (path, 16 * _MIB)

    def test_what_is_appended_meanwhile_is_not_read(self, source: SourceUnderTest, connector: Connector) -> None:
        path = _join(source, "a.csv")
        source.put_file(path, bytes(8 * _MIB))
        with connector.open_file(path) as stream:
            first = stream.read(1)
            if source.append_to_file(path, b"more") is None:
                pytest.skip("files are only ever replaced")
            assert len(first + stream.read()) == 8 * _MIB


class ServerContract(ConnectorContract):
    """What every connector to a server promises besides: it can be out of reach, or refuse a login."""

    def test_building_does_no_io(self, source: SourceUnderTest) -> None:
        config = source.unreachable()
        assert config is not None
        create_connector(source.kind, config).close()

    def test_wrong_secret(self, source: SourceUnderTest) -> None:
        config = source.wrong_secret()
        assert config is not None
        error = _check_error(source, config)
        assert isinstance(error, AuthenticationError)
        assert not error.retryable
        model = config_model(source.kind).model_validate(dict(config))
        secrets = [value.get_secret_value() for _, value in model if isinstance(value, SecretStr)]
        assert not any(secret in str(error) for secret in secrets)

    def test_unreachable(self, source: SourceUnderTest) -> None:
        config = source.unreachable()
        assert config is not None
        error = _check_error(source, config)
        assert isinstance(error, UnreachableError)
        assert error.retryable


class TrustedServerContract(ServerContract):
    """What every connector to a server promises that has a key or certificate to show."""

    def test_untrusted_host(self, source: SourceUnderTest) -> None:
        config = source.untrusted()
        assert config is not None
        error = _check_error(source, config)
        assert isinstance(error, UntrustedHostError)
        assert not error.retryable
        assert error.presented in str(error)
        assert error.presented


def _join(source: SourceUnderTest, name: str) -> str:
    return f"{source.folder}/{name}" if source.folder else name


def _paths(files: Iterator[RemoteFile]) -> set[str]:
    return {file.path for file in files}


def _read(connector: Connector, path: str, offset: int = 0, length: int | None = None) -> bytes:
    with connector.open_file(path, offset=offset, length=length) as stream:
        return stream.read()


def _read_version(connector: Connector, path: str, version: str) -> bytes | None:
    try:
        with connector.open_file(path, version=version) as stream:
            return stream.read()
    except FileChangedError:
        return None


def _drain(stream: BinaryIO) -> None:
    while stream.read(_MIB):
        pass


def _check_error(source: SourceUnderTest, config: Mapping[str, object]) -> ConnectorError:
    with (
        closing(create_connector(source.kind, config)) as connector,
        pytest.raises(ConnectorError) as caught,
    ):
        connector.check()
    return caught.value
