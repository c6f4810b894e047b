"""components/high-availability: where it can be listed, what it changes, and what its renders must have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.drift.compare import outside_redis
from tests.render.availability import REDIS, faults
from tests.render.consumer import MODES, assert_golden, differences, exposure, leaves, one, write
from tests.render.render import ROOT, BuildError, Object, build, load
from tests.work import no_hang
from tools.build import argocd_module, program

COMPONENT = "components/high-availability"
FOLDER = ROOT / COMPONENT


def with_mode(folder: Path, entry: str, **more: Any) -> Path:
    """A consumer that lists a mode and then high availability."""
    kustomization = {"resources": ["exposure.yaml"], "components": [f"components/{entry}", COMPONENT], **more}
    return write(folder, kustomization, exposure=exposure())


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> list[Object]:
    return build(with_mode(tmp_path_factory.mktemp("consumer"), "grpc-routing/without-crds"))


def changes(before: list[Object], after: list[Object]) -> str:
    """The differences as text; variables by their name, for a patch puts its own first, and a hash as (hash)."""
    sides = deepcopy([before, after])
    for item in (item for side in sides for item in side):
        for container in item.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            container["env"] = {entry["name"]: entry for entry in container.get("env", [])}
    return re.sub(rf"(?<=/{REDIS}-)[a-z0-9]{{10}}\b", "(hash)", "\n".join(differences(*sides)) + "\n")


def test_it_changes_exactly_what_its_golden_file_says(tmp_path: Path) -> None:
    after = build(write(tmp_path, {"resources": ["base"], "components": [COMPONENT]}))
    assert_golden(changes(build("base"), after), "high-availability.txt")


def test_its_statefulset_matches_the_golden_file(rendered: list[Object]) -> None:
    found = "".join(f"{path}: {value}\n" for path, value in leaves(one(rendered, "StatefulSet", REDIS)))
    assert_golden(re.sub(rf"(?<={REDIS}-)[a-z0-9]{{10}}\b", "(hash)", found), "high-availability-redis.txt")


@pytest.mark.parametrize("entry", [*MODES, "grpc-routing/without-crds"])
def test_its_changes_do_not_depend_on_the_mode(tmp_path: Path, entry: str) -> None:
    golden = (ROOT / "tests/render/golden/high-availability.txt").read_text()
    mode = {"resources": ["exposure.yaml"], "components": [f"components/{entry}"]}
    plain = write(tmp_path / "plain", mode, exposure=exposure())
    assert changes(build(plain), build(with_mode(tmp_path / "mode", entry))) == golden
    overlay = write(tmp_path / "overlay", {"resources": [f"overlays/{entry}"], "components": [COMPONENT]})
    assert changes(build(f"overlays/{entry}"), build(overlay)) == golden


@pytest.mark.parametrize("mode", MODES)
def test_kubectl_builds_the_same(tmp_path: Path, mode: str) -> None:
    folder = with_mode(tmp_path, mode)
    kubectl = subprocess.run(
        [str(program("kubectl")), "kustomize", str(folder)], capture_output=True, text=True, check=True
    )
    assert load(kubectl.stdout) == build(folder)


@pytest.mark.parametrize("mode", MODES)
def test_listed_before_the_mode_it_fails_the_build(tmp_path: Path, mode: str) -> None:
    folder = with_mode(tmp_path, mode)
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    kustomization["components"].reverse()
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    with pytest.raises(BuildError, match=r"nothing selected by Deployment.*argocd-redis"):
        build(folder)


def test_a_namespace_moves_it_whole(tmp_path: Path, rendered: list[Object]) -> None:
    moved = build(with_mode(tmp_path, "grpc-routing/without-crds", namespace="delivery"))
    own = [item for item in moved if item["metadata"]["name"].startswith(REDIS)]
    assert len(own) == 8 and {item["metadata"]["namespace"] for item in own} == {"delivery"}
    for before, after in zip(rendered, moved, strict=True):
        old, new = dict(leaves(before)), dict(leaves(after))
        assert {(old[path], new[path]) for path in old if old[path] != new[path]} <= {("argocd", "delivery")}
        assert [path for path, value in new.items() if path.endswith("namespace") and value != "delivery"] == []


def test_no_reference_to_redis_names_a_namespace(rendered: list[Object]) -> None:
    texts = [str(value) for item in rendered for _, value in leaves(item) if REDIS in str(value)]
    assert texts and not re.search(rf"{REDIS}[\w-]*\.(?!sh\b|conf\b)\w", "\n".join(texts))


def test_every_container_of_redis_is_restricted(rendered: list[Object]) -> None:
    pod = one(rendered, "StatefulSet", REDIS)["spec"]["template"]["spec"]
    assert len(pod["containers"]) == 2 and len(pod["initContainers"]) == 1
    for container in [*pod["containers"], *pod["initContainers"]]:
        assert container["securityContext"] == {
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        }
    assert pod["securityContext"]["runAsUser"] == 999
    assert {kind for volume in pod["volumes"] for kind in volume} == {"name", "configMap", "emptyDir", "projected"}


def test_only_the_init_container_gets_a_token(rendered: list[Object]) -> None:
    pod = one(rendered, "StatefulSet", REDIS)["spec"]["template"]["spec"]
    mounts = {
        container["name"]: [mount["name"] for mount in container["volumeMounts"]]
        for container in [*pod["containers"], *pod["initContainers"]]
    }
    assert pod["automountServiceAccountToken"] is False
    assert mounts == {"redis": ["scripts", "data"], "sentinel": ["scripts", "data"], "secret-init": ["token"]}


def test_images_and_pull_policies_match_the_base(rendered: list[Object]) -> None:
    def images(item: Object) -> dict[str, tuple[str, str]]:
        pod = item["spec"]["template"]["spec"]
        return {
            container["name"]: (container["image"], container.get("imagePullPolicy", ""))
            for container in [*pod["containers"], *pod["initContainers"]]
        }

    base = images(one(build("base"), "Deployment", "argocd-redis"))
    own = images(one(rendered, "StatefulSet", REDIS))
    assert own["redis"] == own["sentinel"] == base["redis"]
    assert own["secret-init"] == (base["secret-init"][0], base["redis"][1])


def test_only_argo_cd_and_redis_reach_redis(rendered: list[Object]) -> None:
    names = [REDIS, "argocd-server", "argocd-repo-server", "argocd-application-controller"]
    sources = [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": name}}} for name in names]
    ports = [{"port": port, "protocol": "TCP"} for port in (6379, 26379)]
    assert one(rendered, "NetworkPolicy", f"{REDIS}-network-policy")["spec"] == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": REDIS}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": sources, "ports": ports}],
    }


def test_the_services_and_the_budget_of_redis(rendered: list[Object]) -> None:
    ports = [
        {"name": f"tcp-{name}", "port": port, "protocol": "TCP", "targetPort": port}
        for name, port in (("redis", 6379), ("sentinel", 26379))
    ]
    labels = {"app.kubernetes.io/name": REDIS}
    common = {"publishNotReadyAddresses": True, "ports": ports}
    assert one(rendered, "Service", REDIS)["spec"] == {"clusterIP": "None", "selector": labels, **common}
    for pod in (f"{REDIS}-{number}" for number in range(3)):
        assert one(rendered, "Service", pod)["spec"] == {
            "selector": {"statefulset.kubernetes.io/pod-name": pod},
            **common,
        }
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    assert one(rendered, "PodDisruptionBudget", REDIS)["spec"] == budget


def test_how_redis_pods_start_become_ready_and_stop(rendered: list[Object]) -> None:
    spec = one(rendered, "StatefulSet", REDIS)["spec"]
    fields = {"serviceName", "replicas", "podManagementPolicy", "selector", "template"}
    assert spec.keys() == fields and spec["podManagementPolicy"] == "Parallel"
    pod = spec["template"]["spec"]
    assert pod["serviceAccountName"] == "argocd-redis"
    assert {"name": "data", "emptyDir": {}} in pod["volumes"]
    redis, sentinel = pod["containers"]
    assert (redis["command"], sentinel["command"]) == (["sh", "/scripts/redis.sh"], ["sh", "/scripts/sentinel.sh"])
    assert redis["lifecycle"] == {"preStop": {"exec": {"command": ["sh", "/scripts/stop.sh"]}}}
    assert sentinel["readinessProbe"]["exec"] == {"command": ["sh", "/scripts/ready.sh"]}
    # Later than another master is made.
    assert sentinel["readinessProbe"]["periodSeconds"] * sentinel["readinessProbe"]["failureThreshold"] >= 15


def test_windows_line_ends_leave_the_scripts_unchanged(tmp_path: Path) -> None:
    """Shells do not accept CRLF, and git for Windows writes it by default."""

    def git(*words: str) -> None:
        subprocess.run(["git", "-c", "core.autocrlf=true", *words], cwd=tmp_path, check=True)

    shutil.copytree(FOLDER / "redis", tmp_path / "redis")
    shutil.copy(ROOT / ".gitattributes", tmp_path)
    git("init", "--quiet")
    git("add", ".")
    shutil.rmtree(tmp_path / "redis")
    git("checkout-index", "--all", "--force")
    scripts = list((tmp_path / "redis").iterdir())
    assert scripts and [path.name for path in scripts if b"\r" in path.read_bytes()] == []


def test_a_script_that_changes_replaces_the_pods(rendered: list[Object]) -> None:
    [scripts] = [
        item for item in rendered if item["kind"] == "ConfigMap" and item["metadata"]["name"].startswith(REDIS)
    ]
    assert re.fullmatch(rf"{REDIS}-[a-z0-9]{{10}}", scripts["metadata"]["name"])
    assert scripts["metadata"]["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    volumes = one(rendered, "StatefulSet", REDIS)["spec"]["template"]["spec"]["volumes"]
    assert {"name": "scripts", "configMap": {"name": scripts["metadata"]["name"]}} in volumes
    own = {path.name: path.read_text() for path in (FOLDER / "redis").iterdir() if path.suffix != ".yaml"}
    assert scripts["data"] == own


@pytest.mark.parametrize("script", sorted((FOLDER / "redis").glob("*.sh")), ids=lambda path: path.name)
def test_every_script_parses_in_sh(script: Path) -> None:
    subprocess.run(["sh", "-n", str(script)], check=True)


@pytest.mark.parametrize("password", ["made-0", "a b", "a\tb", "a\n", 'a"b', "a'b", "a\\b", ""])
def test_a_password_unfit_for_the_configuration_is_reported(password: str) -> None:
    env = {**os.environ, "REDIS_PASSWORD": password, "POD_NAME": f"{REDIS}-0"}
    done = subprocess.run(["sh", "-eu", FOLDER / "redis/lib.sh"], env=env, capture_output=True, text=True)
    if password == "made-0":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert done.returncode == 1
        assert done.stderr.startswith("Secret argocd-redis, key auth: found ") and done.stderr.count("\n") == 1


def test_another_sentinel_password_is_reported(tmp_path: Path) -> None:
    """The situation after a changed Secret, when the pods are replaced one by one."""
    for name, line in {"getent": "10.0.0.1 any", "redis-cli": "AUTH failed: WRONGPASS invalid password"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{line}'\n")
        (tmp_path / name).chmod(0o755)
    script = (FOLDER / "redis/redis.sh").read_text().replace("/scripts/", f"{FOLDER}/redis/")
    pod = {"POD_NAME": f"{REDIS}-2", "POD_NAMESPACE": "argocd", "REDIS_PASSWORD": "new"}
    env = {**os.environ, **pod, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        ["sh", "-c", script], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            with no_hang():  # it waits for the others, with repeated messages
                assert process.stderr
                assert any(f"the Sentinel of {REDIS}-0 has another password: delete" in line for line in process.stderr)
        finally:
            process.terminate()


def run_script(folder: Path, name: str, redis_cli: str) -> tuple[int, list[str]]:
    """Run a script of pod 2 with `redis_cli` for redis-cli; returns its exit code and the arguments of each call."""
    stubs = {
        "getent": 'echo "10.0.0.$(echo "$2" | cut -d. -f1 | tail -c 2) any"',
        "redis-cli": f'echo "$*" >> {folder}/calls\n{redis_cli}',
        "redis-server": "exit 0",
        "sleep": "exit 0",
    }
    for stub, body in stubs.items():
        (folder / stub).write_text(f"#!/bin/sh\n{body}\n")
        (folder / stub).chmod(0o755)
    (folder / "data").mkdir()
    script = (FOLDER / "redis" / name).read_text()
    script = script.replace("/scripts/", f"{FOLDER}/redis/").replace("/data/", f"{folder}/data/")
    pod = {"POD_NAME": f"{REDIS}-2", "POD_NAMESPACE": "argocd", "REDIS_PASSWORD": "made-0"}
    env = {**os.environ, **pod, "PATH": f"{folder}:{os.environ['PATH']}"}
    with no_hang():
        done = subprocess.run(["sh", "-c", script], env=env, capture_output=True, check=False)
    return done.returncode, (folder / "calls").read_text().splitlines()


def test_a_replica_follows_the_last_elections_master(tmp_path: Path) -> None:
    answer = (
        "case $* in *-1*) epoch=10 ip=10.0.0.1 ;; *) epoch=9 ip=10.0.0.0 ;; esac\n"
        'case $* in *"sentinel master"*) printf \'ip\\n%s\\nconfig-epoch\\n%s\\n\' "$ip" "$epoch" ;; esac'
    )
    code, calls = run_script(tmp_path, "redis.sh", answer)
    assert code == 0 and any(f"-h {REDIS}-1 -p 26379 sentinel master" in call for call in calls)
    assert "replicaof 10.0.0.1 6379" in (tmp_path / "data/redis.conf").read_text().splitlines()


@pytest.mark.parametrize(("successor", "unpaused"), [("10.0.0.1", False), ("10.0.0.2", True), ("", True)])
def test_only_another_master_ends_a_handover(tmp_path: Path, successor: str, unpaused: bool) -> None:
    """Pod 2 is the master; a Sentinel that still names it, or names none, has not elected another."""
    code, calls = run_script(
        tmp_path, "stop.sh", f"case $* in role) echo master ;; *get-master-addr*) echo {successor} ;; esac"
    )
    assert code == 0 and ("client unpause" in calls) is unpaused


def test_a_render_as_it_is_has_no_fault(rendered: list[Object]) -> None:
    assert list(faults(rendered)) == []
    assert list(faults(build("examples/high-availability"))) == []


def _two(objects: list[Object]) -> None:
    one(objects, "StatefulSet", REDIS)["spec"]["replicas"] = 2


def _four(objects: list[Object]) -> None:
    one(objects, "StatefulSet", REDIS)["spec"]["replicas"] = 4


def _one_server(objects: list[Object]) -> None:
    del one(objects, "Deployment", "argocd-server")["spec"]["replicas"]


def _together(name: str, kind: str = "Deployment") -> Callable[[list[Object]], None]:
    def change(objects: list[Object]) -> None:
        affinity = one(objects, kind, name)["spec"]["template"]["spec"]["affinity"]
        del affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    return change


def _narrowed(**more: Any) -> Callable[[list[Object]], None]:
    """Changes that narrow the pods of the anti-affinity."""

    def change(objects: list[Object]) -> None:
        affinity = one(objects, "StatefulSet", REDIS)["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
        affinity["requiredDuringSchedulingIgnoredDuringExecution"][0] |= more

    return change


def _on_one_node(objects: list[Object]) -> None:
    one(objects, "StatefulSet", REDIS)["spec"]["template"]["spec"]["nodeName"] = "one"


def _by_zone(objects: list[Object]) -> None:
    affinity = one(objects, "StatefulSet", REDIS)["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    affinity["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"] = "topology.kubernetes.io/region"


def _script(old: str, new: str) -> Callable[[list[Object]], None]:
    def change(objects: list[Object]) -> None:
        [found] = [item for item in objects if old in str(item.get("data"))]
        found["data"] = {name: text.replace(old, new) for name, text in found["data"].items()}

    return change


def _without(kind: str, name: str) -> Callable[[list[Object]], None]:
    return lambda objects: objects.remove(one(objects, kind, name))


def _ready_only(name: str) -> Callable[[list[Object]], None]:
    def change(objects: list[Object]) -> None:
        del one(objects, "Service", name)["spec"]["publishNotReadyAddresses"]

    return change


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_two, "StatefulSet/argocd-redis-sentinel spec.replicas: expected 3 or more, found 2"),
        (_four, "StatefulSet/argocd-redis-sentinel spec.replicas: expected an odd number, found 4"),
        (_script("quorum=2", "quorum=1"), "redis.sh quorum: expected 2, a majority of 3, found 1"),
        (_script("quorum=2", "quorum=3"), "redis.sh quorum: expected 2, a majority of 3, found 3"),
        (_script('6379 "$quorum"', "6379 1"), "redis.sh monitor: expected the quorum that is set above it"),
        (_script(" $group-2", ""), r"lib.sh pods: expected each of the 3, found \$group-0 \$group-1$"),
        (_script("max-lag 2", "max-lag 3"), "redis.conf min-replicas-max-lag: .*below 3, .*found 3"),
        (_script("max-lag 2", "max-lag 0"), "redis.conf min-replicas-max-lag: .* found 0"),
        (_script("max-lag 2", "max-lag 2\nmin-replicas-max-lag 10"), "redis.conf min-replicas-max-lag: .* found 0"),
        (_script("quorum=2", "quorum=2\nquorum=1"), "redis.sh quorum: expected 2, a majority of 3, found 0"),
        (
            _script("set argocd auth-pass", "set argocd quorum 1"),
            "redis.sh quorum: expected 2, a majority of 3, found 0",
        ),
        (_script('seconds "$down_after"', "seconds 2000"), "redis.sh down-after-milliseconds: expected the down_after"),
        (_script("to-write 1", "to-write 0"), "redis.conf min-replicas-max-lag: .* with min-replicas-to-write"),
        (_script("down_after=5000", "down_after=4000"), "redis.conf min-replicas-max-lag: .*for down_after 4000"),
        (_together(REDIS, "StatefulSet"), "StatefulSet/argocd-redis-sentinel: expected a required anti-affinity"),
        (_narrowed(namespaces=["other"]), "StatefulSet/argocd-redis-sentinel: expected a required anti-affinity"),
        (_narrowed(matchLabelKeys=["app"]), "StatefulSet/argocd-redis-sentinel: expected a required anti-affinity"),
        (_on_one_node, "StatefulSet/argocd-redis-sentinel: expected a required anti-affinity"),
        (_by_zone, "StatefulSet/argocd-redis-sentinel: expected a required anti-affinity"),
        (_together("argocd-server"), "Deployment/argocd-server: expected a required anti-affinity"),
        (_together("argocd-repo-server"), "Deployment/argocd-repo-server: expected a required anti-affinity"),
        (_one_server, "Deployment/argocd-server spec.replicas: expected 2 or more, found 1"),
        (_without("Service", f"{REDIS}-1"), "Service/argocd-redis-sentinel-1: expected one that selects the pod"),
        (_ready_only(f"{REDIS}-2"), "Service/argocd-redis-sentinel-2 spec.publishNotReadyAddresses: expected true"),
        (_ready_only(REDIS), r"data\[redis.sentinel.hosts\]: .* a headless Service of all Sentinels"),
        (
            _script(f"{REDIS}:26379", f"{REDIS}-0:26379"),
            r"data\[redis.sentinel.hosts\]: .* found 'argocd-redis-sentinel-0:26379'",
        ),
        (_without("PodDisruptionBudget", REDIS), "expected a PodDisruptionBudget with maxUnavailable 1"),
        (_without("StatefulSet", REDIS), "StatefulSet/argocd-redis-sentinel: expected this object, found none"),
    ],
)
def test_a_broken_render_is_reported(rendered: list[Object], change: Callable[[list[Object]], None], line: str) -> None:
    objects = deepcopy(rendered)
    change(objects)
    found = list(faults(objects))
    assert any(re.search(line, text) for text in found), found


def test_redis_is_at_most_a_third_of_upstreams(report: Callable[[str, dict[str, int]], None]) -> None:
    """Lines of YAML, scripts and settings included."""
    upstream = (argocd_module() / "manifests/ha/install.yaml").read_text().split("\n---\n")
    redis = [text for text in upstream if not outside_redis(load(text))]
    own = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".md"]
    of_redis = [path for path in own if path.parent.name in ("redis", "from-base")]
    figures = {
        "lines of ours": sum(len(path.read_text().splitlines()) for path in own),
        "of them for Redis": sum(len(path.read_text().splitlines()) for path in of_redis),
        "lines of upstream's for Redis": sum(len(text.splitlines()) for text in redis),
    }
    report("high-availability", figures)
    assert figures["of them for Redis"] * 3 <= figures["lines of upstream's for Redis"]
