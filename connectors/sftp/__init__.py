"""Connector kind `sftp`: files over SSH.

`config` is what people fill in, `connector` puts the parts together: `trust` (host keys), `keys` and `agent` (private
keys), `login`, `connect` (one SSH connection), `session` (the SFTP protocol), `reading` (a file's bytes), `extras`
(further connections). Importing this package does not import paramiko.
"""

from connectors.sftp.config import SftpConfig

__all__ = ["SftpConfig"]
