"""The node holds a Pod to its manifest as a kubelet would."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from live.cluster import Cluster

NAMESPACE = "node-test"


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def run(cluster: Cluster, name: str, script: str, **more: Any) -> None:
    """A Pod of the argocd image that runs a shell script.

    `more` are fields of its container or, as `pod`, of its spec.
    """
    spec = more.pop("pod", {})
    container = {"name": name, "image": "argocd", "command": ["sh", "-c", script], **more}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container], **spec},
    }
    # The ServiceAccount controller needs a moment in a new namespace.
    eventually(lambda: cluster.kubectl("create", "-f", "-", input=json.dumps(pod), check=False).returncode == 0)


def eventually(met: Callable[[], object], seconds: float = 30) -> None:
    """Wait until `met` says so; fail when it does not."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not met in {seconds} s"
        time.sleep(0.2)


def status(cluster: Cluster, name: str) -> Any:
    found = cluster.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "json").stdout
    statuses = json.loads(found)["status"].get("containerStatuses")
    return statuses[0] if statuses else {"ready": False, "restartCount": 0, "state": {}}


def output(cluster: Cluster, name: str) -> str:
    log = cluster.state / "pods" / f"{NAMESPACE}_{name}" / f"{name}.log"
    return log.read_text() if log.exists() else ""


def test_a_missing_secret_keeps_a_pod_waiting(cluster: Cluster, namespace: str) -> None:
    ref = {"name": "late", "key": "word"}
    run(cluster, "waits", "echo got $WORD; sleep 600", env=[{"name": "WORD", "valueFrom": {"secretKeyRef": ref}}])
    eventually(
        lambda: status(cluster, "waits")["state"].get("waiting", {}).get("reason") == "CreateContainerConfigError"
    )
    assert 'secret "late" not found' in status(cluster, "waits")["state"]["waiting"]["message"]
    cluster.kubectl("create", "secret", "generic", "late", "-n", namespace, "--from-literal=word=hello")
    eventually(lambda: "got hello" in output(cluster, "waits"))


def test_user_root_and_volumes_are_as_the_manifest_says(cluster: Cluster, namespace: str) -> None:
    script = """
id -u
grep CapEff /proc/self/status
touch /nowhere 2>&1
touch /data/file && echo emptyDir is writable
touch /settings/file 2>&1
curl -sS --max-time 5 --cacert /var/run/secrets/kubernetes.io/serviceaccount/ca.crt \\
  -H "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" \\
  https://kubernetes.default.svc/api/v1/namespaces
sleep 600
"""
    cluster.kubectl("create", "configmap", "settings", "-n", namespace, "--from-literal=color=blue")
    mounts = [{"name": "data", "mountPath": "/data"}, {"name": "settings", "mountPath": "/settings"}]
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "settings", "configMap": {"name": "settings"}}]
    security = {"runAsUser": 1234, "readOnlyRootFilesystem": True}
    run(cluster, "walls", script, volumeMounts=mounts, securityContext=security, pod={"volumes": volumes})
    eventually(lambda: "cannot list resource" in output(cluster, "walls"))
    text = output(cluster, "walls")
    assert text.splitlines()[:2] == ["1234", "CapEff:\t0000000000000000"]
    assert "touch: cannot touch '/nowhere': Read-only file system" in text
    assert "emptyDir is writable" in text
    assert "touch: cannot touch '/settings/file': Read-only file system" in text
    assert f"system:serviceaccount:{namespace}:default" in text, "the API server knows the pod's ServiceAccount"


def test_a_mounted_configmap_follows_its_object(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "changing", "-n", namespace, "--from-literal=word=before")
    volumes = [{"name": "v", "configMap": {"name": "changing"}}]
    script = "while :; do cat /v/word; echo; sleep 1; done"
    run(cluster, "follows", script, volumeMounts=[{"name": "v", "mountPath": "/v"}], pod={"volumes": volumes})
    eventually(lambda: "before" in output(cluster, "follows"))
    cluster.kubectl("patch", "configmap", "changing", "-n", namespace, "-p", '{"data":{"word":"after"}}')
    eventually(lambda: "after" in output(cluster, "follows"))


def test_probes_decide_about_readiness_and_restarts(cluster: Cluster, namespace: str) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 2}
    run(cluster, "unready", "sleep 600", readinessProbe=probe)
    run(cluster, "unwell", "sleep 600", livenessProbe=probe)
    eventually(lambda: status(cluster, "unwell")["restartCount"] > 0)
    assert "liveness probe failed: ConnectionRefusedError" in output(cluster, "unwell")
    assert "running" in status(cluster, "unready")["state"]
    assert status(cluster, "unready")["ready"] is False
    assert status(cluster, "unready")["restartCount"] == 0


@pytest.mark.parametrize(
    ("name", "image"), [("stranger", "docker.io/library/nginx:1"), ("newer", "quay.io/argoproj/argocd:latest")]
)
def test_an_image_that_the_node_has_not_is_named(cluster: Cluster, namespace: str, name: str, image: str) -> None:
    run(cluster, name, "true", image=image)
    eventually(lambda: image in status(cluster, name)["state"].get("waiting", {}).get("message", ""))
    assert status(cluster, name)["state"]["waiting"]["reason"] == "ErrImagePull"
