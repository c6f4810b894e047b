"""Steps that several tests of an install share."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from live.cluster import Cluster
from tests.live import table
from tests.live.conftest import HERE, HOST, ROOT
from tests.live.questions import JSON, Client, curl
from tests.live.table import TERMINATION

Object = dict[str, Any]

PART_OF_ARGOCD = "--selector=app.kubernetes.io/part-of=argocd"


def overlay(mode: str) -> Path:
    """The folder of a mode's overlay."""
    return ROOT / "overlays" / mode


def erase(cluster: Cluster) -> None:
    """Remove all of Argo CD, whoever applied it, with its CRDs: the next apply starts from nothing."""
    kubectl = cluster.kubectl
    kubectl("delete", "namespaces", "argocd", "delivery", "--ignore-not-found", "--timeout=90s")
    kubectl("delete", "clusterroles,clusterrolebindings,customresourcedefinitions", PART_OF_ARGOCD, "--timeout=30s")


def until(met: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `met()` is true. Raises AssertionError after `seconds`; `what` is the condition in words."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not true after {seconds:.0f} s: {what}"
        time.sleep(0.1)


def workloads_ready(cluster: Cluster, namespace: str = "argocd") -> None:
    """Wait until every Deployment and StatefulSet of Argo CD is rolled out, also without a gateway."""
    names = cluster.kubectl("get", "deployments,statefulsets", "-n", namespace, "-o", "name").stdout.split()
    for name in names:
        cluster.kubectl("rollout", "status", name, "-n", namespace, "--timeout=60s")


def next_second() -> None:
    """Wait until the next second: the creation time of an object, by which Istio compares ages, has whole seconds."""
    time.sleep(1 - time.time() % 1)


def intrude(cluster: Cluster) -> None:
    """Apply intruder.yaml, and create our VirtualService again, if there is one: the intruder's must be the older."""
    ours = ("virtualservices.networking.istio.io", "argocd", "-n", "argocd")
    cluster.kubectl("apply", "-f", HERE / "intruder.yaml")
    found = cluster.kubectl("get", *ours, "-o", "json", "--ignore-not-found", check=False).stdout
    if not found:
        return
    again = json.loads(found)
    again["metadata"] = {key: again["metadata"].get(key, {}) for key in ("name", "namespace", "annotations", "labels")}
    cluster.kubectl("delete", *ours)
    next_second()
    cluster.kubectl("create", "-f", "-", input=json.dumps(again))


def apply_results(output: str) -> dict[str, str]:
    """The results that `kubectl apply` prints, as {object: result}: {"service/argocd-server": "created"}."""
    return dict(line.removesuffix(" (server dry run)").rsplit(" ", 1) for line in output.splitlines())


def get(cluster: Cluster, kind: str, name: str, namespace: str = "argocd") -> Object:
    """An object of the API server."""
    found: Object = json.loads(cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json").stdout)
    return found


def running(cluster: Cluster, namespace: str = "argocd") -> dict[str, set[str]]:
    """The UIDs of the pods of each component, except those that are being deleted."""
    found: dict[str, set[str]] = {}
    for pod in cluster.pods():
        meta = pod["metadata"]
        if meta["namespace"] == namespace and "deletionTimestamp" not in meta:
            found.setdefault(meta["labels"]["app.kubernetes.io/name"], set()).add(meta["uid"])
    return found


def addresses(cluster: Cluster, component: str) -> dict[str, str]:
    """The IP addresses of a component's pods by the pod's name, except those that are being deleted."""
    return {
        pod["metadata"]["name"]: pod["status"]["podIP"]
        for pod in cluster.pods()
        if pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") == component
        and "deletionTimestamp" not in pod["metadata"]
        and "podIP" in pod["status"]
    }


# These show that a mode works: the browser, the CLI in both ways, other gRPC clients, the certificate, the redirect.
KEY_ROWS = table.rows(
    "UI, HTTP/1.1",
    "certificate shown",
    "argocd version",
    "argocd version --grpc-web",
    "Python gRPC, VersionService/Version",
    "http GET",
)


def wrong(cluster: Cluster, mode: str, but: Collection[str] = (), seconds: float = 20) -> list[str]:
    """The key rows that differ from the mode's table, except the rows `but`.

    Tries for up to `seconds`, because a changed configuration takes a moment to reach the gateway.
    """
    client, deadline = Client(cluster, HOST), time.monotonic() + seconds
    rows = [row for row in KEY_ROWS if row.name not in but]
    while True:
        # Repeat all rows: one that was right may have been served by the old configuration.
        found = [(row, table.measure(client, row)) for row in rows]
        left = [
            f"{row.name}: {cell}, expected {row.expected[mode]}" for row, cell in found if cell != row.expected[mode]
        ]
        if not left or time.monotonic() > deadline:
            return left


def cli_options(mode: str) -> list[str]:
    """The options of the argocd command: a gateway that ends TLS and has no gRPC route passes only gRPC-Web."""
    return ["--grpc-web"] if mode == TERMINATION else []


def commands(document: str, heading: str) -> list[str]:
    """The shell blocks in a section of a document."""
    section = re.split(r"^#+ ", (ROOT / document).read_text(), flags=re.M)
    found = [re.findall(r"^```sh\n(.*?)^```", part, re.M | re.S) for part in section if part.startswith(f"{heading}\n")]
    assert len(found) == 1, f"{document}: expected one section {heading!r}, found {len(found)}"
    return found[0]


def run(cluster: Cluster, script: str, folder: Path) -> str:
    """Run shell lines in `folder`, which has overlays/ as in a clone of the repository; returns their output.

    Raises LiveError if a line fails.
    """
    clone = folder / "overlays"
    if not clone.exists():
        clone.symlink_to(ROOT / "overlays")
    env = {"KUBECONFIG": str(cluster.state / "kubeconfig")}
    return cluster.exec(["sh", "-ec", f"cd {folder}\n{script}"], env=env, timeout=180, check=True).stdout


HIGH_AVAILABILITY = "components/high-availability/README.md"


def documented(cluster: Cluster, document: str, comment: str, folder: Path) -> None:
    """Run the shell line of a document that follows the comment that begins with `comment`."""
    [line] = re.findall(rf"^# {comment}\b.*\n(.+)$", (ROOT / document).read_text(), re.M)
    run(cluster, line, folder)


def session(cluster: Cluster) -> int:
    """The status code of a login as admin with the initial password."""
    client = Client(cluster, HOST)
    return curl(client, "/api/v1/session", *JSON, data=client.credentials()).code


def admin_can_log_in(cluster: Cluster, folder: Path) -> None:
    """Ensure that admin can log in: if two argocd-server each generated a password, run the documented command."""
    if session(cluster) == 401:
        documented(cluster, HIGH_AVAILABILITY, "The first password", folder)
        workloads_ready(cluster)
        until(lambda: session(cluster) == 200, 30, "admin can log in with the new password")


class Argocd:
    """The real argocd command of one user, with its own configuration below `home`."""

    def __init__(self, cluster: Cluster, home: Path, *options: str, host: str = HOST) -> None:
        self._cluster = cluster
        self._env = {"HOME": str(home), "SSL_CERT_FILE": str(cluster.ca)}
        self._host, self._options = host, options

    def login(self, user: str, password: str) -> Argocd:
        """Log in; returns self. Raises AssertionError if the login fails."""
        self("login", self._host, "--username", user, "--password", password)
        return self

    def __call__(self, *arguments: str) -> str:
        """Run the command; returns its output. Raises AssertionError if it fails or warns to use --grpc-web."""
        command = ["argocd", *arguments, *self._options]
        done = self._cluster.exec(command, env=self._env, timeout=60)
        assert done.returncode == 0, f"argocd {arguments[0]}: {done.stderr or done.stdout}"
        assert "--grpc-web" not in done.stderr, done.stderr
        return done.stdout


def deliver(cluster: Cluster, argocd: Argocd, name: str, files: Mapping[str, str]) -> Object:
    """Create and sync the Application `name` from a new git repository; returns it as `argocd app get` shows it.

    `files` (path: text) are the repository's files; their objects go to the namespace default.
    """
    url = cluster.git_repository(name, files)
    place = ["--dest-server", "https://kubernetes.default.svc", "--dest-namespace", "default"]
    argocd("app", "create", name, "--repo", url, "--path", ".", *place)
    argocd("app", "sync", name, "--timeout", "30")
    return json.loads(argocd("app", "get", name, "--output", "json"))  # type: ignore[no-any-return]


def config_map(name: str, data: Mapping[str, str]) -> str:
    """The manifest of a ConfigMap, in JSON."""
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": dict(data)})


def uid(cluster: Cluster, kind: str, name: str, namespace: str = "argocd") -> str:
    """The UID of an object, which changes if it is created again."""
    return str(get(cluster, kind, name, namespace)["metadata"]["uid"])


def differing(words: Mapping[str, str], expected: Iterable[str]) -> dict[str, str]:
    """The results of apply, as {object: result}, that are not in `expected`."""
    wanted = set(expected)
    return {name: word for name, word in words.items() if word not in wanted}
