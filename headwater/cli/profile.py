"""`headwater profile` and `headwater identity`: a person, as the fragments say."""

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.cli.output import JsonOption, print_json, print_table, say
from headwater.cli.workspace import workspace
from headwater.errors import NotFoundError
from headwater.model.documents import MergePolicy
from headwater.model.nested import value_at

if TYPE_CHECKING:
    from headwater.catalog.resources import ResourceStore
    from headwater.profile import MergedProfile

app = typer.Typer(no_args_is_help=True, help="Merged profiles.")
identity_app = typer.Typer(no_args_is_help=True, help="The identity graph.")

Namespace = Annotated[str, typer.Argument(metavar="NAMESPACE", help="An identity namespace's code.")]
Value = Annotated[str, typer.Argument(metavar="VALUE", help="An identity's value, exactly.")]


@app.callback()
def _profile() -> None:
    """Merged profiles."""


@identity_app.callback()
def _identity() -> None:
    """The identity graph."""


@app.command()
def show(
    namespace: Namespace,
    value: Value,
    merge_policy: Annotated[
        str | None, typer.Option(metavar="P", help="A merge policy's name; the default one if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a person's merged profile, with where each value came from. Shows personal data."""
    with workspace() as opened:
        policy = _policy(opened.catalog.resources, merge_policy)
        profile = opened.profile_store.look_up(namespace, value, policy)
    if profile is None:
        raise NotFoundError(f"no profile has that identity in namespace {namespace!r}; values are compared exactly")
    if as_json:
        print_json(profile)
    else:
        _print_profile(profile, policy)


@app.command()
def remove(namespace: Namespace, value: Value, as_json: JsonOption = False) -> None:
    """Remove a person from the profiles: all fragments and events of the identity's graph, and the graph.

    What was ingested until now never brings the person back; what is ingested later does.

    Rows in the lake, rejected records and source files stay.
    """
    with workspace() as opened:
        removed = opened.profile_store.remove_profile(namespace, value)
    if as_json:
        print_json(removed)
    else:
        say(f"removed {removed.fragments:,} fragments, {removed.events:,} events and {removed.links:,} links")


@app.command()
def expire(as_json: JsonOption = False) -> None:
    """Remove events from the profiles that are older than their dataset's `event_expiration_days`."""
    from headwater.flows.expiry import expire_events

    with workspace() as opened:
        done = expire_events(opened)
    if as_json:
        print_json(done)
    else:
        rows = [(each.dataset, each.before, each.events) for each in done]
        print_table(("dataset", "events before", "removed"), rows, empty="no dataset has `event_expiration_days`")


@app.command()
def forget_history(as_json: JsonOption = False) -> None:
    """Remove what newer records replaced more than `HEADWATER_HISTORY_DAYS` ago. No profile changes.

    A batch from before that can still be taken out, but what it had replaced does not show again.
    """
    from headwater.flows.expiry import forget_history as forget

    with workspace() as opened:
        done = forget(opened)
    if as_json:
        print_json(done)
    else:
        rows = [(each.dataset, each.before, each.records) for each in done]
        print_table(("dataset", "replaced before", "removed"), rows, empty="nothing is to be forgotten")


@identity_app.command()
def graph(namespace: Namespace, value: Value, as_json: JsonOption = False) -> None:
    """Show the identities that are linked to one, and where each link came from. Shows personal data."""
    with workspace() as opened:
        found = opened.profile_store.identity_graph(namespace, value)
    if found is None:
        raise NotFoundError(f"no graph has that identity in namespace {namespace!r}; values are compared exactly")
    if as_json:
        print_json(found)
        return
    rows = [(identity.namespace, identity.value) for identity in found.identities]
    print_table(("namespace", "value"), rows, empty="no identities")
    say("")
    links = [
        (
            f"{e.left.namespace}:{e.left.value}",
            f"{e.right.namespace}:{e.right.value}",
            ", ".join(e.datasets),
            e.last_seen,
        )
        for e in found.edges
    ]
    print_table(("identity", "linked with", "datasets", "last seen"), links, empty="no links")


def _policy(resources: "ResourceStore", name: str | None) -> MergePolicy:
    """The merge policy of that name, or the default one for people; built in, where none was applied."""
    if name is not None:
        return resources.typed(MergePolicy, name)
    policies = [policy for policy in resources.list("merge_policy") if isinstance(policy, MergePolicy)]
    standard = MergePolicy(name="default", default=True)
    return next((p for p in policies if p.default and p.schema_class == standard.schema_class), standard)


def _print_profile(profile: "MergedProfile", policy: MergePolicy) -> None:
    say(f"merge policy {policy.title or policy.name}; datasets {', '.join(profile.sources)}")
    identities = [(i.namespace, i.value, "primary" if i in profile.primary else "") for i in profile.identities]
    print_table(("namespace", "identity", ""), identities, empty="no identities")
    say("")
    rows = [
        (pointer, value_at(profile.attributes, pointer), origin.dataset, origin.batch_id, origin.ingested_at)
        for pointer, origin in sorted(profile.provenance.items())
    ]
    print_table(("attribute", "value", "dataset", "batch", "ingested"), rows, empty="no attributes")
    if profile.event_count:
        say(f"\n{profile.event_count:,} events; the newest {len(profile.events):,}, oldest first:")
        events = [(e.timestamp, e.body.get("eventType"), e.id, e.dataset) for e in profile.events]
        print_table(("time", "type", "id", "dataset"), events, empty="")
