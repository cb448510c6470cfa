"""Connection types for Airflow's forms: one per type of account, its fields from the type's parameters."""

import logging
from typing import Any

from pydantic.fields import FieldInfo

from connectors.errors import ConfigurationError
from connectors.registry import config_model, connector_kinds
from headwater.model.pgp import PGP, PgpKeys
from headwater.orchestration.names import CONNECTION_TYPE_PREFIX, STANDARD_FIELDS, hook_class_name, hook_name

logger = logging.getLogger(__name__)

_MULTILINE = ("private_key", "public_keys", "known_hosts", "ca_certificate", "service_account_key")
"""Fields that hold text of several lines, which a one-line password field would join."""


def get_provider_info() -> dict[str, Any]:
    """What Airflow reads through the entry point `apache_airflow_provider`."""
    return {
        "package-name": "headwater",
        "name": "Headwater",
        "description": "Sources that Headwater's dataflows read from.",
        "connection-types": [*_connection_types()],
    }


def _connection_types() -> list[dict[str, Any]]:
    types = []
    for kind in (*connector_kinds(), PGP):
        try:
            types.append(_connection_type(kind))
        except ConfigurationError as error:
            logger.warning("Connector kind %r has no Connection form: %s", kind, error)
    return types


def _connection_type(kind: str) -> dict[str, Any]:
    model = PgpKeys if kind == PGP else config_model(kind)  # flows, where the two meet, are not for parsing Dags
    properties = model.model_json_schema(by_alias=False)["properties"]
    standard = {field: name for field, name in STANDARD_FIELDS.items() if name in properties}
    return {
        "connection-type": CONNECTION_TYPE_PREFIX + kind,
        "hook-name": hook_name(kind),
        "hook-class-name": f"headwater.orchestration.hooks.{hook_class_name(kind)}",
        "conn-fields": {
            name: _form_field(name, properties[name], field)
            for name, field in model.model_fields.items()
            if name not in standard.values()
        },
        "ui-field-behaviour": {
            "hidden-fields": [*(field for field in STANDARD_FIELDS if field not in standard), "schema", "extra"],
            "relabeling": {field: properties[name].get("title", name) for field, name in standard.items()},
            "placeholders": {field: _placeholder(model.model_fields[name]) for field, name in standard.items()},
        },
    }


def _form_field(name: str, schema: dict[str, Any], field: FieldInfo) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", [schema]) if choice.get("type") not in ("null", "array")]
    kept = ("enum", "minimum", "maximum", "minLength", "maxLength")
    form: dict[str, Any] = {key: choices[0][key] for key in kept if key in choices[0]}
    form["type"] = [choices[0].get("type", "string"), "null"]
    if "enum" in form:
        form["enum"] = [*form["enum"], None]
    if name in _MULTILINE:
        form["format"] = "multiline"
    elif choices[0].get("format") == "password":
        form["format"] = "password"
    if isinstance(field.default, str | int | float | bool):
        form["default"] = field.default
    needed = " Required." if field.is_required() else ""
    return {
        "label": field.title or name,
        "schema": form,
        "description": f"{field.description or ''}{needed}".replace("`", "").strip() or None,
    }


def _placeholder(field: FieldInfo) -> str:
    if field.examples:
        return str(field.examples[0])
    return str(field.default) if isinstance(field.default, str | int) else ""
