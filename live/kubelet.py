"""Runs the Pods of the API server as processes, like a kubelet."""

from __future__ import annotations

import contextlib
import functools
import json
import queue
import shutil
import signal
import threading
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from live import logs, redirection, volumes
from live.addresses import NODE_ADDRESS, NODE_NAME
from live.api import MERGE_PATCH, Api, ApiError, Object
from live.image import Image, Images
from live.mirror import Mirror
from live.network import Network, inside, namespace_of
from live.podspec import File, Lookup, NotYet, command, environment, hosts_file, volume_files
from live.probe import Prober
from live.sandbox import Mount, Process, Sandbox, etc_files

TICK = 0.1
"""Seconds between two checks of a pod."""

KINDS = {"ConfigMap": "configmaps", "Secret": "secrets"}

REFRESH = 1.0
"""Seconds between two updates of a running pod's volumes from their ConfigMaps and Secrets."""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Hosts:
    """The pods' hosts files, by the pods' network names. They are changed in place, because containers mount them.

    Pods resolve the names in the file `exposed` too, as clients do.
    """

    def __init__(self, folder: Path, api: Api, exposed: Path) -> None:
        self._folder, self._exposed = folder, exposed
        self._names = ""
        self._folder.mkdir()
        self._pods: dict[str, Object] = {}
        self._lock = threading.Lock()
        with self._lock:  # no callback before both exist
            self._slices = Mirror(api, "/apis/discovery.k8s.io/v1/endpointslices", self._rewrite)
            self._services = Mirror(api, "/api/v1/services", self._rewrite)

    def services(self) -> list[Object]:
        return self._services.all()

    def refresh(self) -> None:
        """Give the pods the names in the file `exposed`, if it has changed."""
        names = self._exposed.read_text() if self._exposed.exists() else ""
        if names != self._names:
            self._names = names
            self._rewrite()

    def _rewrite(self) -> None:
        with self._lock:
            for name in self._pods:
                self._write(name)

    def path(self, name: str, pod: Object) -> Path:
        """The hosts file of a pod: short names for the Services of its namespace, long names for all."""
        with self._lock:
            if name not in self._pods:
                self._pods[name] = pod
                (self._folder / name).touch()
                self._write(name)
        return self._folder / name

    def drop(self, name: str) -> None:
        """Remove the file of a pod that has ended."""
        with self._lock:
            if self._pods.pop(name, None):
                (self._folder / name).unlink()

    def _write(self, name: str) -> None:
        path = self._folder / name
        text = hosts_file(self.services(), self._slices.all(), self._pods[name]) + self._names
        if text != path.read_text():
            # Not truncated first: a reader must never see an empty file.
            with path.open("r+") as out:
                out.write(text)
                out.truncate()


class Kubelet:
    """Binds every Pod to the one node, and runs it until it is deleted."""

    def __init__(self, api: Api, network: Network, images: Images, hosts: Hosts, folder: Path) -> None:
        self.api, self.network, self.images, self.hosts, self.folder = api, network, images, hosts, folder
        folder.mkdir()
        self._mirrors = {kind: Mirror(api, f"/api/v1/{plural}") for kind, plural in KINDS.items()}
        self._pods: dict[str, PodRunner] = {}

    def register(self) -> None:
        """Create the Node object."""
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME, "labels": _node_labels()}}
        self.api.request("POST", "/api/v1/nodes", node)
        status = {
            "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "live"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": logs.PORT}},
        }
        self.api.request("PATCH", f"/api/v1/nodes/{NODE_NAME}/status", {"status": status}, MERGE_PATCH)

    def run(self) -> None:
        """Watch the Pods; does not return."""
        for event, found in self.api.watch("/api/v1/pods"):
            if event == "LIST":
                alive = {pod["metadata"]["uid"] for pod in found}
                for uid in self._pods.keys() - alive:
                    self._pods.pop(uid).gone()
            for pod in found:
                try:
                    self._take(event, pod)
                except (ApiError, OSError) as error:
                    print(f"kubelet: {pod['metadata']['name']}: {error}", flush=True)

    def _take(self, event: str, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        if event == "DELETED":
            if uid in self._pods:
                self._pods.pop(uid).gone()
        elif uid in self._pods:
            self._pods[uid].update(pod)
        elif not pod["spec"].get("nodeName"):
            meta = pod["metadata"]
            self.api.request(
                "POST",
                f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding",
                {
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {"name": meta["name"]},
                    "target": {"kind": "Node", "name": NODE_NAME},
                },
            )
        else:
            runner = self._pods[uid] = PodRunner(self, pod)
            threading.Thread(target=runner.run, name=pod["metadata"]["name"], daemon=True).start()

    def lookup(self) -> Lookup:
        """A lookup for the start of a container: reads the API server, each object only once."""

        @functools.cache
        def find(kind: str, namespace: str, name: str) -> Object | None:
            return self.api.find(f"/api/v1/namespaces/{namespace}/{KINDS[kind]}/{name}")

        return find

    def recall(self, kind: str, namespace: str, name: str) -> Object | None:
        """A lookup for running containers: without a request, but slightly out of date."""
        return self._mirrors[kind].find(namespace, name)

    def token(self, pod: Object, ref: Object) -> str:
        """A ServiceAccount token bound to the pod."""
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{pod['spec']['serviceAccountName']}/token"
        spec = {
            "audiences": [ref["audience"]] if "audience" in ref else [],
            "expirationSeconds": ref.get("expirationSeconds", 3600),
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
        }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.api.request("POST", path, request)["status"]["token"])


def _node_labels() -> dict[str, str]:
    return {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}


class Container:
    """One container of a pod, across its restarts."""

    def __init__(self, pod: PodRunner, spec: Object) -> None:
        self.pod, self.spec, self.name = pod, spec, spec["name"]
        self.state: Object = {"waiting": {"reason": "PodInitializing"}}
        self.last: Object = {}
        self.restarts = 0
        self.process: Process | None = None
        self._network_admin = False
        self.ready = self.started = False
        self._start_at = self._started_at = 0.0
        self._in_a_row = 0
        self._began = ""
        self._startup: Prober | None = None
        self._readiness: Prober | None = None
        self._liveness: Prober | None = None

    @property
    def stays(self) -> bool:
        """Whether it is an init container with restartPolicy Always: a sidecar."""
        return self.spec.get("restartPolicy") == "Always"

    @property
    def passed(self) -> bool:
        """Whether the containers after this init container may start: it has succeeded, or it is a started sidecar."""
        if self.stays:
            return self.process is not None and self.started
        return bool(self.state.get("terminated", {}).get("exitCode") == 0)

    @property
    def finished(self) -> bool:
        """Whether it has ended, and the pod's restartPolicy does not start it again."""
        code = self.state.get("terminated", {}).get("exitCode")
        policy = self.pod.pod["spec"].get("restartPolicy", "Always")
        return code is not None and (policy == "Never" or (policy == "OnFailure" and code == 0))

    @property
    def log(self) -> Path:
        return self.pod.folder / f"{self.name}.log"

    @property
    def door(self) -> Path:
        """A file that exists while the container runs, with the fields of live.faults.Door as a JSON array."""
        return self.pod.folder / f"{self.name}.json"

    def start(self) -> None:
        """Start if it is due and everything that it needs exists; else `state` says what it waits for."""
        if time.monotonic() < self._start_at:
            return
        image = self.pod.kubelet.images.find(self.spec["image"])
        if image is None:
            known = self.pod.kubelet.images.known
            text = f"image {self.spec['image']}: this node has only {known}; use one of them"
            self._wait("ErrImagePull", text, 5)
            return
        try:
            sandbox, line = self._plan(image)
        except NotYet as missing:
            self._wait("CreateContainerConfigError", str(missing), 0.2)
            return
        self.process = Process(sandbox, line, inside(self.pod.network), self.log)
        self._network_admin = sandbox.network_admin
        new = self.door.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps([self.pod.network, self.process.init, self.process.enter]))
        new.replace(self.door)
        self._began, self._started_at = now(), time.monotonic()
        self.state = {"running": {"startedAt": self._began}}
        probes = [self.spec.get(key) for key in ("startupProbe", "readinessProbe", "livenessProbe")]
        self._startup, self._readiness, self._liveness = (
            Prober(probe, self.spec, self.pod.address, self.process.run) if probe else None for probe in probes
        )
        self.started = self._startup is None
        self.ready = self.started and self._readiness is None

    def _wait(self, reason: str, message: str, seconds: float) -> None:
        self.state = {"waiting": {"reason": reason, "message": message}}
        self._start_at = time.monotonic() + seconds

    def _plan(self, image: Image) -> tuple[Sandbox, list[str]]:
        pod, kubelet = self.pod.pod, self.pod.kubelet
        lookup = kubelet.lookup()
        env = environment(pod, self.spec, image.environment(), kubelet.hosts.services(), lookup)
        own, podwide = self.spec.get("securityContext", {}), pod["spec"].get("securityContext", {})
        user = own.get("runAsUser", podwide.get("runAsUser", image.user))
        group = own.get("runAsGroup", podwide.get("runAsGroup", user))
        if user == 0 and own.get("runAsNonRoot", podwide.get("runAsNonRoot", False)):
            raise NotYet("container has runAsNonRoot and would run as root; set runAsUser")
        network_admin = user == 0 and "NET_ADMIN" in own.get("capabilities", {}).get("add", [])
        if network_admin and not redirection.works():
            raise NotYet(f"container requests NET_ADMIN: {redirection.WHY_NOT}")
        etc = self.pod.folder / f"{self.name}.etc"
        etc_files(etc, image, user, group, kubelet.hosts.path(self.pod.network, pod))
        sandbox = Sandbox(
            image=image,
            user=user,
            group=group,
            hostname=pod["spec"].get("hostname", pod["metadata"]["name"]),
            work_dir=self.spec.get("workingDir", image.home),
            env=env,
            mounts=volumes.nested([self._mount(mount, lookup) for mount in self.spec.get("volumeMounts", [])]),
            read_only_root=own.get("readOnlyRootFilesystem", False),
            etc=etc,
            network_admin=network_admin,
        )
        return sandbox, command(self.spec, image.entrypoint, image.args, env)

    def _mount(self, mount: Object, lookup: Lookup) -> Mount:
        folder, writable = self.pod.volume(mount["name"], lookup)
        source = folder / mount["subPath"] if "subPath" in mount else folder
        if writable and "subPath" in mount:
            source.mkdir(parents=True, exist_ok=True)
        return Mount(source, mount["mountPath"], read_only=not writable or mount.get("readOnly", False))

    def advance(self) -> None:
        """`step` for an init container: one that is not a sidecar is started until it succeeds."""
        if self.stays:
            self.step()
        elif self.process is None:
            if not (self.passed or self.finished):
                self.start()
        elif self.process.exit_code() is not None:
            if self.ended() != 0 and not self.finished:
                self.restarts += 1
                self._wait("CrashLoopBackOff", "init container failed", min(2.0 ** (self.restarts - 1), 10.0))
            elif self._network_admin:
                redirection.complete(self.pod.network)

    def step(self) -> None:
        """Start the container, run its probes, or restart it after it has ended."""
        if self.process is None:
            if not self.finished:
                self.start()
            return
        if self.process.exit_code() is not None:
            self.ended()
            if self.finished:
                return
            self.restarts += 1
            # A kubelet resets its back-off after ten minutes, and waits longer.
            self._in_a_row = 1 if time.monotonic() > self._started_at + 10 else self._in_a_row + 1
            wait = min(2.0 ** (self._in_a_row - 1), 10.0)
            self._wait("CrashLoopBackOff", f"exit code {self.last['terminated']['exitCode']}", wait)
            return
        if self._startup and not self.started:
            self._startup.step(hurry=False)
            self.started = self._startup.passed is True
            if self._startup.passed is False:
                self._restart("startup", self._startup)
            return
        if self._readiness:
            self._readiness.step(hurry=not self.ready)
            self.ready = self._readiness.passed is True
        else:
            self.ready = True
        if self._liveness:
            self._liveness.step(hurry=False)
            if self._liveness.passed is False:
                self._restart("liveness", self._liveness)

    def _restart(self, kind: str, prober: Prober) -> None:
        self.note(f"{kind} probe failed: {prober.message}; restarting")
        self.stop(5)

    def stop(self, grace: float, turn: threading.Event | None = None) -> None:
        """Run the preStop hook, wait for `turn`, send SIGTERM; kill the container `grace` seconds after the call."""
        assert self.process
        deadline = time.monotonic() + grace
        hook = self.spec.get("lifecycle", {}).get("preStop", {})
        if "exec" in hook and grace:
            try:
                code, output = self.process.run(hook["exec"]["command"], grace)
                self.note(f"preStop hook: exit code {code} {output.strip()}")
            except OSError as error:
                self.note(f"preStop hook: {error}")
        if turn:
            turn.wait(max(0.0, deadline - time.monotonic()))
        self.process.signal(signal.SIGTERM)
        while self.process.exit_code() is None and time.monotonic() < deadline:
            time.sleep(TICK)
        self.process.kill()

    def ended(self) -> int:
        """Record the end of the process; returns its exit code."""
        assert self.process
        code = self.process.exit_code() or 0
        self.process = None
        self.door.unlink(missing_ok=True)
        self.ready = self.started = False
        reason = "Completed" if code == 0 else "Error"
        ended = {"exitCode": code, "reason": reason, "startedAt": self._began, "finishedAt": now()}
        self.state = self.last = {"terminated": ended}
        return code

    def note(self, text: str) -> None:
        with self.log.open("a") as log:
            log.write(f"kubelet: {text}\n")

    def status(self) -> Object:
        return {
            "name": self.name,
            "image": self.spec["image"],
            "imageID": "",
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state,
            "lastState": self.last if self.restarts else {},
        }


class PodRunner:
    """Runs one pod, from its binding to its end, in its own thread."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self.kubelet, self.pod = kubelet, pod
        meta = pod["metadata"]
        self.folder = kubelet.folder / f"{meta['namespace']}_{meta['name']}"
        # A StatefulSet reuses a pod's name: all pods of a name share a folder and a log.
        self.folder.mkdir(exist_ok=True)
        self.network = namespace_of(pod)
        self.address = ""
        self._began = now()
        # The files written to each volume, by its name; None for an emptyDir.
        self._volumes: dict[str, dict[str, File] | None] = {}
        self._init = [Container(self, spec) for spec in pod["spec"].get("initContainers", [])]
        self._initialized = False
        self._containers = [Container(self, spec) for spec in pod["spec"]["containers"]]
        self._inbox: queue.SimpleQueue[Object | None] = queue.SimpleQueue()
        self._reported: Object = {}
        self._gone = False
        self._refreshed = time.monotonic()

    def update(self, pod: Object) -> None:
        """The pod has changed in the API server."""
        self._inbox.put(pod)

    def gone(self) -> None:
        """The pod no longer exists in the API server."""
        self._inbox.put(None)

    def run(self) -> None:
        try:
            self.address = self.kubelet.network.add(self.network)
            self.pod.setdefault("status", {}).update(podIP=self.address, hostIP=NODE_ADDRESS)
            while not self._ending():
                self._safely(self._step)
            self._stop()
        except Exception:
            traceback.print_exc()
        finally:
            for container in [*self._init, *self._containers]:
                if container.process:
                    container.process.kill()
                    container.door.unlink(missing_ok=True)
            self.kubelet.network.remove(self.network)
            self.kubelet.hosts.drop(self.network)
            shutil.rmtree(self.folder / self.pod["metadata"]["uid"], ignore_errors=True)

    def _safely(self, action: object) -> None:
        assert callable(action)
        try:
            action()
        except (ApiError, OSError) as error:
            print(f"kubelet: {self.pod['metadata']['name']}: {error}", flush=True)
            time.sleep(TICK)

    def _ending(self) -> bool:
        """Wait up to TICK seconds for a change; returns whether the pod must end."""
        try:
            news = self._inbox.get(timeout=TICK)
            if news is None:
                self._gone = True
            else:
                self.pod = {**news, "status": {**news.get("status", {}), "podIP": self.address, "hostIP": NODE_ADDRESS}}
        except queue.Empty:
            pass
        return self._gone or "deletionTimestamp" in self.pod["metadata"]

    def _step(self) -> None:
        if self._over:
            self._end()
            return
        for container in self._init:
            container.advance()
            if not (self._initialized or container.passed):
                break
        else:
            self._initialized = True
            for container in self._containers:
                container.step()
            if time.monotonic() > self._refreshed + REFRESH:
                self._refreshed = time.monotonic()
                for name in self._volumes:
                    # A running container keeps its files, even if their source is deleted.
                    with contextlib.suppress(NotYet):
                        self._fill(name, self.kubelet.recall)
        waits = not self._initialized or any("waiting" in c.state for c in self._containers)
        self._tell("Pending" if waits else "Running")

    @property
    def _over(self) -> bool:
        """Whether no container of the pod will run again, as of a Job."""
        failed = any(c.finished and not c.passed for c in self._init)
        return failed or (self._initialized and all(c.finished for c in self._containers))

    def _end(self) -> None:
        """Stop the sidecars, and report how the pod ended."""
        for container in self._init:
            if container.stays and container.process:
                container.stop(0)
                container.ended()
        self._tell("Succeeded" if all(c.passed for c in [*self._init, *self._containers] if not c.stays) else "Failed")

    @property
    def _lasting(self) -> list[Container]:
        """The containers that run as long as the pod: the sidecars and the main containers."""
        return [*(c for c in self._init if c.stays), *self._containers]

    def volume(self, name: str, lookup: Lookup) -> tuple[Path, bool]:
        """A volume's folder, and whether it is writable; created at its first use."""
        if name not in self._volumes:
            self._fill(name, lookup)
        return self._volume_folder(name), self._volumes[name] is None

    def _volume_folder(self, name: str) -> Path:
        return self.folder / str(self.pod["metadata"]["uid"]) / name

    def _fill(self, name: str, lookup: Lookup) -> None:
        """Create or update a volume."""
        volume = next(entry for entry in self.pod["spec"]["volumes"] if entry["name"] == name)
        sources = volume.get("projected", {}).get("sources", [])
        if name in self._volumes and any("serviceAccountToken" in source for source in sources):
            return  # the token is valid for a year, so it is not renewed
        files = volume_files(self.pod, volume, lookup, self.kubelet.token)
        folder = self._volume_folder(name)
        if files is None:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)
        elif name not in self._volumes or files != self._volumes[name]:
            volumes.write(folder, files)
        self._volumes[name] = files

    def _tell(self, phase: str) -> None:
        """Write the pod's status if it has changed."""
        ready = phase == "Running" and all(c.ready for c in self._lasting)
        conditions = {"PodScheduled": True, "Initialized": self._initialized, "ContainersReady": ready, "Ready": ready}
        status: Object = {
            "phase": phase,
            "podIP": self.address,
            "podIPs": [{"ip": self.address}],
            "hostIP": NODE_ADDRESS,
            "startTime": self._began,
            "initContainerStatuses": [c.status() for c in self._init],
            "containerStatuses": [c.status() for c in self._containers],
            "conditions": [{"type": key, "status": str(value)} for key, value in conditions.items()],
        }
        if status == self._reported:
            return
        self._reported = status
        # Added after the comparison: a change of these times alone is not a new status.
        stamped = [{**condition, "lastTransitionTime": now()} for condition in status["conditions"]]
        full = {**status, "conditions": stamped}
        meta = self.pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/status"
        self.kubelet.api.request("PATCH", path, {"metadata": {"uid": meta["uid"]}, "status": full}, MERGE_PATCH)

    def _stop(self) -> None:
        """End the containers within the pod's grace period, and delete the Pod object."""
        meta = self.pod["metadata"]
        grace = 0 if self._gone else meta.get("deletionGracePeriodSeconds", 30)
        alone = threading.Event()  # sidecars run their hooks with the others, but get the signal after the others' end
        ending = {
            c: threading.Thread(target=c.stop, args=(grace, alone if c.stays else None))
            for c in self._lasting
            if c.process
        }
        for thread in ending.values():
            thread.start()
        for container, thread in ending.items():
            if not container.stays:
                thread.join()
        alone.set()
        for thread in ending.values():
            thread.join()
        if not self._gone:
            path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            try:
                self.kubelet.api.request("DELETE", path, options)
            except ApiError as error:
                if error.status not in (404, 409):
                    raise
