"""The standard XDM resources that Headwater ships: see docs/reference/xdm.md for the list and what it leaves out."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FILES: Final = {
    "behaviors.yaml": "behaviors",
    "classes.yaml": "classes",
    "field_groups.yaml": "fieldgroups",
    "data_types.yaml": "datatypes",
}


@cache
def standard_resources() -> tuple[dict[str, Any], ...]:
    """Every standard resource as JSON Schema, in the form of Adobe's public repository; read once, on first use.

    Each has `$id`, `title`, `type` and `meta:resourceType`. The dicts are shared: do not change them.
    """
    folder = files(__name__)
    return tuple(
        {"$id": resource_id, "type": "object", "meta:resourceType": kind, **body}
        for name, kind in _FILES.items()
        for resource_id, body in yaml.load(folder.joinpath(name).read_bytes(), Loader=_LOADER).items()  # noqa: S506
    )
