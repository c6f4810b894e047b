"""Users of Argo CD behind the gateway, who repeat the same actions: when each attempt succeeds or fails.

    python -m tests.live.clients.visitor HOST CA APPLICATION SERVERS MASTER SENTINEL...

Prints one JSON array per attempt: when it began and ended (seconds since the epoch), its name, `ok` or the error.

- `request`: GET /api/version, ten times a second.
- `login`: POST /api/v1/session. It does not need Redis, and takes half a second to a second on purpose.
- `logout`: GET /auth/logout. It succeeds if the master has the revoked token: Argo CD reports success even if it could
  not write the token.
- `everywhere`: from a successful logout until every argocd-server (SERVERS, addresses separated by commas) refuses the
  token; the result is `begun` at its start.
- `tree`: GET the resource tree of APPLICATION, which the controller wrote to Redis.
- `refresh`: GET APPLICATION with refresh=hard: the controller must compare it, and needs repo-server.

The admin password is in ARGOCD_PASSWORD, the password of Redis in REDISCLI_AUTH.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable

from tests.live.clients.redis_client import master

TIMEOUT = 2.0
REFRESH_TIMEOUT = 30.0
PERIOD = 0.1
ACCOUNTS = "/api/v1/account"

lock = threading.Lock()


def say(began: float, name: str, result: str) -> None:
    with lock:
        print(json.dumps([began, time.time(), name, result]), flush=True)


class Wrong(Exception):
    """An attempt failed; the message says why."""


def ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    expected: int,
    body: str | None = None,
    token: str = "",
) -> bytes:
    """Send a request on a new connection; returns the body. Raises Wrong for an error or a status not `expected`."""
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
    """A user; each attempt raises Wrong if it fails."""

    def __init__(self, host: str, ca: str, application: str, servers: str, name: str, *sentinels: str) -> None:
        self._host, self._application = host, f"/api/v1/applications/{application}"
        self._servers, self._master = servers.split(","), (name, list(sentinels))
        self._tls = ssl.create_default_context(cafile=ca)
        self._token = ""

    def _gateway(self, timeout: float = TIMEOUT) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._host, timeout=timeout, context=self._tls)

    def _session(self) -> str:
        if not self._token:
            self.login()
        return self._token

    def request(self) -> None:
        ask(self._gateway(), "GET", "/api/version", 200)

    def login(self) -> None:
        credentials = json.dumps({"username": "admin", "password": os.environ["ARGOCD_PASSWORD"]})
        reply = ask(self._gateway(), "POST", "/api/v1/session", 200, credentials)
        self._token = json.loads(reply)["token"]

    def logout(self) -> None:
        token, self._token = self._token, ""
        if not token:
            raise Wrong("not logged in")
        ask(self._gateway(), "GET", "/auth/logout", 303, token=token)
        claims = token.split(".")[1]
        number = json.loads(base64.urlsafe_b64decode(claims + "=="))["jti"]
        try:
            redis = master(*self._master)
            found = redis("EXISTS", f"revoked-token|{number}")
            redis.close()
        except OSError as error:
            raise Wrong(f"logged out, but found no master: {error}") from error
        if found != [":1"]:
            raise Wrong(f"logged out, but the revoked token is not in Redis: {number}")
        threading.Thread(target=self._everywhere, args=(time.time(), token)).start()

    def _everywhere(self, began: float, token: str) -> None:
        say(began, "everywhere", "begun")
        for server in self._servers:
            while True:
                try:
                    ask(http.client.HTTPConnection(server, 8080, timeout=TIMEOUT), "GET", ACCOUNTS, 401, token=token)
                    break
                except Wrong:
                    time.sleep(0.05)
        say(began, "everywhere", "ok")

    def tree(self) -> None:
        ask(self._gateway(), "GET", f"{self._application}/resource-tree", 200, token=self._session())

    def refresh(self) -> None:
        ask(self._gateway(REFRESH_TIMEOUT), "GET", f"{self._application}?refresh=hard", 200, token=self._session())


def attempt(name: str, action: Callable[[], None]) -> None:
    began = time.time()
    try:
        action()
        result = "ok"
    except Wrong as wrong:
        result = str(wrong)
    say(began, name, result)


def forever(visitor: Visitor, *names: str) -> None:
    while True:
        began = time.monotonic()
        for name in names:
            attempt(name, getattr(visitor, name))
        time.sleep(max(0.0, began + PERIOD - time.monotonic()))


def main(*arguments: str) -> None:
    for names in (("request",), ("login", "logout"), ("tree",), ("refresh",)):
        threading.Thread(target=forever, args=(Visitor(*arguments), *names)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
