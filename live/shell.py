"""Runs commands in the cluster: as a client, as root of the node, and the real kubectl."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from live.api import Object
from live.errors import LiveError, ended

Completed = subprocess.CompletedProcess[str]


class Shell:
    """Runs commands in the namespaces of a cluster: `state` is its state folder, `pid` its first process."""

    def __init__(self, state: Path, pid: int) -> None:
        self.state, self.process = state, pid

    def _enter(self, network: str = "client") -> list[str]:
        """The prefix that runs a command as a client: in that network namespace, with the clients' hosts file."""
        words = ["nsenter", f"--net=/proc/{self.process}/root/run/netns/{network}", *self._enter_user()]
        script = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
        return [*words, "--", "unshare", "--mount", "sh", "-c", script, "sh", str(self.state / "client-hosts")]

    def _enter_user(self) -> list[str]:
        user = Path(f"/proc/{self.process}/ns/user")
        try:
            own = user.samefile("/proc/self/ns/user")
        except FileNotFoundError:
            raise ended(self.state) from None
        return [] if own else [f"--user={user}", "--preserve-credentials"]

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        path = f"{self.state / 'bin'}:{own.get('PATH', '')}:/usr/sbin:/sbin"
        return {**own, "HOME": str(self.state / "home"), "PATH": path, **(env or {})}

    def popen(
        self, command: list[str], *, env: Mapping[str, str] | None = None, network: str = "client", **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a client command; `options` are those of subprocess.Popen. A signal reaches the command itself.

        `network` is a network namespace: the clients' own, or that of a pod (live.faults.doors).
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
        """Run a client command until it ends, with curl, argocd, kubectl and kustomize on its PATH.

        The names of `set_hosts` resolve to the gateway; HOME is a writable folder of the cluster. `timeout` is in
        seconds. Raises LiveError if `check` is set and the command fails, and subprocess.TimeoutExpired.
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
        """Run a command as root of the node, in its network and PID namespaces. Raises LiveError if it fails."""
        words = ["nsenter", f"--target={self.process}", "--net", "--mount", "--pid", *self._enter_user(), "--"]
        done = self._run([*words, *command], None, timeout, input)
        if done.returncode != 0:
            raise LiveError(_refusal(command, done))
        return done

    def kubectl(
        self, *args: str | Path, input: str | bytes | None = None, check: bool = True, timeout: float = 120
    ) -> Completed:
        """Run the real kubectl as an administrator. Raises LiveError if it fails and `check` is set."""
        text = input.decode() if isinstance(input, bytes) else input
        command = ["kubectl", *map(str, args)]
        env = {"KUBECONFIG": str(self.state / "kubeconfig")}
        return self.exec(command, env=env, input=text, check=check, timeout=timeout)

    def pods(self, namespace: str = "") -> list[Object]:
        """The Pods of a namespace, or of all namespaces."""
        place = ("-n", namespace) if namespace else ("-A",)
        found: list[Object] = json.loads(self.kubectl("get", "pods", *place, "-o", "json").stdout)["items"]
        return found


def _refusal(command: list[str], done: Completed) -> str:
    text = (done.stderr or done.stdout).strip()
    return f"{' '.join(map(str, command))}: exit code {done.returncode}: {text}"
