"""Airflow: one Dag for each dataflow document in the flows folders."""

from headwater.orchestration import load_dags

globals().update(load_dags())
