"""The part of a kubelet's API that `kubectl logs` and `argocd app logs` read, through the API server.

Only whoever has a certificate of the cluster's authority may read: the API server, which first checks permissions.
"""

from __future__ import annotations

import contextlib
import re
import ssl
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TextIO
from urllib.parse import parse_qs, urlsplit

from live.addresses import NODE_ADDRESS
from live.pki import Authority

PORT = 10250
_PATH = re.compile(r"/containerLogs/([\w.-]+)/([\w.-]+)/([\w.-]+)")


def server(authority: Authority, folder: Path) -> ThreadingHTTPServer:
    """The server for the logs in the pods' folders below `folder`."""
    certificate, key = authority.folder / "kubelet.crt", authority.folder / "kubelet.key"
    certificate_pem, key_pem = authority.issue("kubelet", [NODE_ADDRESS])
    certificate.write_bytes(certificate_pem)
    key.touch(mode=0o600)
    key.write_bytes(key_pem)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            found = _PATH.fullmatch(asked.path)
            log = folder / f"{found[1]}_{found[2]}" / f"{found[3]}.log" if found else None
            if log is None or not log.exists():
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            options = {name: values[-1] for name, values in parse_qs(asked.query).items()}
            with contextlib.suppress(OSError):
                for line in lines(log, options):
                    data = line.encode()
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer((NODE_ADDRESS, PORT), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.certificate))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    # The handshake is done by the thread of the connection.
    made.socket = context.wrap_socket(made.socket, server_side=True, do_handshake_on_connect=False)
    return made


def lines(log: Path, options: dict[str, str]) -> Iterator[str]:
    """The lines of a container's log that a request asks for; with `follow`, until the container ends.

    All lines that are there have the time of the last one, because the times of the others are not kept.
    """
    tail = int(options["tailLines"]) if "tailLines" in options else None
    stamped = options.get("timestamps") == "true"
    with log.open(errors="replace") as text:
        before = datetime.fromtimestamp(log.stat().st_mtime, UTC)
        for line in deque(_written(text), tail):
            yield _stamp(before, line) if stamped else line
        runs = options.get("follow") == "true"
        while runs:
            # Asked before the last read: what the container wrote at its end is read too.
            runs = log.with_suffix(".json").exists()
            for line in _written(text):
                yield _stamp(datetime.now(UTC), line) if stamped else line
            time.sleep(0.1)


def _written(text: TextIO) -> Iterator[str]:
    """The container's own lines: the kubelet writes into the same file."""
    return (line for line in text if not line.startswith("kubelet: "))


def _stamp(moment: datetime, line: str) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ} {line}"
