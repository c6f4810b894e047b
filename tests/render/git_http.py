"""This library as a git repository, and a git server on loopback: `git http-backend` behind Python's HTTP server."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from argocd_istio.consumer import REF
from tests.render.render import ROOT

ADDRESS = "https://github.com/argocd-istio/argocd-istio"
TAG = "v9.9.1"


def published(top: Path) -> Path:
    """A folder with this library as a bare repository, with the reference that the examples name, and a tag."""
    work = top / "work"
    for part in ("base", "overlays", "components"):
        shutil.copytree(ROOT / part, work / part)
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    tags = [["tag", name] for name in sorted({TAG, REF} - {"main"})]
    for command in (["init", "-q", "-b", "main"], ["add", "."], [*identity, "commit", "-qm", "library"], *tags):
        subprocess.run(["git", *command], cwd=work, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", work.as_uri(), str(top / "argocd-istio.git")], check=True)
    return top


def git_finds(address: str) -> dict[str, str]:
    """The environment that makes git fetch the library from `address` instead of its public address."""
    config = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{address}.insteadOf", "GIT_CONFIG_VALUE_0": ADDRESS}
    return os.environ | config | {"GIT_TERMINAL_PROMPT": "0"}


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve the bare repositories below `folder`; gives the address and the list of requests so far."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._backend(b"")

        def do_POST(self) -> None:
            self._backend(self.rfile.read(int(self.headers["Content-Length"])))

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            requests.append(f"{self.command} {self.path}")
            env = os.environ | {
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            result = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=True)
            head, _, content = result.stdout.partition(b"\r\n\r\n")
            fields = [line.split(": ", 1) for line in head.decode().split("\r\n")]
            status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
            self.send_response(status)
            for name, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr: the tests read `requests`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()
        server.server_close()
