"""What the demo keeps between two runs, in one folder: the state of Airflow and Headwater, files, secrets, logs."""

import base64
import json
import secrets
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from demo.errors import DemoError

REPOSITORY = Path(__file__).parents[1]
"""The checkout."""
EXAMPLES = REPOSITORY / "examples" / "luma"
"""The documents of the Luma example."""
OUTLETS = REPOSITORY / "examples" / "luma-outlets"
"""The documents that add the outlets to it."""
SERVED_FOLDERS = ("sftp", "ftps", "ftp", "s3", "gcs")
"""The kinds of sample sources; each has a folder of its own with what its server is given."""
SECRETS_FILE = "secrets.json"
"""Name of the file in the demo's folder that keeps passwords and keys."""

_MARKER = "headwater-demo"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """Passwords and keys that were made up for this folder; `admin_password` is shown to people."""

    admin_password: str
    sftp_password: str
    ftps_password: str
    ftp_password: str
    s3_secret_key: str
    webhook_secret: str
    fernet_key: str
    api_secret_key: str
    jwt_secret: str

    @classmethod
    def generate(cls) -> Self:
        """Make up new ones."""
        return cls(
            admin_password=secrets.token_urlsafe(9),
            sftp_password=secrets.token_urlsafe(24),
            ftps_password=secrets.token_urlsafe(24),
            ftp_password=secrets.token_urlsafe(24),
            s3_secret_key=secrets.token_urlsafe(30),
            webhook_secret=secrets.token_urlsafe(32),
            fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            api_secret_key=secrets.token_urlsafe(32),
            jwt_secret=secrets.token_urlsafe(48),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The folder, prepared. Only its owner may read it."""

    root: Path
    secrets: Secrets

    @classmethod
    def prepare(cls, root: Path, *, fresh: bool) -> Self:
        """Create the folder, or open it as an earlier run left it.

        Args:
            root: The folder.
            fresh: Whether to begin anew.

        Raises:
            DemoError: The folder holds something else.
        """
        root = root.absolute()
        if root.exists() and any(root.iterdir()) and not (root / _MARKER).exists():
            raise DemoError(f"{root} is not a folder of the demo; nothing was changed. Name another one with --state.")
        if fresh and root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True, exist_ok=True)
        root.chmod(0o700)
        (root / _MARKER).touch()
        state = cls(root=root, secrets=_secrets(root / SECRETS_FILE))
        outboxes = (state.outbox(kind) for kind in SERVED_FOLDERS)
        for folder in (state.airflow_home, state.headwater_home, state.logs, state.rendered, *outboxes):
            folder.mkdir(parents=True, exist_ok=True)
        return state

    @property
    def airflow_home(self) -> Path:
        """Airflow's home."""
        return self.root / "airflow"

    @property
    def headwater_home(self) -> Path:
        """Headwater's home: catalog, lake, profiles, diagnostics."""
        return self.root / "headwater"

    def source_root(self, kind: str) -> Path:
        """What the server of a kind shows as `/`, or is given to begin with."""
        return self.root / kind

    def outbox(self, kind: str) -> Path:
        """The folder on that server into which Luma's systems drop their files."""
        return self.source_root(kind) / "outbox"

    def ready_file(self, kind: str) -> Path:
        """Where that server says that it can be used."""
        return self.root / f"{kind}-server.json"

    @property
    def logs(self) -> Path:
        """Output of the processes."""
        return self.root / "logs"

    @property
    def rendered(self) -> Path:
        """Documents that differ from machine to machine: accounts, dataflows, webhook."""
        return self.root / "documents"


def _secrets(path: Path) -> Secrets:
    """Read what an earlier run made up; what it did not need yet is made up now."""
    made = Secrets.generate()
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    values = {field.name: stored.get(field.name, getattr(made, field.name)) for field in fields(made)}
    if values != stored:
        path.touch(mode=0o600)
        path.write_text(json.dumps(values), encoding="utf-8")
    return Secrets(**values)
