"""Controls headless Chromium by its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/).

The protocol uses a pipe, so no port is open, and the browser may run in another network namespace.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

# By default Chromium upgrades to https by itself, and would never get the gateway's redirect.
_NO_UPGRADE = "HttpsUpgrades,HttpsFirstBalancedMode,HttpsFirstBalancedModeAutoEnable"
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={_NO_UPGRADE}",
    "--remote-debugging-pipe",
]


# Findings of the browser about a page that make it fail in some browser, or that leak.
_ISSUES = ("MixedContent", "ContentSecurityPolicy", "Cookie", "BlockedByResponse", "Cors")


# What DevTools answers to a question about a page that the browser has left.
_LEFT = ("context was destroyed", "navigated or closed", "Cannot find default execution context")

# Where an element is, as soon as it does not move any more.
_PLACE = """async element => {
    element.scrollIntoView({block: 'center'});
    for (let before; ; ) {
        const place = element.getBoundingClientRect().toJSON();
        if (JSON.stringify(place) === before) return place;
        before = JSON.stringify(place);
        await new Promise(resolve => setTimeout(resolve, 100));
    }
}"""


class BrowserError(Exception):
    """The browser failed: a page does not load, a script throws, or there is no answer in time."""


def trust(home: Path, ca: Path) -> None:
    """Make a browser with HOME `home` trust the certificate authority in the PEM file `ca`."""
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True)
    for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "test", "-i", str(ca)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, capture_output=True)


class Browser:
    """A browser with one page, and its own profile under `home`.

    `popen` starts the browser's command, with stdin and stdout as byte pipes. `timeout` is in seconds, for each answer.
    """

    def __init__(self, popen: Callable[[list[str]], subprocess.Popen[bytes]], home: Path, timeout: float = 20) -> None:
        self._timeout = timeout
        # Pipe mode uses file descriptors 3 and 4; a shell connects them to stdin and stdout.
        to_pipe = ["sh", "-c", 'exec "$@" 3<&0 4>&1 1>&2 2>/dev/null', "sh"]
        chromium = ["env", f"HOME={home}", "chromium", *_FLAGS, f"--user-data-dir={home}/profile"]
        self._process = popen([*to_pipe, *chromium])
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        self._buffer = b""
        self._id = 0
        self.events: list[dict[str, Any]] = []
        self.faults: list[str] = []
        """After `watch`: what a person would find in the browser's console, and requests that failed."""
        try:
            target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
            self._session: str | None = None
            self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
            self._call("Page.enable")
            self._call("Page.setLifecycleEventsEnabled", {"enabled": True})
            self._call("Network.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the browser: it exits when its pipe closes."""
        self._input.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def open(self, url: str) -> None:
        """Load `url`, follow redirects, and wait for the load event. Raises BrowserError if the page does not load."""
        self.events.clear()
        answer = self._call("Page.navigate", {"url": url})
        if "errorText" in answer:
            raise BrowserError(f"{url}: {answer['errorText']}")
        load = {"name": "load", "loaderId": answer["loaderId"]}
        self._read_until(lambda message: load.items() <= message.get("params", {}).items(), f"loading {url}")

    def watch(self, width: int = 1440, height: int = 760) -> None:
        """Record faults from now on, in a window of this size."""
        for domain in ("Runtime", "Log", "Audits"):
            self._call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", size)

    def wait(self, condition: str, what: str) -> None:
        """Wait until a JavaScript expression is true. Raises BrowserError."""
        deadline = time.monotonic() + self._timeout
        while not self._true(condition):
            if time.monotonic() > deadline:
                page = self.evaluate("`${location.href}: ${document.body?.innerText}`")
                raise BrowserError(f"{what}: not in {self._timeout:g} s; faults: {self.faults}; page: {page[:2000]}")
            time.sleep(0.05)

    def _true(self, condition: str) -> bool:
        """Whether an expression is true; false if the browser leaves the page meanwhile."""
        try:
            return bool(self.evaluate(f"!!({condition})"))
        except BrowserError as error:
            if any(part in str(error) for part in _LEFT):
                return False
            raise

    def click(self, element: str, what: str) -> None:
        """Click with the mouse on an element, given as a JavaScript expression, as soon as it exists."""
        self.wait(element, what)
        found = self.evaluate(f"({_PLACE})({element})")
        point = {"x": found["x"] + found["width"] / 2, "y": found["y"] + found["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", {"type": kind, **point, "button": "left", "clickCount": 1})

    def type(self, text: str) -> None:
        """Type into the element that has the focus."""
        self._call("Input.insertText", {"text": text})

    def screenshot(self, path: Path) -> None:
        """Write what the window shows as a PNG file."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def cookies(self, start: str = "") -> dict[str, str]:
        """The page's cookies whose names begin so, also those that scripts cannot read."""
        found = self._call("Network.getCookies")["cookies"]
        return {one["name"]: one["value"] for one in found if one["name"].startswith(start)}

    def redirects(self) -> list[tuple[str, int, str]]:
        """The redirects of the last `open`: (requested URL, status, new URL)."""
        return [
            (answer["url"], answer["status"], event["params"]["request"]["url"])
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
            and (answer := event["params"].get("redirectResponse"))
        ]

    def streamed(self) -> list[str]:
        """The messages that event streams have brought since the last `open`, as far as they have been read."""
        received = [one for one in self.events if one.get("method") == "Network.eventSourceMessageReceived"]
        return [event["params"]["data"] for event in received]

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression in the page; waits for a promise. Raises BrowserError."""
        options = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._call("Runtime.evaluate", options)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise BrowserError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        self._id += 1
        number = self._id
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        if session := getattr(self, "_session", None):
            message["sessionId"] = session
        try:
            self._input.write(json.dumps(message).encode() + b"\0")
            self._input.flush()
        except BrokenPipeError:
            raise BrowserError(f"{method}: the browser has exited") from None
        answer = self._read_until(lambda found: found.get("id") == number, method)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _read_until(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """The first message that is wanted, received or still to come; messages without an id are kept as events."""
        for event in self.events:
            if wanted(event):
                return event
        deadline = time.monotonic() + self._timeout
        while True:
            while b"\0" in self._buffer:
                line, self._buffer = self._buffer.split(b"\0", 1)
                message: dict[str, Any] = json.loads(line)
                if "id" not in message:
                    self.events.append(message)
                    self.faults += fault(message)
                if wanted(message):
                    return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._output], [], [], left)[0]:
                raise BrowserError(f"{what}: no answer in {self._timeout:g} s")
            chunk = os.read(self._output.fileno(), 1 << 16)
            if not chunk:
                raise BrowserError(f"{what}: the browser has exited")
            self._buffer += chunk


def fault(event: dict[str, Any]) -> list[str]:
    """The fault that an event of the browser reports, as a list of one line; empty for all other events."""
    method, params = event.get("method"), event.get("params", {})
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        return [f"exception: {details.get('exception', {}).get('description') or details['text']}"]
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
        return ["console: " + " ".join(str(one.get("value", one.get("description"))) for one in params["args"])]
    if method == "Log.entryAdded" and params["entry"]["level"] == "error":
        return [f"browser: {params['entry']['text']} ({params['entry'].get('url')})"]
    if method == "Audits.issueAdded" and params["issue"]["code"].removesuffix("Issue") in _ISSUES:
        return [f"issue: {json.dumps(params['issue'])}"]
    # A page ends its own requests when it is left.
    if method == "Network.loadingFailed" and not params.get("canceled"):
        return [f"request failed: {params['errorText']} ({params['type']})"]
    if method == "Network.responseReceived" and params["response"]["status"] >= 400:
        return [f"answer: {params['response']['status']} {params['response']['url']}"]
    return []
