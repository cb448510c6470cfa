#!/bin/sh
# Runs once before everything else starts, and again with each new version: databases, the first user, the documents.
set -eu

airflow db migrate

passwords="$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
if [ ! -e "$passwords" ]; then
    umask 077
    printf '{"admin": "%s"}\n' "$(cat "${SECRETS_DIR:-/run/secrets}/admin_password")" > "$passwords"
fi

headwater apply "$HEADWATER_FLOWS"
