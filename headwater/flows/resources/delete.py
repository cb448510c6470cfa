"""Delete a document from the catalog, unless something needs it."""

from collections.abc import Iterator

from headwater.catalog.catalog import Catalog, Stores
from headwater.errors import ConflictError
from headwater.flows.resources.problems import Problem
from headwater.flows.resources.read import AuthoredDocument
from headwater.flows.resources.references import check_references
from headwater.flows.resources.schemas import check_schemas
from headwater.flows.resources.world import World
from headwater.identity.namespaces import Namespaces
from headwater.model.documents import Account, Dataflow, Dataset, IdentityNamespace, Resource
from headwater.xdm import SchemaRegistry


def delete_resource(catalog: Catalog, kind: str, name: str, *, tenant: str) -> None:
    """Delete a document. What was loaded with it stays, and so do the files that documents were applied from.

    Raises:
        NotFoundError: there is none of that kind and name.
        ConflictError: other documents, or what is stored, need it; the message says which. Nothing was deleted.
    """
    with catalog.transaction() as stores:
        resource = stores.resources.get(kind, name)
        needs = [*_needs_of_what_is_stored(stores, resource), *_needs_of_documents(stores, resource, tenant=tenant)]
        if needs:
            lines = "".join(f"\n  {need}" for need in dict.fromkeys(needs))
            raise ConflictError(f"{kind} {name!r} is needed. Nothing was deleted.{lines}")
        stores.resources.delete(kind, name)


def _needs_of_what_is_stored(stores: Stores, resource: Resource) -> Iterator[str]:
    if isinstance(resource, IdentityNamespace) and Namespaces({}).find(resource.name) is None:
        yield "identities are kept by it: a namespace stays for ever, as in AEP"
    if isinstance(resource, Dataset) and resource.name in stores.batches.datasets():
        yield "the catalog has batches of the dataset"
    if isinstance(resource, Dataflow):
        for run_id, _, _ in stores.flow_runs.open_runs(resource.name):
            yield f"flow run {run_id} is at work; delete the dataflow when it has finished"


def _needs_of_documents(stores: Stores, resource: Resource, *, tenant: str) -> Iterator[str]:
    """What would be wrong without the document, and is not with it."""
    stored = World.load(stores, ()).everything()
    others = [AuthoredDocument(resource=each) for each in stored if each != resource]
    definitions = stores.resources.definitions()

    def problems(world: World) -> Iterator[Problem]:
        for document in others:
            yield from check_references(document, world)
        yield from check_schemas(world, lambda own: SchemaRegistry([*own, *definitions], tenant=tenant))

    known = {(problem.file, problem.key) for problem in problems(World(stored, others))}
    for problem in problems(World(stored, others, gone=resource)):
        if (problem.file, problem.key) not in known:
            yield f"{problem.file} names it in `{problem.key}`" if problem.key else str(problem)
    if isinstance(resource, Account):
        for other in stored:
            if isinstance(other, Dataflow) and other.source.account == resource.name:
                yield f"dataflow {other.name} names it in `source.account`"
