#!/usr/bin/env bash
# Build what changed, start the farm, wait until all of it is healthy, say where it is.
# Arguments go on to `docker compose up`.
set -euo pipefail
cd "$(dirname "$0")"

if ! grep -qs '^FLOWER_BASIC_AUTH=' .env; then
  # Made once, so that it stays the same over restarts; only its owner may read it.
  password=$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077 && printf 'FLOWER_BASIC_AUTH=farm:%s\n' "$password" >> .env)
  chmod 600 .env
fi

if ! grep -qs '^GRAFANA_PASSWORD=' .env; then
  printf 'GRAFANA_PASSWORD=%s\n' "$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')" >> .env
fi

docker compose up --detach --build --wait "$@"

cat <<END

API      http://$(docker compose port api 8000)/docs
Flower   http://$(docker compose port flower 5555)/
         user and password: FLOWER_BASIC_AUTH in $PWD/.env
END
case ",${COMPOSE_PROFILES:-}," in
  *,monitoring,*) echo "Grafana  http://$(docker compose port grafana 3000)/
         user farm, password: GRAFANA_PASSWORD in $PWD/.env" ;;
esac
