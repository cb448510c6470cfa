"""Airflow: an import error here names the dataflow documents that are wrong; this file holds no Dag, so hides none."""

from headwater.orchestration import check_documents

check_documents()
