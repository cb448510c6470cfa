"""Sources of files: what a connector is, the kinds that are shipped, and how to build one.

Start at `connectors.base.Connector`; `create_connector(kind, config)` builds one. Importing this package imports no
client library.
"""

from connectors.base import (
    CheckResult,
    CheckStep,
    Connector,
    ConnectorConfig,
    RemoteFile,
    RemoteFolder,
)
from connectors.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    ConnectorError,
    FileChangedError,
    FileGoneError,
    TransferError,
    UnreachableError,
    UntrustedHostError,
)
from connectors.registry import config_model, connector_kinds, create_connector

__all__ = [
    "AccessDeniedError",
    "AuthenticationError",
    "CheckResult",
    "CheckStep",
    "ConfigurationError",
    "Connector",
    "ConnectorConfig",
    "ConnectorError",
    "FileChangedError",
    "FileGoneError",
    "RemoteFile",
    "RemoteFolder",
    "TransferError",
    "UnreachableError",
    "UntrustedHostError",
    "config_model",
    "connector_kinds",
    "create_connector",
]
