"""The routes: one page each."""

from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from starlette.exceptions import HTTPException

from headwater.errors import NotFoundError
from headwater.flows import Workspace
from headwater.flows.rejected import why_not_kept
from headwater.flows.schemas import resolve_schema
from headwater.identity.namespaces import STANDARD_NAMESPACES, canonical_code
from headwater.model.documents import Dataset, MergePolicy
from headwater.ui.context import ViewerDep, WorkspaceDep, require_records
from headwater.ui.profiles import LookUpForm, profile_view
from headwater.ui.records import FlatTable, flat_table
from headwater.ui.rendering import STATIC_TYPES, render, static_file
from headwater.ui.schemas import schema_tree

PREVIEW_ROWS: Final = 100
ERRORS_PER_PAGE: Final = 50
RECENT: Final = 20

router = APIRouter()


@router.get("/static/{name}")
def show_static(name: str, _viewer: ViewerDep) -> Response:
    """The style sheet and the small script that follows Airflow's theme."""
    if name not in STATIC_TYPES:
        raise HTTPException(404)
    return Response(static_file(name), media_type=STATIC_TYPES[name])


@router.get("/")
def show_overview(request: Request, workspace: WorkspaceDep) -> Response:
    """All datasets, and what happened last."""
    catalog = workspace.catalog
    datasets = []
    for document in catalog.resources.list("dataset"):
        batches = catalog.batches.latest(dataset=document.name, limit=1)
        datasets.append((document, workspace.lake.count(document.name), batches[0] if batches else None))
    batches = catalog.batches.latest(limit=RECENT)
    return render(request, "overview.html", datasets=datasets, batches=batches)


@router.get("/datasets/{name}")
def show_dataset(request: Request, name: str, workspace: WorkspaceDep, viewer: ViewerDep) -> Response:
    """A dataset: its schema, its batches, and its first rows for whoever may see records."""
    resources = workspace.catalog.resources
    dataset = resources.typed(Dataset, name)
    schema = resolve_schema(resources, dataset.xdm_schema, tenant=workspace.settings.tenant)
    return render(
        request,
        "dataset.html",
        dataset=dataset,
        schema=schema,
        tree=schema_tree(schema),
        rows=workspace.lake.count(name),
        batches=workspace.catalog.batches.latest(dataset=name, limit=RECENT),
        preview=_preview(workspace, name) if viewer.may_see_records else None,
    )


@router.get("/batches/{batch_id}")
def show_batch(
    request: Request,
    batch_id: str,
    workspace: WorkspaceDep,
    viewer: ViewerDep,
    start: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """A batch: counts, files, and the rejected records, whose content only some may see."""
    catalog = workspace.catalog
    batch = catalog.batches.get(batch_id)
    rejected = workspace.diagnostics.read(batch_id, start=start, limit=ERRORS_PER_PAGE + 1)
    return render(
        request,
        "batch.html",
        batch=batch,
        files=catalog.ledger.of_run(batch.flow_run_id),
        rejected=rejected[:ERRORS_PER_PAGE],
        absent=why_not_kept(workspace, batch) if not rejected else None,
        start=start,
        per_page=ERRORS_PER_PAGE,
        more=len(rejected) > ERRORS_PER_PAGE,
        may_see_records=viewer.may_see_records,
    )


@router.get("/flow-runs")
def show_flow_runs(request: Request, workspace: WorkspaceDep) -> Response:
    """The newest flow runs of all dataflows."""
    return render(request, "flow_runs.html", runs=workspace.catalog.flow_runs.latest(limit=100))


@router.get("/flow-runs/{flow_run_id}")
def show_flow_run(request: Request, flow_run_id: str, workspace: WorkspaceDep) -> Response:
    """A flow run: what it read and loaded, what went wrong, and what was told to whom."""
    run = workspace.catalog.flow_runs.get(flow_run_id)
    return render(request, "flow_run.html", run=run, files=workspace.catalog.ledger.of_run(flow_run_id))


@router.get("/profiles")
def show_profile_form(request: Request, workspace: WorkspaceDep, viewer: ViewerDep) -> Response:
    """The form that looks a person up. The identity is posted, so that it stands in no address and no log."""
    require_records(viewer)
    return render(request, "profile.html", form=_form(workspace), asked=None, profile=None)


@router.post("/profiles")
def show_profile(
    request: Request,
    workspace: WorkspaceDep,
    viewer: ViewerDep,
    namespace: Annotated[str, Form(max_length=128)],
    value: Annotated[str, Form(max_length=1024)],
    policy: Annotated[str, Form(max_length=128)] = "",
) -> Response:
    """The merged profile of a person, and where each value came from."""
    require_records(viewer)
    form = _form(workspace)
    chosen = next((each for each in form.policies if policy in ("", each.name)), None)
    if chosen is None:
        raise NotFoundError(f"there is no merge policy {policy!r}")
    found = workspace.profile_store.look_up(namespace, value.strip(), chosen)
    asked = {"namespace": namespace, "value": value.strip(), "policy": chosen.name}
    profile = profile_view(found) if found is not None else None
    return render(request, "profile.html", form=form, asked=asked, profile=profile)


def _preview(workspace: Workspace, dataset: str) -> FlatTable:
    from headwater.profile.bodies import to_bodies

    try:
        table = workspace.lake.preview(dataset, limit=PREVIEW_ROWS)
    except NotFoundError:
        return FlatTable(columns=(), rows=())
    return flat_table(record for rows in table.to_batches() for record in to_bodies(rows))


def _form(workspace: Workspace) -> LookUpForm:
    resources = workspace.catalog.resources
    policies = [document for document in resources.list("merge_policy") if isinstance(document, MergePolicy)]
    policies.sort(key=lambda policy: (not policy.default, policy.name))
    own = [namespace.name for namespace in resources.list("identity_namespace")]
    taken = {canonical_code(code) for code in own}
    standard = [each.code for each in STANDARD_NAMESPACES if canonical_code(each.code) not in taken]
    return LookUpForm(
        policies=tuple(policies) or (MergePolicy(name="default", default=True),),
        namespaces=tuple(sorted(own, key=str.casefold) + sorted(standard, key=str.casefold)),
    )
