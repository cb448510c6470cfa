"""Names under which the demo's processes know its logins; the secrets themselves are in `state`."""

from typing import Final

USERNAME: Final = "luma"
"""Who may log in to the sample sources."""
SFTP_PASSWORD_VARIABLE: Final = "LUMA_SFTP_PASSWORD"  # noqa: S105 (the variable's name)
FTPS_PASSWORD_VARIABLE: Final = "LUMA_FTPS_PASSWORD"  # noqa: S105 (the variable's name)
FTP_PASSWORD_VARIABLE: Final = "LUMA_FTP_PASSWORD"  # noqa: S105 (the variable's name)
S3_SECRET_KEY_VARIABLE: Final = "LUMA_S3_SECRET_KEY"  # noqa: S105 (the variable's name)
WEBHOOK_SECRET_VARIABLE: Final = "LUMA_WEBHOOK_SECRET"  # noqa: S105 (the variable's name)
