"""The demo: a sample source of each kind, Airflow and the dataflows of the Luma example, with `python -m demo`.

Start with `__main__`. The sample data (`data`) is also what the tests load.
"""
