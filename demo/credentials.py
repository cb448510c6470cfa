"""Names under which the demo's processes know its logins; the secrets themselves are in `state`."""

from typing import Final

SFTP_USERNAME: Final = "luma"
SFTP_PASSWORD_VARIABLE: Final = "LUMA_SFTP_PASSWORD"  # noqa: S105 (the variable's name)
WEBHOOK_SECRET_VARIABLE: Final = "LUMA_WEBHOOK_SECRET"  # noqa: S105 (the variable's name)
