"""A small client of the Kubernetes API: JSON over HTTPS, with watch."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from live.addresses import API_PORT, NODE_ADDRESS

Object = dict[str, Any]

MERGE_PATCH = "application/merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused a request; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """A client of the API server, used on the node. Safe for threads."""

    def __init__(self, authority: Path, token: str) -> None:
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._token = token

    def _send(
        self, method: str, path: str, body: object, content_type: str, timeout: float
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection(NODE_ADDRESS, API_PORT, context=self._tls, timeout=timeout)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": content_type}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        if response.status >= 300:
            text = response.read().decode(errors="replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):
                text = json.loads(text)["message"]
            raise ApiError(response.status, f"{method} {path}: {response.status} {text}")
        return response

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Object:
        """One request; returns the JSON answer. Raises ApiError if it is refused, and OSError if nothing answers."""
        with self._send(method, path, body, content_type, timeout=30) as response:
            result: Object = json.loads(response.read())
        return result

    def get(self, path: str) -> Object:
        return self.request("GET", path)

    def find(self, path: str) -> Object | None:
        """Like `get`, but None if the object does not exist."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def apply(self, path: str, manifest: Object) -> Object:
        """Server-side apply of the object at `path`."""
        return self.request("PATCH", f"{path}?fieldManager=live&force=true", manifest, APPLY_PATCH)

    def ready(self) -> bool:
        """Whether the API server is ready (/readyz)."""
        try:
            with self._send("GET", "/readyz", None, "application/json", timeout=5):
                return True
        except (OSError, ApiError, http.client.HTTPException):
            return False

    def watch(self, path: str) -> Iterator[tuple[str, list[Object]]]:
        """Follow a collection forever.

        Yields `("LIST", all objects)` first and after every interruption; then one object at a time
        with ADDED, MODIFIED or DELETED.
        """
        while True:
            try:
                found = self.get(path)
                yield "LIST", found["items"]
                version = found["metadata"]["resourceVersion"]
                query = f"{path}?watch=1&resourceVersion={version}"
                with self._send("GET", query, None, "application/json", timeout=3600) as stream:
                    for line in stream:
                        event = json.loads(line)
                        if event["type"] == "ERROR":  # the version is too old: list again
                            break
                        yield event["type"], [event["object"]]
            except (OSError, http.client.HTTPException, ApiError, ValueError):
                continue
