"""Isolates a container with bubblewrap: its files, user and processes. The network is the pod's.

Enforces these parts of the manifest: the user, a read-only root, no additional privileges, and the volumes. Does not
enforce limits, seccomp profiles and network policies.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live import redirection
from live.image import Image
from tools.isolate import system


@dataclass(frozen=True)
class Mount:
    """Mounts a file or folder of the machine at the path `place` of the container."""

    source: Path
    place: str
    read_only: bool


@dataclass(frozen=True)
class Sandbox:
    """Everything that a container is started with, except the command line."""

    image: Image
    user: int
    group: int
    hostname: str
    work_dir: str
    env: dict[str, str]
    mounts: list[Mount]
    read_only_root: bool
    etc: Path
    """A folder with the files for /etc: passwd, group, hosts and others."""
    network_admin: bool = False
    """Whether it runs as root with NET_ADMIN and NET_RAW over the pod's network, and no other privilege."""


def etc_files(folder: Path, image: Image, user: int, group: int, hosts: Path) -> None:
    """Write the files of /etc to `folder`; `hosts` is a hard link, so that later changes are visible."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {user: f"{image.account}:x:{user}:{group}::{image.home}:/bin/sh"}
    people.setdefault(0, "root:x:0:0:root:/root:/bin/sh")
    (folder / "passwd").write_text("\n".join(people.values()) + "\n")
    (folder / "group").write_text(f"{image.account}:x:{group}:\nroot:x:0:\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (folder / "host.conf").write_text("multi on\n")  # a name may have several addresses
    # Names come from the hosts file; DNS lookups fail at once, because no server listens here.
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    link = folder / "hosts"
    link.unlink(missing_ok=True)
    os.link(hosts, link)


def words(sandbox: Sandbox, info_fd: int) -> list[str]:
    """The bubblewrap command line, without the command that runs inside."""
    image = sandbox.image
    line = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", sandbox.hostname]
    line += ["--cap-drop", "ALL"]
    if sandbox.network_admin:
        # Without a user namespace: capabilities in a new one do not apply to the pod's network.
        line += ["--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]
    else:
        line += ["--unshare-user", "--uid", str(sandbox.user), "--gid", str(sandbox.group)]
    line += ["--die-with-parent", "--info-fd", str(info_fd), "--clearenv"]
    for key, value in sandbox.env.items():
        line += ["--setenv", key, value]
    line += [
        *system(),
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--dir",
        "/tmp",
        "--dir",
        "/run",
        "--symlink",
        "../run",
        "/var/run",
    ]
    for path in sorted(sandbox.etc.iterdir()):
        line += ["--ro-bind", str(path), f"/etc/{path.name}"]
    line += ["--tmpfs", "/usr/local/bin"]
    for path in sorted(image.programs.iterdir()) if image.programs else []:
        place = f"/usr/local/bin/{path.name}"
        line += ["--symlink", str(path.readlink()), place] if path.is_symlink() else ["--ro-bind", str(path), place]
    for name, path in image.binds.items():
        line += ["--ro-bind", str(path), f"/usr/local/bin/{name}"]
    line += ["--remount-ro", "/usr/local/bin", "--dir", image.home]
    for folder in image.folders:
        line += ["--dir", folder]
    for place, path in image.shared.items():
        line += ["--ro-bind", str(path), place]
    for mount in sorted(sandbox.mounts, key=lambda mount: mount.place.count("/")):
        line += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.place]
    if sandbox.read_only_root:
        line += ["--remount-ro", "/"]
    return [*line, "--chdir", sandbox.work_dir, "--"]


def _real_group(sandbox: Sandbox) -> dict[str, Any]:
    """Options of subprocess.Popen that give a sidecar the real group that its redirection requires."""
    real = sandbox.group == redirection.GROUP and redirection.works()
    return {"group": redirection.GROUP, "extra_groups": []} if real else {}


class Process:
    """A running container."""

    def __init__(self, sandbox: Sandbox, command: list[str], network: list[str], log: Path) -> None:
        """Start `command` in `sandbox`; `network` is the prefix that enters the pod's network namespace."""
        read_end, write_end = os.pipe()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*network, *words(sandbox, write_end), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[write_end],
                **_real_group(sandbox),
            )
        os.close(write_end)
        with os.fdopen(read_end) as info:
            text = info.read()
        # Empty if bubblewrap itself failed; its message is in the log.
        self.init: int | None = json.loads(text)["child-pid"] if text else None
        """The process ID of the container's first process on the node."""
        # Commands and signals can reach the container only after bubblewrap has started its command.
        while self.init and self.exit_code() is None and not self._main():
            time.sleep(0.002)
        settings = [f"{key}={value}" for key, value in sandbox.env.items()]
        # nsenter enters the user namespace last; from then on a command has only the container's rights.
        self.enter = ["nsenter", f"--target={self.init}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        self.enter += [] if sandbox.network_admin else ["--user"]
        self.enter += ["--preserve-credentials", "--", "/usr/bin/env", "-i", f"--chdir={sandbox.work_dir}", *settings]
        """The prefix that runs a command of the node in the container."""

    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the container's main process."""
        main = self._main()
        if main is None:
            self._process.kill()
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(main, number)

    def _main(self) -> int | None:
        try:
            children = Path(f"/proc/{self.init}/task/{self.init}/children").read_text().split()
        except OSError:
            return None
        return int(children[0]) if children else None

    def kill(self) -> None:
        """Kill every process of the container."""
        self._process.kill()
        self._process.wait()

    def run(self, command: list[str], timeout: float) -> tuple[int, str]:
        """Run another command in the container; returns its exit code and output.

        Raises TimeoutError after `timeout` seconds.
        """
        process = subprocess.Popen(
            [*self.enter, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimeoutError(f"still running after {timeout:g} s") from error
        return process.returncode, output
