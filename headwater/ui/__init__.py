"""Pages for people: datasets, batches, flow runs and profiles, rendered on the server.

Start with `app.create_app`. The pages know no Airflow: who may see what is told to them (`access`).
"""
