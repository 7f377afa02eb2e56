#!/bin/sh
# Writes the secrets that docker-compose.yml names into deploy/secrets/, each made at random, and leaves alone
# those that are there. The folder is its owner's alone; the files in it can be read inside the containers,
# where other users run.
set -eu

cd "$(dirname "$0")"
directory=${1:-secrets}
mkdir -p "$directory"
chmod 700 "$directory"

random() {
    LC_ALL=C tr -dc 'a-zA-Z0-9' < /dev/urandom | head -c 40
}

keep() {
    if [ ! -s "$directory/$1" ]; then
        printf '%s' "$2" > "$directory/$1"
        chmod 444 "$directory/$1"
    fi
}

value() {
    cat "$directory/$1"
}

for name in admin_password app_password owner_password postgres_password qdrant_api_key redis_password secret_key; do
    keep "$name" "$(random)"
done
keep api_key "mos_$(random)"
keep neo4j_auth "neo4j/$(random)"
keep neo4j_url "bolt://neo4j:$(value neo4j_auth | cut -d/ -f2)@neo4j:7687/neo4j"
keep database_url "postgresql://memos_app:$(value app_password)@postgres:5432/memos"
keep database_owner_url "postgresql://memos_owner:$(value owner_password)@postgres:5432/memos"
keep redis_url "redis://:$(value redis_password)@redis:6379/0"
keep valkey_config "requirepass $(value redis_password)
dir /data
appendonly yes
appendfsync everysec
maxmemory 512mb
maxmemory-policy volatile-lru
"
keep qdrant_config "service:
  api_key: $(value qdrant_api_key)
"
echo "The secrets are in $(cd "$directory" && pwd). Your API key: $(value api_key)"
