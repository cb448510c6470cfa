from tests.airflow.environment import isolate_airflow

isolate_airflow()
