"""The bump edits the authored install like a person, and reports what it leaves."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import subprocess
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.drift.compare import ABSENT, Object, name_of
from tests.render.parity.mutations import mutations
from tests.render.render import ROOT
from tools.build import ToolError, argocd_module
from tools.bump import __main__ as command
from tools.bump import history, install, modules, pins
from tools.bump.edit import CannotEdit, apply
from tools.bump.install import BASE, MARK, Outcome, bring, build, unequal, upstream_install
from tools.bump.plan import Obstacle, Operation, Sides, plan
from tools.versions import module, release

SERVER = "base/argocd/server/deployment.yaml"
CONTAINER = "spec.template.spec.containers[argocd-server]"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the base that installs the module's release."""
    shutil.copytree(ROOT / "base/argocd", tmp_path / BASE)
    pins.set_tag(tmp_path, module())
    return tmp_path


@pytest.fixture(scope="module")
def pickled_upstream() -> bytes:
    return pickle.dumps(upstream_install(argocd_module() / "manifests"))


@pytest.fixture
def upstream(pickled_upstream: bytes) -> list[Object]:
    found: list[Object] = pickle.loads(pickled_upstream)
    return found


def find(upstream: list[Object], name: str) -> Any:
    return next(item for item in upstream if name_of(item) == name)


def container(upstream: list[Object], name: str = "Deployment/argocd-server") -> Any:
    return find(upstream, name)["spec"]["template"]["spec"]["containers"][0]


def setting(name: str, key: str) -> Object:
    reference = {"key": key, "name": "argocd-cmd-params-cm", "optional": True}
    return {"name": name, "valueFrom": {"configMapKeyRef": reference}}


def bumped(root: Path, upstream: list[Object]) -> Outcome:
    """Bump the base to an install, and check that it equals that or that the rest is reported."""
    outcome = bring(root, upstream)
    rest = {(one.object, one.path) for one in unequal(root, upstream, module())}
    reported = [(left.object, left.path) for left in outcome.left]
    assert all(any(name == one and path.startswith(at) for one, at in reported) for name, path in rest)
    return outcome


def lines(root: Path, file: str) -> tuple[list[str], list[str]]:
    """The lines added to and removed from a file, without their indentation."""
    before, after = (ROOT / file).read_text().splitlines(), (root / file).read_text().splitlines()
    added = [line.strip() for line in after if line not in before]
    return added, [line.strip() for line in before if line not in after]


def test_an_equal_install_changes_no_file(root: Path, upstream: list[Object]) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*.yaml")}
    outcome = bumped(root, upstream)
    assert (outcome.edited, outcome.left, outcome.gone) == ([], [], [])
    assert {path: path.read_bytes() for path in root.rglob("*.yaml")} == before


def test_a_setting_goes_to_those_named_alike(root: Path, upstream: list[Object]) -> None:
    container(upstream)["env"] += [
        setting("ARGOCD_SERVER_TLS_TICKETS", "server.tls.tickets"),
        setting("REDIS_SENTINEL_USER", "redis.sentinel.user"),
        setting("ARGOCD_SERVER_OTLP_TIMEOUT", "otlp.timeout"),
    ]
    assert not bumped(root, upstream).left
    text = (root / SERVER).read_text().splitlines()
    for new, before in (
        ("server.tls.tickets", "server.tls.curvepreferences"),
        ("redis.sentinel.user", "redis.sentinel.master"),
        ("otlp.timeout", "otlp.sample.ratio"),
    ):
        [place] = [number for number, line in enumerate(text) if f"{{<<: *params, key: {new}}}" in line]
        assert f"key: {before}}}" in text[place - 1]


def test_a_setting_like_none_follows_its_neighbour(root: Path, upstream: list[Object]) -> None:
    env = container(upstream)["env"]
    place = next(number for number, row in enumerate(env) if row["name"] == "ARGOCD_SERVER_ROOTPATH")
    env.insert(place + 1, setting("ARGOCD_SERVER_NEW", "server.new"))
    assert not bumped(root, upstream).left
    text = (root / SERVER).read_text()
    assert "key: server.rootpath}}}\n        - {name: ARGOCD_SERVER_NEW, valueFrom:" in text


def test_the_first_setting_hands_its_anchor_on(root: Path, upstream: list[Object]) -> None:
    env = container(upstream)["env"]
    env[:] = [row for row in env if row["name"] != "ARGOCD_SERVER_LOGFORMAT"]
    outcome = bumped(root, upstream)
    assert not outcome.left and outcome.gone == ["ARGOCD_SERVER_LOGFORMAT", "server.log.format"]
    first = "configMapKeyRef: &params {name: argocd-cmd-params-cm, optional: true, key: server.log.level}"
    added, removed = lines(root, SERVER)
    assert len(added) == 1 and first in added[0] and len(removed) == 2


def test_a_comment_stays_with_its_group(root: Path, upstream: list[Object]) -> None:
    env = container(upstream)["env"]
    env[:] = [row for row in env if row["name"] != "GRPC_ENABLE_TXT_SERVICE_CONFIG"]
    assert not bumped(root, upstream).left
    assert "# Behaviour\n        - {name: ARGOCD_SERVER_INSECURE," in (root / SERVER).read_text()


def test_a_comment_goes_with_all_it_names(root: Path, upstream: list[Object]) -> None:
    env = container(upstream)["env"]
    env[:] = [row for row in env if row["name"] != "ARGOCD_SYNC_WITH_REPLACE_ALLOWED"]
    assert not bumped(root, upstream).left
    assert lines(root, SERVER)[1][0] == "# Sync"


def _volume(upstream: list[Object]) -> None:
    pod = find(upstream, "Deployment/argocd-server")["spec"]["template"]["spec"]
    items = [{"key": "a-rather-long-key.crt", "path": "a-rather-long-key.crt"}] * 3
    pod["volumes"].append({"name": "new", "secret": {"items": items, "optional": True, "secretName": "new"}})
    container(upstream)["volumeMounts"].append({"mountPath": "/new", "name": "new"})


def _rule(upstream: list[Object]) -> None:
    find(upstream, "ClusterRole/argocd-server")["rules"].insert(
        1, {"apiGroups": ["", "*"], "resources": ["new"], "verbs": ["get"]}
    )


def _verb(upstream: list[Object]) -> None:
    find(upstream, "ClusterRole/argocd-server")["rules"][0]["verbs"] = ["create", "delete", "get", "patch"]


def _probe(upstream: list[Object]) -> None:
    container(upstream)["readinessProbe"] |= {"periodSeconds": 5, "timeoutSeconds": 2}
    del container(upstream)["livenessProbe"]["timeoutSeconds"]


def _text(upstream: list[Object]) -> None:
    data = find(upstream, "ConfigMap/argocd-cm")["data"]
    data["resource.exclusions"] += "- apiGroups:\n  - new.io\n"
    data["new"] = "true"


def _port(upstream: list[Object]) -> None:
    find(upstream, "Service/argocd-server")["spec"]["ports"].append(
        {"name": "new", "port": 99, "protocol": "TCP", "targetPort": 8099}
    )


def _policy(upstream: list[Object]) -> None:
    policy = find(upstream, "NetworkPolicy/argocd-repo-server-network-policy")
    policy["spec"]["ingress"].append({"ports": [{"port": 8099}]})


def _label(upstream: list[Object]) -> None:
    find(upstream, "Service/argocd-metrics")["metadata"]["labels"]["new.io/label"] = "on"


@pytest.mark.parametrize(
    ("change", "file", "added"),
    [
        (_volume, SERVER, ["- {name: new, mountPath: /new}", "- name: new", "secretName: new"]),
        (
            _rule,
            "base/argocd/server/rbac.yaml",
            ["- {apiGroups: [\"\", '*'], resources: [new], verbs: [get]}"],
        ),
        (
            _verb,
            "base/argocd/server/rbac.yaml",
            ["- {apiGroups: ['*'], resources: ['*'], verbs: [create, delete, get, patch]}"],
        ),
        (_probe, SERVER, ["periodSeconds: 5", "timeoutSeconds: 2"]),
        (_text, "base/argocd/config/argocd-cm.yaml", ["- new.io", 'new: "true"']),
        (
            _port,
            "base/argocd/server/service.yaml",
            ["- {name: new, port: 99, protocol: TCP, targetPort: 8099}"],
        ),
        (
            _policy,
            "base/argocd/repo-server/networkpolicy.yaml",
            ["- ports: [{port: 8099, protocol: TCP}]"],
        ),
    ],
)
def test_a_change_reads_as_if_written_here(
    root: Path, upstream: list[Object], change: Callable[[list[Object]], None], file: str, added: list[str]
) -> None:
    change(upstream)
    assert not bumped(root, upstream).left
    found = lines(root, file)[0]
    assert [line for line in added if line not in found] == []


def test_a_label_is_added_to_one_object(root: Path, upstream: list[Object]) -> None:
    _label(upstream)
    outcome = bumped(root, upstream)
    assert [name for name, _ in outcome.edited] == ["Service/argocd-metrics"] and not outcome.left


def test_a_new_object_gets_a_listed_file(root: Path, upstream: list[Object]) -> None:
    labels = {"app.kubernetes.io/component": "redis", "app.kubernetes.io/part-of": "argocd"}
    spec = {"ports": [{"port": 9121}], "selector": {"app.kubernetes.io/name": "argocd-redis"}}
    for name in ("argocd-redis-one", "argocd-redis-two"):
        upstream.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": labels}, "spec": spec}
        )
    account = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-new-cm", "labels": {}},
        "data": {"a": "b"},
    }
    upstream.append(account)
    outcome = bumped(root, upstream)
    assert not outcome.left and len(outcome.edited) == 3
    text = (root / "base/argocd/redis/service.yaml").read_text()
    assert text.count("\n---\n") == 2 and "namespace: argocd" in text
    assert "argocd-new-cm" in (root / "base/argocd/config/configmap.yaml").read_text()


def test_new_parts_that_need_decisions_are_left(root: Path, upstream: list[Object]) -> None:
    new = deepcopy(find(upstream, "Deployment/argocd-server"))
    new["metadata"]["name"] = "argocd-new"
    upstream.append(new)
    outcome = bumped(root, upstream)
    [left] = outcome.left
    assert (left.object, left.file) == ("Deployment/argocd-new", "base/argocd/kustomization.yaml")
    assert (root / left.file).read_text().startswith(f"{MARK}Deployment/argocd-new: found nothing, upstream has {{")


def test_an_object_that_is_gone_is_left(root: Path, upstream: list[Object]) -> None:
    upstream.remove(find(upstream, "Service/argocd-metrics"))
    outcome = bumped(root, upstream)
    [left] = outcome.left
    assert (left.object, left.file) == (
        "Service/argocd-metrics",
        "base/argocd/application-controller/metrics.service.yaml",
    )
    assert "upstream no longer has it" in left.why and outcome.gone == ["argocd-metrics"]
    assert (root / left.file).read_text().splitlines()[1:] == (ROOT / left.file).read_text().splitlines()


def test_an_external_value_is_kept_and_marked(root: Path, upstream: list[Object]) -> None:
    container(upstream)["securityContext"]["runAsNonRoot"] = False
    container(upstream)["imagePullPolicy"] = "Never"
    outcome = bumped(root, upstream)
    paths = [f"{CONTAINER}.imagePullPolicy", f"{CONTAINER}.securityContext"]
    assert sorted(left.path for left in outcome.left) == paths
    marks = [line for line in (root / SERVER).read_text().splitlines() if line.startswith(MARK)]
    assert len(marks) == 2 and all("change what sets it" in mark for mark in marks)


def test_an_unknown_kind_changes_nothing(root: Path, upstream: list[Object]) -> None:
    upstream.append({"apiVersion": "v1", "kind": "New", "metadata": {"name": "argocd-new"}})
    _probe(upstream)
    with pytest.raises(ToolError, match="upstream installs New; add the API's defaults of this kind to DEFAULTS"):
        bring(root, upstream)
    assert (root / SERVER).read_text() == (ROOT / SERVER).read_text()


def test_an_edit_of_a_shared_value_is_refused() -> None:
    text = "a: &shared {x: 1}\nb: *shared\n"
    with pytest.raises(CannotEdit, match=r"would also change b\.x, because of an anchor"):
        apply(text, 0, Operation(("a", "x"), "a.x", 1, 2))
    changed, gone = apply("a: {x: 1}\nb: {x: 1}\n", 0, Operation(("a", "x"), "a.x", 1, 2))
    assert (changed, gone) == ("a: {x: 2}\nb: {x: 1}\n", [])


def test_a_repeated_list_name_is_an_obstacle() -> None:
    row = {"name": "A", "value": "1"}
    file, wanted = {"env": [row, row]}, {"env": [row]}
    assert [type(one) for one in plan(Sides(file, file, file, wanted, wanted))] == [Obstacle]


def _pod(upstream: list[Object], name: str = "Deployment/argocd-server") -> Any:
    return find(upstream, name)["spec"]["template"]["spec"]


def _resources(upstream: list[Object]) -> None:
    container(upstream)["resources"] = {"limits": {"memory": "1Gi"}}


def _pod_security(upstream: list[Object]) -> None:
    _pod(upstream)["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}}


def _strategy(upstream: list[Object]) -> None:
    find(upstream, "Deployment/argocd-server")["spec"]["strategy"] = {"type": "Recreate"}


def _update_strategy(upstream: list[Object]) -> None:
    spec = find(upstream, "StatefulSet/argocd-application-controller")["spec"]
    spec["updateStrategy"] = {"rollingUpdate": {"partition": 1}, "type": "RollingUpdate"}


def _namespace_label(upstream: list[Object]) -> None:
    find(upstream, "Namespace/argocd")["metadata"]["labels"] = {"new.io/label": "on"}


def _no_env(upstream: list[Object]) -> None:
    container(upstream)["env"] = []


def _no_ingress(upstream: list[Object]) -> None:
    find(upstream, "NetworkPolicy/argocd-server-network-policy")["spec"]["ingress"] = []


@pytest.mark.parametrize(
    "change", [_resources, _pod_security, _strategy, _update_strategy, _namespace_label, _no_env, _no_ingress]
)
def test_values_only_in_defaults_are_written(
    root: Path, upstream: list[Object], change: Callable[[list[Object]], None]
) -> None:
    change(upstream)
    outcome = bumped(root, upstream)
    assert outcome.edited and not outcome.left
    assert not unequal(root, upstream, module())


def follows(root: Path, file: str, comment: str) -> str:
    """The line after a comment, "" if the comment is not there."""
    text = (root / file).read_text().splitlines()
    found = [number for number, line in enumerate(text) if comment in line]
    return text[found[0] + 1].strip() if found else ""


def test_a_comment_goes_with_its_own_item(root: Path, upstream: list[Object]) -> None:
    file, policy = "base/argocd/dex/networkpolicy.yaml", "NetworkPolicy/argocd-dex-server-network-policy"
    del find(upstream, policy)["spec"]["ingress"][0]
    outcome = bumped(root, upstream)
    assert outcome.comments == [(file, "# The browser reaches Dex through argocd-server only.")]
    assert follows(root, file, "# metrics") == "- from: [{namespaceSelector: {}}]"
    assert follows(root, file, "The browser") == ""


def test_a_comment_stays_above_a_changed_value(root: Path, upstream: list[Object]) -> None:
    rows = container(upstream, "StatefulSet/argocd-application-controller")["env"]
    next(row for row in rows if row["name"] == "ARGOCD_CONTROLLER_REPLICAS")["value"] = "2"
    find(upstream, "StatefulSet/argocd-application-controller")["spec"]["serviceName"] = "another"
    text = "a:\n  # why\n  b: 1\n"
    assert apply(text, 0, Operation(("a", "b"), "a.b", 1, 2)) == ("a:\n  # why\n  b: 2\n", [])
    outcome = bumped(root, upstream)
    assert not outcome.left and not outcome.comments
    file = "base/argocd/application-controller/statefulset.yaml"
    assert follows(root, file, "# The number of shards") == '- {name: ARGOCD_CONTROLLER_REPLICAS, value: "2"}'


def test_a_comment_goes_with_its_own_key(root: Path, upstream: list[Object]) -> None:
    del container(upstream)["readinessProbe"]
    outcome = bumped(root, upstream)
    assert [comment.split()[1] for _, comment in outcome.comments] == ["Plain"]
    assert "# Plain HTTP" not in (root / SERVER).read_text()


def test_a_new_first_item_is_before_the_comment(root: Path, upstream: list[Object]) -> None:
    file, policy = "base/argocd/redis/networkpolicy.yaml", "NetworkPolicy/argocd-redis-network-policy"
    before = follows(ROOT, file, "# ")
    find(upstream, policy)["spec"]["ingress"].insert(0, {"ports": [{"port": 1}]})
    assert not bumped(root, upstream).left
    assert follows(root, file, "# ") == before


@pytest.mark.parametrize("list_", ["containers", "initContainers"])
def test_a_new_container_is_left_to_a_person(root: Path, upstream: list[Object], list_: str) -> None:
    new = {"name": "new", "image": f"quay.io/argoproj/argocd:{module()}", "command": ["a"]}
    _pod(upstream)[list_] = [*_pod(upstream).get(list_, []), new]
    outcome = bumped(root, upstream)
    assert len(outcome.left) == 1 and not outcome.edited
    assert (root / SERVER).read_text().splitlines()[1:] == (ROOT / SERVER).read_text().splitlines()


def test_an_unbuildable_base_is_reverted(root: Path, upstream: list[Object], monkeypatch: pytest.MonkeyPatch) -> None:
    _probe(upstream)
    before, first = {path: path.read_bytes() for path in root.rglob("*.yaml")}, [build(root / BASE)]

    def once(folder: Path) -> list[Object]:
        if first:
            return first.pop()
        raise ToolError("it does not build")

    monkeypatch.setattr(install, "build", once)
    with pytest.raises(ToolError, match="it does not build"):
        bring(root, upstream)
    assert {path: path.read_bytes() for path in root.rglob("*.yaml")} == before


@pytest.mark.parametrize("seed", range(12))
def test_random_changes_are_made_or_reported(root: Path, upstream: list[Object], seed: int) -> None:
    """Ten small changes of upstream's install at once, of every kind in the tests of the comparison."""
    chance = random.Random(seed)
    for item in chance.sample([item for item in upstream if item["kind"] != "Namespace"], 10):
        count = sum(1 for _ in mutations(item))
        wanted = chance.randrange(count)
        for number, (_, path) in enumerate(mutations(item)):
            # Without its name or kind it is another object, and its image is the release's.
            if number >= wanted and path.split(".")[0] in ("spec", "data", "rules", "subjects") and "image" not in path:
                changed = deepcopy(item)
                break
        else:
            continue
        item.clear()
        item.update(changed)
    before = sum(path.read_text().count("\n") for path in root.rglob("*.yaml"))
    outcome = bumped(root, upstream)
    assert outcome.edited or outcome.left
    after = "".join(path.read_text() for path in root.rglob("*.yaml"))
    assert before - after.count("\n") < 120 and after.count(MARK) == len(outcome.left)


HASHES = {
    "v3.5.7": "h1:Xm1BF+I5OgDKUG3SDK49vn2/Y5AMyaNVko+/JT08gj0=",
    "v3.6.0": "h1:nagGlvbbk58cvQLplUD2uoKXaNazgfB0LdRk4PuJZl4=",
}


def test_the_largest_past_step_needs_no_hand(root: Path) -> None:
    """Back from today's base to v3.5.7, and on to v3.6.0, where upstream changed most."""
    assert {version: modules.checksum(version) for version in HASHES} == HASHES
    for version in ("v3.6.0", "v3.5.7"):
        _, outcome = history.step(root, version)
        history.by_force(root, outcome)
        assert not unequal(root, upstream_install(modules.source(version) / "manifests"), version)
    before = upstream_install(modules.source("v3.5.7") / "manifests")
    row, outcome = history.step(root, "v3.6.0", before)
    assert row == history.Row("v3.6.0", (24, 7), (0, 0), 0) and not outcome.left
    # As the page states, which a run over the whole history has written.
    assert history.table([row]).splitlines()[2] in history.PAGE.read_text()


def test_nearly_all_of_the_past_went_by_machine() -> None:
    [total] = [line for line in history.PAGE.read_text().splitlines() if line.startswith("| all |")]
    env, others = (tuple(map(int, cell.split(" of "))) for cell in total.split("|")[3:5])
    assert env[1] + others[1] == int(total.split("|")[2]) > 50
    assert env[0] >= 0.95 * env[1] and others[0] >= 0.7 * others[1]


def test_no_mark_of_a_bump_is_left() -> None:
    folders = [ROOT / "base", ROOT / "components"]
    assert [path for folder in folders for path in folder.rglob("*.yaml") if MARK in path.read_text()] == []


@pytest.mark.parametrize(
    ("argocd", "ahead", "expected"),
    [
        ("", "", ("v3.6.3", "v3.6.1")),
        ("v3.6.4", "", ("v3.6.4", "v3.6.4")),
        ("v3.6.2", "", ("v3.6.3", "v3.6.2")),
        ("v3.7.0", "", ("v3.7.0", "v3.7.0")),
        ("v3.6.0", "v3.6.0", ("v3.6.0", "v3.6.0")),
        ("", "v3.6.4", ("v3.6.4", "v3.6.1")),
        ("", "v3.6.0", ("v3.6.0", "v3.6.0")),
        ("v3.5.7", "", ("v3.5.7", "v3.5.7")),
    ],
)
def test_release_and_module_are_chosen(
    monkeypatch: pytest.MonkeyPatch, argocd: str, ahead: str, expected: tuple[str, str]
) -> None:
    monkeypatch.setattr(modules, "released", lambda: ("v3.5.7", "v3.6.0", "v3.6.1"))
    monkeypatch.setattr(command, "release", lambda: "v3.6.3")
    assert command.target(argocd, ahead) == command.Target(*expected)


@pytest.mark.parametrize(
    ("argocd", "ahead", "message"),
    [
        ("3.6.4", "", "ARGOCD=3.6.4: expected a release such as v3.6.4"),
        ("", "latest", "RELEASE=latest: expected a release"),
        ("v3.6.1", "v3.7.0", "expected a module of the same minor"),
        ("v3.6.1", "v3.6.0", "not newer"),
        ("", "v3.7.0", "found no Go module of this minor"),
    ],
)
def test_an_unusable_target_is_refused(monkeypatch: pytest.MonkeyPatch, argocd: str, ahead: str, message: str) -> None:
    monkeypatch.setattr(modules, "released", lambda: ("v3.6.0", "v3.6.1"))
    with pytest.raises(command.UsageError, match=message):
        command.target(argocd, ahead)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository with the state of the work tree, committed."""
    copy = tmp_path / "clone"
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=copy, check=True)
    return copy


def make(clone: Path, *words: str) -> subprocess.CompletedProcess[str]:
    # As from a shell, even if `make test` started this.
    env = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", "bump", *words], cwd=clone, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("from_equal", [False, True], ids=["ahead already", "both equal"])
def test_a_release_ahead_of_its_module_is_pinned(clone: Path, from_equal: bool) -> None:
    ahead = f"{release()}0"
    if from_equal:
        assert make(clone, f"RELEASE={module()}", f"ARGOCD={module()}").returncode == 0
        assert f"| Argo CD | {module()} |\n" in (clone / "README.md").read_text()
        identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
        subprocess.run(["git", *identity, "commit", "-qam", "equal"], cwd=clone, check=True)
    done = make(clone, f"RELEASE={ahead}", f"ARGOCD={module()}")
    assert done.returncode == 0, done.stderr
    assert f"{ahead} itself was not compared" in done.stdout
    versions = yaml.safe_load((clone / "versions.yaml").read_text())
    assert (versions["argocd"], versions["argocd-module"]) == (ahead, module())
    assert f"newTag: {ahead}}}" in (clone / "base/argocd/kustomization.yaml").read_text()
    assert f"| Argo CD | {ahead} | {module()} |" in (clone / "README.md").read_text()
    assert f"write into docs/releases.md what {ahead} changes" in done.stdout
    assert not [path for path in command.changed_files(clone) if path.startswith(("tools/", "plugin/", "live/"))]


def test_a_failed_bump_leaves_the_tree_clean(clone: Path) -> None:
    done = make(clone, "ARGOCD=v3.6.9999")
    assert done.returncode != 0 and "Error 3" in done.stderr
    assert "the Go module of Argo CD v3.6.9999 is not available; the newest is" in done.stderr
    assert "make bump RELEASE=v3.6.9999; nothing was changed" in done.stderr
    assert command.changed_files(clone) == []


def test_outside_a_checkout_it_prints_one_line(clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    done = make(clone, f"RELEASE={release()}0", f"ARGOCD={module()}")
    assert "git status failed" in done.stderr and "nothing was changed" in done.stderr
    assert "Traceback" not in done.stderr


def test_crds_that_differ_are_left(clone: Path, tmp_path: Path) -> None:
    text = (argocd_module() / "manifests/install.yaml").read_text()
    renamed = text.replace("name: appprojects.argoproj.io", "name: promotions.argoproj.io")
    (tmp_path / "install.yaml").write_text(renamed)
    found = [(left.object, left.new) for left in command._crds(clone, tmp_path)]
    assert found == [("promotions.argoproj.io", "this CRD"), ("appprojects.argoproj.io", ABSENT)]


def test_changes_that_are_not_committed_stop_it(clone: Path) -> None:
    (clone / "README.md").write_text("changed")
    done = make(clone, f"RELEASE={release()}0")
    assert "bump: README.md: has changes that are not committed; commit or stash them first" in done.stderr
    assert (clone / "README.md").read_text() == "changed"


def test_a_write_that_fails_is_taken_back(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    shutil.copytree(clone, source)
    for name in ("README.md", "versions.yaml", "base/argocd/new.yaml"):
        (source / name).write_text("new")
    copied: list[str] = []

    def copyfile(_source: Path, to: Path) -> None:
        copied.append(to.name)
        to.write_text("new")
        if len(copied) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    with pytest.raises(OSError, match="No space left"):
        command.copy_back(source, clone)
    assert sorted(copied) == ["README.md", "new.yaml", "versions.yaml"]
    assert command.changed_files(clone) == []


def test_removed_names_are_searched_for(root: Path) -> None:
    shutil.copytree(ROOT / "components", root / "components")
    found = command._named_elsewhere(root, ["ARGOCD_API_SERVER_REPLICAS", "redis.sentinel.hosts", "a.b"])
    assert [left.file.rpartition(":")[0] for left in found] == [
        "components/high-availability/README.md",
        "components/high-availability/server-two.patch.yaml",
    ]
