"""Which kinds of connectors there are, and how to build one.

A kind is named by the import string of its configuration class. Packages of other people add kinds through the
entry-point group `headwater.connectors`: the entry point's name is the kind, its value the import string.
"""

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from pydantic import ValidationError

from connectors.base import Connector, ConnectorConfig
from connectors.errors import ConfigurationError

ENTRY_POINT_GROUP = "headwater.connectors"

_SHIPPED = {
    "ftp": "connectors.ftp:FtpConfig",
    "ftps": "connectors.ftp:FtpsConfig",
    "gcs": "connectors.gcs:GcsConfig",
    "local": "connectors.local:LocalConfig",
    "s3": "connectors.s3:S3Config",
    "sftp": "connectors.sftp:SftpConfig",
}


def connector_kinds() -> tuple[str, ...]:
    """Return the kinds that can be created here, sorted; imports none of them."""
    return tuple(sorted(_candidates()))


def config_model(kind: str) -> type[ConnectorConfig]:
    """Return the configuration class of a kind, without importing the libraries that the connector needs.

    Raises:
        ConfigurationError: No such kind, more than one of that name, or what it names is not importable.
    """
    candidates = _candidates()
    if kind not in candidates:
        raise ConfigurationError(f"There is no connector kind {kind!r}. Valid kinds: {', '.join(sorted(candidates))}.")
    found = candidates[kind]
    if len(found) > 1:
        places = ", ".join(sorted(point.value for point in found))
        raise ConfigurationError(
            f"Connector kind {kind!r} is offered more than once: {places}. Uninstall all but one of the packages."
        )
    return _load(found[0])


def create_connector(kind: str, config: Mapping[str, object]) -> Connector:
    """Build a connector from plain values; does no I/O.

    Args:
        kind: One of `connector_kinds()`.
        config: The fields of `config_model(kind)`.

    Raises:
        ConfigurationError: No such kind, or a field is missing, unknown or wrong; names each, and no secret.
    """
    return load_config(kind, config).create_connector()


def load_config(kind: str, config: Mapping[str, object]) -> ConnectorConfig:
    """Return a kind's configuration from plain values; raises as `create_connector` does."""
    model = config_model(kind)
    try:
        return model.model_validate(dict(config))
    except ValidationError as error:
        raise ConfigurationError(_explain(kind, model, error)) from error


def _candidates() -> dict[str, list[EntryPoint]]:
    points = [EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in _SHIPPED.items()]
    points += _installed(tuple(sys.path))
    candidates: dict[str, list[EntryPoint]] = {}
    for point in points:
        same_kind = candidates.setdefault(point.name, [])
        if point.value not in {other.value for other in same_kind}:
            same_kind.append(point)
    return candidates


@lru_cache(maxsize=1)
def _installed(_: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Return what packages offer; looking reads a file of each package that is installed, so it is done once a path."""
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _load(point: EntryPoint) -> type[ConnectorConfig]:
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"Connector kind {point.name!r} names {point.value!r}, which can't be imported ({error}). "
            "Repair or uninstall the package that provides it."
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, ConnectorConfig)):
        raise ConfigurationError(
            f"Connector kind {point.name!r} names {point.value!r}, which is no subclass of ConnectorConfig. "
            "Repair or uninstall the package that provides it."
        )
    return loaded


def _explain(kind: str, model: type[ConnectorConfig], error: ValidationError) -> str:
    reasons = []
    for detail in error.errors(include_input=False, include_url=False, include_context=False):
        field = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            reasons.append(f"`{field}` is not a field (valid: {', '.join(model.model_fields)})")
        elif detail["type"] == "missing":
            about = model.model_fields[field].description if field in model.model_fields else None
            reasons.append(f"`{field}` is missing" + (f" ({about.rstrip('.')})" if about else ""))
        else:
            reason = detail["msg"].removeprefix("Value error, ")
            reasons.append(f"`{field}`: {reason}" if field else reason)
    return f"The configuration of connector kind {kind!r} is wrong: {'; '.join(reasons)}."
