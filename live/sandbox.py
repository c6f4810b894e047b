"""The walls of a container, built by bubblewrap: files, user, processes; the network is the pod's.

What the manifest says holds: the user, a read-only root, no privileges to gain, each volume at its
place. Limits, seccomp profiles and network policies are not enforced.
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


@dataclass(frozen=True)
class Mount:
    """A file or folder of the machine at a place in the container."""

    source: Path
    place: str
    read_only: bool


@dataclass(frozen=True)
class Wall:
    """Everything but the command line that a container is started with."""

    image: Image
    user: int
    group: int
    hostname: str
    work_dir: str
    env: dict[str, str]
    mounts: list[Mount]
    read_only_root: bool
    etc: Path
    """A folder of files for /etc: passwd, group, hosts and the like."""
    network_admin: bool = False
    """Whether it is the root that changes the pod's network, and has no other privilege."""


def etc_files(folder: Path, image: Image, user: int, group: int, hosts: Path) -> None:
    """Write the files of /etc; `hosts` is bound as it is, so that it can change later."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {user: f"{image.account}:x:{user}:{group}::{image.home}:/bin/sh"}
    people.setdefault(0, "root:x:0:0:root:/root:/bin/sh")
    (folder / "passwd").write_text("\n".join(people.values()) + "\n")
    (folder / "group").write_text(f"{image.account}:x:{group}:\nroot:x:0:\n")
    (folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
    (folder / "host.conf").write_text("multi on\n")  # a name may have several addresses
    # Names come from the hosts file; nothing answers here, at once.
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    link = folder / "hosts"
    link.unlink(missing_ok=True)
    os.link(hosts, link)


def _system() -> list[str]:
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            words += ["--ro-bind", str(path), str(path)]
    for name in ("ld.so.cache", "alternatives", "ssl"):
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words


def words(wall: Wall, info_fd: int) -> list[str]:
    """The bubblewrap command line, without the command that runs inside."""
    image = wall.image
    line = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", wall.hostname]
    line += ["--cap-drop", "ALL"]
    if wall.network_admin:
        # The capabilities of a user namespace of its own would be worth nothing over the pod's network.
        line += ["--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]
    else:
        line += ["--unshare-user", "--uid", str(wall.user), "--gid", str(wall.group)]
    line += ["--die-with-parent", "--info-fd", str(info_fd), "--clearenv"]
    for key, value in wall.env.items():
        line += ["--setenv", key, value]
    line += [
        *_system(),
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
    for path in sorted(wall.etc.iterdir()):
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
    for mount in sorted(wall.mounts, key=lambda mount: mount.place.count("/")):
        line += ["--ro-bind" if mount.read_only else "--bind", str(mount.source), mount.place]
    if wall.read_only_root:
        line += ["--remount-ro", "/"]
    return [*line, "--chdir", wall.work_dir, "--"]


def _real_group(wall: Wall) -> dict[str, Any]:
    """Options of subprocess.Popen that give a sidecar the group which its redirection asks the kernel for."""
    real = wall.group == redirection.GROUP and redirection.works()
    return {"group": redirection.GROUP, "extra_groups": []} if real else {}


class Process:
    """A running container."""

    def __init__(self, wall: Wall, command: list[str], network: list[str], log: Path) -> None:
        """Start `command` behind `wall`; `network` are the words that enter the pod's network namespace."""
        read_end, write_end = os.pipe()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*network, *words(wall, write_end), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[write_end],
                **_real_group(wall),
            )
        os.close(write_end)
        with os.fdopen(read_end) as info:
            text = info.read()
        # Empty where bubblewrap itself failed; its message is in the log then.
        self.init: int | None = json.loads(text)["child-pid"] if text else None
        """The container's first process, by its number on the node."""
        # It may be entered and signalled from when its walls stand and its command has begun.
        while self.init and self.exit_code() is None and not self._main():
            time.sleep(0.002)
        settings = [f"{key}={value}" for key, value in wall.env.items()]
        # The user namespace is left for the end by nsenter; who enters it has no more rights than the container.
        self.enter = ["nsenter", f"--target={self.init}", "--mount", "--uts", "--ipc", "--net", "--pid"]
        self.enter += [] if wall.network_admin else ["--user"]
        self.enter += ["--preserve-credentials", "--", "/usr/bin/env", "-i", f"--chdir={wall.work_dir}", *settings]
        """The words that make a command of the node run in the container."""

    def exit_code(self) -> int | None:
        """None while it runs."""
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
        """End everything in the container at once."""
        self._process.kill()
        self._process.wait()

    def run(self, command: list[str], timeout: float) -> tuple[int, str]:
        """Run one more command in the container; its exit code and output.

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
            raise TimeoutError(f"no end after {timeout:g} s") from error
        return process.returncode, output
