"""Names: from the qualified ones of Adobe's repository to the short ones in data, and the ids of resources."""

import re
from typing import Final, Literal

ResourceKind = Literal["behaviors", "classes", "fieldgroups", "datatypes", "schemas"]
"""What a resource is, in the words of its `meta:resourceType` and of the Schema Registry's paths."""

NAMESPACE: Final = "https://ns.adobe.com/"
_URI = re.compile(r"https?://(?P<host>[^/]+)/(?P<path>.+)")
_PREFIXED = re.compile(r"(?P<prefix>[A-Za-z][A-Za-z0-9]*):(?P<name>[^/].*)")


def short_path(name: str) -> tuple[str, ...]:
    """Where data has the property that a resource calls `name`; more than one step means nested objects.

    `xdm:person` is `person`, `@id` is `_id`, `repo:createDate` is `_repo.createDate`, and
    `https://ns.adobe.com/experience/a/b` is `_experience.a.b`; every other name is itself (spec: xdm.md, section 3).
    """
    if name.startswith("@"):
        return (f"_{name[1:]}",)
    if uri := _URI.fullmatch(name):
        first, *rest = uri["path"].strip("/").split("/")
        return (f"_{first}", *rest)
    if prefixed := _PREFIXED.fullmatch(name):
        return (prefixed["name"],) if prefixed["prefix"] == "xdm" else (f"_{prefixed['prefix']}", prefixed["name"])
    return (name,)


def alt_id(resource_id: str) -> str:
    """A resource's `meta:altId`: its `$id` in a form that needs no encoding in a URL.

    `https://ns.adobe.com/xdm/context/profile` is `_xdm.context.profile`. Also the short name of a class.
    """
    uri = _URI.fullmatch(resource_id)
    path = uri["path"] if uri else resource_id
    return "_" + path.strip("/").replace("/", ".")


def own_id(tenant: str, kind: ResourceKind, name: str) -> str:
    """The `$id` of an own resource that states none; `tenant` without the leading underscore."""
    return f"{NAMESPACE}{tenant}/{kind}/{name}"


def dotted(path: tuple[str, ...]) -> str:
    """A path as messages show it: `productListItems[].SKU`; the record itself is `(root)`."""
    return ".".join(path).replace(".[]", "[]").replace(".{}", "{}") or "(root)"


ITEMS: Final = "[]"
"""The step of a path into the items of an array."""
VALUES: Final = "{}"
"""The step of a path into the values of a map."""
