"""A container's probes: when to run each, and when it has passed or failed."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable

from live.api import Object
from live.podspec import NotYet, port_number

# (command, timeout in seconds) -> exit code and output of the command in the container. Raises OSError.
Run = Callable[[list[str], float], tuple[int, str]]


def ask(probe: Object, container: Object, address: str, run: Run) -> str | None:
    """Run a probe once; returns None for success, else the reason of the failure."""
    timeout = float(probe.get("timeoutSeconds", 1))
    try:
        if "exec" in probe:
            code, output = run(probe["exec"]["command"], timeout)
            return None if code == 0 else f"exit code {code}: {output.strip()}"
        if "httpGet" in probe:
            return _http(probe["httpGet"], container, address, timeout)
        if "tcpSocket" in probe:
            with socket.create_connection((address, port_number(container, probe["tcpSocket"]["port"])), timeout):
                return None
    except (OSError, http.client.HTTPException, NotYet) as error:
        return f"{type(error).__name__}: {error}"
    return "this node does not support gRPC probes"


def _http(get: Object, container: Object, address: str, timeout: float) -> str | None:
    port = port_number(container, get["port"])
    host = get.get("host", address)
    connection: http.client.HTTPConnection
    if get.get("scheme") == "HTTPS":
        # Like a kubelet, does not check the certificate.
        tls = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        headers = {entry["name"]: entry["value"] for entry in get.get("httpHeaders", [])}
        connection.request("GET", get.get("path", "/"), headers={"User-Agent": "kube-probe", **headers})
        status = connection.getresponse().status
    finally:
        connection.close()
    return None if 200 <= status < 400 else f"HTTP status {status}"


class Prober:
    """One probe of one running container.

    `passed` is None until enough results in a row agree (successThreshold, failureThreshold).
    """

    def __init__(self, probe: Object, container: Object, address: str, run: Run) -> None:
        self._probe, self._container, self._address, self._run = probe, container, address, run
        self._due = time.monotonic() + probe.get("initialDelaySeconds", 0)
        self._good = self._bad = 0
        self.passed: bool | None = None
        self.message = ""

    def step(self, *, hurry: bool) -> None:
        """Run the probe if it is due. With `hurry` (not ready yet), repeat a failed probe after at most a second."""
        if time.monotonic() < self._due:
            return
        problem = ask(self._probe, self._container, self._address, self._run)
        period = float(self._probe.get("periodSeconds", 10))
        self._due = time.monotonic() + (min(period, 1.0) if hurry and problem else period)
        if problem is None:
            self._good, self._bad = self._good + 1, 0
            if self._good >= self._probe.get("successThreshold", 1):
                self.passed = True
        else:
            self._good, self._bad, self.message = 0, self._bad + 1, problem
            if self._bad >= self._probe.get("failureThreshold", 3):
                self.passed = False
