"""The live cluster, as used by tests and the command line."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from live import gateway
from live.addresses import ENVOY_ADMIN_PORT, REPOSITORIES
from live.api import Object
from live.errors import LiveError
from live.image import Image
from live.launch import Launched
from live.network import namespace_of
from live.pki import Authority
from live.render import KINDS, Exposed, kustomize_build, objects_of
from live.rollout import wait_rolled_out
from live.shell import Completed, Shell
from tools.build import NEWEST_GATEWAY_API, cache_dir, gateway_api_crds


def state_folder() -> Path:
    """The state folder of the cluster that `make up` starts."""
    return cache_dir() / "live"


def forget(folder: Path) -> None:
    """Remove a state folder."""
    # argocd-repo-server keeps its clones in folders that even their owner cannot read.
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


class Cluster(Shell):
    """A cluster of one node, in its own Linux namespaces; see `start` and `attach`."""

    def __init__(self, state: Path, launched: Launched) -> None:
        super().__init__(state, launched.pid)
        self._launched = launched
        self._temporary = False
        self._authority = Authority(state / "ca")

    @classmethod
    def start(
        cls,
        state_dir: Path | None = None,
        *,
        keep: bool = False,
        listener: socket.socket | None = None,
        argocd: Path | None = None,
        images: Mapping[str, Image] | None = None,
    ) -> Cluster:
        """Start the control plane and the gateway, without Argo CD.

        `state_dir` must not exist; the default is a temporary folder. The cluster ends with this process,
        unless `keep`. Connections to the socket `listener` are forwarded to the gateway's port 443. `argocd` is the
        program of Argo CD, if it is not the one built from the Go module. `images` are further images of the node,
        by the last part of their name.
        Raises LiveError if a process fails to start.
        """
        state = state_dir or Path(tempfile.mkdtemp(prefix="argocd-istio-")) / "live"
        cluster = cls(state, Launched.start(state, keep=keep, listener=listener, argocd=argocd, images=images))
        cluster._temporary = state_dir is None
        cluster._enter_by(gateway.Entrance())
        cluster.set_hosts([])
        return cluster

    @classmethod
    def attach(cls, state_dir: Path | None = None) -> Cluster:
        """The cluster that `make up` started. Raises LiveError if none runs."""
        state = state_dir or state_folder()
        return cls(state, Launched.find(state))

    def stop(self) -> None:
        """End every process of the cluster and remove its state."""
        self._launched.end()
        forget(self.state.parent if self._temporary else self.state)

    # --- an overlay

    def apply(self, path: str | Path, server_side: bool = False, *, check: bool = True) -> Completed:
        """`kustomize build path | kubectl apply -f -`.

        Also issues the certificates that the render refers to but does not contain, adds the hosts to the
        clients' hosts file, and gives the gateway's pods the labels that the Gateway selects. With the Gateway API,
        `wait_ready` leads the clients to the Gateway: it has an address only then.
        Raises LiveError if the build or, with `check`, kubectl fails.
        """
        render = kustomize_build(path)
        objects = objects_of(render, kinds=(*KINDS, "Namespace", "Secret"))
        exposed = Exposed.of(objects)
        brought = {one["metadata"]["name"] for one in objects if one["kind"] == "Secret"}
        if exposed.hosts:
            self._prepare(exposed, brought, [one for one in objects if one["kind"] == "Namespace"])
        done = self.kubectl(
            "apply",
            *(["--server-side", "--force-conflicts"] if server_side else []),
            "-f",
            "-",
            input=render,
            check=check,
        )
        if done.returncode == 0 and exposed.passthrough and "argocd-server-tls" not in brought:
            labels = {"app.kubernetes.io/part-of": "argocd"}
            self._certificate("argocd-server-tls", exposed.namespace, exposed.hosts, labels)
        return done

    def _prepare(self, exposed: Exposed, brought: set[str], namespaces: list[Object]) -> None:
        if not exposed.gateway:
            self._enter_by(gateway.Entrance())
            self._label_gateway(exposed)
        self.set_hosts(exposed.hosts)
        for namespace, name in exposed.secrets:
            if name not in brought:
                # The Secret of a Gateway of the Gateway API may be in a namespace of the render.
                new = [one for one in namespaces if one["metadata"]["name"] == namespace]
                if new:
                    self.kubectl("apply", "-f", "-", input=json.dumps(new[0]))
                self._certificate(name, namespace, exposed.hosts)
        path = self.state / "exposed.json.new"
        path.write_text(json.dumps(asdict(exposed)))
        path.rename(self.state / "exposed.json")

    def _label_gateway(self, exposed: Exposed) -> None:
        try:
            self._apply_objects([gateway.deployment(exposed.selector)[1]])
        except LiveError as error:
            raise LiveError(
                f"a Gateway's spec.selector, {exposed.selector}: not valid as labels of a pod: {error}"
            ) from error

    def install_gateway_api(self, pin: str = NEWEST_GATEWAY_API) -> None:
        """Install the CRDs of the Gateway API that `tools/<pin>` pins. Raises LiveError if newer ones are installed."""
        # One of them is too large for the annotation of a client-side apply.
        self.kubectl("apply", "--server-side", "-f", gateway_api_crds(pin))
        self.kubectl("wait", "customresourcedefinitions", "--all", "--for=condition=Established", "--timeout=30s")

    def _exposed(self) -> Exposed:
        path = self.state / "exposed.json"
        try:
            return Exposed(**json.loads(path.read_text())) if path.exists() else Exposed()
        except (ValueError, TypeError) as error:
            raise LiveError(f"{path}: {error}; files of the cluster were changed: make down, then make up") from error

    def _certificate(self, name: str, namespace: str, hosts: list[str], labels: dict[str, str] | None = None) -> None:
        """Issue a certificate into a Secret, unless it has one for the same hosts."""
        note = json.dumps(hosts)
        key = "argocd-istio.github.io/hosts"
        found = self.kubectl("get", "secret", "-n", namespace, name, "-o", "json", "--ignore-not-found").stdout
        if found and json.loads(found)["metadata"].get("annotations", {}).get(key) == note:
            return
        secret = gateway.tls_secret(name, namespace, *self._authority.issue(hosts[0], hosts), labels=labels)
        secret["metadata"]["annotations"] = {key: note}
        self._apply_objects([secret])

    def _apply_objects(self, objects: list[Object]) -> None:
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        options = ("--server-side", "--force-conflicts", "--field-manager=live")
        self.kubectl("apply", *options, "-f", "-", input=json.dumps(items))

    def wait_ready(self, timeout: float = 60) -> None:
        """Wait until every workload is rolled out and the gateway serves every host.

        Raises LiveError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        wait_rolled_out(self, deadline)
        exposed = self._exposed()
        if exposed.gateway:
            namespace, name = exposed.gateway
            self._wait_programmed(namespace, name, deadline)
            self.set_hosts(exposed.hosts)
        if exposed.passthrough:
            # argocd-server reads its certificate, and later starts to watch it. It misses a Secret that was created
            # in between, until that changes.
            secret = ("secret", "argocd-server-tls", "-n", exposed.namespace)
            self.kubectl("annotate", *secret, "--overwrite", f"argocd-istio.github.io/ready={time.time()}", check=False)
        for host in exposed.hosts:
            self._wait_served(host, deadline)

    def _wait_programmed(self, namespace: str, name: str, deadline: float) -> None:
        """Wait until a Gateway of the Gateway API has an address, and lead the clients there."""
        place = f"Gateway {namespace}/{name}"
        read = ("get", "gateways.gateway.networking.k8s.io", name, "-n", namespace, "-o", "json", "--ignore-not-found")
        while True:
            found = self.kubectl(*read).stdout
            if not found:
                raise LiveError(f"{place}: not found; apply it first, or correct the parent of the routes")
            try:
                return self._enter_by(gateway.Entrance.of(json.loads(found)))
            except LookupError as reason:
                if time.monotonic() > deadline:
                    raise LiveError(f"{place}: expected Programmed=True and an address; found: {reason}") from reason
            time.sleep(0.1)

    def _wait_served(self, host: str, deadline: float) -> None:
        curl = ["curl", "-sS", "--max-time", "5", "--cacert", str(self.ca), "-o", "/dev/null", "-w", "%{http_code}"]
        while True:
            done = self.exec([*curl, f"https://{host}/healthz"])
            if done.stdout == "200":
                return
            if time.monotonic() > deadline:
                raise LiveError(f"https://{host}/healthz: expected 200, found {done.stdout} {done.stderr.strip()}")
            time.sleep(0.1)

    @property
    def ready(self) -> bool:
        """Whether its start is complete."""
        return (self.state / "ready").exists()

    @property
    def only_web(self) -> bool:
        """Whether the last applied overlay cannot serve native gRPC: the gateway ends TLS and has no gRPC route."""
        exposed = self._exposed()
        kind = "httproutes.gateway.networking.k8s.io" if exposed.gateway else "virtualservices.networking.istio.io"
        routes = (kind, "-n", exposed.namespace, "-o", "json")
        return not exposed.passthrough and "application/grpc" not in self.kubectl("get", *routes).stdout

    @property
    def port(self) -> int:
        """The loopback port of the user's own network that forwards to the gateway; 0 for none."""
        return int((self.state / "port").read_text())

    @property
    def hosts(self) -> list[str]:
        """The hosts of the last applied overlay."""
        return self._exposed().hosts

    @property
    def _entrance(self) -> gateway.Entrance:
        return gateway.Entrance(**json.loads((self.state / "entrance.json").read_text()))

    def _enter_by(self, entrance: gateway.Entrance) -> None:
        path = self.state / "entrance.json.new"
        path.write_text(json.dumps(asdict(entrance)))
        path.rename(self.state / "entrance.json")

    @property
    def gateway_ip(self) -> str:
        """The address of the gateway that serves the last applied overlay."""
        return self._entrance.address

    def set_hosts(self, names: list[str], elsewhere: Mapping[str, str] | None = None) -> None:
        """Set the names that clients and pods resolve to the gateway, and names that have another address."""
        addresses = {**dict.fromkeys(names, self.gateway_ip), **(elsewhere or {})}
        exposed = "".join(f"{address} {name}\n" for name, address in addresses.items())
        # Running clients have mounted the first file; the node reads the second at any time.
        (self.state / "client-hosts").write_text(f"127.0.0.1 localhost\n{exposed}")
        path = self.state / "exposed-hosts.new"
        path.write_text(exposed)
        path.rename(self.state / "exposed-hosts")

    # --- certificates, repositories

    @property
    def ca(self) -> Path:
        """The PEM file of the test CA, which signs the gateway's certificates."""
        return self._authority.certificate

    def issue(self, hosts: list[str], name: str) -> tuple[bytes, bytes]:
        """A certificate for `hosts`, signed by the test CA, and its key, both in PEM; `name` is the common name."""
        return self._authority.issue(name, hosts)

    def git_repository(self, name: str, files: Mapping[str, str | bytes]) -> str:
        """Commit `files` (path: content) to the git repository `name`; returns the URL for Argo CD."""
        folder = self.state / "repositories" / name
        git = ["git", "-C", str(folder), "-c", "user.name=live", "-c", "user.email=live@localhost"]
        if not folder.exists():
            folder.mkdir()
            subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text if isinstance(text, bytes) else text.encode())
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "live"], check=True)
        return f"file://{REPOSITORIES}/{name}"

    def admin_password(self) -> str:
        """The initial password that argocd-server generated for the account admin."""
        secret = ("secret", "argocd-initial-admin-secret", "-n", self._exposed().namespace)
        return self.kubectl("get", *secret, "-o", "go-template={{.data.password|base64decode}}").stdout

    # --- what happened

    def logs(self, workload: str) -> str:
        """The output of all pods of a Deployment or StatefulSet, also of deleted ones."""
        folders = sorted((self.state / "pods").glob(f"*_{workload}-*"), key=lambda path: path.stat().st_mtime)
        logs = [log for folder in folders for log in sorted(folder.glob("*.log"))]
        return "".join(log.read_text(errors="replace") for log in logs)

    def access_log(self) -> list[Object]:
        """One object per request or connection that the gateway handled, oldest first.

        The keys are those of live.control_plane.ACCESS_LOG.
        """
        log = self.logs(self._entrance.workload)
        lines = (line for line in log.splitlines() if line.startswith("{") and line.endswith("}"))
        return [json.loads(line) for line in lines]

    def envoy_admin(self, path: str) -> str:
        """The answer to GET `path` on the Envoy admin interface of the gateway. Raises LiveError if no gateway runs."""
        there = self._entrance
        pod = ("pods", "-n", there.namespace, f"--selector={there.label}", "--field-selector=status.phase=Running")
        pods = json.loads(self.kubectl("get", *pod, "-o", "json").stdout)["items"]
        if not pods:
            raise LiveError(f"no gateway pod is running; see: kubectl get pods -n {there.namespace}")
        # The admin interface listens only on the pod's loopback.
        command = ["curl", "-sS", "--max-time", "10", f"http://127.0.0.1:{ENVOY_ADMIN_PORT}{path}"]
        return self.exec(command, network=namespace_of(pods[-1]), check=True).stdout

    def restart_gateway(self) -> None:
        """Replace the gateway's pod: a new Envoy is configured only from the current objects."""
        there = self._entrance
        self.kubectl("delete", "pods", "-n", there.namespace, f"--selector={there.label}")
        self.kubectl("rollout", "status", f"deployment/{there.workload}", "-n", there.namespace, "--timeout=60s")
