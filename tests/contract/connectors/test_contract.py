"""Every connector that is shipped, on the contract suite."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.testing import BYTES_NAME, FileSystemContract, FolderSource, SourceUnderTest, TrustedServerContract
from tests.servers.asyncssh_sftp import PASSWORD, AsyncsshServer, asyncssh_server
from tests.servers.gcs import GcsEmulator
from tests.servers.odd_gcs import OddGcs
from tests.servers.odd_s3 import OddS3
from tests.servers.privileges import closed_folder
from tests.servers.processes import free_port
from tests.servers.seaweedfs import S3Store
from tests.servers.sftp import SftpServer, key_text, new_key


class LocalSource(FolderSource):
    kind = "local"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._root_path = str(root)

    def config(self) -> Mapping[str, object]:
        return {"root_path": self._root_path}

    def deny(self, path: str) -> AbstractContextManager[None]:
        return closed_folder(self.local_path(path), as_nobody=True)


class TestLocal(FileSystemContract):
    @pytest.fixture
    def source(self, open_folder: Path) -> LocalSource:
        return LocalSource(open_folder)


class SftpSource(FolderSource):
    """A server whose every file operation is done by the operating system, as another user."""

    kind = "sftp"

    def __init__(self, server: SftpServer, root: Path, folder_path: str) -> None:
        super().__init__(root)
        self._server = server
        self._folder_path = folder_path

    def config(self, **changes: object) -> Mapping[str, object]:
        return self._server.config(folder_path=self._folder_path, **changes)

    def deny(self, path: str) -> AbstractContextManager[None]:
        return closed_folder(self.local_path(path), as_nobody=False)

    def wrong_secret(self) -> Mapping[str, object]:
        return self.config(private_key=key_text(new_key()))

    def unreachable(self) -> Mapping[str, object]:
        return self.config(port=free_port())

    def untrusted(self) -> Mapping[str, object]:
        return self.config(host_key=new_key().get_fingerprint())


@pytest.mark.openssh
class TestOpenSsh(TrustedServerContract, FileSystemContract):
    @pytest.fixture
    def source(self, openssh: SftpServer, openssh_folder: Path) -> SftpSource:
        return SftpSource(openssh, openssh_folder, str(openssh_folder))


class AsyncsshSource(SftpSource):
    """A server that takes passwords, and sees its folder as the root."""

    def __init__(self, server: AsyncsshServer) -> None:
        super().__init__(server, server.root, "/")
        self._faults = server.faults

    def config(self, **changes: object) -> Mapping[str, object]:
        return super().config(private_key=None, **{"password": PASSWORD, **changes})

    def deny(self, path: str) -> AbstractContextManager[None]:
        return self._faults.denying(f"/{path}")

    def wrong_secret(self) -> Mapping[str, object]:
        return self.config(password="not the password")


class TestAsyncssh(TrustedServerContract, FileSystemContract):
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[AsyncsshServer]:
        with asyncssh_server(tmp_path) as server:
            yield server

    @pytest.fixture
    def source(self, server: AsyncsshServer) -> AsyncsshSource:
        return AsyncsshSource(server)


class S3Source(SourceUnderTest):
    """A bucket of a real store; `tls_store` shows a certificate."""

    kind = "s3"
    has_folders = False
    unsupported_names = frozenset({BYTES_NAME, "back\\slash.csv"})  # the store makes a slash of it

    def __init__(self, store: S3Store, tls_store: OddS3) -> None:
        self._store = store
        self._tls_store = tls_store
        self._bucket = store.new_bucket()
        self._client = store.client

    def config(self, **changes: object) -> Mapping[str, object]:
        return self._store.config(self._bucket, **changes)

    def put_file(self, path: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=path, Body=content)

    def remove_file(self, path: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=path)

    def make_folder(self, path: str) -> None:
        self.put_file(f"{path}/", b"")

    def wrong_secret(self) -> Mapping[str, object]:
        return self.config(secret_key="not the secret")

    def unreachable(self) -> Mapping[str, object]:
        return self.config(service_url=f"http://127.0.0.1:{free_port()}", max_attempts=1)

    def untrusted(self) -> Mapping[str, object]:
        return self.config(service_url=self._tls_store.url, max_attempts=1)


class TestS3(TrustedServerContract):
    memory_bound_bytes = 48 * 1024 * 1024  # four parts of 8 MiB are on their way

    @pytest.fixture
    def source(self, s3_store: S3Store, tls_s3: OddS3) -> S3Source:
        return S3Source(s3_store, tls_s3)


class GcsSource(SourceUnderTest):
    """A bucket of an emulator, with the login of a store that has one."""

    kind = "gcs"
    has_folders = False
    unsupported_names = frozenset({BYTES_NAME})

    def __init__(self, emulator: GcsEmulator, tls_store: OddGcs) -> None:
        self._emulator = emulator
        self._tls_store = tls_store
        self._bucket_name = emulator.new_bucket()
        self._bucket = emulator.client.bucket(self._bucket_name)

    def config(self, **changes: object) -> Mapping[str, object]:
        return self._emulator.config(self._bucket_name, **changes)

    def put_file(self, path: str, content: bytes) -> None:
        self._bucket.blob(path).upload_from_string(content, content_type="text/csv")

    def remove_file(self, path: str) -> None:
        self._bucket.blob(path).delete()

    def make_folder(self, path: str) -> None:
        self.put_file(f"{path}/", b"")

    def wrong_secret(self) -> Mapping[str, object]:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._tls_store.config(service_account_key=self._tls_store.key_file(key))

    def unreachable(self) -> Mapping[str, object]:
        return self.config(endpoint=f"http://127.0.0.1:{free_port()}", max_attempts=1)

    def untrusted(self) -> Mapping[str, object]:
        return self.config(endpoint=self._tls_store.url, max_attempts=1)


class TestGcs(TrustedServerContract):
    memory_bound_bytes = 48 * 1024 * 1024  # four parts of 8 MiB are on their way

    @pytest.fixture
    def source(self, gcs: GcsEmulator, tls_gcs: OddGcs) -> GcsSource:
        return GcsSource(gcs, tls_gcs)
