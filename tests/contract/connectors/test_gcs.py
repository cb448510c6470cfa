"""Buckets of Google Cloud Storage that are strict, odd, or broken, and what people are told about them."""

import gzip
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    Connector,
    ConnectorError,
    FileChangedError,
    FileGoneError,
    RemoteFile,
    TransferError,
    UnreachableError,
    UntrustedHostError,
    create_connector,
)
from tests.contract.connectors.object_stores import SMALL_PARTS, Connect, TransferContract, connecting, read
from tests.servers.gcs import GcsEmulator
from tests.servers.object_store import Refusal
from tests.servers.odd_gcs import EMAIL, OddGcs, odd_gcs
from tests.servers.processes import free_port


@pytest.fixture(scope="module")
def running_store() -> Iterator[OddGcs]:
    with odd_gcs() as store:
        yield store


@pytest.fixture
def store() -> Iterator[OddGcs]:
    with odd_gcs() as store:
        yield store


@pytest.fixture
def connect() -> Iterator[Connect]:
    with connecting("gcs") as connect:
        yield connect


class TestRefusals:
    @pytest.mark.parametrize(
        ("refusal", "kind", "message"),
        [
            (
                Refusal(status=401, message="Invalid Credentials"),
                AuthenticationError,
                "does not accept the account's credentials (status 401: ",
            ),
            (Refusal(status=403, message="no access"), AccessDeniedError, "denies access to 'in/a.csv'."),
            (
                Refusal(status=400, message="Bucket is a requester pays bucket but no user project provided."),
                ConfigurationError,
                "charges those who read from it, and refused (status 400: ",
            ),
            (
                Refusal(status=503, message="backend"),
                TransferError,
                "is too busy or out of order: 'in/a.csv' could not be read in 1 attempts (status 503: ",
            ),
            (Refusal(status=429, message="slow down"), TransferError, "is too busy or out of order: 'in/a.csv' could"),
            (Refusal(status=418, message="teapot"), ConnectorError, "refused to read 'in/a.csv' (status 418: "),
            (Refusal(status=200, body=b"<html>"), ConnectorError, "does not speak GCS as it should ("),
        ],
        ids=lambda value: str(value.status) if isinstance(value, Refusal) else "",
    )
    def test_say_what_to_do(
        self, store: OddGcs, connect: Connect, refusal: Refusal, kind: type[ConnectorError], message: str
    ) -> None:
        store.answers = [refusal] * 20
        with pytest.raises(ConnectorError) as caught:
            read(connect(store, max_attempts=1), "in/a.csv")
        assert type(caught.value) is kind
        said = str(caught.value).removeprefix(f"GCS bucket 'exchange' at 127.0.0.1:{store.port}").strip()
        assert said.startswith(message)
        assert caught.value.retryable is (kind is TransferError)

    def test_a_busy_store_is_asked_again(self, store: OddGcs, connect: Connect) -> None:
        store.files["a.csv"] = b"12345"
        store.answers = [Refusal(status=503), None, Refusal(status=429), None]
        assert read(connect(store), "a.csv") == b"12345"
        store.answers = [Refusal(status=500), None]
        assert len(list(connect(store).list_files(""))) == 1

    def test_a_bucket_that_does_not_exist(self, store: OddGcs, connect: Connect) -> None:
        connector = connect(store, bucket_name="no-such-bucket")
        for ask in (connector.check, lambda: connector.stat_file("a.csv")):
            with pytest.raises(ConfigurationError) as caught:
                ask()
            assert str(caught.value) == (
                f"GCS bucket 'no-such-bucket' at 127.0.0.1:{store.port} does not exist. Check `bucket_name` and "
                "`endpoint`."
            )


class TestLogin:
    def test_a_service_account_over_tls(self, tls_gcs: OddGcs, connect: Connect, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text(tls_gcs.ca_text)
        for trusted in (tls_gcs.ca_text, str(tmp_path / "ca.pem")):
            steps = connect(tls_gcs, ca_certificate=trusted).check().steps
            assert [(step.name, step.detail) for step in steps] == [
                ("reach", f"GCS bucket 'exchange' at 127.0.0.1:{tls_gcs.port} answered"),
                ("trust", "its certificate is a trusted one"),
                ("authenticate", f"logged in as {EMAIL}"),
                ("list", "the folder is empty"),
            ]

    def test_an_unknown_authority(self, tls_gcs: OddGcs, connect: Connect) -> None:
        with pytest.raises(UntrustedHostError) as caught:
            connect(tls_gcs, ca_certificate=None, max_attempts=1).check()
        assert f"showed certificate {caught.value.presented}, which is not trusted" in str(caught.value)
        assert len(caught.value.presented) == len("SHA256:") + 64

    def test_nobody_is_logged_in(self, store: OddGcs, connect: Connect) -> None:
        with pytest.raises(AuthenticationError, match="does not accept the account's credentials"):
            connect(store, service_account_key=None, anonymous=True).check()

    @pytest.mark.parametrize("text", ["", "{}", "[]", "not JSON", '{"client_email": "a", "token_uri": "b"}'])
    def test_what_is_no_key_file(self, running_store: OddGcs, text: str) -> None:
        with pytest.raises(ConfigurationError, match=r"`service_account_key` can't be used\. Give the whole text of"):
            create_connector("gcs", running_store.config(service_account_key=text))

    def test_who_pays(self, store: OddGcs, connect: Connect) -> None:
        store.files["a.csv"] = b"1"
        connector = connect(store, user_project="payer")
        list(connector.list_files(""))
        read(connector, "a.csv")
        assert all("userProject=payer" in request.path for request in store.requests)
        assert len(store.requests) == 3

    def test_nobody_listens(self, store: OddGcs, connect: Connect) -> None:
        host = f"127.0.0.1:{free_port()}"
        with pytest.raises(UnreachableError) as caught:
            connect(store, endpoint=f"http://{host}", max_attempts=1).check()
        assert str(caught.value) == (
            f"GCS bucket 'exchange' at {host} was not reached: no connection to {host}. Check `endpoint` and the "
            "network."
        )

    def test_nobody_answers(self, store: OddGcs, connect: Connect) -> None:
        store.hang = True
        with pytest.raises(TransferError, match=r"stopped answering for 0\.3 s while 'a\.csv' was read"):
            connect(store, timeout_seconds=0.3, max_attempts=1).stat_file("a.csv")


class TestListing:
    def test_names_that_no_file_system_has(self, store: OddGcs, connect: Connect) -> None:
        names = ["a//b.csv", "/rooted.csv", "back\\slash.csv", "line\nbreak.csv", "both", "both/a.csv", "a%2F+c d?e#h"]
        store.files = {name: str(number).encode() for number, name in enumerate(names)}
        connector = connect(store)
        files = list(connector.list_files("", recursive=True))
        assert sorted(read(connector, file.path) for file in files) == sorted(store.files.values())
        assert [connector.stat_file(file.path) for file in files] == files

    def test_pages_are_fetched_when_they_are_needed(self, store: OddGcs, connect: Connect) -> None:
        store.files = {f"{number:05}.csv": b"" for number in range(10_001)}
        files = iter(connect(store).list_files(""))
        next(files)
        assert len(store.requests) == 1
        assert sum(1 for _ in files) == 10_000
        assert len(store.requests) == 11

    def test_a_listing_that_does_not_end(self, store: OddGcs, connect: Connect) -> None:
        store.answers = [Refusal(status=200, body=b'{"nextPageToken": "x"}')] * 3
        with pytest.raises(ConnectorError, match="does not speak GCS as it should: its listing does not end"):
            list(connect(store).list_files(""))

    def test_times_are_in_utc(self, store: OddGcs, connect: Connect) -> None:
        store.files["a.csv"] = b"123"
        (file,) = connect(store).list_files("")
        modified_at = datetime(2026, 11, 1, 2, 0, 0, 123_000, tzinfo=UTC)
        assert file == RemoteFile(path="a.csv", size_bytes=3, modified_at=modified_at, version=file.version)
        assert file.version is not None
        assert file.version.isdecimal()


class TestTransfer(TransferContract):
    def test_a_connection_that_always_breaks(self, store: OddGcs, connector: Connector) -> None:
        store.drop_after = [10] * 100
        with (
            connector.open_file("a.bin") as stream,
            pytest.raises(TransferError, match=r"dropped the connection while 'a\.bin' was read"),
        ):
            stream.read()

    @pytest.mark.parametrize("shift", [1, -1])
    def test_another_range(self, store: OddGcs, connector: Connector, shift: int) -> None:
        store.shift_range = shift
        with pytest.raises(ConnectorError, match=r"was asked for bytes 100 to 199 of file 'a\.bin', and sent "):
            read(connector, "a.bin", offset=100, length=100)

    def test_a_file_that_is_gone_since_it_was_listed(self, store: OddGcs, connector: Connector) -> None:
        (listed,) = connector.list_files("")
        del store.files["a.bin"]
        with pytest.raises(FileGoneError):
            read(connector, "a.bin", version=listed.version)

    def test_what_is_no_generation(self, connector: Connector) -> None:
        with pytest.raises(FileChangedError):
            read(connector, "a.bin", version='"an-etag"')

    def test_a_damaged_file(self, store: OddGcs, connector: Connector, connect: Connect) -> None:
        store.damage = True
        with pytest.raises(TransferError, match="does not have the CRC32C checksum that the store keeps"):
            read(connector, "a.bin")
        assert len(read(connector, "a.bin", offset=1)) == len(self.CONTENT) - 1
        assert len(read(connect(store, verify_checksums=False), "a.bin")) == len(self.CONTENT)

    def test_a_store_that_sends_one_byte_at_a_time(self, store: OddGcs, connect: Connect) -> None:
        store.files["a.bin"] = self.CONTENT
        store.drip = True
        least = {"least_speed_seconds": 0.6, "least_bytes_per_second": 10**9}
        connector = connect(store, **SMALL_PARTS, **least, timeout_seconds=0.3, max_attempts=1)
        with (
            connector.open_file("a.bin") as stream,
            pytest.raises(TransferError, match=r"sent less than 256 KiB of file 'a\.bin' in 0\.6 s"),
        ):
            stream.read()


class TestEmulators:
    @pytest.fixture
    def bucket(self, gcs: GcsEmulator) -> str:
        return gcs.new_bucket()

    def test_a_file_that_is_kept_compressed_is_read_as_it_is_kept(self, gcs: GcsEmulator, bucket: str) -> None:
        content = gzip.compress(b"a,b\n1,2\n" * 1000)
        blob = gcs.client.bucket(bucket).blob("a.csv.gz")
        blob.content_encoding = "gzip"
        blob.upload_from_string(content, content_type="text/csv")
        with closing(create_connector("gcs", gcs.config(bucket))) as connector:
            assert read(connector, "a.csv.gz") == content
            assert read(connector, "a.csv.gz", offset=3, length=7) == content[3:10]

    def test_a_bucket_that_does_not_exist(self, gcs: GcsEmulator) -> None:
        with (
            closing(create_connector("gcs", gcs.config("no-such-bucket"))) as connector,
            pytest.raises(ConfigurationError, match="does not exist"),
        ):
            connector.check()
