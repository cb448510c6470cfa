"""Airflow: the Dag that tries undelivered notifications again."""

from headwater.orchestration.dags import deliveries_dag

dag = deliveries_dag()
