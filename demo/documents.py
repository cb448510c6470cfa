"""The two documents that differ from machine to machine: where the SFTP server is, and where notifications go."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.credentials import SFTP_PASSWORD_VARIABLE, SFTP_USERNAME
from demo.state import EXAMPLES
from headwater.model.yaml import dump_document, parse_document

ACCOUNT = Path("accounts") / "luma-sftp.yaml"
WEBHOOK = Path("webhooks") / "luma-webhook.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpAddress:
    """Where the demo's SFTP server listens, and the fingerprint of its host key."""

    port: int
    host_key: str

    def params(self) -> dict[str, Any]:
        """The `params` of the account document; the password is named, not told."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "username": SFTP_USERNAME,
            "password": {"env": SFTP_PASSWORD_VARIABLE},
            "host_key": self.host_key,
        }

    def airflow_connection(self, password: str) -> str:
        """The same as an Airflow Connection in JSON, as `AIRFLOW_CONN_…` takes it."""
        return json.dumps(
            {
                "conn_type": "headwater_sftp",
                "host": "127.0.0.1",
                "port": self.port,
                "login": SFTP_USERNAME,
                "password": password,
                "extra": {"host_key": self.host_key},
            }
        )


def render_documents(folder: Path, *, sftp: SftpAddress, webhook_url: str) -> None:
    """Write both documents below a folder, as the example's are below theirs."""
    _render(folder, ACCOUNT, {"params": sftp.params()})
    _render(folder, WEBHOOK, {"url": webhook_url})


def documents_to_apply(rendered: Path) -> list[Path]:
    """Return the folders of the example, with the rendered documents in place of its own."""
    replaced = {EXAMPLES / ACCOUNT.parent, EXAMPLES / WEBHOOK.parent}
    return [*sorted(folder for folder in EXAMPLES.iterdir() if folder.is_dir() and folder not in replaced), rendered]


def _render(folder: Path, name: Path, changes: dict[str, Any]) -> None:
    original = parse_document((EXAMPLES / name).read_text(encoding="utf-8"), file=str(EXAMPLES / name))
    changed = type(original).model_validate(original.model_dump() | changes)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dump_document(changed), encoding="utf-8")
