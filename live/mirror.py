"""A copy of a collection of the API server, kept up to date by a watch, so that reading it needs no request."""

from __future__ import annotations

import threading
from collections.abc import Callable

from live.api import Api, Object


class Mirror:
    """The objects at the API path `path`. Safe for threads; `changed` is called after each change."""

    def __init__(self, api: Api, path: str, changed: Callable[[], None] = lambda: None) -> None:
        self._api, self._path, self._changed = api, path, changed
        self._objects: dict[tuple[str, str], Object] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, name=path, daemon=True).start()

    def all(self) -> list[Object]:
        with self._lock:
            return list(self._objects.values())

    def find(self, namespace: str, name: str) -> Object | None:
        with self._lock:
            return self._objects.get((namespace, name))

    def _follow(self) -> None:
        for event, found in self._api.watch(self._path):
            with self._lock:
                if event == "LIST":
                    self._objects.clear()
                for one in found:
                    key = (one["metadata"]["namespace"], one["metadata"]["name"])
                    if event == "DELETED":
                        self._objects.pop(key, None)
                    else:
                        self._objects[key] = one
            self._changed()
