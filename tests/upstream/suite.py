"""Runs upstream's tests, one process each, as a client of a live cluster."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from live.addresses import REPOSITORIES
from live.cluster import Cluster
from live.network import namespace_of
from tests.live.conftest import HOST
from tests.upstream import catalogue
from tests.upstream.install import NAMESPACE, OTHERS, past_the_gateway, through_the_gateway
from tests.upstream.plan import WEB, Cell
from tools.build import argocd_module, program

PASS, SKIP = "pass", "skip"
LIMIT = 480
"""Seconds for one test, of which some wait until Argo CD polls git; upstream's own limit for all is two hours."""

# Every test looks for the processes of a local run with these two programs.
NOTHING = "#!/bin/sh\nexit 0\n"
GIT = "[user]\n\tname = e2e\n\temail = e2e@localhost\n[init]\n\tdefaultBranch = master\n"
REPOSITORY, SUBMODULE, PARENT = "testdata.git", "submodule.git", "submoduleParent.git"

FRONT = str(Path(__file__).with_name("tls_front.py"))
# Until it listens, the test would be refused.
BEHIND_FRONT = """\
mount --bind "$1" /etc/hosts
"$2" "$3" "$4" "$5" &
until "$2" -c 'import socket; socket.create_connection(("127.0.0.1", 443))' 2>/dev/null; do :; done
shift 5
exec "$@"
"""


@dataclass(frozen=True)
class Run:
    """How one run of a test ended: pass, fail, skip, timeout, or none if it did not start."""

    outcome: str
    seconds: float

    @property
    def good(self) -> bool:
        return self.outcome in (PASS, SKIP)


class Suite:
    """Upstream's tests against one cluster; `folder` is for their files."""

    def __init__(self, cluster: Cluster, cell: Cell, folder: Path) -> None:
        self._cluster, self._cell, self._folder = cluster, cell, folder
        # The module's own folder is read-only, and so would be the copies that the tests make of it.
        shutil.copytree(argocd_module() / "test", folder / "test")
        subprocess.run(["chmod", "-R", "u+w", str(folder / "test")], check=True)
        for name in ("dist", "programs", "work", "tmp", "config"):
            (folder / name).mkdir()
        (folder / "dist/argocd").symlink_to(program("argocd"))
        (folder / "gitconfig").write_text(GIT)
        for name in ("pkill", "goreman"):
            path = folder / "programs" / name
            path.write_text(NOTHING)
            path.chmod(0o755)
        (folder / "programs/helm").symlink_to(program("helm"))
        self._repositories = cluster.state / "repositories"
        for name in (REPOSITORY, SUBMODULE, PARENT):
            subprocess.run(["git", "init", "-q", "--bare", "-b", "master", str(self._repositories / name)], check=True)
        self._password = cluster.admin_password()

    def run(self, test: str, log: Path, *, past: bool = False) -> Run:
        """Run a test once, through the gateway or `past` it."""
        server = past_the_gateway(self._cluster) if past else through_the_gateway()
        # In a process namespace of its own: whatever the test starts ends with it.
        words = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        if test in catalogue.plain() and not past:
            hosts = self._folder / "front-hosts"
            hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
            words += ["sh", "-c", BEHIND_FRONT, "sh", str(hosts), sys.executable, FRONT, HOST]
            words += [self._cluster.gateway_ip]
        words += [str(program("argocd-e2e")), "-test.v", f"-test.timeout={LIMIT}s", f"-test.run=^{test}$"]
        start = time.monotonic()
        with log.open("w") as output:
            process = self._cluster.popen(
                words,
                env=self._environment(server),
                network=self._network(catalogue.beside(test)),
                cwd=self._folder / "test/e2e",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
            try:
                process.wait(LIMIT + 20)
            except subprocess.TimeoutExpired:
                pass
            finally:
                process.kill()
                process.wait()
        seconds = time.monotonic() - start
        found = re.search(rf"^--- (PASS|FAIL|SKIP): {test} ", log.read_text(errors="replace"), re.M)
        ended = "timeout" if seconds >= LIMIT - 1 else "none"
        return Run(found[1].lower() if found else ended, seconds)

    def _network(self, part: str) -> str:
        """The network namespace of a part's running pod, else that of the clients."""
        if not part:
            return "client"
        found = [pod for pod in self._cluster.pods(NAMESPACE) if pod["metadata"]["name"].startswith(f"{part}-")]
        return namespace_of(next(pod for pod in found if "deletionTimestamp" not in pod["metadata"]))

    def _environment(self, server: str) -> dict[str, str]:
        folder, repositories = self._folder, self._repositories
        return {
            "PATH": f"{folder / 'programs'}:{self._cluster.state / 'bin'}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "KUBECONFIG": str(self._cluster.state / "kubeconfig"),
            "TMPDIR": str(folder / "tmp"),
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
            "ARGOCD_CONFIG_DIR": str(folder / "config"),
            "ARGOCD_SERVER": server,
            "ARGOCD_OPTS": "--grpc-web" if self._cell.protocol == WEB else "",
            "ARGOCD_E2E_REMOTE": "true",
            "ARGOCD_E2E_K3S": "true",
            # Upstream's tests of it are skipped without. The install has it in the sets that contain them.
            "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS": "true",
            "ARGOCD_E2E_NAMESPACE": NAMESPACE,
            "ARGOCD_E2E_APP_NAMESPACE": OTHERS[0],
            "ARGOCD_E2E_ADMIN_PASSWORD": self._password,
            "ARGOCD_E2E_DEFAULT_TIMEOUT": "60",
            "ARGOCD_E2E_DIR": str(folder / "work"),
            "ARGOCD_E2E_GIT_SERVICE": str(repositories / REPOSITORY),
            "ARGOCD_E2E_GIT_SERVICE_SUBMODULE": str(repositories / SUBMODULE),
            "ARGOCD_E2E_GIT_SERVICE_SUBMODULE_PARENT": str(repositories / PARENT),
            "ARGOCD_E2E_REPO_DEFAULT": f"file://{REPOSITORIES}/{REPOSITORY}",
        }
