"""Apply documents: say what would change, refuse what must not, change it in one transaction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from headwater.catalog.catalog import Catalog, Stores
from headwater.flows.resources.differences import FieldChange, compare
from headwater.flows.resources.problems import raise_problems
from headwater.flows.resources.read import AuthoredDocument
from headwater.flows.resources.references import check_references
from headwater.flows.resources.schemas import check_schemas
from headwater.flows.resources.world import World
from headwater.model.documents import RESOURCE_TYPES, Resource
from headwater.xdm import SchemaRegistry

Action = Literal["create", "change", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentChange:
    """What applying does to one document. `fields` is empty where it stays as it is."""

    action: Action
    kind: str
    name: str
    file: str
    resource: Resource
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPlan:
    """What applying does, in the order in which it does it. What no document names stays as it is."""

    changes: tuple[DocumentChange, ...]

    @property
    def changes_something(self) -> bool:
        """Whether any document is new or differs from what is stored."""
        return any(change.action != "keep" for change in self.changes)

    def count(self, action: Action) -> int:
        """How many documents meet that fate."""
        return Counter(change.action for change in self.changes)[action]


def plan_apply(stores: Stores, documents: Sequence[AuthoredDocument], *, tenant: str) -> ApplyPlan:
    """Check documents against each other and the catalog, and say what applying them would change.

    Raises:
        DocumentError: documents name what does not exist, do not fit together, or schemas do not compose; all problems
            are listed.
        ConflictError: the only problems are changes that would break stored data.
    """
    world = World.load(stores, documents)
    problems = [problem for document in documents for problem in check_references(document, world)]
    already_wrong = {problem.file for problem in problems}
    definitions = stores.resources.definitions()
    found = check_schemas(world, lambda own: SchemaRegistry([*own, *definitions], tenant=tenant))
    problems += [problem for problem in found if problem.file not in already_wrong]
    raise_problems(problems)
    order = list(RESOURCE_TYPES)
    by_kind = sorted(documents, key=lambda document: (order.index(document.kind), document.resource.name))
    return ApplyPlan(changes=tuple(_change(document, world) for document in by_kind))


def apply_documents(catalog: Catalog, documents: Sequence[AuthoredDocument], *, tenant: str) -> ApplyPlan:
    """Bring the catalog to what the documents say: all of them or, if anything is wrong, none.

    Applying the same documents again changes nothing. Raises as `plan_apply` does.
    """
    with catalog.transaction() as stores:
        plan = plan_apply(stores, documents, tenant=tenant)
        for change in plan.changes:
            if change.action != "keep":
                stores.resources.put(change.resource)
    return plan


def _change(document: AuthoredDocument, world: World) -> DocumentChange:
    resource = document.resource
    stored = world.before(type(resource), resource.name)
    action: Action = "create" if stored is None else "change" if stored != resource else "keep"
    return DocumentChange(
        action=action,
        kind=document.kind,
        name=resource.name,
        file=document.file,
        resource=resource,
        fields=() if action == "keep" else compare(stored, resource),
    )
