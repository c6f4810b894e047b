"""The node's replacement for a container image: the real program, and the few other files that a pod needs.

The rest of an image (system libraries and tools) is the machine's own /usr, read-only.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path

from live import redirection
from live.addresses import REPOSITORIES
from live.api import Object
from tools.versions import module, release

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# argocd-repo-server runs these two and reads their output: an invalid signature is not a failure.
GPG_WRAPPER = """\
#!/bin/sh
gpg "$@" 2>&1
[ $? -le 1 ]
"""
GIT_VERIFY_WRAPPER = """\
#!/bin/sh
git verify-commit "$1" 2>&1 || git verify-tag "$1" 2>&1 || true
"""

# dex is not available as a Go module or a package. argocd-dex starts it only if single sign-on is configured.
NO_DEX = """\
#!/bin/sh
echo "dex: this node has no dex: single sign-on does not work here" >&2
exit 1
"""

ARGOCD_NAMES = (
    "argocd-application-controller",
    "argocd-applicationset-controller",
    "argocd-cmp-server",
    "argocd-commit-server",
    "argocd-dex",
    "argocd-git-ask-pass",
    "argocd-k8s-auth",
    "argocd-notifications",
    "argocd-repo-server",
    "argocd-server",
)


@dataclass(frozen=True)
class Image:
    """An image's configuration and files.

    `programs` is mounted as /usr/local/bin, and `binds` adds programs to it by name. `folders` are created empty.
    `shared` maps paths in the container to files and folders of the machine, mounted read-only.
    """

    user: int
    account: str
    home: str
    entrypoint: list[str] = field(default_factory=list)
    args: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    programs: Path | None = None
    binds: dict[str, Path] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    shared: dict[str, Path] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        return {"PATH": PATH, "HOME": self.home, **self.env}

    def written(self) -> Object:
        """The image as JSON; `read` is the reverse."""
        paths = {name: {key: str(path) for key, path in getattr(self, name).items()} for name in ("binds", "shared")}
        return {**asdict(self), **paths, "programs": self.programs and str(self.programs)}

    @classmethod
    def read(cls, written: Object) -> Image:
        """The image that `written` gave."""
        paths = {name: {key: Path(path) for key, path in written[name].items()} for name in ("binds", "shared")}
        programs = written["programs"] and Path(written["programs"])
        return cls(**{**written, **paths, "folders": tuple(written["folders"]), "programs": programs})


class Images:
    """The images of this node, by the last part of their name; `more` are those of `Cluster.start`, as JSON."""

    def __init__(self, folder: Path, programs: dict[str, Path], repositories: Path, more: dict[str, Object]) -> None:
        argocd = folder / "argocd"
        argocd.mkdir(parents=True)
        for name in ARGOCD_NAMES:
            (argocd / name).symlink_to("argocd")
        _script(argocd / "gpg-wrapper.sh", GPG_WRAPPER)
        _script(argocd / "git-verify-wrapper.sh", GIT_VERIFY_WRAPPER)
        dex = folder / "dex"
        dex.mkdir()
        _script(dex / "dex", NO_DEX)
        # Redis's image is based on Alpine Linux: its shell and tools are busybox.
        redis, machine = folder / "redis", {name: _program(name) for name in ("redis-server", "redis-cli", "busybox")}
        redis.mkdir()
        applets = subprocess.run([machine["busybox"], "--list"], check=True, capture_output=True, text=True)
        for name in applets.stdout.split():
            (redis / name).symlink_to("busybox")
        # The program is built from the Go module; the installed release may be newer.
        self._argocd = dict.fromkeys([release(), module()])
        self._images = {
            "argocd": Image(
                user=999,
                account="argocd",
                home="/home/argocd",
                env={"USER": "argocd", "GRPC_ENABLE_TXT_SERVICE_CONFIG": "false"},
                programs=argocd,
                binds={"argocd": programs["argocd"], "kustomize": programs["kustomize"]},
                folders=("/app/config/ssh", "/app/config/tls", "/app/config/gpg/source", "/app/config/gpg/keys"),
                shared={REPOSITORIES: repositories},
            ),
            "dex": Image(user=1001, account="dex", home="/home/dex", programs=dex),
            "redis": Image(
                user=999,
                account="redis",
                home="/data",
                entrypoint=["redis-server"],
                programs=redis,
                binds={**machine, "redis-sentinel": machine["redis-server"]},
            ),
            # Of the workloads in upstream's end-to-end tests: busybox alone.
            "argocd-e2e-container": Image(
                user=0,
                account="root",
                home="/",
                args=["sh", "-c", "trap : TERM INT; echo Hi && tail -f /dev/null"],
                programs=redis,
                binds={"busybox": machine["busybox"]},
            ),
            "proxyv2": Image(
                user=redirection.GROUP,
                account="istio-proxy",
                home="/",
                entrypoint=["pilot-agent"],
                binds={name: programs[name] for name in ("pilot-agent", "envoy")},
                shared={"/var/lib/istio/envoy/envoy_bootstrap_tmpl.json": programs["envoy-bootstrap"]},
            ),
            **{name: Image.read(image) for name, image in more.items()},
        }

    def find(self, reference: str) -> Image | None:
        """The image for a reference such as `quay.io/argoproj/argocd:TAG`; None if the node has none.

        The node has one version of Argo CD, for the tags of the installed release and of the Go module. For Redis,
        dex and Istio's proxy it ignores the tag.
        """
        name, _, tag = reference.split("@")[0].rsplit("/", 1)[-1].partition(":")
        return None if name == "argocd" and tag not in ("", *self._argocd) else self._images.get(name)

    @property
    def known(self) -> str:
        own = {"argocd": " and ".join(f"argocd:{version}" for version in self._argocd)}
        return ", ".join(own.get(name, name) for name in self._images)


def _program(name: str) -> Path:
    """A program of the machine, with links resolved: Debian's redis-server is a link to another name."""
    return Path(shutil.which(name) or f"/usr/bin/{name}").resolve()


def _script(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
