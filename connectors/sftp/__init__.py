"""Connector kind `sftp`: files over SSH.

`config` is what people fill in, `connector` puts the parts together: `trust` (host keys), `keys` (private keys),
`connect` (one SSH connection), `session` (the SFTP protocol). Importing this package does not import paramiko.
"""

from connectors.sftp.config import SftpConfig

__all__ = ["SftpConfig"]
