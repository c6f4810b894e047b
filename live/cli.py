"""`python -m live up|down|status|doctor`: the live cluster from a shell."""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os
import re
import shlex
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from live import doctor
from live.cluster import Cluster, forget, state_folder
from live.errors import LiveError
from live.launch import ROOT
from live.render import GATEWAY_API, kustomize_build
from tools import ui
from tools.build import NEWEST_GATEWAY_API, ToolError, own_program, say
from tools.versions import module, release, versions

CRD = "applications.argoproj.io"
MODES = sorted(path.name for path in (ROOT / "overlays").iterdir() if path.is_dir())


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    # Handled like Ctrl-C: an unfinished start is undone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    try:
        options.run(options)
    except (LiveError, ToolError) as error:
        say(f"{options.command}: {_in_one_line(error)}")
        return 1
    except OSError as error:
        say(f"{options.command}: {error}; if files of the cluster were changed: make down, then make up")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _in_one_line(error: Exception) -> str:
    """The message; of a program's long output the first line with an error."""
    lines = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, ToolError) or len(lines) == 1:
        return str(error)
    # Log lines (klog) start with a letter and a date.
    telling = [line for line in lines if "error" in line.lower() and not re.search(r"\b[IEWF]\d{4} ", line)]
    return f"{(telling or lines)[0]} (one of {len(lines)} lines)"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="live", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("up", help="start the cluster, or switch the running one, and apply an overlay")
    command.add_argument("--mode", default="grpc-routing", help=", ".join(MODES))
    command.add_argument("--overlay", help="a consumer's own folder instead of a mode")
    command.add_argument("--port", help="the loopback port that forwards to the gateway's port 443 (default: 8443)")
    command.add_argument("--no-ui", action="store_true", help="run Argo CD without its UI, which is not built then")
    command.set_defaults(run=_up)

    command = commands.add_parser("down", help="stop what up started")
    command.set_defaults(run=_down)

    command = commands.add_parser("status", help="list the pods of the running cluster")
    command.set_defaults(run=_status)

    command = commands.add_parser("doctor", help="list the programs that are missing")
    command.add_argument("--install", action="store_true", help="install them (as root on Debian and Ubuntu)")
    command.set_defaults(run=_doctor)
    return parser


def _overlay(options: argparse.Namespace) -> Path:
    if options.overlay:
        folder = Path(options.overlay).absolute()
        if not any((folder / name).exists() for name in ("kustomization.yaml", "kustomization.yml", "Kustomization")):
            raise LiveError(f"OVERLAY={options.overlay}: no kustomization.yaml there; give a folder that contains one")
        return folder
    if options.mode not in MODES:
        raise LiveError(f"MODE={options.mode}: no such mode; choose one of: {', '.join(MODES)}")
    return ROOT / "overlays" / str(options.mode)


def _port(text: str | None) -> int | None:
    if text is not None and not (text.isdecimal() and 0 < int(text) < 65536):
        raise LiveError(f"PORT={text}: not a port; choose a number from 1 to 65535")
    return int(text) if text else None


def _up(options: argparse.Namespace) -> None:
    overlay, port = _overlay(options), _port(options.port)
    doctor.require(browser=False, install=True)
    render = kustomize_build(overlay)  # before anything starts, because it may fail
    start = time.monotonic()
    with _alone():
        _bring_up(overlay, port, start, render, with_ui=not options.no_ui)


def _bring_up(overlay: Path, port: int | None, start: float, render: bytes, *, with_ui: bool) -> None:
    cluster, fresh = _running(port, with_ui)
    if cluster.hosts and b"\nkind: Gateway\n" not in render and b"\n  name: argocd-server\n" in render:
        raise LiveError(
            f"{overlay}: has no Gateway, and the Gateway of an earlier overlay would stay; first: make down"
        )
    crds = f"name: {CRD}\n".encode() in render
    try:
        if f"\napiVersion: {GATEWAY_API}".encode() in b"\n" + render:
            say(f"this overlay uses the Gateway API: installing its CRDs {versions()[NEWEST_GATEWAY_API]} first")
            cluster.install_gateway_api()
        if not crds and not cluster.kubectl("get", "customresourcedefinitions", CRD, "--ignore-not-found").stdout:
            say("this overlay does not contain Argo CD's CRDs: applying base/crds first")
            cluster.apply(ROOT / "base" / "crds")
        say(f"applying {overlay.relative_to(ROOT) if overlay.is_relative_to(ROOT) else overlay}")
        try:
            cluster.apply(overlay)
        except LiveError as error:
            if "metadata.annotations: Too long" not in str(error):
                raise
            say("an object is too large for the annotation of kubectl apply: applying with --server-side")
            cluster.apply(overlay, server_side=True)
        cluster.wait_ready(timeout=120)
        text = _welcome(cluster)
    except BaseException:
        if fresh:
            cluster.stop()
        raise
    say(f"ready after {time.monotonic() - start:.1f} s")
    print(text)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Lock the user's one cluster. Raises LiveError if another command has locked it."""
    folder = state_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name("live.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LiveError("another make up or make down is running; wait until it ends") from error
        yield


def _argocd(with_ui: bool) -> Path | None:
    """Argo CD with its UI; None for the program without it, and for the user's own. Says which one runs."""
    if own_program("argocd"):
        say("Argo CD is the program in the variable ARGOCD")
        return None
    ahead = "" if module() == release() else f" instead of {release()}, whose Go module is not available yet"
    say(f"Argo CD {module()} built from its Go module{ahead}")
    found = None
    if with_ui:
        try:
            found = ui.program()
        except ToolError as error:
            say(f"its UI is not available: {str(error).splitlines()[0]}; to start without trying: UI=0")
    if not found:
        say("it has no UI files: the API and the CLI work, but / shows no page")
    return found


def _running(port: int | None, with_ui: bool) -> tuple[Cluster, bool]:
    """The running cluster or a new one, and whether it is new."""
    with contextlib.suppress(LiveError):
        cluster = Cluster.attach()
        if cluster.ready:
            if port not in (None, cluster.port):
                say(f"already up on 127.0.0.1:{cluster.port}; to use PORT={port}, first: make down")
            return cluster, False
        say("ending a start that did not finish")
        cluster.stop()
    forget(state_folder())  # left by a cluster that ended by itself
    port = port or 8443
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise LiveError(
            f"PORT={port}: cannot listen on 127.0.0.1 ({os.strerror(error.errno or 0)}); "
            f"try PORT={8443 if error.errno == errno.EACCES or port == 65535 else port + 1}"
        ) from error
    with listener:
        argocd = _argocd(with_ui)
        say("starting etcd, Kubernetes, istiod and Envoy")
        cluster = Cluster.start(state_folder(), keep=True, listener=listener, argocd=argocd)
    return cluster, True


def _welcome(cluster: Cluster) -> str:
    end = "make down stops it."
    if not cluster.hosts:
        return f"\nNothing is exposed: this overlay has no Gateway.\nmake status shows what runs, {end}"
    port, host, password = cluster.port, cluster.hosts[0], cluster.admin_password()
    wrapper = _wrapper(cluster)
    ca = shlex.quote(str(cluster.ca))
    # Without a gRPC route the CLI falls back to gRPC-Web, with a warning at each call.
    web = " --grpc-web" if cluster.only_web else ""
    return f"""
URL       https://{host}  (here: 127.0.0.1:{port})
user      admin
password  {password}

curl --cacert {ca} --connect-to ::127.0.0.1:{port} https://{host}/api/version
{wrapper} login {host}:{port} --username admin --password {password}{web}
{wrapper} app list{web}

{end}"""


def _wrapper(cluster: Cluster) -> str:
    """A script that runs the argocd CLI in the user's own network, with the exposed hosts resolved to this machine.

    The CLI resolves hosts only by /etc/hosts and DNS, so the script gives it a hosts file of its own.
    """
    hosts = cluster.state / "loopback-hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ["localhost", *cluster.hosts]))
    script = cluster.state / "argocd"
    run = 'mount --bind "$0" /etc/hosts && exec "$@"'
    words = ["unshare", "--map-root-user", "--mount", "sh", "-c", run, hosts, cluster.state / "bin" / "argocd"]
    settings = {"SSL_CERT_FILE": cluster.ca, "ARGOCD_CONFIG_DIR": cluster.state / "home"}
    exports = " ".join(f"{key}={shlex.quote(str(value))}" for key, value in settings.items())
    script.write_text(f'#!/bin/sh\n{exports} exec {shlex.join(map(str, words))} "$@"\n')
    script.chmod(0o755)
    return shlex.quote(str(script))


def _down(options: argparse.Namespace) -> None:
    with _alone():
        try:
            cluster = Cluster.attach()
        except LiveError:
            forget(state_folder())
            say("nothing was running")
            return
        cluster.stop()
        say("stopped")


def _status(options: argparse.Namespace) -> None:
    cluster = Cluster.attach()
    if not cluster.ready:
        raise LiveError("the cluster is still starting; if its start was interrupted: make up ends it and starts again")
    print(cluster.kubectl("get", "pods", "-A", "-o", "wide").stdout, end="")


def _doctor(options: argparse.Namespace) -> None:
    doctor.require(browser=True, install=options.install)
    print("no program is missing")
    for line in doctor.limits():
        print(line)
