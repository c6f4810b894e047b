"""Clients of Redis that print the result of each of their writes, with its time in seconds since the epoch.

    python -m tests.live.clients.redis_client ...

    sample ADDRESS                     tries a write every 20 ms; prints the answer
    write PREFIX MASTER SENTINEL...    writes to the master that Sentinel names; prints each acknowledged key
    take PATTERN MASTER SENTINEL...    deletes the matching keys of the master; prints each key, without time

The password is in REDISCLI_AUTH.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

PASSWORD = os.environ.get("REDISCLI_AUTH", "")
# Seconds to wait for an answer: for clients that measure time, and for those that do not.
TIMEOUT, PATIENCE = 0.3, 10.0
PERIOD = 0.02
# Concurrent writers, and the pause of each between two writes: several writes are in flight when a master is killed.
CONNECTIONS, PAUSE = 4, 0.002
lock = threading.Lock()


def say(*words: object) -> None:
    with lock:
        print(f"{time.time():.3f}", *words, flush=True)


class Redis:
    """A connection to Redis or Sentinel. Raises OSError if there is no answer in time."""

    def __init__(self, address: str, port: int, timeout: float = TIMEOUT) -> None:
        self._socket = socket.create_connection((address, port), timeout)
        self._file = self._socket.makefile("rb")
        if PASSWORD:
            self("AUTH", PASSWORD)

    def __call__(self, *words: str) -> list[str]:
        """Send a command; returns the lines of the answer. An error begins with its minus sign."""
        parts = [word.encode() for word in words]
        self._socket.sendall(
            b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts)])
        )
        return self._answer()

    def _line(self) -> str:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("the connection was closed")
        return line.decode().rstrip()

    def _answer(self) -> list[str]:
        line = self._line()
        if line[0] == "*":
            return [word for _ in range(int(line[1:])) for word in self._answer()]
        if line[0] == "$":
            return [self._line()] if line != "$-1" else []
        return [line]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def sample(address: str) -> None:
    """Print OK, the first word of the error, or `silent` if there is no answer."""
    redis: Redis | None = None
    while True:
        began = time.time()
        try:
            redis = redis or Redis(address, 6379)
            verdict = redis("SET", "sampled", f"{began}")[0]
            say(verdict.lstrip("+-").split()[0])
        except OSError:
            if redis:
                redis.close()
            redis = None
            say("silent")
        time.sleep(max(0.0, began + PERIOD - time.time()))


def master(name: str, sentinels: list[str], timeout: float = TIMEOUT) -> Redis:
    """A connection to the master that the first answering Sentinel names. Raises OSError if there is none."""
    for address in sentinels:
        try:
            sentinel = Redis(address, 26379, timeout)
            place = sentinel("SENTINEL", "get-master-addr-by-name", name)
            sentinel.close()
            if len(place) == 2:
                return Redis(place[0], int(place[1]), timeout)
        except OSError:
            continue
    raise ConnectionError("no Sentinel names a master that answers")


def write(prefix: str, name: str, sentinels: list[str]) -> None:
    """Write PREFIX:0, PREFIX:1, ..., each once; print each acknowledged key."""
    redis: Redis | None = None
    number = 0
    while True:
        try:
            redis = redis or master(name, sentinels)
            key = f"{prefix}:{number}"
            number += 1
            if redis("SET", key, "")[0] == "+OK":
                say(key)
                time.sleep(PAUSE)
                continue
        except OSError:
            pass
        if redis:
            redis.close()
        redis = None
        sentinels = [*sentinels[1:], sentinels[0]]
        time.sleep(PERIOD)


def good(answer: list[str]) -> list[str]:
    """Return the answer. Raises ConnectionError if it is an error, for example of a replica that must not write."""
    if answer[:1] and answer[0].startswith("-"):
        raise ConnectionError(answer[0])
    return answer


def take(pattern: str, name: str, sentinels: list[str]) -> None:
    """Delete and print the keys in batches: with half a million keys, KEYS would block the master for too long."""
    redis = master(name, sentinels, PATIENCE)
    cursor = ""
    while cursor != "0":
        cursor, *found = good(redis("SCAN", cursor or "0", "MATCH", pattern, "COUNT", "10000"))
        if found:
            good(redis("UNLINK", *found))
            print("\n".join(found))


def main(what: str, *arguments: str) -> None:
    if what == "sample":
        sample(arguments[0])
    which, name, *sentinels = arguments
    if what == "take":
        take(which, name, sentinels)
        return
    for one in range(CONNECTIONS):
        threading.Thread(target=write, args=(f"{which}:{one}", name, sentinels)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
