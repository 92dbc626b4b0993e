#!/usr/bin/env bash
# Make the secrets, once, and apply what stands here. Needs kubectl; images are those that
# `make up` builds, in a registry that the nodes can reach (see docs/operations.md).
set -euo pipefail
cd "$(dirname "$0")"

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
in_farm() { kubectl --namespace renderfarm "$@"; }
exists() { in_farm get secret "$1" >/dev/null 2>&1; }

kubectl apply -f namespace.yaml

if ! exists redis-passwords; then
  default=$(random) api=$(random) worker=$(random) dispatcher=$(random) flower=$(random)
  # Through a file that only this user reads: arguments are for every process to see.
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  printf '%s=%s\n' REDISCLI_AUTH "$default" REDIS_PASSWORD_API "$api" REDIS_PASSWORD_WORKER "$worker" \
    REDIS_PASSWORD_DISPATCHER "$dispatcher" REDIS_PASSWORD_FLOWER "$flower" > "$folder/passwords"
  for part in api worker dispatcher flower; do
    printf '%s=redis://%s:%s@redis:6379/0\n' "$part" "$part" "${!part}"
    printf '%s-artifacts=redis://%s:%s@redis-artifacts:6379/0\n' "$part" "$part" "${!part}"
  done > "$folder/urls"
  printf 'basic-auth=farm:%s\n' "$(random)" > "$folder/flower"
  # The passwords last: with them, all is there.
  in_farm delete secret redis-urls flower --ignore-not-found
  in_farm create secret generic redis-urls --from-env-file="$folder/urls"
  in_farm create secret generic flower --from-env-file="$folder/flower"
  in_farm create secret generic redis-passwords --from-env-file="$folder/passwords"
fi

if ! exists gate; then
  random | in_farm create secret generic gate --from-file=secret=/dev/stdin
fi

in_farm create configmap redis-users --from-file=../redis-users.acl --dry-run=client -o yaml \
  | kubectl apply -f -
kubectl apply -f nodes/node-profile.yaml
kubectl --namespace renderfarm-nodes create configmap chromium-seccomp \
  --from-file=chromium.json=../chromium-seccomp.json --dry-run=client -o yaml | kubectl apply -f -

for file in redis api gate workers flower network-policies; do
  kubectl apply -f "$file.yaml"
done
if kubectl get crd scaledobjects.keda.sh >/dev/null 2>&1; then
  kubectl apply -f scaling.yaml
else
  echo "KEDA is not installed: workers stay as many as there are (kubectl scale)." >&2
fi
