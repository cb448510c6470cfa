"""`headwater settings`: what is in force."""

import os
from urllib.parse import urlsplit

from headwater.cli.output import JsonOption, print_fields, print_json
from headwater.settings import PREFIX, Settings


def settings(as_json: JsonOption = False) -> None:
    """Show the settings in force, defaults included, passwords masked."""
    effective = effective_settings(Settings.load())
    if as_json:
        print_json(effective)
    else:
        print_fields(
            {
                PREFIX + name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in effective.items()
            }
        )


def effective_settings(loaded: Settings) -> dict[str, str | int | bool]:
    """Every setting by name, as it works: defaults that depend on others are filled in, passwords in URLs masked."""
    shown = loaded.model_dump(mode="json") | {
        "catalog_url": mask_url(loaded.catalog_database),
        "profile_url": mask_url(loaded.profile_database),
        "iceberg_url": mask_url(loaded.iceberg_catalog),
        "warehouse": mask_url(loaded.warehouse_uri),
        "diagnostics": mask_url(loaded.diagnostics_uri),
        "flows": os.pathsep.join(str(folder) for folder in loaded.flow_folders),
    }
    return {name: shown[name] for name in type(loaded).model_fields}


def mask_url(url: str) -> str:
    """The URL with its password as `***` and without its query, which may hold secrets too."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if at:
        user = user.split(":")[0] + (":***" if ":" in user else "")
    query = "…" if parts.query else ""
    scheme = f"{parts.scheme}://" if "://" in url else ""
    return f"{scheme}{user}{at}{host}{parts.path}{'?' + query if query else ''}"
