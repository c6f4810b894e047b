"""Tests of `make up`, `make status` and `make down`, and of the commands that they print."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live.cluster import Cluster
from live.errors import LiveError
from tests.live.conftest import ROOT
from tests.render.consumer import exposure, write
from tools.build import NEWEST_GATEWAY_API, cache_dir
from tools.versions import module, versions

Completed = subprocess.CompletedProcess[str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Person:
    """A user with an own port and an own cache, which contains the programs."""

    def __init__(self, cache: Path) -> None:
        self.cache, self.port = cache, free_port()
        for entry in cache_dir().iterdir():
            if not entry.name.startswith("live"):
                (cache / entry.name).symlink_to(entry)
        # The make that runs the tests must not pass its variables to the make that they run.
        own = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
        self._env = {**own, "ARGOCD_ISTIO_CACHE": str(cache), "UI": "0"}

    def make(self, *words: str) -> Completed:
        return subprocess.run(
            ["make", *words], cwd=ROOT, env=self._env, capture_output=True, text=True, timeout=180, check=False
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Run make in the background, in its own process group."""
        return subprocess.Popen(
            ["make", *words],
            cwd=ROOT,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def cluster(self) -> Cluster | None:
        """The running cluster; None if there is none."""
        try:
            return Cluster.attach(self.cache / "live")
        except LiveError:
            return None


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    someone = Person(tmp_path)
    yield someone
    if found := someone.cluster():
        found.stop()


def paste(line: str) -> Completed:
    """Run a printed line in a shell, in the user's own network."""
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)


def lines(up: Completed, start: str) -> list[str]:
    return [line for line in up.stdout.splitlines() if line.startswith(start)]


def test_printed_commands_work_in_each_mode_until_down(person: Person) -> None:
    for mode in ("termination", "grpc-routing", "passthrough"):
        up = person.make("up", f"MODE={mode}", f"PORT={person.port}")
        assert up.returncode == 0, up.stderr
        # The first starts a cluster, the others switch it.
        assert ("starting etcd" in up.stderr) == (mode == "termination")
        [curl] = lines(up, "curl ")
        assert f'"Version":"{module()}' in paste(curl).stdout
        login, listing = lines(up, str(person.cache / "live" / "argocd"))
        assert "logged in successfully" in paste(login).stdout
        listed = paste(listing)
        assert (listed.returncode, listed.stderr) == (0, ""), listed.stderr
        assert listed.stdout.startswith("NAME ")
    status = person.make("status")
    assert status.returncode == 0 and "argocd-server-" in status.stdout
    assert person.make("down").returncode == 0
    assert person.cluster() is None and paste(curl).returncode != 0
    assert person.make("down").stderr == "nothing was running\n"


def test_wrong_options_give_one_line_and_start_nothing(person: Person) -> None:
    (person.cache / "empty").mkdir()
    broken = ROOT / "examples/environments/common"  # a component, which does not build alone
    with socket.create_server(("127.0.0.1", person.port)):
        cases = {
            "no such mode; choose one of: grpc-routing, passthrough, termination": ["MODE=grpc"],
            "no kustomization.yaml there": [f"OVERLAY={person.cache / 'empty'}"],
            f"kustomize build {broken}: ": [f"OVERLAY={broken}"],
            f"cannot listen on 127.0.0.1 (Address already in use); try PORT={person.port + 1}": [f"PORT={person.port}"],
            "not a port; choose a number from 1 to 65535": ["PORT=https"],
        }
        for message, words in cases.items():
            done = person.make("up", *words)
            [line, *rest] = [text for text in done.stderr.splitlines() if text.startswith("up: ")]
            assert message in line and not rest and done.returncode != 0
            assert not (person.cache / "live").exists()


def test_a_refused_overlay_gives_one_line_and_stops(person: Person) -> None:
    refused = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "Not_A_Name", "namespace": "default"}}
    folder = write(person.cache / "refused", {"resources": ["own.yaml"]}, own=refused)
    up = person.start("up", f"OVERLAY={folder}", f"PORT={person.port}")
    started = begun(up, person, ready=True).process
    output, _ = up.communicate(timeout=60)
    [line, *rest] = [text for text in output.splitlines() if text.startswith("up: ")]
    assert "Not_A_Name" in line and not rest and up.returncode != 0
    assert ended(started)


def test_overlay_without_crds_and_with_own_selector_works(person: Person) -> None:
    mode = {"resources": ["exposure.yaml"], "components": ["components/grpc-routing/without-crds"]}
    own = write(person.cache / "own", mode, exposure=exposure(gateway={"selector": {"app": "edge", "istio": "edge"}}))
    up = person.make("up", f"OVERLAY={own}", f"PORT={person.port}")
    assert up.returncode == 0 and "applying base/crds first" in up.stderr, up.stderr
    assert f'"Version":"{module()}' in paste(*lines(up, "curl ")).stdout

    other = {"gateway": {"selector": {"istio": "other"}}}
    refused = write(person.cache / "other", mode, exposure=exposure(**other, tls={"secretName": "Not_A_Name"}))
    up = person.make("up", f"OVERLAY={refused}")
    assert up.returncode != 0 and "Not_A_Name" in up.stderr
    corrected = write(person.cache / "other", mode, exposure=exposure(**other))
    up = person.make("up", f"OVERLAY={corrected}")
    assert up.returncode == 0 and "base/crds" not in up.stderr, up.stderr
    assert f'"Version":"{module()}' in paste(*lines(up, "curl ")).stdout


def test_an_overlay_of_the_gateway_api_works(person: Person) -> None:
    mode = {"resources": ["exposure.yaml"], "components": ["components/gateway-api/grpc-routing"]}
    own = write(person.cache / "own", mode, exposure=exposure(gateway={"className": "istio"}))
    up = person.make("up", f"OVERLAY={own}", f"PORT={person.port}")
    assert up.returncode == 0, up.stderr
    version = versions()[NEWEST_GATEWAY_API]
    assert f"this overlay uses the Gateway API: installing its CRDs {version} first\n" in up.stderr
    assert f'"Version":"{module()}' in paste(*lines(up, "curl ")).stdout
    login, listing = lines(up, str(person.cache / "live" / "argocd"))
    assert "logged in successfully" in paste(login).stdout
    listed = paste(listing)
    assert (listed.returncode, listed.stderr) == (0, ""), listed.stderr

    shared = {"name": "shared", "namespace": "edge", "sectionName": "https"}
    mode = {"resources": ["exposure.yaml"], "components": ["components/gateway-api/existing-gateway/grpc-routing"]}
    other = write(person.cache / "other", mode, exposure=exposure(gateway={"parent": shared}))
    person.make("down")
    up = person.make("up", f"OVERLAY={other}", f"PORT={person.port}")
    assert up.returncode != 0
    assert "Gateway edge/shared: not found; apply it first, or correct the parent of the routes" in up.stderr


def test_overlay_without_gateway_exposes_nothing_or_is_refused(
    person: Person,
) -> None:
    bare = f"OVERLAY={ROOT / 'base/argocd'}"
    up = person.make("up", bare, f"PORT={person.port}")
    assert up.returncode == 0 and "Nothing is exposed" in up.stdout and "URL" not in up.stdout

    full = {"resources": ["exposure.yaml", "base/crds/full"], "components": ["components/grpc-routing/without-crds"]}
    up = person.make("up", f"OVERLAY={write(person.cache / 'full', full, exposure=exposure())}")
    assert up.returncode == 0 and "applying with --server-side" in up.stderr, up.stderr
    assert f'"Version":"{module()}' in paste(*lines(up, "curl ")).stdout

    up = person.make("up", bare)
    assert up.returncode != 0
    assert "has no Gateway, and the Gateway of an earlier overlay would stay; first: make down" in up.stderr


def ended(process: int) -> bool:
    """Whether a process has ended, or is a zombie. When a cluster's first process ends, the kernel ends the others."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] in "ZX"
    except OSError:
        return True


def begun(up: subprocess.Popen[str], person: Person, *, ready: bool) -> Cluster:
    """The cluster of a running `up`: once its first process exists or, with `ready`, once the cluster is ready."""
    deadline = time.monotonic() + 60
    while not (found := person.cluster()) or (ready and not found.ready):
        assert time.monotonic() < deadline and up.poll() is None
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(
    ("number", "everyone", "ready"),
    [
        (signal.SIGINT, True, False),
        (signal.SIGINT, True, True),
        (signal.SIGHUP, True, True),
        # A supervisor signals only the process that it started: make.
        (signal.SIGTERM, False, True),
    ],
    ids=["Ctrl-C while it starts", "Ctrl-C while it applies", "the terminal is closed", "SIGTERM to make"],
)
def test_an_interrupted_start_leaves_nothing_running(
    person: Person, number: signal.Signals, everyone: bool, ready: bool
) -> None:
    up = person.start("up", f"PORT={person.port}")
    started = begun(up, person, ready=ready).process
    if everyone:
        os.killpg(up.pid, number)
    else:
        os.kill(up.pid, number)
    output, _ = up.communicate(timeout=60)
    assert up.returncode != 0 and "Traceback" not in output
    assert ended(started) and person.cluster() is None
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", person.port), timeout=1).close()


def test_up_ends_a_start_that_was_killed(person: Person) -> None:
    up = person.start("up", f"PORT={person.port}")
    left = begun(up, person, ready=False)
    os.killpg(up.pid, signal.SIGKILL)
    up.communicate(timeout=60)
    assert person.cluster() and not left.ready
    again = person.make("up", f"PORT={person.port}")
    assert again.returncode == 0 and "ending a start that did not finish" in again.stderr
    assert person.make("down").returncode == 0
