#!/bin/sh
# Puts the mounted secrets where Airflow and Headwater look for them, then runs the command in this process's place.
# The secrets are letters and digits (see make-secrets.sh), so they may stand in URLs as they are.
set -eu

secret() {
    cat "${SECRETS_DIR:-/run/secrets}/$1"
}

airflow_database="postgresql+psycopg://airflow:$(secret airflow_database_password)@postgres:5432/airflow"
headwater_database="postgresql+psycopg://headwater:$(secret headwater_database_password)@postgres:5432"
redis="redis://:$(secret redis_password)@redis:6379"

export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="$airflow_database"
export AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC="$airflow_database"
export AIRFLOW__CELERY__BROKER_URL="$redis/0"
export AIRFLOW__CELERY__RESULT_BACKEND="$redis/1"
AIRFLOW__CORE__FERNET_KEY="$(secret fernet_key)"
AIRFLOW__API__SECRET_KEY="$(secret api_secret_key)"
AIRFLOW__API_AUTH__JWT_SECRET="$(secret jwt_secret)"
export AIRFLOW__CORE__FERNET_KEY AIRFLOW__API__SECRET_KEY AIRFLOW__API_AUTH__JWT_SECRET

export HEADWATER_CATALOG_URL="$headwater_database/headwater_catalog"
export HEADWATER_PROFILE_URL="$headwater_database/headwater_profile"
export HEADWATER_ICEBERG_URL="$headwater_database/headwater_iceberg"

export AWS_ACCESS_KEY_ID=headwater
AWS_SECRET_ACCESS_KEY="$(secret storage_secret_key)"
export AWS_SECRET_ACCESS_KEY

exec "$@"
