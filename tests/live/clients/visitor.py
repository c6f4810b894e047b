"""A user who logs in and out again and again, and one who looks at an Application: when each attempt went well.

    visitor.py HOST CA SERVER...      SERVER: the address of an argocd-server, which must learn of each logout

One line an attempt: when it began and ended (seconds of the epoch), what it was, `ok` or what went wrong.

- `login`: POST /api/v1/session through the gateway. Argo CD does not need Redis for it.
- `logout`: GET /auth/logout through the gateway, good when every SERVER refuses the token within a second. That goes
  through Redis: the one argocd-server that was asked writes the token there, the others hear of it from there.
- `tree`: GET /api/v1/applications/probe/resource-tree, which argocd-server reads from Redis, where the controller
  wrote it.

The password of the account admin is in ARGOCD_PASSWORD.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable

TIMEOUT = 2.0
PERIOD = 0.2

lock = threading.Lock()


class Wrong(Exception):
    """An attempt went wrong; the message says how."""


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    expected: int,
    body: str | None = None,
    token: str = "",
) -> bytes:
    """The body of the one answer on a new connection. Raises Wrong, also for another status than `expected`."""
    headers = {"content-type": "application/json", **({"cookie": f"argocd.token={token}"} if token else {})}
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Wrong(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status != expected:
        raise Wrong(f"{answer.status} {text[:100].decode(errors='replace')}")
    return text


class Visitor:
    """One user; each attempt raises Wrong where it goes wrong."""

    def __init__(self, host: str, ca: str, servers: list[str]) -> None:
        self._host, self._servers = host, servers
        self._tls = ssl.create_default_context(cafile=ca)
        self._token = ""

    def _gateway(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, timeout=TIMEOUT, context=self._tls)

    def login(self) -> None:
        credentials = json.dumps({"username": "admin", "password": os.environ["ARGOCD_PASSWORD"]})
        reply = ask(self._gateway(), "POST", "/api/v1/session", 200, credentials)
        self._token = json.loads(reply)["token"]

    def logout(self) -> None:
        token, self._token = self._token, ""
        if not token:
            raise Wrong("not logged in")
        ask(self._gateway(), "GET", "/auth/logout", 303, token=token)
        deadline = time.monotonic() + 1
        for server in self._servers:
            while True:
                try:
                    ask(
                        http.client.HTTPConnection(server, 8080, timeout=TIMEOUT),
                        "GET",
                        "/api/v1/account",
                        401,
                        None,
                        token,
                    )
                    break
                except Wrong as wrong:
                    if time.monotonic() > deadline:
                        raise Wrong(f"still good at {server}: {wrong}") from wrong
                    time.sleep(0.05)

    def tree(self) -> None:
        if not self._token:
            self.login()
        ask(self._gateway(), "GET", "/api/v1/applications/probe/resource-tree", 200, token=self._token)


def attempt(name: str, action: Callable[[], None]) -> None:
    began = time.time()
    try:
        action()
        result = "ok"
    except Wrong as wrong:
        result = str(wrong)
    with lock:
        print(json.dumps([began, time.time(), name, result]), flush=True)


def forever(visitor: Visitor, *names: str) -> None:
    while True:
        began = time.monotonic()
        for name in names:
            attempt(name, getattr(visitor, name))
        time.sleep(max(0.0, began + PERIOD - time.monotonic()))


def main(host: str, ca: str, *servers: str) -> None:
    for names in (("login", "logout"), ("tree",)):
        visitor = Visitor(host, ca, list(servers))
        threading.Thread(target=forever, args=(visitor, *names)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
