"""S3 stores that are strict, odd, or broken, and what people are told about them."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from connectors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    Connector,
    ConnectorError,
    FileGoneError,
    RemoteFile,
    RemoteFolder,
    TransferError,
    UnreachableError,
    UntrustedHostError,
    create_connector,
)
from tests.contract.connectors.object_stores import MIB, SMALL_PARTS, Connect, TransferContract, connecting, read
from tests.servers.object_store import Refusal
from tests.servers.odd_s3 import ACCESS_KEY, BUCKET, SECRET_KEY, OddS3, odd_s3
from tests.servers.processes import free_port
from tests.servers.seaweedfs import S3Store


@pytest.fixture
def store() -> Iterator[OddS3]:
    with odd_s3() as store:
        yield store


@pytest.fixture
def connect() -> Iterator[Connect]:
    with connecting("s3") as connect:
        yield connect


def drain(stream: BinaryIO, received: bytearray) -> None:
    while block := stream.read(1000):
        received += block


def failure(store: OddS3, connector: Connector, refusal: Refusal | None = None) -> ConnectorError:
    """The error with which reading a file ends, when the store answers all requests with a refusal."""
    store.files["in/a.csv"] = b"1"
    store.answers = [refusal] * 20
    with pytest.raises(ConnectorError) as caught:
        read(connector, "in/a.csv")
    assert SECRET_KEY not in str(caught.value)
    return caught.value


class TestRefusals:
    @pytest.mark.parametrize(
        ("refusal", "kind", "message"),
        [
            (
                Refusal(status=403, code="InvalidAccessKeyId"),
                AuthenticationError,
                "does not know the access key. Check `access_key`. Nothing was read.",
            ),
            (
                Refusal(status=403, code="SignatureDoesNotMatch"),
                AuthenticationError,
                "does not accept the secret of the access key. Check `secret_key`. Nothing was read.",
            ),
            (
                Refusal(status=400, code="ExpiredToken"),
                AuthenticationError,
                "says that the session token has expired. Give new temporary keys. Nothing was read.",
            ),
            (
                Refusal(status=403, code="RequestTimeTooSkewed"),
                AuthenticationError,
                "says that this machine's clock is wrong. Set the clock. Nothing was read.",
            ),
            (
                Refusal(status=403, code="AccessDenied", message=None),
                AccessDeniedError,
                "denies access to 'in/a.csv'. Nothing was read from there. Ask its operator to let this account read "
                "it, or choose another path.",
            ),
            (
                Refusal(status=404, code="NoSuchBucket"),
                ConfigurationError,
                "does not exist. Check `bucket_name`, `region` and `service_url`.",
            ),
            (
                Refusal(status=404, code="NoSuchKey"),
                FileGoneError,
                "has no file 'in/a.csv'. It was removed or renamed since it was listed, or the path is wrong.",
            ),
            (
                Refusal(status=403, code="InvalidObjectState", fields={"StorageClass": "DEEP_ARCHIVE"}),
                AccessDeniedError,
                ": file 'in/a.csv' lies in storage class DEEP_ARCHIVE, an archive that can't be read from. Nothing was "
                "read. Restore it first (`aws s3api restore-object`, some minutes to hours), then run again.",
            ),
            (
                Refusal(status=301, code="PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-3"}),
                ConfigurationError,
                "is in another region than the one that was asked. Set `region` to 'eu-west-3'.",
            ),
            (
                Refusal(status=400, code="AuthorizationHeaderMalformed"),
                ConfigurationError,
                "is in another region than the one that was asked. Set `region` to the bucket's, and `service_url` to "
                "match.",
            ),
            (
                Refusal(status=503, code="SlowDown", message="Reduce your request rate"),
                TransferError,
                "is too busy or out of order: 'in/a.csv' could not be read in 1 attempts (SlowDown: Reduce your "
                "request rate). Try again later.",
            ),
            (
                Refusal(status=418, code="Teapot", message=None),
                ConnectorError,
                "refused to read 'in/a.csv' (Teapot). Check the account's settings, and that `service_url` is an S3 "
                "service's.",
            ),
        ],
        ids=lambda value: value.code if isinstance(value, Refusal) else "",
    )
    def test_say_what_to_do(
        self, store: OddS3, connect: Connect, refusal: Refusal, kind: type[ConnectorError], message: str
    ) -> None:
        error = failure(store, connect(store, max_attempts=1), refusal)
        assert type(error) is kind
        assert str(error).removeprefix(f"S3 bucket 'exchange' at 127.0.0.1:{store.port}").strip() == message
        assert error.retryable is (kind is TransferError)

    def test_a_bucket_without_an_answer_in_words(self, store: OddS3, connect: Connect) -> None:
        assert type(failure(store, connect(store, max_attempts=1), Refusal(status=403))) is AccessDeniedError

    def test_a_listing_that_does_not_end(self, store: OddS3, connect: Connect) -> None:
        page = b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken>"
        store.answers = [Refusal(status=200, body=page + b"</ListBucketResult>")] * 3
        with pytest.raises(ConnectorError, match=r"does not speak S3 as it should .* same next token"):
            list(connect(store).list_files(""))

    def test_a_busy_store_is_asked_again(self, store: OddS3, connect: Connect) -> None:
        store.files["a.csv"] = b"12345"
        store.answers = [Refusal(status=503, code="SlowDown"), None, Refusal(status=500, code="InternalError"), None]
        assert read(connect(store), "a.csv") == b"12345"
        assert [request.method for request in store.requests] == ["HEAD", "HEAD", "GET", "GET"]


class TestReach:
    def test_nobody_listens(self, store: OddS3, connect: Connect) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        with pytest.raises(UnreachableError) as caught:
            connect(store, service_url=url, max_attempts=1).check()
        host = urlsplit(url).netloc
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at {host} was not reached: no connection to {host}. Check `service_url`, `region` "
            "and the network."
        )

    def test_nobody_answers(self, store: OddS3, connect: Connect) -> None:
        store.hang = True
        with pytest.raises(TransferError) as caught:
            connect(store, timeout_seconds=0.3, max_attempts=1).stat_file("a.csv")
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at 127.0.0.1:{store.port} stopped answering for 0.3 s while 'a.csv' was read. Try "
            "again, or raise `timeout_seconds`."
        )
        assert caught.value.retryable

    def test_check_tells_what_it_did(self, tls_s3: OddS3, connect: Connect) -> None:
        name = f"S3 bucket 'exchange' at 127.0.0.1:{tls_s3.port}"
        assert [(step.name, step.detail) for step in connect(tls_s3).check().steps] == [
            ("reach", f"{name} answered"),
            ("trust", "its certificate is a trusted one"),
            ("authenticate", f"requests are signed with access key '{ACCESS_KEY}'"),
            ("list", "the folder is empty"),
        ]

    def test_an_unknown_authority(self, tls_s3: OddS3, connect: Connect) -> None:
        seen = len(tls_s3.requests)
        with pytest.raises(UntrustedHostError) as caught:
            connect(tls_s3, ca_certificate=None, max_attempts=1).check()
        assert str(caught.value).startswith(
            f"S3 bucket 'exchange' at 127.0.0.1:{tls_s3.port} showed certificate {caught.value.presented}, which is "
            "not trusted ("
        )
        assert str(caught.value).endswith(
            "Nothing was sent to it. If the certificate is the right one, set `ca_certificate` to the authority that "
            "signed it."
        )
        assert len(caught.value.presented) == len("SHA256:") + 64
        assert len(tls_s3.requests) == seen

    def test_its_authority_as_a_file(self, tls_s3: OddS3, connect: Connect, tmp_path: Path) -> None:
        path = tmp_path / "ca.pem"
        path.write_text(tls_s3.ca_text)
        connect(tls_s3, ca_certificate=str(path)).check()

    def test_a_file_without_certificates(self, store: OddS3, connect: Connect) -> None:
        with pytest.raises(ConfigurationError, match="`ca_certificate` can't be used: "):
            connect(store, ca_certificate="/no/such/file").check()

    def test_a_port_without_tls(self, store: OddS3, connect: Connect) -> None:
        with pytest.raises(UnreachableError, match="failed in the TLS handshake"):
            connect(store, service_url=store.url.replace("http:", "https:"), max_attempts=1).check()


class TestLogin:
    def test_a_session_token_is_sent(self, store: OddS3, connect: Connect) -> None:
        connect(store, session_token="t0ken").check()
        assert store.requests[0].headers["x-amz-security-token"] == "t0ken"

    def test_a_role_is_assumed_once(self, store: OddS3, connect: Connect) -> None:
        arn = "arn:aws:iam::123456789012:role/exchange"
        store.roles[arn] = "for-headwater"
        connector = connect(store, role_arn=arn, external_id="for-headwater", sts_url=store.url)
        assert connector.check().steps[1].detail == f"requests are signed with role '{arn}'"
        list(connector.list_files(""))
        assert [request.method for request in store.requests] == ["POST", "GET", "GET"]
        assert store.requests[-1].headers["x-amz-security-token"] == "role-token"

    def test_a_role_that_is_refused(self, store: OddS3, connect: Connect) -> None:
        arn = "arn:aws:iam::123456789012:role/exchange"
        store.roles[arn] = "for-headwater"
        with pytest.raises(AuthenticationError) as caught:
            connect(store, role_arn=arn, external_id="another", sts_url=store.url).check()
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at 127.0.0.1:{store.port}: role '{arn}' could not be assumed (AccessDenied: not "
            "authorized to perform: sts:AssumeRole). Check `role_arn` and `external_id`, and that the role trusts the "
            "account whose keys are used."
        )

    def test_requester_pays(self, store: OddS3, connect: Connect) -> None:
        store.files["a.csv"] = b"1"
        connector = connect(store, requester_pays=True)
        list(connector.list_files(""))
        read(connector, "a.csv")
        assert {request.headers["x-amz-request-payer"] for request in store.requests} == {"requester"}

    def test_the_bucket_in_the_host_name(self, store: OddS3, connect: Connect) -> None:
        url = f"http://localhost:{store.port}"
        with pytest.raises(ConnectorError):
            connect(store, service_url=url, addressing_style="virtual", max_attempts=1).check()
        assert all(request.headers["host"].startswith(f"{BUCKET}.localhost") for request in store.requests)


class TestListing:
    def test_names_that_no_file_system_has(self, store: OddS3, connect: Connect) -> None:
        names = {
            "a//b.csv": b"1",
            "/rooted.csv": b"2",
            "//twice.csv": b"3",
            "back\\slash.csv": b"4",
            "line\nbreak.csv": b"5",
            "both": b"6",
            "both/a.csv": b"7",
            "n" * 1024: b"8",
            "a%2Fb+c d?e&f=g#h.csv": b"9",
        }
        store.files = dict(names)
        connector = connect(store)
        files = list(connector.list_files("", recursive=True))
        assert sorted(read(connector, file.path) for file in files) == sorted(names.values())
        assert {file.path for file in files} == (names.keys() - {"/rooted.csv", "//twice.csv"}) | {
            "//rooted.csv",
            "///twice.csv",
        }
        assert [connector.stat_file(file.path) for file in files] == files

    def test_every_folder_can_be_entered(self, store: OddS3, connect: Connect) -> None:
        store.files = dict.fromkeys(["a//b.csv", "/rooted.csv", "//twice.csv", "a/c.csv", "both", "both/a.csv"], b"1")
        connector = connect(store)

        def walk(folder: str) -> Iterator[str]:
            for entry in connector.browse(folder):
                yield from walk(entry.path) if isinstance(entry, RemoteFolder) else [entry.path]

        assert sorted(walk("")) == sorted(file.path for file in connector.list_files("", recursive=True))
        assert list(connector.list_files("a/")) == list(connector.list_files("a"))

    def test_a_leading_slash_says_nothing(self, store: OddS3, connect: Connect) -> None:
        store.files["in/a.csv"] = b"1"
        connector = connect(store)
        assert list(connector.list_files("/in")) == list(connector.list_files("in"))
        assert connector.stat_file("/in/a.csv") == connector.stat_file("./in/a.csv") == connector.stat_file("in/a.csv")
        assert connector.stat_file("/in/a.csv").path == "in/a.csv"

    def test_keys_that_can_not_be_asked_for_are_told_and_hide_no_others(
        self, store: OddS3, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.files = dict.fromkeys(["in/../secret.csv", "in/./a.csv", "in/b.csv"], b"1")
        assert [file.path for file in connect(store).list_files("", recursive=True)] == ["in/b.csv"]
        assert "holds key 'in/../secret.csv', which can't be read: it has a part '.' or '..'." in caplog.text
        with pytest.raises(AccessDeniedError, match="was refused"):
            connect(store).stat_file("in/../secret.csv")

    def test_markers_of_folders_are_no_files(self, store: OddS3, connect: Connect) -> None:
        store.files = {"in/": b"", "in/sub/": b"not empty", "in/a.csv": b"1"}
        connector = connect(store)
        assert [file.path for file in connector.list_files("", recursive=True)] == ["in/a.csv"]
        with pytest.raises(FileGoneError, match="has no file 'in/sub/'"):
            connector.stat_file("in/sub/")

    def test_only_the_account_s_folder_is_seen(self, store: OddS3, connect: Connect) -> None:
        store.files = {"out/a.csv": b"1", "outside.csv": b"2", "out2/b.csv": b"3"}
        connector = connect(store, folder_path="/out/")
        assert [file.path for file in connector.list_files("", recursive=True)] == ["a.csv"]
        assert read(connector, "/a.csv") == b"1"
        with pytest.raises(AccessDeniedError, match="was refused"):
            connector.stat_file("../outside.csv")

    def test_a_folder_whose_last_file_is_taken_away_is_empty(
        self, store: OddS3, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.files = {"in/a.csv": b"1", "b.csv": b"2"}
        connector = connect(store)
        assert len(list(connector.list_files("in"))) == 1
        del store.files["in/a.csv"]
        assert list(connector.list_files("in")) == list(connector.list_files("in", recursive=True)) == []
        assert "holds nothing below 'in': no file has come yet, or the path is wrong." in caplog.text
        with pytest.raises(FileGoneError, match="has no folder 'in'"):
            list(connector.browse("in"))

    def test_an_account_s_folder_that_is_not_there(self, store: OddS3, connect: Connect) -> None:
        with pytest.raises(FileGoneError, match="has no folder ''"):
            connect(store, folder_path="outbox").check()

    def test_a_key_that_was_not_asked_for(self, store: OddS3, connect: Connect) -> None:
        store.stray_keys = ("secret.csv",)
        with pytest.raises(ConnectorError) as caught:
            list(connect(store).list_files("in", recursive=True))
        assert "listed key 'secret.csv', although keys that begin with 'in/' were asked for." in str(caught.value)

    def test_times_are_in_utc(self, store: OddS3, connect: Connect) -> None:
        store.files["a.csv"] = b"123"
        (file,) = connect(store).list_files("")
        assert file == connect(store).stat_file("a.csv")
        assert file == RemoteFile(
            path="a.csv",
            size_bytes=3,
            modified_at=datetime(2026, 11, 1, 2, tzinfo=UTC),
            version='"202cb962ac59075b964b07152d234b70"',
        )

    def test_pages_are_fetched_when_they_are_needed(self, store: OddS3, connect: Connect) -> None:
        store.files = {f"{number:05}.csv": b"" for number in range(10_001)}
        files = iter(connect(store).list_files(""))
        next(files)
        assert len(store.requests) == 1
        assert sum(1 for _ in files) == 10_000
        assert len(store.requests) == 11


class TestTransfer(TransferContract):
    def test_a_connection_that_always_breaks(self, store: OddS3, connector: Connector) -> None:
        store.drop_after = [10] * 100
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError) as caught:
            stream.read()
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at 127.0.0.1:{store.port} dropped the connection while 'a.bin' was read. "
            "Try again; if it happens always, ask the store's operator."
        )
        assert caught.value.retryable
        store.drop_after = []
        assert read(connector, "a.bin") == self.CONTENT

    def test_no_size(self, store: OddS3, connector: Connector) -> None:
        store.no_size = True
        with pytest.raises(ConnectorError, match=r"does not say how large file 'a\.bin' is"):
            read(connector, "a.bin")

    @pytest.mark.parametrize("shift", [1, -1])
    def test_another_range(self, store: OddS3, connector: Connector, shift: int) -> None:
        store.shift_range = shift
        with pytest.raises(ConnectorError) as caught:
            read(connector, "a.bin", offset=100, length=100)
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at 127.0.0.1:{store.port} was asked for bytes 100 to 199 of file 'a.bin', and sent "
            f"bytes {100 + shift}-{199 + shift}/{len(self.CONTENT)}. Nothing of it was used. Check that the account's "
            "address is that of such a store."
        )

    def test_a_damaged_file(self, store: OddS3, connector: Connector, connect: Connect) -> None:
        store.damage = True
        received = bytearray()
        with (
            pytest.raises(TransferError, match="does not have the MD5 checksum that the store keeps"),
            connector.open_file("a.bin") as stream,
        ):
            drain(stream, received)
        assert 0 < len(received) < len(self.CONTENT), "the end is held back"
        assert len(read(connector, "a.bin", offset=1)) == len(self.CONTENT) - 1
        assert len(read(connect(store, verify_checksums=False), "a.bin")) == len(self.CONTENT)

    @pytest.mark.parametrize(
        ("headers", "verified"),
        [
            ({"x-amz-checksum-crc32c": "AAAAAA=="}, "CRC32C"),
            ({"x-amz-checksum-crc32": "AAAAAA=="}, "CRC32"),
            ({"x-amz-checksum-sha1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "SHA1"),
            ({"x-amz-checksum-sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "SHA256"),
            ({"x-amz-checksum-crc32": "AAAAAA==-2", "x-amz-checksum-type": "COMPOSITE"}, None),
            ({"x-amz-server-side-encryption": "aws:kms"}, None),
        ],
        ids=["crc32c", "crc32", "sha1", "sha256", "of-parts", "encrypted"],
    )
    def test_checksums(self, store: OddS3, connector: Connector, headers: dict[str, str], verified: str | None) -> None:
        store.extra = headers
        if verified is None:
            assert read(connector, "a.bin") == self.CONTENT
            return
        with pytest.raises(TransferError, match=f"does not have the {verified} checksum"):
            read(connector, "a.bin")

    def test_a_store_that_sends_one_byte_at_a_time(self, store: OddS3, connect: Connect) -> None:
        store.files["a.bin"] = self.CONTENT
        store.drip = True
        speed = {"least_bytes_per_second": 1024 * 1024, "least_speed_seconds": 0.6}
        connector = connect(store, **SMALL_PARTS, **speed, timeout_seconds=20, max_attempts=1)
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError) as caught:
            stream.read()
        assert str(caught.value) == (
            f"S3 bucket 'exchange' at 127.0.0.1:{store.port} sent less than 256 KiB of file 'a.bin' in 0.6 s. The "
            "transfer was cut off. Try again; if the source is always so slow, lower `least_bytes_per_second`."
        )
        assert caught.value.retryable

    def test_a_listing_that_comes_one_byte_at_a_time_over_tls(self, connect: Connect) -> None:
        with odd_s3(tls=True) as store:
            store.drip_listing = "all"
            speed = {"least_bytes_per_second": 1000, "least_speed_seconds": 0.3}
            connector = connect(store, **speed, timeout_seconds=5, max_attempts=1)
            with pytest.raises(TransferError, match="less than the 1000 bytes per second that are the least"):
                list(connector.list_files("in"))

    def test_a_store_that_sends_one_byte_at_a_time_and_may(self, store: OddS3, connect: Connect) -> None:
        store.files["a.bin"] = self.CONTENT
        store.drip = True
        connector = connect(store, **SMALL_PARTS, least_bytes_per_second=0, timeout_seconds=0.3, max_attempts=1)
        with connector.open_file("a.bin") as stream, pytest.raises(TransferError, match=r"less than 256 KiB .* 0\.6 s"):
            stream.read()

    def test_no_more_is_read_ahead_than_configured(self, store: OddS3, connector: Connector) -> None:
        with connector.open_file("a.bin") as stream:
            stream.read(1)
        assert store.bodies <= 3

    def test_several_files_in_several_threads(self, store: OddS3, connector: Connector) -> None:
        store.files |= {f"{number}.bin": bytes([number]) * 300_000 for number in range(8)}
        connector.check()
        with ThreadPoolExecutor(4) as pool:
            contents = list(pool.map(lambda number: read(connector, f"{number}.bin"), range(8)))
        assert contents == [bytes([number]) * 300_000 for number in range(8)]


class TestSeaweedfs:
    @pytest.fixture
    def bucket(self, s3_store: S3Store) -> str:
        return s3_store.new_bucket()

    @pytest.fixture
    def connector(self, s3_store: S3Store, bucket: str) -> Iterator[Connector]:
        with closing(create_connector("s3", s3_store.config(bucket))) as connector:
            yield connector

    def test_versions_of_a_bucket_that_keeps_them(self, s3_store: S3Store, bucket: str) -> None:
        client = s3_store.client
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        with closing(create_connector("s3", s3_store.config(bucket, object_versions=True))) as connector:
            client.put_object(Bucket=bucket, Key="in/a.csv", Body=b"old")
            client.put_object(Bucket=bucket, Key="in/gone.csv", Body=b"1")
            client.delete_object(Bucket=bucket, Key="in/gone.csv")
            (old,) = connector.list_files("in")
            assert connector.stat_file("in/a.csv").version == old.version
            client.put_object(Bucket=bucket, Key="in/a.csv", Body=b"new")
            (new,) = connector.list_files("in")
            assert read(connector, "in/a.csv", version=old.version) == b"old"
            assert read(connector, "in/a.csv", version=new.version) == read(connector, "in/a.csv") == b"new"
            assert old.version != new.version

    def test_a_file_that_was_uploaded_in_parts(self, s3_store: S3Store, bucket: str, connector: Connector) -> None:
        client, content = s3_store.client, os.urandom(12 * MIB)
        upload = client.create_multipart_upload(Bucket=bucket, Key="a.bin")["UploadId"]
        parts = []
        for number in (1, 2):
            body = content[(number - 1) * 6 * MIB : number * 6 * MIB]
            part = client.upload_part(Bucket=bucket, Key="a.bin", UploadId=upload, PartNumber=number, Body=body)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        client.complete_multipart_upload(
            Bucket=bucket,
            Key="a.bin",
            UploadId=upload,
            MultipartUpload={"Parts": parts},  # type: ignore[typeddict-item]
        )
        with connector.open_file("a.bin") as stream:
            assert hashlib.sha256(stream.read()).digest() == hashlib.sha256(content).digest()
        assert read(connector, "a.bin", offset=6 * MIB - 5, length=10) == content[6 * MIB - 5 : 6 * MIB + 5]

    def test_a_bucket_that_does_not_exist(self, s3_store: S3Store) -> None:
        with closing(create_connector("s3", s3_store.config("no-such-bucket"))) as connector:
            with pytest.raises(ConfigurationError, match=r"does not exist\. Check `bucket_name`"):
                connector.check()
            with pytest.raises(ConfigurationError, match=r"does not exist\. Check `bucket_name`"):
                connector.stat_file("a.csv")

    def test_an_access_key_that_does_not_exist(self, s3_store: S3Store, bucket: str) -> None:
        with closing(create_connector("s3", s3_store.config(bucket, access_key="nobody"))) as connector:
            with pytest.raises(AuthenticationError, match="does not know the access key"):
                connector.check()
            with pytest.raises(AuthenticationError, match="does not know the access key"):
                connector.stat_file("a.csv")

    @pytest.mark.slow
    def test_more_files_than_a_page_has(self, s3_store: S3Store, bucket: str, connector: Connector) -> None:
        names = {f"in/{number:05}.csv" for number in range(1_001)}
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: s3_store.client.put_object(Bucket=bucket, Key=name, Body=b"1"), names))
        assert {file.path for file in connector.list_files("in")} == names
