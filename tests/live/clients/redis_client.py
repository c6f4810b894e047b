"""Two clients of Redis that say with the time of day what became of each of their writes.

    python -m tests.live.clients.redis_client ...

    sample ADDRESS                     tries a write every 20 ms: what that Redis says to it
    write PREFIX MASTER SENTINEL...    writes all the time, where Sentinel says: each acknowledged key
    take PATTERN MASTER SENTINEL...    deletes the keys that the master has: each key, without times

The password is in REDISCLI_AUTH.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time

PASSWORD = os.environ.get("REDISCLI_AUTH", "")
# Seconds for an answer: where time is measured, and where it is not.
TIMEOUT, PATIENCE = 0.3, 10.0
PERIOD = 0.02
# Writers at the same time, and each one's pause between two writes: more may be on its way when a master dies.
CONNECTIONS, PAUSE = 4, 0.002
lock = threading.Lock()


def say(*words: object) -> None:
    with lock:
        print(f"{time.time():.3f}", *words, flush=True)


class Redis:
    """One connection. Raises OSError where nothing answers in time."""

    def __init__(self, address: str, port: int, timeout: float = TIMEOUT) -> None:
        self._socket = socket.create_connection((address, port), timeout)
        self._file = self._socket.makefile("rb")
        if PASSWORD:
            self("AUTH", PASSWORD)

    def __call__(self, *words: str) -> list[str]:
        """Send a command; the answer's lines, an error's with its minus sign."""
        parts = [word.encode() for word in words]
        self._socket.sendall(
            b"".join([b"*%d\r\n" % len(parts), *(b"$%d\r\n%s\r\n" % (len(one), one) for one in parts)])
        )
        return self._answer()

    def _line(self) -> str:
        line = self._file.readline()
        if not line.endswith(b"\n"):
            raise ConnectionError("closed")
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
    """Say OK, or the first word of the refusal, or `silent`."""
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
    """The master that the first Sentinel to answer names. Raises OSError where none does."""
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
    """Write PREFIX:0, PREFIX:1, ..., each once; say each key that was acknowledged."""
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
    """That answer. Raises ConnectionError where it is an error, as from a replica that is told to write."""
    if answer[:1] and answer[0].startswith("-"):
        raise ConnectionError(answer[0])
    return answer


def take(pattern: str, name: str, sentinels: list[str]) -> None:
    """Delete the keys and say them, a part at a time: KEYS, among half a million, holds up the master for too long."""
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
