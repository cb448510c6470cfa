"""Buttons on a task's page that lead to our pages."""

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.types import TaskInstanceKey

from headwater.orchestration.summary import Links
from headwater.settings import Settings


class DatasetLink(BaseOperatorLink):
    """To the page of the dataset that the dataflow fills."""

    name = "Dataset"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """See `BaseOperatorLink.get_link`."""
        flow = getattr(operator, "flow", None)
        return _links().dataset(flow.target.dataset) if flow is not None else ""


class BatchLink(BaseOperatorLink):
    """To the page of the batch that the run fills; empty if it found no files."""

    name = "Batch"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """See `BaseOperatorLink.get_link`."""
        batch_id = getattr(operator, "batch_id", None)
        return _links().batch(batch_id) if batch_id else ""


class FlowRunLink(BaseOperatorLink):
    """To the page of the flow run."""

    name = "Flow run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """See `BaseOperatorLink.get_link`."""
        flow_run_id = getattr(operator, "flow_run_id", None)
        return _links().flow_run(flow_run_id) if flow_run_id else ""


def _links() -> Links:
    return Links(public_url=Settings.load().public_url)
