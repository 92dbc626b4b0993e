"""What docker/k8s holds is valid, closed, and the same farm as the composed one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dev.stack import ROOT

FOLDER = ROOT / "docker" / "k8s"
OLDEST = "1.30"
"""The oldest Kubernetes that these files are for."""
UNITS = {"Mi": "m", "Gi": "g"}
NOT_OF_KUBERNETES = {"ScaledObject", "TriggerAuthentication"}

Manifest = Mapping[str, Any]


def manifests() -> list[Manifest]:
    files = sorted(FOLDER.rglob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text())]


ALL = manifests()
COMPOSE: Manifest = {
    part: composed
    for part, composed in yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())[
        "services"
    ].items()
    if "monitoring" not in composed.get("profiles", ())
}
OF_COMPOSE_ALONE = {"FARM_METRICS_HOST", "FARM_FLOWER_URL", "FARM_DASHBOARD_URL"}
"""In a cluster there are keys, and addresses of its own."""


def of_kind(*kinds: str) -> list[Manifest]:
    return [each for each in ALL if each["kind"] in kinds]


def name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def pods() -> Iterator[tuple[str, Manifest]]:
    """Yield the name and the description of each pod of the farm."""
    for each in of_kind("Deployment", "StatefulSet"):
        yield name(each), each["spec"]["template"]["spec"]


PODS = dict(pods())
each_part = pytest.mark.parametrize("part", sorted(PODS))


@pytest.mark.parametrize("manifest", ALL, ids=lambda each: f"{each['kind']} {name(each)}")
def test_it_is_what_kubernetes_takes(manifest: Manifest) -> None:
    if manifest["kind"] in NOT_OF_KUBERNETES:
        assert manifest["apiVersion"].startswith("keda.sh/")
    else:
        kubernetes_validate.validate(manifest, OLDEST, strict=True)


def test_every_part_of_the_composed_farm_is_there() -> None:
    assert set(PODS) == set(COMPOSE)


@each_part
def test_a_part_runs_what_it_runs_in_compose(part: str) -> None:
    (container,) = PODS[part]["containers"]
    composed = COMPOSE[part]
    assert container["image"] == composed["image"]
    assert container.get("args") == composed.get("command")
    entry = composed.get("entrypoint")
    if entry is not None:
        at = "/etc/redis/redis-users.acl"
        unescaped = [word.replace("$$", "$").replace("/etc/redis-users.acl", at) for word in entry]
        assert container["command"] == unescaped


@each_part
def test_a_part_has_the_memory_that_it_has_in_compose(part: str) -> None:
    (container,) = PODS[part]["containers"]
    limit: str = container["resources"]["limits"]["memory"]
    assert f"{limit[:-2]}{UNITS[limit[-2:]]}" == COMPOSE[part]["mem_limit"]


@each_part
def test_a_part_is_told_what_it_is_told_in_compose(part: str) -> None:
    (container,) = PODS[part]["containers"]
    told = {each["name"]: each.get("value") for each in container.get("env", ())}
    composed = COMPOSE[part].get("environment", {})
    if "envFrom" in container:
        assert set(composed) <= set(re.findall(r"\bREDIS\w+", up()))
        return
    optional = {variable for variable, text in composed.items() if str(text).endswith(":-}")}
    assert set(composed) - optional - OF_COMPOSE_ALONE <= set(told)
    for variable, text in told.items():
        if text and not composed[variable].startswith("${"):
            # Of lists a part will do: not all that Compose may start is here.
            assert set(text.split(",")) <= set(composed[variable].split(","))


@each_part
def test_a_part_is_closed_in(part: str) -> None:
    pod = PODS[part]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each_part
def test_what_a_pod_mounts_is_there(part: str) -> None:
    pod = PODS[part]
    (container,) = pod["containers"]
    templates = [
        name(claim)
        for each in of_kind("StatefulSet")
        if name(each) == part
        for claim in each["spec"]["volumeClaimTemplates"]
    ]
    volumes = [each["name"] for each in pod.get("volumes", ())] + templates
    assert {each["name"] for each in container["volumeMounts"]} == set(volumes)
    claims = {name(each) for each in of_kind("PersistentVolumeClaim")}
    for volume in pod.get("volumes", ()):
        assert volume.get("persistentVolumeClaim", {}).get("claimName", "uploads") in claims


def up() -> str:
    return (FOLDER / "up.sh").read_text()


def test_the_secrets_that_pods_read_are_made() -> None:
    read = {
        (each["valueFrom"]["secretKeyRef"]["name"], each["valueFrom"]["secretKeyRef"]["key"])
        for pod in PODS.values()
        for container in pod["containers"]
        for each in container.get("env", ())
        if "valueFrom" in each
    }
    assert {secret for secret, _ in read} == {"redis-urls", "flower", "gate"}
    for secret in {secret for secret, _ in read}:
        assert f"create secret generic {secret} " in up()
    parts = re.search(r"for part in (.*?); do", up())
    assert parts is not None
    made = {key for part in parts[1].split() for key in (part, f"{part}-artifacts")}
    assert {key for secret, key in read if secret == "redis-urls"} <= made


def test_all_files_are_applied() -> None:
    listed = re.search(r"for file in (.*?); do", up())
    assert listed is not None
    single = set(re.findall(r"apply -f (?:\S*/)?([\w-]+)\.yaml", up()))
    assert {file.stem for file in FOLDER.rglob("*.yaml")} == single | set(listed[1].split())


def test_what_is_selected_is_there() -> None:
    parts = {name(each) for each in of_kind("Deployment", "StatefulSet")}
    for each in of_kind("Service"):
        assert each["spec"]["selector"]["part"] in parts
    for each in of_kind("PodDisruptionBudget"):
        assert each["spec"]["selector"]["matchLabels"]["part"] in parts
    for each in of_kind("ScaledObject"):
        assert each["spec"]["scaleTargetRef"]["name"] in parts
    for each in of_kind("NetworkPolicy"):
        for wanted in each["spec"]["podSelector"].get("matchExpressions", ()):
            assert set(wanted["values"]) <= parts


def test_nobody_is_reached_but_by_a_rule() -> None:
    closed = next(each for each in of_kind("NetworkPolicy") if name(each) == "nobody-with-nobody")
    assert closed["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_only_the_gate_has_a_way_out() -> None:
    ways = {
        part
        for each in of_kind("NetworkPolicy")
        for rule in each["spec"].get("egress", ())
        if any("ipBlock" in peer for peer in rule["to"])
        for wanted in each["spec"]["podSelector"]["matchExpressions"]
        for part in wanted["values"]
    }
    assert ways == {"gate"}
    open_networks = {"web", "outside"}
    composed = {part for part in COMPOSE if open_networks & set(COMPOSE[part]["networks"])}
    assert composed == {"gate", "api", "flower"}


def test_the_metadata_of_clouds_is_behind_a_second_wall() -> None:
    web = next(each for each in of_kind("NetworkPolicy") if name(each) == "to-the-web")
    blocks = [peer["ipBlock"] for peer in web["spec"]["egress"][0]["to"]]
    assert "169.254.0.0/16" in blocks[0]["except"]
    assert [block["cidr"] for block in blocks] == ["0.0.0.0/0", "2000::/3"]
