"""The node runs a Pod according to its manifest, like a kubelet."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from live import doctor, redirection
from live.cluster import Cluster
from live.faults import cut_off, doors, frozen, kill, pod_exec
from live.image import Image

NAMESPACE = "node-test"


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    cluster.kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def run(cluster: Cluster, name: str, script: str, **more: Any) -> None:
    """Create a Pod of the argocd image that runs a shell script.

    `more` are additional fields of its container and, as `pod`, of its spec.
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
    """Wait until `met()` is true. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.2)


def status(cluster: Cluster, name: str) -> Any:
    found = cluster.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "json").stdout
    statuses = json.loads(found)["status"].get("containerStatuses")
    return statuses[0] if statuses else {"ready": False, "restartCount": 0, "state": {}}


def output(cluster: Cluster, name: str, container: str = "") -> str:
    log = cluster.state / "pods" / f"{NAMESPACE}_{name}" / f"{container or name}.log"
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


def test_user_root_and_volumes_match_the_manifest(cluster: Cluster, namespace: str) -> None:
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
    run(cluster, "isolated", script, volumeMounts=mounts, securityContext=security, pod={"volumes": volumes})
    eventually(lambda: "cannot list resource" in output(cluster, "isolated"))
    text = output(cluster, "isolated")
    assert text.splitlines()[:2] == ["1234", "CapEff:\t0000000000000000"]
    assert "touch: cannot touch '/nowhere': Read-only file system" in text
    assert "emptyDir is writable" in text
    assert "touch: cannot touch '/settings/file': Read-only file system" in text
    assert f"system:serviceaccount:{namespace}:default" in text, "the API server knows the pod's ServiceAccount"


def test_a_mounted_configmap_is_updated(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "changing", "-n", namespace, "--from-literal=word=before")
    volumes = [{"name": "v", "configMap": {"name": "changing"}}]
    script = "while :; do cat /v/word; echo; sleep 1; done"
    run(cluster, "follows", script, volumeMounts=[{"name": "v", "mountPath": "/v"}], pod={"volumes": volumes})
    eventually(lambda: "before" in output(cluster, "follows"))
    cluster.kubectl("patch", "configmap", "changing", "-n", namespace, "-p", '{"data":{"word":"after"}}')
    eventually(lambda: "after" in output(cluster, "follows"))


def test_probes_control_readiness_and_restarts(cluster: Cluster, namespace: str) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 2}
    run(cluster, "unready", "sleep 600", readinessProbe=probe)
    run(cluster, "unwell", "sleep 600", livenessProbe=probe)
    eventually(lambda: status(cluster, "unwell")["restartCount"] > 0)
    assert "liveness probe failed: ConnectionRefusedError" in output(cluster, "unwell")
    assert "running" in status(cluster, "unready")["state"]
    assert status(cluster, "unready")["ready"] is False
    assert status(cluster, "unready")["restartCount"] == 0


def test_an_exec_probe_runs_in_the_container(cluster: Cluster, namespace: str) -> None:
    env = [{"name": "FILE", "value": "/tmp/done"}]
    asks = {"exec": {"command": ["sh", "-c", 'test -e "$FILE"']}, "periodSeconds": 1}
    run(cluster, "asked", "sleep 600", env=env, readinessProbe=asks)
    eventually(lambda: "running" in status(cluster, "asked")["state"])
    assert not status(cluster, "asked")["ready"]
    pod_exec(cluster, "asked", "asked", ["touch", "/tmp/done"], namespace=NAMESPACE)
    eventually(lambda: status(cluster, "asked")["ready"])


@pytest.mark.parametrize(
    ("name", "script", "why"),
    [("fails", "echo sick; exit 3", "exit code 3: sick"), ("hangs", "sleep 60", "still running after 1")],
)
def test_an_exec_probe_that_fails_or_hangs_restarts(
    cluster: Cluster, namespace: str, name: str, script: str, why: str
) -> None:
    probe = {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 1, "failureThreshold": 1}
    run(cluster, name, "sleep 600", livenessProbe=probe)
    eventually(lambda: status(cluster, name)["restartCount"] > 0)
    assert f"liveness probe failed: {why}" in output(cluster, name).replace("TimeoutError: ", "")


def test_a_prestop_hook_runs_before_the_signal(cluster: Cluster, namespace: str) -> None:
    script = "trap 'echo signal >>/proc/1/fd/1; exit' TERM; while :; do sleep 0.1; done"
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "sleep 1; echo hook"]}}}
    # kubectl times out long before the grace period ends, so the pod must end by the signal.
    run(cluster, "ends", script, lifecycle=hook, pod={"terminationGracePeriodSeconds": 3600})
    eventually(lambda: "running" in status(cluster, "ends")["state"])
    cluster.kubectl("delete", "pod", "ends", "-n", namespace)
    assert [line.split()[-1] for line in output(cluster, "ends").splitlines()] == ["hook", "signal"]


def test_a_sidecar_starts_first_and_ends_last(cluster: Cluster, namespace: str) -> None:
    # The sidecar starts slowly, and the main container ends slowly.
    script = "{}; date +%s.%N; touch /tmp/up; trap '{}; date +%s.%N; exit' TERM; while :; do sleep 0.1; done"
    up = {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 30}
    command = ["sh", "-c", script.format("sleep 1", ":")]
    side = {"name": "side", "image": "argocd", "command": command, "restartPolicy": "Always", "startupProbe": up}
    spec = {"initContainers": [side], "terminationGracePeriodSeconds": 3600}
    run(cluster, "beside", script.format(":", "sleep 1"), pod=spec)
    eventually(lambda: output(cluster, "beside"))
    cluster.kubectl("delete", "pod", "beside", "-n", namespace)
    (side_began, side_ended), (began, ended) = (
        map(float, output(cluster, "beside", container).splitlines()) for container in ("side", "beside")
    )
    assert side_began < began < ended < side_ended


NETWORK = {"runAsUser": 0, "runAsGroup": 0, "capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}}
ADD = ["sh", "-c", "grep CapEff /proc/self/status; ip address add 10.99.0.1/32 dev lo"]
ADDRESS = {"name": "address", "image": "argocd", "securityContext": NETWORK, "command": ADD}


@pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))
def test_net_admin_can_only_change_the_pods_network(cluster: Cluster, namespace: str) -> None:
    script = "ip -brief address show lo; ip address add 10.99.0.2/32 dev lo; sleep 600"
    run(cluster, "changed", script, pod={"initContainers": [ADDRESS]})
    eventually(lambda: "not permitted" in output(cluster, "changed"))
    assert "10.99.0.1/32" in output(cluster, "changed")
    assert output(cluster, "changed", "address") == "CapEff:\t0000000000003000\n"


@pytest.mark.skipif(not doctor.limits(), reason="root can")
def test_without_root_the_pod_waits_and_explains(cluster: Cluster, namespace: str) -> None:
    run(cluster, "unchanged", "sleep 600", pod={"initContainers": [ADDRESS]})
    template = "go-template={{(index .status.initContainerStatuses 0).state.waiting.message}}"
    pod = ("get", "pod", "unchanged", "-n", namespace, "-o", template)
    eventually(lambda: redirection.WHY_NOT in cluster.kubectl(*pod, check=False).stdout)


@pytest.mark.skipif(bool(doctor.limits()), reason="; ".join(doctor.limits()))
@pytest.mark.parametrize(("name", "group"), [("proxy", redirection.GROUP), ("other", 1234)])
def test_the_kernel_knows_a_sidecar_by_its_group(cluster: Cluster, namespace: str, name: str, group: int) -> None:
    run(cluster, name, "id -g; sleep 600", securityContext={"runAsUser": 1234, "runAsGroup": group})
    eventually(lambda: output(cluster, name) == f"{group}\n")
    [door] = doors(cluster, name, namespace=namespace)
    found = cluster.node_exec(["grep", "^Gid:", f"/proc/{door.init}/status"]).stdout
    assert found.split()[1:] == [str(redirection.GROUP if name == "proxy" else 0)] * 4


@pytest.mark.parametrize(
    ("name", "image"), [("stranger", "docker.io/library/nginx:1"), ("newer", "quay.io/argoproj/argocd:latest")]
)
def test_the_message_names_an_unknown_image(cluster: Cluster, namespace: str, name: str, image: str) -> None:
    run(cluster, name, "true", image=image)
    eventually(lambda: image in status(cluster, name)["state"].get("waiting", {}).get("message", ""))
    assert status(cluster, name)["state"]["waiting"]["reason"] == "ErrImagePull"


def service(name: str, **more: Any) -> dict[str, Any]:
    """A headless Service of the pods whose label `app` is `name`."""
    spec = {"clusterIP": "None", "selector": {"app": name}, "ports": [{"port": 6379}], **more}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


REDIS = {"name": "redis", "image": "redis", "args": ["--save", "", "--protected-mode", "no"]}


@pytest.fixture(scope="module")
def stateful(cluster: Cluster, namespace: str) -> dict[str, str]:
    """A StatefulSet of two pods that are never ready, with two headless Services; returns the pods' addresses."""
    probe = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    labels = {"app": "twins", "also": "hidden"}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "twins", "namespace": namespace},
        "spec": {
            "replicas": 2,
            "serviceName": "twins",
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {"app": "twins"}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{**REDIS, "readinessProbe": probe}],
                    # Impossible with one node, but this node ignores it.
                    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
                    ]}},
                },
            },
        },
    }  # fmt: skip
    services = [service("twins", publishNotReadyAddresses=True), service("hidden", selector={"also": "hidden"})]
    items = {"apiVersion": "v1", "kind": "List", "items": [*services, workload]}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(items))
    names = ("twins-0", "twins-1")
    eventually(lambda: all("running" in status(cluster, name)["state"] for name in names))
    template = "go-template={{.status.podIP}}"
    return {name: cluster.kubectl("get", "pod", name, "-n", namespace, "-o", template).stdout for name in names}


def test_a_headless_service_resolves_to_its_pods(cluster: Cluster, stateful: dict[str, str]) -> None:
    def ask(name: str) -> set[str]:
        script = f"hostname; getent ahosts {name} || :"
        done = pod_exec(cluster, "twins-0", "redis", ["sh", "-c", script], namespace=NAMESPACE)
        first, *lines = done.stdout.splitlines()
        assert first == "twins-0"
        return {line.split()[0] for line in lines}

    eventually(lambda: ask("twins") == set(stateful.values()))
    assert ask(f"twins-1.twins.{NAMESPACE}.svc.cluster.local") == {stateful["twins-1"]}
    assert ask("twins-1.twins") == {stateful["twins-1"]}
    assert ask("hidden") == set(), "only a Service with publishNotReadyAddresses resolves to pods that are not ready"


def test_pods_resolve_exposed_names_as_clients_do(cluster: Cluster, stateful: dict[str, str]) -> None:
    def resolved() -> list[set[str]]:
        """The addresses of both names, for a client and in a pod."""
        script = "getent ahosts one.example.com; getent ahosts two.example.com || :"
        pod = pod_exec(cluster, "twins-0", "redis", ["sh", "-c", script], namespace=NAMESPACE)
        client = cluster.exec(["sh", "-c", script])
        return [{line.split()[0] for line in done.stdout.splitlines()} for done in (client, pod)]

    cluster.set_hosts(["one.example.com"], {"two.example.com": "192.0.2.1"})
    eventually(lambda: resolved() == [{cluster.gateway_ip, "192.0.2.1"}] * 2)
    cluster.set_hosts([])
    eventually(lambda: resolved() == [set()] * 2)


def test_an_image_is_read_as_it_was_written() -> None:
    full = Image(
        user=1,
        account="a",
        home="/a",
        entrypoint=["a"],
        args=["b"],
        env={"c": "d"},
        programs=Path("/e"),
        binds={"f": Path("/f")},
        folders=("/g",),
        shared={"/h": Path("/h")},
    )
    for image in (full, replace(full, programs=None)):
        assert Image.read(json.loads(json.dumps(image.written()))) == image


def ping(cluster: Cluster, address: str) -> str:
    done = cluster.exec(["timeout", "1", "redis-cli", "-h", address, "ping"])
    return (done.stdout + done.stderr).strip()


def test_a_load_balancer_serves_only_the_services_ports(cluster: Cluster, namespace: str) -> None:
    run(cluster, "served", "redis-server --save '' --protected-mode no", image="redis")
    own = service("served", type="LoadBalancer", clusterIP=None)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(own))
    template = "go-template={{with .status.loadBalancer.ingress}}{{(index . 0).ip}}{{end}}"

    def address() -> str:
        return cluster.kubectl("get", "service", "served", "-n", namespace, "-o", template).stdout

    eventually(lambda: address() and ping(cluster, address()) == "PONG")
    # From the node too, as the port of `make up` needs.
    assert cluster.node_exec(["redis-cli", "-h", address(), "ping"]).stdout == "PONG\n"
    other = cluster.exec(["curl", "-sS", "--max-time", "5", f"http://{address()}:81"])
    assert "Couldn't connect" in other.stderr


def test_a_killed_pod_starts_again(cluster: Cluster, stateful: dict[str, str]) -> None:
    kill(cluster, "twins-0", "twins-1", namespace=NAMESPACE)
    eventually(lambda: [status(cluster, name)["restartCount"] for name in stateful] == [1, 1])
    assert status(cluster, "twins-0")["lastState"]["terminated"]["exitCode"] == 137
    eventually(lambda: [ping(cluster, address) for address in stateful.values()] == ["PONG", "PONG"])


@pytest.mark.parametrize("fault", [frozen, cut_off])
def test_a_pod_is_silent_during_a_fault(
    cluster: Cluster, stateful: dict[str, str], fault: Callable[..., AbstractContextManager[None]]
) -> None:
    one, other = stateful.values()
    eventually(lambda: ping(cluster, one) == "PONG")
    with fault(cluster, "twins-0", namespace=NAMESPACE):
        assert (ping(cluster, one), ping(cluster, other)) == ("", "PONG")
    assert ping(cluster, one) == "PONG"


def ended(cluster: Cluster, name: str) -> str:
    """The pod's phase and its container's exit code."""
    code = status(cluster, name)["state"].get("terminated", {}).get("exitCode")
    phase = cluster.kubectl("get", "pod", name, "-n", NAMESPACE, "-o", "jsonpath={.status.phase}").stdout
    return f"{phase} {code}"


@pytest.mark.parametrize(
    ("policy", "code", "found"),
    [("Never", 0, "Succeeded 0"), ("Never", 3, "Failed 3"), ("OnFailure", 0, "Succeeded 0")],
)
def test_a_pod_ends_by_its_restart_policy(cluster: Cluster, namespace: str, policy: str, code: int, found: str) -> None:
    name = f"ends-{policy.lower()}-{code}"
    run(cluster, name, f"echo once; exit {code}", pod={"restartPolicy": policy})
    eventually(lambda: ended(cluster, name) == found)
    time.sleep(1.5)
    assert ended(cluster, name) == found and output(cluster, name) == "once\n"


def test_a_failed_init_container_ends_its_pod(cluster: Cluster, namespace: str) -> None:
    first = {"name": "first", "image": "argocd", "command": ["false"]}
    run(cluster, "no-init", "echo never", pod={"restartPolicy": "Never", "initContainers": [first]})
    eventually(lambda: ended(cluster, "no-init") == "Failed None")
    assert output(cluster, "no-init") == ""


def test_a_job_restarts_until_its_pod_succeeds(cluster: Cluster, namespace: str) -> None:
    script = "test -e /data/x || { touch /data/x; exit 1; }"
    container = {
        "name": "job",
        "image": "argocd",
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    pod = {"restartPolicy": "OnFailure", "containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "job", "namespace": NAMESPACE},
        "spec": {"template": {"spec": pod}},
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(job))
    cluster.kubectl("wait", "-n", NAMESPACE, "job/job", "--for=condition=Complete", "--timeout=30s")
    read = ("get", "pods", "-n", NAMESPACE, "-l", "job-name=job", "-o", "json")
    [pod] = json.loads(cluster.kubectl(*read).stdout)["items"]
    assert pod["status"]["containerStatuses"][0]["restartCount"] == 1


def test_logs_are_read_through_the_api_server(cluster: Cluster, namespace: str) -> None:
    run(cluster, "speaks", "echo one; echo two; sleep 2; echo three", pod={"restartPolicy": "Never"})
    eventually(lambda: "two" in output(cluster, "speaks"))
    logs = ("logs", "-n", NAMESPACE, "speaks")
    assert cluster.kubectl(*logs, "--tail=1").stdout == "two\n"
    assert cluster.kubectl(*logs, "--follow").stdout == "one\ntwo\nthree\n"
    stamped = cluster.kubectl(*logs, "--timestamps").stdout.split()
    assert stamped[1::2] == ["one", "two", "three"] and all(one.endswith("Z") for one in stamped[::2])
    curl = ["curl", "-sS", "-k", f"https://10.77.0.1:10250/containerLogs/{NAMESPACE}/speaks/speaks"]
    assert cluster.exec(curl).returncode != 0
