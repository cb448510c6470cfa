#!/bin/sh
# PostgreSQL's image runs this when its data folder is empty: a role for each of the two programs, and their databases.
set -eu

secrets="${SECRETS_DIR:-/run/secrets}"

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres \
    --set=airflow_password="$(cat "$secrets/airflow_database_password")" \
    --set=headwater_password="$(cat "$secrets/headwater_database_password")" <<'SQL'
CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE headwater LOGIN PASSWORD :'headwater_password';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE headwater_catalog OWNER headwater;
CREATE DATABASE headwater_profile OWNER headwater;
CREATE DATABASE headwater_iceberg OWNER headwater;
REVOKE CONNECT ON DATABASE airflow, headwater_catalog, headwater_profile, headwater_iceberg FROM PUBLIC;
SQL
