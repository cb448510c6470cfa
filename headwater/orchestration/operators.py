"""What each task of a dataflow's Dag does: open the workspace, do one step, hand on ids and counts.

Heavy parts are imported when a task runs, never when a Dag is parsed. The steps tell their story in the task's log.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from connectors.errors import ConnectorError
from headwater.errors import HeadwaterError, NotFoundError
from headwater.model.documents import Dataflow
from headwater.model.runs import FlowRunState
from headwater.orchestration.links import BatchLink, DatasetLink, FlowRunLink
from headwater.orchestration.names import DISCOVER, DISCOVERY_KEY, FAILURE_KEY, SUMMARY_KEY
from headwater.orchestration.params import run_request
from headwater.orchestration.summary import Links, summarise
from headwater.settings import Settings

if TYPE_CHECKING:
    from headwater.flows import Workspace

Load = Literal["lake", "identities", "profiles"]

logger = logging.getLogger(__name__)


def open_task_workspace() -> "Workspace":
    """Open the workspace as tasks do: settings from the environment, Airflow's Connections as accounts."""
    from headwater.flows import open_workspace
    from headwater.orchestration.accounts import AirflowAccounts

    workspace = open_workspace(Settings.load())
    workspace.accounts = AirflowAccounts(otherwise=workspace.accounts)
    return workspace


class StepOperator(BaseOperator):
    """One step of a flow run.

    Attributes:
        flow: The dataflow, as its document has it.
        flow_run_id: Set while the task runs; None until `discover` has opened the flow run.
        batch_id: Set while the task runs; None if there are no files.
    """

    operator_extra_links = (BatchLink(), DatasetLink(), FlowRunLink())
    ui_color = "#e8eefc"

    def __init__(self, *, flow: Dataflow, **kwargs: Any) -> None:  # noqa: ANN401 - as BaseOperator declares them
        super().__init__(**kwargs)
        self.flow = flow
        self.flow_run_id: str | None = None
        self.batch_id: str | None = None

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - whatever the step gives to XCom
        """Do the step; a failure's message is kept for `finish`, which tells people."""
        discovery = context["ti"].xcom_pull(task_ids=DISCOVER, key=DISCOVERY_KEY) or {}
        self.flow_run_id, self.batch_id = discovery.get("flow_run_id"), discovery.get("batch_id")
        try:
            with open_task_workspace() as workspace:
                return self.step(workspace, context)
        except (HeadwaterError, ConnectorError) as error:
            context["ti"].xcom_push(FAILURE_KEY, f"{self.task_id}: {error}")
            raise

    def step(self, workspace: "Workspace", context: Context) -> Any:  # noqa: ANN401 - as `execute`
        """What the task is there for; every child says its own."""
        raise TypeError(f"{type(self).__name__} has no step")

    @property
    def run_id(self) -> str:
        """The flow run that `discover` opened.

        Raises:
            HeadwaterError: `discover` left none, so that this task cannot work.
        """
        if self.flow_run_id is None:
            raise HeadwaterError(
                f"task {self.task_id!r} has no flow run; clear `{DISCOVER}`, so that the run starts anew"
            )
        return self.flow_run_id


class DiscoverOperator(StepOperator):
    """Lists the source, claims what is new and forms groups of files; gives the groups' numbers."""

    def step(self, workspace: "Workspace", context: Context) -> list[int]:
        """See `flows.steps.discover`."""
        from headwater.flows import steps
        from headwater.orchestration.dag_runs import AirflowDagRuns

        workspace.dag_runs = AirflowDagRuns(context["ti"])
        found = steps.discover(workspace, self.flow, run_request(context))
        self.flow_run_id, self.batch_id = found.flow_run_id, found.batch_id
        discovery = asdict(found)
        groups = list(discovery.pop("groups"))
        context["ti"].xcom_push(DISCOVERY_KEY, discovery)
        return groups


class IngestOperator(StepOperator):
    """Reads, checks and stages one group of files."""

    def __init__(self, *, group: int = 0, **kwargs: Any) -> None:  # noqa: ANN401 - as BaseOperator declares them
        super().__init__(**kwargs)
        self.group = group

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.ingest_group`. The mapped task is then named by what the group held."""
        from headwater.flows import steps

        result = steps.ingest_group(workspace, self.run_id, self.group)
        files = "1 file" if result.files == 1 else f"{result.files:,} files"
        files = f"part {result.part}" if result.part is not None else files
        label = {"group_label": f"group {self.group}: {files}, {result.read:,} records"}
        context.update(label)  # type: ignore[typeddict-item]
        return asdict(result)


class LoadLakeOperator(StepOperator):
    """Commits the batch to the lake: whole, or not at all."""

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.load_lake`. The asset event carries the counts; a run that only checks causes none."""
        from headwater.flows import steps

        load = steps.load_lake(workspace, self.run_id)
        if not run_request(context).loads:
            raise AirflowSkipException("The run was asked to check only: nothing is loaded.")
        result = asdict(load) | {"snapshot_id": str(load.snapshot_id)}  # too large a number for JavaScript
        for asset in self.outlets:
            context["outlet_events"][asset].extra = result | {"flow_run_id": self.run_id}
        return result


class LoadIdentitiesOperator(StepOperator):
    """Puts the batch's identities into the identity graph."""

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.load_identities`."""
        from headwater.flows import steps

        return asdict(steps.load_identities(workspace, self.run_id))


class LoadProfilesOperator(StepOperator):
    """Puts the batch's records into the profile store."""

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.load_profiles`."""
        from headwater.flows import steps

        return asdict(steps.load_profiles(workspace, self.run_id))


class NotifyOperator(StepOperator):
    """Delivers the events of one load. A receiver that does not answer fails nothing: it is tried again."""

    def __init__(self, *, load: Load, **kwargs: Any) -> None:  # noqa: ANN401 - as BaseOperator declares them
        super().__init__(**kwargs)
        self.load: Load = load

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.deliver`."""
        from headwater.flows import steps

        return asdict(steps.deliver(workspace, self.run_id, self.load))


class FinishOperator(StepOperator):
    """Closes the flow run, whatever happened before, and fails if it failed, so that the Dag run shows it."""

    def step(self, workspace: "Workspace", context: Context) -> dict[str, Any]:
        """See `flows.steps.finish`; the summary becomes the Dag run's note."""
        from headwater.flows import steps

        failure = _failure(context, self.task_id)
        dag_run_id = context["dag_run"].run_id
        try:
            run = steps.finish(workspace, self.flow_run_id, flow=self.flow.name, dag_run_id=dag_run_id, failure=failure)
        except NotFoundError:
            if failure is None:
                raise
            raise AirflowFailException(failure) from None  # it failed before there was a flow run
        self.flow_run_id, self.batch_id = run.id, run.batch_id
        note = summarise(run, Links(public_url=workspace.settings.public_url))
        context["ti"].xcom_push(SUMMARY_KEY, note)
        logger.info("%s", note)
        if run.state is FlowRunState.FAILED or failure is not None:
            raise AirflowFailException(failure or "; ".join(error.message for error in run.errors) or note)
        return {"flow_run_id": run.id, "batch_id": run.batch_id, "state": run.state.value}


class DeliverDueOperator(BaseOperator):
    """Delivers whatever notifications are due, of all flow runs."""

    def execute(self, context: Context) -> dict[str, Any]:
        """See `flows.steps.deliver_due`. Events that are in no journal any more are removed."""
        from headwater.flows import steps
        from headwater.flows.journal import forget_old_events
        from headwater.orchestration.notifiers import AirflowNotifiers

        with open_task_workspace() as workspace:
            workspace.messenger = AirflowNotifiers(context)
            forget_old_events(workspace)
            return asdict(steps.deliver_due(workspace))


class CheckExpectationsOperator(BaseOperator):
    """Tells of files that did not come when the dataflows expect them."""

    def execute(self, context: Context) -> list[str]:
        """See `flows.steps.check_expectations`."""
        from headwater.flows import steps
        from headwater.orchestration.documents import read_documents

        flows = [found.flow for found in read_documents(Settings.load().flow_folders).flows]
        with open_task_workspace() as workspace:
            return steps.check_expectations(workspace, flows)


class MaintainLakeOperator(BaseOperator):
    """Maintains every table of the lake."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """See `flows.maintenance.maintain_lake`."""
        from headwater.flows.maintenance import maintain_lake

        with open_task_workspace() as workspace:
            return [asdict(table) for table in maintain_lake(workspace)]


class ExpireEventsOperator(BaseOperator):
    """Removes events from the profiles that are older than their dataset allows."""

    def execute(self, context: Context) -> dict[str, int]:
        """See `flows.expiry.expire_events`."""
        from headwater.flows.expiry import expire_events

        with open_task_workspace() as workspace:
            return {each.dataset: each.events for each in expire_events(workspace)}


class ForgetHistoryOperator(BaseOperator):
    """Removes from the profile store what newer records replaced long ago."""

    def execute(self, context: Context) -> dict[str, int]:
        """See `flows.expiry.forget_history`."""
        from headwater.flows.expiry import forget_history

        with open_task_workspace() as workspace:
            return {each.dataset: each.records for each in forget_history(workspace)}


def _failure(context: Context, finish_task: str) -> str | None:
    """What went wrong in the Dag run before: the tasks' own messages, or the names of tasks that left none."""
    ti, dag_run = context["ti"], context["dag_run"]
    states: dict[str, Any] = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id]).get(dag_run.run_id, {})
    failed = sorted(task for task, state in states.items() if state == "failed" and task != finish_task)
    if not failed:
        return None
    steps = [task for task in context["dag"].task_ids if task != finish_task]
    messages = _texts(ti.xcom_pull(task_ids=steps, key=FAILURE_KEY))
    return "; ".join(dict.fromkeys(messages)) or f"{', '.join(failed)} failed without a message; see the task's log"


def _texts(pulled: object) -> list[str]:
    if isinstance(pulled, str):
        return [pulled]
    return [text for text in pulled if isinstance(text, str)] if isinstance(pulled, Sequence) else []
