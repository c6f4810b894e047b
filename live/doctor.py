"""The programs that the system must provide; all others are built."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from live import redirection
from live.errors import LiveError


@dataclass(frozen=True)
class Need:
    """A program of the system, its Debian package, and whether only the browser tests need it."""

    program: str
    package: str
    browser: bool = False


NEEDS = (
    Need("unshare", "util-linux"),
    Need("nsenter", "util-linux"),
    Need("ip", "iproute2"),
    Need("nft", "nftables"),
    Need("bwrap", "bubblewrap"),
    Need("redis-server", "redis-server"),
    Need("busybox", "busybox"),
    Need("git", "git"),
    Need("gpg", "gpg"),
    Need("curl", "curl"),
    Need("chromium", "chromium", browser=True),
    Need("certutil", "libnss3-tools", browser=True),
)

# A user's PATH may not contain these folders.
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing(*, browser: bool) -> list[Need]:
    """The programs that the system does not have, in the order of NEEDS."""
    return [need for need in NEEDS if (browser or not need.browser) and not shutil.which(need.program, path=PATH)]


def limits() -> list[str]:
    """What a cluster started by this user cannot do, one line each."""
    return [] if os.geteuid() == 0 and redirection.works() else [redirection.WHY_NOT]


def install_line(needs: list[Need]) -> str:
    """The command that installs them on Debian and Ubuntu."""
    return "apt-get install -y " + " ".join(dict.fromkeys(need.package for need in needs))


def require(*, browser: bool, install: bool) -> None:
    """Raise LiveError if a program is missing or the system refuses namespaces.

    With `install`, and as root on Debian or Ubuntu, install missing programs first.
    """
    needs = missing(browser=browser)
    if needs and install and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(needs)
        needs = missing(browser=browser)
    if needs:
        names = ", ".join(need.program for need in needs)
        raise LiveError(f"programs are missing: {names}; on Debian and Ubuntu: sudo {install_line(needs)}")
    _namespaces()


def _install(needs: list[Need]) -> None:
    line = install_line(needs)
    print(f"installing missing programs: {line}", flush=True)
    # RUNLEVEL=1: Debian's redis-server package must not start its service.
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["apt-get", "update"], [*line.split(), "--no-install-recommends"]):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise LiveError(f"{' '.join(command)} failed: {' '.join(last)}")


def _namespaces() -> None:
    """Raise LiveError if the system refuses the namespaces that the cluster runs in."""
    words = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--mount", "--pid", "--fork"]
    probe = [*words, "--mount-proc", "bwrap", "--unshare-user", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        found = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise LiveError(
            f"this system refuses user namespaces ({found}); run as root on the machine itself, or allow them: "
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu) or "
            "kernel.unprivileged_userns_clone=1 (Debian)"
        )
