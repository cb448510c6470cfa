"""The Airflow shell: Dags from dataflows, Connections as accounts, pages in the API server.

Start with `dags` (the factory), then `operators` (what each task does) and `plugin` (what Airflow's servers load).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.orchestration.dags import dataflow_dag, load_dags
    from headwater.orchestration.documents import check_documents

__all__ = ["check_documents", "dataflow_dag", "load_dags"]

_HOMES = {
    "check_documents": "headwater.orchestration.documents",
    "dataflow_dag": "headwater.orchestration.dags",
    "load_dags": "headwater.orchestration.dags",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - what a module holds has no common type
    """Import what a Dag file asks for; Airflow's servers import other parts, and none of this."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
