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

_MARKER = "headwater-demo"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Secrets:
    """Passwords and keys that were made up for this folder; `admin_password` is shown to people."""

    admin_password: str
    sftp_password: str
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
        state = cls(root=root, secrets=_secrets(root / "secrets.json"))
        for folder in (state.airflow_home, state.headwater_home, state.outbox, state.logs, state.rendered):
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

    @property
    def sftp_root(self) -> Path:
        """What the SFTP server shows as `/`."""
        return self.root / "sftp"

    @property
    def outbox(self) -> Path:
        """The folder on the SFTP server into which Luma's systems drop their files."""
        return self.sftp_root / "outbox"

    @property
    def logs(self) -> Path:
        """Output of the processes."""
        return self.root / "logs"

    @property
    def rendered(self) -> Path:
        """Documents that differ from machine to machine: account and webhook."""
        return self.root / "documents"


def _secrets(path: Path) -> Secrets:
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Secrets(**stored)
    made = Secrets.generate()
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(json.dumps({field.name: getattr(made, field.name) for field in fields(made)}), encoding="utf-8")
    return made
