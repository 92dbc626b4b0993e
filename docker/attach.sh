#!/usr/bin/env bash
# Let containers that are not of compose.yaml (a bucket's server, RabbitMQ, a collector of traces) into
# the networks in which API, workers and dispatcher find them by their names; see compose.outside.yaml.
#
#   docker/attach.sh minio rabbitmq     makes the networks if they are not there; may be said again
#
# FARM_NETWORKS is what their names begin with.
set -euo pipefail

for part in api workers; do
  network=${FARM_NETWORKS:-farm-services}-$part
  # Closed as those of compose.yaml are: no way out, and this machine has no address in it.
  docker network inspect "$network" >/dev/null 2>&1 ||
    docker network create --internal --opt com.docker.network.bridge.inhibit_ipv4=true "$network" >/dev/null
  if [ "$(docker network inspect --format '{{.Internal}}' "$network")" != true ]; then
    echo "The network $network leads out. Remove it, and say this again: it is made anew." >&2
    exit 1
  fi
  for container in "$@"; do
    networks=$(docker inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{println $name}}{{end}}' "$container")
    grep -qx "$network" <<< "$networks" || docker network connect "$network" "$container"
  done
done
