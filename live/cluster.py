"""The live cluster as tests and the command line see it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from live import gateway, injection
from live.addresses import ENVOY_ADMIN_PORT, GATEWAY, GATEWAY_ADDRESS, GATEWAY_NAMESPACE, REPOSITORIES
from live.api import Object
from live.errors import LiveError
from live.network import namespace_of
from live.pki import Authority
from tools.build import cache_dir, istio_module, program

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kubectl",
    "kustomize",
    "pilot-discovery",
    "pilot-agent",
    "envoy",
    "argocd",
)

# What is read from Istio's module as it is.
ISTIO_FILES = {
    "istio-crds": "manifests/charts/base/files/crd-all.gen.yaml",
    "istiod-chart": injection.CHART,
    "envoy-bootstrap": "tools/packaging/common/envoy_bootstrap.json",
}

Completed = subprocess.CompletedProcess[str]


@dataclass
class Exposed:
    """What the applied Gateways say: who is served, by which pods, with which certificates."""

    hosts: list[str] = field(default_factory=list)
    namespace: str = "argocd"
    selector: dict[str, str] = field(default_factory=lambda: dict(gateway.DEFAULT_SELECTOR))
    secrets: list[str] = field(default_factory=list)
    passthrough: bool = False

    @classmethod
    def of(cls, objects: Iterable[Object]) -> Exposed:
        """Read it from a render; empty where it has no Gateway.

        What has another type than Istio's is left to the API server, which names the field.
        """
        found = cls()
        for one in objects:
            if one.get("kind") != "Gateway" or not one.get("apiVersion", "").startswith("networking.istio.io/"):
                continue
            spec = _mapping(one.get("spec"))
            found.namespace = one["metadata"].get("namespace", found.namespace)
            found.selector = _mapping(spec.get("selector")) or found.selector
            for server in map(_mapping, _sequence(spec.get("servers"))):
                tls = _mapping(server.get("tls"))
                found.passthrough |= tls.get("mode") == "PASSTHROUGH"
                if "credentialName" in tls and tls["credentialName"] not in found.secrets:
                    found.secrets.append(tls["credentialName"])
                for host in map(str, _sequence(server.get("hosts"))):
                    name = host.rsplit("/", 1)[-1]
                    if name not in found.hosts:
                        found.hosts.append(name)
        return found


def _mapping(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def state_folder() -> Path:
    """Where `make up` keeps its cluster."""
    return cache_dir() / "live"


def forget(folder: Path) -> None:
    """Remove a state folder."""
    # argocd-repo-server hides its clones in folders that even their owner cannot read.
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _started(pid: int) -> str | None:
    """The kernel's start time of a process, None for one that has ended.

    With the number it names one process for good.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


class Cluster:
    """A cluster of one node, in namespaces of its own; see `start` and `attach`."""

    def __init__(self, state: Path, pid: int) -> None:
        self.state, self._pid = state, pid
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: int | None = None
        self._temporary = False
        self._authority = Authority(state / "ca")
        self.gateway_ip = GATEWAY_ADDRESS

    # --- start and end

    @classmethod
    def start(
        cls, state_dir: Path | None = None, *, keep: bool = False, listener: socket.socket | None = None
    ) -> Cluster:
        """Start the control plane and the gateway, nothing of Argo CD yet.

        `state_dir` must not exist; without it the state is in a temporary folder. The cluster ends
        with this process, unless `keep`. `listener` is a socket whose connections go to the gateway's
        port 443. Raises LiveError.
        """
        programs = {name: str(program(name)) for name in PROGRAMS}
        programs |= {name: str(istio_module() / path) for name, path in ISTIO_FILES.items()}
        state = state_dir or Path(tempfile.mkdtemp(prefix="argocd-istio-")) / "live"
        state.mkdir(parents=True)
        (state / "programs.json").write_text(json.dumps(programs))
        for name in ("home", "repositories", "bin"):
            (state / name).mkdir()
        for name in ("argocd", "kubectl", "kustomize"):
            (state / "bin" / name).symlink_to(programs[name])
        Authority.create(state / "ca", "argocd-istio test CA")
        (state / "port").write_text(str(listener.getsockname()[1] if listener else 0))

        read_end, write_end = os.pipe()
        fds = [] if keep else [read_end]
        fds += [listener.fileno()] if listener else []
        arguments = {
            "state": str(state),
            "lifeline": None if keep else read_end,
            "forward": listener.fileno() if listener else None,
        }
        words = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        words += [] if os.geteuid() == 0 else ["--map-root-user"]
        with (state / "node.log").open("ab") as log:
            process = subprocess.Popen(
                [*words, sys.executable, "-m", "live.node", json.dumps(arguments)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                pass_fds=fds,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        os.close(read_end)
        pid = 0
        try:
            pid = _child(process)
            (state / "cluster.json").write_text(json.dumps({"pid": pid, "started": _started(pid)}))
            cluster = cls(state, pid)
            cluster._process = process
            cluster._lifeline = write_end
            cluster._temporary = state_dir is None
            while not (state / "ready").exists():
                if process.poll() is not None:
                    raise LiveError(_why(state))
                time.sleep(0.02)
        except BaseException:
            process.kill()
            process.wait()
            while pid and _started(pid):
                time.sleep(0.02)
            os.close(write_end)
            raise
        if keep:
            os.close(write_end)
            cluster._lifeline = None
        cluster.set_hosts([])
        return cluster

    @classmethod
    def attach(cls, state_dir: Path | None = None) -> Cluster:
        """The cluster that `make up` started. Raises LiveError where there is none."""
        state = state_dir or state_folder()
        with contextlib.suppress(OSError, ValueError, TypeError, LookupError):
            known = json.loads((state / "cluster.json").read_text())
            if _started(known["pid"]) == known["started"]:
                return cls(state, known["pid"])
        if (state / "failed").exists():
            raise LiveError(f"the cluster ended by itself: {(state / 'failed').read_text()}; start again: make up")
        raise LiveError("nothing is up; start it with: make up MODE=grpc-routing")

    def stop(self) -> None:
        """End every process of the cluster and forget its state."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        if self._process:
            self._process.wait()
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
        while _started(self._pid):
            time.sleep(0.02)
        forget(self.state.parent if self._temporary else self.state)

    # --- commands in the cluster's network

    def _enter(self, network: str = "client") -> list[str]:
        """The words that run a command as a client: in that network namespace, with the clients' hosts file."""
        words = ["nsenter", f"--net=/proc/{self._pid}/root/run/netns/{network}", *self._enter_user()]
        script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
        return [*words, "--", "unshare", "--mount", "sh", "-c", script, "sh", str(self.state / "client-hosts")]

    def _enter_user(self) -> list[str]:
        user = Path(f"/proc/{self._pid}/ns/user")
        return [] if user.samefile("/proc/self/ns/user") else [f"--user={user}", "--preserve-credentials"]

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        path = f"{self.state / 'bin'}:{own.get('PATH', '')}:/usr/sbin:/sbin"
        return {**own, "HOME": str(self.state / "home"), "PATH": path, **(env or {})}

    def popen(
        self, command: list[str], *, env: Mapping[str, str] | None = None, network: str = "client", **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a client; `options` are those of subprocess.Popen. A signal reaches the command itself.

        `network` is the network namespace, the clients' own or that of a pod (live.faults.doors).
        """
        words = [*self._enter(network), *map(str, command)]
        return subprocess.Popen(words, env=self._environment(env), **options)

    def exec(
        self,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout: float = 60,
        input: str | None = None,
        check: bool = False,
        network: str = "client",
    ) -> Completed:
        """Run a client to its end, with curl, argocd, kubectl and kustomize on its PATH.

        Names that `set_hosts` gave lead to the gateway; HOME is a writable folder of the cluster.
        """
        done = self._run([*self._enter(network), *map(str, command)], env, timeout, input)
        if check and done.returncode != 0:
            raise LiveError(_refusal(command, done))
        return done

    def _run(self, words: list[str], env: Mapping[str, str] | None, timeout: float, input: str | None) -> Completed:
        return subprocess.run(
            words,
            env=self._environment(env),
            timeout=timeout,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            check=False,
        )

    def node_exec(self, command: list[str], *, input: str | None = None, timeout: float = 60) -> Completed:
        """Run a command as the node's root: in its network, among its processes. Raises LiveError where it fails."""
        words = ["nsenter", f"--target={self._pid}", "--net", "--mount", "--pid", *self._enter_user(), "--"]
        done = self._run([*words, *command], None, timeout, input)
        if done.returncode != 0:
            raise LiveError(_refusal(command, done))
        return done

    def kubectl(
        self, *args: str | Path, input: str | bytes | None = None, check: bool = True, timeout: float = 120
    ) -> Completed:
        """The real kubectl, as an administrator. Raises LiveError for an exit code other than 0, unless not `check`."""
        text = input.decode() if isinstance(input, bytes) else input
        command = ["kubectl", *map(str, args)]
        env = {"KUBECONFIG": str(self.state / "kubeconfig")}
        return self.exec(command, env=env, input=text, check=check, timeout=timeout)

    @staticmethod
    def kustomize(path: str | Path) -> bytes:
        """What `kustomize build` makes of a folder, with the options that the variable KUSTOMIZE_FLAGS holds."""
        text = os.environ.get("KUSTOMIZE_FLAGS", "")
        try:
            flags = shlex.split(text)
        except ValueError as error:
            raise LiveError(f"KUSTOMIZE_FLAGS={text}: {error}; write options as a shell takes them") from error
        command = [str(program("kustomize")), "build", str(path), *flags]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode != 0:
            last = done.stderr.decode().strip().splitlines()[-1]
            hint = "; set KUSTOMIZE_FLAGS='--enable-alpha-plugins --enable-exec'" if "plugins disabled" in last else ""
            raise LiveError(f"kustomize build {path}: {last}{hint}")
        return done.stdout

    # --- an overlay

    def apply(self, path: str | Path, server_side: bool = False, *, check: bool = True) -> Completed:
        """`kustomize build path | kubectl apply -f -`.

        The certificates that the render leaves to others are issued, the hosts are made known to the
        clients, and the gateway's pods get the labels that the Gateway selects.
        """
        render = self.kustomize(path)
        objects = _parse(render, kinds=("Gateway", "Secret"))
        exposed = Exposed.of(objects)
        brought = {one["metadata"]["name"] for one in objects if one["kind"] == "Secret"}
        if exposed.hosts:
            self._prepare(exposed, brought)
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

    def _prepare(self, exposed: Exposed, brought: set[str]) -> None:
        self.set_hosts(exposed.hosts)
        for name in exposed.secrets:
            if name not in brought:
                self._certificate(name, GATEWAY_NAMESPACE, exposed.hosts)
        try:
            self._apply_objects([gateway.deployment(exposed.selector)[1]])
        except LiveError as error:
            raise LiveError(
                f"a Gateway's spec.selector, {exposed.selector}: no pod can have such labels: {error}"
            ) from error
        path = self.state / "exposed.json.new"
        path.write_text(json.dumps(asdict(exposed)))
        path.rename(self.state / "exposed.json")

    def _exposed(self) -> Exposed:
        path = self.state / "exposed.json"
        try:
            return Exposed(**json.loads(path.read_text())) if path.exists() else Exposed()
        except (ValueError, TypeError) as error:
            raise LiveError(
                f"{path}: {error}; the folder of the cluster was changed: make down, then make up"
            ) from error

    def _certificate(self, name: str, namespace: str, hosts: list[str], labels: dict[str, str] | None = None) -> None:
        """Issue a certificate into a Secret, once for the same hosts."""
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
        """Until every workload is rolled out and the gateway serves every host.

        Raises LiveError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while pending := self._not_rolled_out():
            kind, name, namespace = pending[0]
            left = max(deadline - time.monotonic(), 1)
            status = ("rollout", "status", f"{kind}/{name}", "-n", namespace, f"--timeout={left:.0f}s")
            done = self.kubectl(*status, check=False, timeout=left + 10)
            if done.returncode != 0:
                reason = self._why_not(namespace)
                raise LiveError(f"{namespace}/{name} is not ready after {timeout:.0f} s: {reason}")
        exposed = self._exposed()
        if exposed.passthrough:
            # argocd-server reads its certificate before it begins to watch it: one that was made in between
            # is missed until it changes.
            secret = ("secret", "argocd-server-tls", "-n", exposed.namespace)
            self.kubectl("annotate", *secret, "--overwrite", f"argocd-istio.github.io/ready={time.time()}", check=False)
        for host in exposed.hosts:
            self._wait_served(host, deadline)

    def _not_rolled_out(self) -> list[tuple[str, str, str]]:
        """Kind, name and namespace of every workload whose pods are not all new and ready."""
        found: list[Object] = json.loads(self.kubectl("get", "deployments,statefulsets", "-A", "-o", "json").stdout)[
            "items"
        ]
        return [
            (one["kind"].lower(), one["metadata"]["name"], one["metadata"]["namespace"])
            for one in found
            if not rolled_out(one)
        ]

    def _wait_served(self, host: str, deadline: float) -> None:
        curl = ["curl", "-sS", "--max-time", "5", "--cacert", str(self.ca), "-o", "/dev/null", "-w", "%{http_code}"]
        while True:
            done = self.exec([*curl, f"https://{host}/healthz"])
            if done.stdout == "200":
                return
            if time.monotonic() > deadline:
                raise LiveError(f"https://{host}/healthz: expected 200, found {done.stdout} {done.stderr.strip()}")
            time.sleep(0.1)

    def _why_not(self, namespace: str) -> str:
        """A pod that waits, which others may wait for; else one that runs."""
        waits, runs = [], []
        for pod in self.pods():
            if pod["metadata"]["namespace"] == namespace:
                status = pod.get("status", {})
                for one in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
                    if waiting := one["state"].get("waiting"):
                        reason = f"{waiting.get('reason')} {waiting.get('message', '')}".rstrip()
                        waits.append(f"pod {pod['metadata']['name']}: {reason}")
                    elif not one["ready"] and "running" in one["state"]:
                        runs.append(f"pod {pod['metadata']['name']}: running, not ready")
        return [*waits, *runs, "see: make status"][0]

    @property
    def process(self) -> int:
        """The first process of the cluster, which the kernel ends all others with."""
        return self._pid

    @property
    def ready(self) -> bool:
        """Whether its start came to its end."""
        return (self.state / "ready").exists()

    @property
    def only_web(self) -> bool:
        """Whether what was applied last has no way for native gRPC: TLS ends at the gateway, and no route is gRPC's."""
        routes = ("virtualservices.networking.istio.io", "-n", self._exposed().namespace, "-o", "json")
        return not self._exposed().passthrough and "application/grpc" not in self.kubectl("get", *routes).stdout

    @property
    def port(self) -> int:
        """The loopback port of the user's own network that leads to the gateway; 0 for none."""
        return int((self.state / "port").read_text())

    @property
    def hosts(self) -> list[str]:
        """The hosts of the overlay that was applied last."""
        return self._exposed().hosts

    def set_hosts(self, names: list[str]) -> None:
        """Which names lead clients to the gateway."""
        lines = ["127.0.0.1 localhost", *(f"{self.gateway_ip} {name}" for name in names)]
        (self.state / "client-hosts").write_text("\n".join(lines) + "\n")

    # --- certificates, repositories

    @property
    def ca(self) -> Path:
        """The certificate of the test CA that signs what the gateway shows, in PEM."""
        return self._authority.certificate

    def issue(self, hosts: list[str], name: str) -> tuple[bytes, bytes]:
        """A certificate for `hosts` signed by the test CA, and its key, in PEM; `name` is its common name."""
        return self._authority.issue(name, hosts)

    def git_repository(self, name: str, files: Mapping[str, str | bytes]) -> str:
        """Commit `files` (path: text) to the git repository `name`; returns the URL that Argo CD can read."""
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
        """The password that argocd-server made for the account admin."""
        secret = ("secret", "argocd-initial-admin-secret", "-n", self._exposed().namespace)
        return self.kubectl("get", *secret, "-o", "go-template={{.data.password|base64decode}}").stdout

    # --- what happened

    def pods(self) -> list[Object]:
        """Every Pod of the API server."""
        found: list[Object] = json.loads(self.kubectl("get", "pods", "-A", "-o", "json").stdout)["items"]
        return found

    def logs(self, workload: str) -> str:
        """The output of all pods, past ones too, of a Deployment or StatefulSet."""
        folders = sorted((self.state / "pods").glob(f"*_{workload}-*"), key=lambda path: path.stat().st_mtime)
        logs = [log for folder in folders for log in sorted(folder.glob("*.log"))]
        return "".join(log.read_text(errors="replace") for log in logs)

    def access_log(self) -> list[Object]:
        """One object a request or connection that the gateway served, oldest first.

        Its keys are those of live.control_plane.ACCESS_LOG.
        """
        lines = (line for line in self.logs(GATEWAY).splitlines() if line.startswith("{") and line.endswith("}"))
        return [json.loads(line) for line in lines]

    def envoy_admin(self, path: str) -> str:
        """GET on the admin interface of the running gateway."""
        pod = ("pods", "-n", GATEWAY_NAMESPACE, gateway.SELECTED, "--field-selector=status.phase=Running")
        pods = json.loads(self.kubectl("get", *pod, "-o", "json").stdout)["items"]
        if not pods:
            raise LiveError("no gateway pod runs; see: kubectl get pods -n istio-system")
        # It listens on the pod's loopback only.
        command = ["curl", "-sS", "--max-time", "10", f"http://127.0.0.1:{ENVOY_ADMIN_PORT}{path}"]
        return self.exec(command, network=namespace_of(pods[-1]), check=True).stdout

    def restart_gateway(self) -> None:
        """A fresh Envoy, which has only what the present objects give it."""
        self.kubectl("delete", "pods", "-n", GATEWAY_NAMESPACE, gateway.SELECTED)
        self.kubectl("rollout", "status", f"deployment/{GATEWAY}", "-n", GATEWAY_NAMESPACE, "--timeout=60s")


def rolled_out(workload: Object) -> bool:
    """Whether a Deployment or StatefulSet runs what its present template says, ready, and nothing else."""
    status, want = workload.get("status", {}), workload["spec"].get("replicas", 1)
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas")]
    return status.get("observedGeneration") == workload["metadata"]["generation"] and counts == [want] * 3


def _child(process: subprocess.Popen[bytes]) -> int:
    """The process that unshare put first into the new namespaces. Raises LiveError where namespaces are refused."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        try:
            found = children.read_text().split()
        except OSError:
            break
        if found:
            return int(found[0])
        time.sleep(0.005)
    raise LiveError("the namespaces of the cluster could not be made; see what lacks: make doctor")


def _why(state: Path) -> str:
    failed = state / "failed"
    if failed.exists():
        return failed.read_text()
    last = (state / "node.log").read_text(errors="replace").strip().splitlines()[-1:] or ["no output"]
    return f"the node ended: {last[0]} (see {state / 'node.log'})"


def _refusal(command: list[str], done: Completed) -> str:
    text = (done.stderr or done.stdout).strip()
    return f"{' '.join(map(str, command))}: exit code {done.returncode}: {text}"


def _parse(render: bytes, kinds: tuple[str, ...]) -> list[Object]:
    """The objects of some kinds; the others, CRDs above all, are too long to read for nothing."""
    wanted = re.compile(rf"^kind: ({'|'.join(kinds)})$", re.M)
    return [yaml.safe_load(text) for text in re.split(r"^---$", render.decode(), flags=re.M) if wanted.search(text)]
