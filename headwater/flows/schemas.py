"""The catalog's XDM resources, composed."""

from headwater.catalog.resources import ResourceStore
from headwater.errors import ConflictError
from headwater.model.documents import IdentityNamespace, IdentitySettings, IdentityType
from headwater.xdm import ResolvedSchema, SchemaRegistry, XdmResource

_XDM_KINDS = ("data_type", "class", "field_group", "schema", "descriptor")


def schema_registry(resources: ResourceStore, *, tenant: str) -> SchemaRegistry:
    """A registry of everything that was applied or imported, beside the standard resources."""
    documents = [document for kind in _XDM_KINDS for document in resources.list(kind)]
    own = [document for document in documents if isinstance(document, XdmResource)]
    return SchemaRegistry([*own, *resources.definitions()], tenant=tenant)


def resolve_schema(resources: ResourceStore, name: str, *, tenant: str) -> ResolvedSchema:
    """The schema in its resolved form.

    Raises:
        NotFoundError: there is no such schema.
        SchemaError: it does not compose.
    """
    resources.get("schema", name)
    return schema_registry(resources, tenant=tenant).resolve(name)


def identity_types(resources: ResourceStore) -> dict[str, IdentityType]:
    """The type of each of the catalog's own identity namespaces, by code as written."""
    documents = resources.list("identity_namespace")
    return {document.name: document.type for document in documents if isinstance(document, IdentityNamespace)}


def identity_settings(resources: ResourceStore) -> IdentitySettings | None:
    """The sandbox's identity settings; None for none.

    Raises:
        ConflictError: there are several.
    """
    found = [each for each in resources.list("identity_settings") if isinstance(each, IdentitySettings)]
    if len(found) > 1:
        names = " and ".join(repr(each.name) for each in found)
        raise ConflictError(
            f"the catalog has several identity settings, {names}. Nothing was loaded. There is one at most: delete the "
            "others with `headwater delete identity_settings NAME`."
        )
    return found[0] if found else None
