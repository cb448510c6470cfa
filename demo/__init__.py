"""The demo: sample sources, Airflow and the four dataflows of the Luma example, with `python -m demo`.

Start with `__main__`. The sample data (`data`) is also what the tests load.
"""
