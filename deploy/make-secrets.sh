#!/bin/sh
# Writes the secrets that docker-compose.yaml mounts, each to a file of its own. What is there already is kept.
# Usage: deploy/make-secrets.sh [FOLDER]      (default: deploy/secrets)
set -eu

folder="${1:-$(dirname "$0")/secrets}"
mkdir -p "$folder"
chmod 700 "$folder"

# Containers run as users of their own and must be able to read the files; the folder keeps everybody else out.
write() {
    if [ ! -e "$folder/$1" ]; then
        cat > "$folder/$1"
        chmod 444 "$folder/$1"
        echo "wrote $folder/$1"
    fi
}

random_hex() {
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'
}

random_fernet_key() {
    head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'
}

for name in postgres_password airflow_database_password headwater_database_password redis_password \
    storage_secret_key api_secret_key jwt_secret admin_password sftp_password; do
    random_hex | write "$name"
done
random_fernet_key | write fernet_key
