"""Airflow: the Dag that looks after the lake's tables."""

from headwater.orchestration.dags import maintenance_dag

dag = maintenance_dag()
