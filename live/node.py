"""The node: the process that starts all others of the live cluster, the first in its own namespaces.

When it ends, the kernel ends all processes of the cluster. Started by live.launch.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from live import gateway, injection, load_balancer, logs
from live.api import Object
from live.control_plane import ControlPlane
from live.errors import LiveError
from live.image import Images
from live.kubelet import Hosts, Kubelet
from live.network import Network

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


STARTED = time.monotonic()


def note(text: str) -> None:
    """Write a line to the node's log."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def _thread(target: object) -> None:
    assert callable(target)
    threading.Thread(target=target, daemon=True).start()


def _end_with(lifeline: int) -> None:
    """End when the other end of the pipe is closed, also if its owner was killed."""
    os.read(lifeline, 1)
    os._exit(0)


def _forward(listener: socket.socket, entrance: Path) -> None:
    """Forward each connection from a socket of the user's own network to port 443 of the gateway in `entrance`."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(json.loads(entrance.read_text())["address"], 443)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def run() -> None:
        async with await asyncio.start_server(serve, sock=listener) as server:
            await server.serve_forever()

    asyncio.run(run())


def _read(path: Path) -> list[Object]:
    return [one for one in yaml.load_all(path.read_bytes(), yaml.CSafeLoader) if one]


def _established(crd: Object) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


def start(state: Path) -> tuple[ControlPlane, Hosts]:
    """Start the cluster with the gateway, without Argo CD."""
    settings = json.loads((state / "programs.json").read_text())
    programs = {name: Path(path) for name, path in settings.items()}
    # Read in parallel to the start of the API server, which takes longer.
    crds = ThreadPoolExecutor(1).submit(_read, programs["istio-crds"])
    network = Network()
    network.start()
    control_plane = ControlPlane(state, programs, token=secrets.token_hex(16))
    control_plane.start_kubernetes()
    note("the API server is ready")
    api = control_plane.api
    for path, manifest in [*gateway.foundation(), *injection.objects(control_plane.authority)]:
        api.apply(path, manifest)
    hosts = Hosts(state / "hosts", api, state / "exposed-hosts")
    images = Images(state / "images", programs, state / "repositories", json.loads((state / "images.json").read_text()))
    kubelet = Kubelet(api, network, images, hosts, state / "pods")
    kubelet.register()
    _thread(kubelet.run)
    _thread(logs.server(control_plane.authority, state / "pods").serve_forever)
    control_plane.start_proxy()
    _thread(lambda: load_balancer.run(api))
    for crd in crds.result():
        api.request("POST", CRDS, crd)
    control_plane.start_istiod()
    api.apply(*gateway.deployment(gateway.DEFAULT_SELECTOR))
    while not all(_established(crd) for crd in api.get(CRDS)["items"]):
        time.sleep(0.05)
    note("the CRDs of Istio are established")
    return control_plane, hosts


def main(state: Path, lifeline: int | None, forward: int | None) -> int:
    if lifeline is not None:
        _thread(lambda: _end_with(lifeline))
    try:
        control_plane, hosts = start(state)
        if forward is not None:
            listener = socket.socket(fileno=forward)
            _thread(lambda: _forward(listener, state / "entrance.json"))
        (state / "ready").touch()
        while True:
            control_plane.check()
            hosts.refresh()
            time.sleep(0.5)
    except LiveError as error:
        (state / "failed").write_text(str(error))
        return 1
    except Exception as error:
        (state / "failed").write_text(f"{type(error).__name__}: {error} (see {state / 'node.log'})")
        raise


def _fork_init() -> None:
    """Continue in a child process; the parent, the init process of the PID namespace, reaps orphaned processes."""
    node = os.fork()
    if node == 0:
        return
    while True:
        ended, status = os.wait()
        if ended == node:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    _fork_init()
    arguments = json.loads(sys.argv[1])
    sys.exit(main(Path(arguments["state"]), arguments["lifeline"], arguments["forward"]))
