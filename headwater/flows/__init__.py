"""Use cases: what happens in a flow run, from listing files to notification, and how documents are applied.

Start with `run.run_dataflow`, which does in one process what Airflow's tasks do step by step (`steps`).
"""

from headwater.flows.workspace import Workspace, open_workspace

__all__ = ["Workspace", "open_workspace"]
