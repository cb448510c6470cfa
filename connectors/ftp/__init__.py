"""Connector kinds `ftp` and `ftps`: files over FTP (RFC 959), in clear text or over TLS (RFC 4217).

`config` is what people fill in, `connector` puts the parts together: `login` (reach, trust, log in), `trust`
(certificates), `client` (one control connection and its data connections), `session` (the commands for files),
`listing` and `times` (what servers write into listings), `refusals` (errors of connections that do not come about).
"""

from connectors.ftp.config import FtpConfig, FtpsConfig

__all__ = ["FtpConfig", "FtpsConfig"]
