#!/usr/bin/env bash
# Build what changed, start the farm, wait until all of it is healthy, say where it is.
# Arguments go on to `docker compose up`.
set -euo pipefail
cd "$(dirname "$0")"

# Passwords are made once, so that they stay the same over restarts; only their owner may read them.
(umask 077 && touch .env)
chmod 600 .env
for name in FLOWER_BASIC_AUTH GATE_SECRET GRAFANA_PASSWORD REDIS_PASSWORD REDIS_PASSWORD_{API,WORKER,DISPATCHER,FLOWER}; do
  if ! grep -q "^$name=" .env; then
    user=$([ "$name" = FLOWER_BASIC_AUTH ] && echo farm: || true)
    password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s=%s%s\n' "$name" "$user" "$password" >> .env
  fi
done

# What is started beside the farm itself: flower, monitoring, both or nothing.
grep -q '^COMPOSE_PROFILES=' .env || echo COMPOSE_PROFILES=flower >> .env

docker compose up --detach --build --wait "$@" || {
  docker compose ps --all --format '{{.Service}} {{.Status}}' | grep -v '(healthy)' | while read -r service status; do
    printf '\n%s: %s\n' "$service" "$status"
    docker compose logs --no-color --no-log-prefix --tail 5 "$service"
  done >&2
  exit 1
}

cat <<END

API      http://$(docker compose port api 8000)/docs
END
if [ -n "$(docker compose ps --quiet flower 2>/dev/null)" ]; then
  echo "Flower   http://$(docker compose port flower 5555)/
         user and password: FLOWER_BASIC_AUTH in $PWD/.env"
fi
if [ -n "$(docker compose ps --quiet grafana 2>/dev/null)" ]; then
  echo "Grafana  http://$(docker compose port grafana 3000)/
         user farm, password: GRAFANA_PASSWORD in $PWD/.env"
fi
