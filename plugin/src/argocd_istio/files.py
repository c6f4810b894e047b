"""Read a file, and replace its content atomically.

A replacement is written beside the file, flushed, and renamed over it. A failure before the rename
leaves the file unchanged; the next run removes a temporary file that a killed run left behind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType

from argocd_istio.syntax.source import LIMITS, visible

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO without a writer must not block
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1024 * 1024


class FileError(Exception):
    """An error in one line that begins with the path. `code` is the exit code: 2 for unusable files, 3 for I/O."""

    def __init__(self, path: str | Path, message: str, code: int = 3) -> None:
        super().__init__(f"{visible(str(path))}: {message}")
        self.path, self.message, self.code = str(path), message, code


class Interrupted(SystemExit):
    """SIGINT or SIGTERM during a replacement; temporary files are removed. Exits with 130 or 143."""


def read(path: str | Path, limit: int = LIMITS.bytes) -> bytes:
    """The bytes of a regular file. Raises FileError for anything else, and for more than `limit` bytes."""
    with _as_file_error(path), _opened(path, _READ) as file:
        _regular(path, file)
        data = _content(file, limit + 1)
    if len(data) > limit:
        raise FileError(path, f"has more than {limit} bytes, the most that is read", 2)
    return data


def read_pipe(path: str | Path, patience: float, limit: int = LIMITS.bytes) -> bytes:
    """Read a named pipe once. Raises FileError if nobody writes within `patience` seconds."""
    with _as_file_error(path), _opened(path, _READ) as pipe:
        waiting = select.poll()
        waiting.register(pipe, select.POLLIN | select.POLLHUP)
        if not waiting.poll(patience * 1000):
            raise FileError(path, "is a pipe that nobody writes into; name a file, or write into it", 2)
        os.set_blocking(pipe, True)
        pieces, size = [], 0
        while size <= limit and (piece := os.read(pipe, _PIECE)):
            pieces.append(piece)
            size += len(piece)
    if size > limit:
        raise FileError(path, f"has more than {limit} bytes, the most that is read", 2)
    return b"".join(pieces)


def replace(path: str | Path, old: bytes, new: bytes) -> list[str]:
    """Give the file the content `new`, if its content is still `old`; return notices for the user.

    Mode, owner and extended attributes stay. A symbolic link stays a link: its target is replaced,
    if that is in the same project. If `new` equals `old`, nothing is written.
    Raises FileError; the file is then unchanged, unless the message says that it was written.
    """
    with _as_file_error(path, "; nothing was written"), _Stop() as stop:
        folder_path, name = os.path.split(_target(path))
        temporary = f".{name}.argocd-istio"
        with _opened(folder_path, _FOLDER) as folder, _opened(name, _READ | os.O_NOFOLLOW, folder) as file:
            status = _regular(path, file)
            _lock(path, file)
            _require_unchanged(path, folder, name, file, old)
            _remove_stale(path, folder, temporary)
            if new == old:
                return []
            _require_writable(path, folder_path, folder, status, name)
            try:
                stop.check()
                notices = _write(path, folder, temporary, new, file, status, stop.check)
                _require_unchanged(path, folder, name, file, old)
                stop.check()
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            _flush(path, folder)
    return notices


def _flush(path: str | Path, folder: int) -> None:
    try:
        os.fsync(folder)
    except OSError as error:
        message = f"was written, but its folder could not be flushed to disk: {error.strerror}"
        raise FileError(path, message) from error


def replace_all(changes: Sequence[tuple[str, bytes, bytes]]) -> list[str]:
    """`replace` for several files, each with its old and its new content: all of them, or none.

    If a later file cannot be replaced, the earlier ones get their old content back.
    """
    notices: list[str] = []
    done: list[tuple[str, bytes, bytes]] = []
    try:
        for path, old, new in changes:
            notices += replace(path, old, new)
            done.append((path, old, new))
    except BaseException:
        for path, old, new in reversed(done):
            replace(path, new, old)
        raise
    return notices


def create(path: str | Path, data: bytes) -> None:
    """Create a file with the content, or none. Raises FileError, also if the name already exists."""
    with _as_file_error(path, "; nothing was written"), _Stop() as stop:
        folder_path, name = os.path.split(path)
        temporary = f".{name}.argocd-istio"
        with _opened(folder_path or ".", _FOLDER) as folder:
            _lock(path, folder)
            _remove_stale(path, folder, temporary)
            try:
                with _opened(temporary, _CREATE, folder, mode=0o666) as out:
                    _pour(out, data, stop.check)
                    stop.check()
                    os.fsync(out)
                # Unlike a rename, a hard link never replaces a file.
                os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            finally:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
            _flush(path, folder)


def _pour(out: int, data: bytes, check: Callable[[], None]) -> None:
    """Write all of it."""
    rest = memoryview(data)
    while rest:
        check()
        rest = rest[os.write(out, rest[:_PIECE]) :]


def _write(
    path: str | Path,
    folder: int,
    temporary: str,
    new: bytes,
    file: int,
    status: os.stat_result,
    check: Callable[[], None],
) -> list[str]:
    """Write and flush the temporary file, with the metadata of `file`."""
    notices = []
    if status.st_nlink > 1:
        notices.append(f"{visible(str(path))}: has {status.st_nlink} hard links; the other names keep the old content")
    with _opened(temporary, _CREATE, folder, mode=0o600) as out:
        _pour(out, new, check)
        lost = _copy_attributes(file, out, status)
        if lost:
            notices.append(f"{visible(str(path))}: could not keep {', '.join(lost)}")
        check()
        os.fsync(out)
    return notices


def _copy_attributes(file: int, out: int, status: os.stat_result) -> list[str]:
    """Copy owner, group, extended attributes (including ACLs) and mode; return what could not be kept."""
    lost = []
    made = os.fstat(out)
    for what, kept, wanted, ids in (
        ("the group", made.st_gid, status.st_gid, (-1, status.st_gid)),
        ("the owner", made.st_uid, status.st_uid, (status.st_uid, -1)),
    ):
        if kept != wanted:
            try:
                os.fchown(out, *ids)
            except OSError:
                lost.append(f"{what} (is {kept}, was {wanted})")
    if hasattr(os, "listxattr"):  # Linux
        names: list[str] = []
        with suppress(OSError):  # a file system without them
            names = os.listxattr(file)
        for name in names:
            try:
                os.setxattr(out, name, os.getxattr(file, name))
            except OSError:
                lost.append(f"the attribute {visible(str(name))}")
    os.fchmod(out, stat.S_IMODE(status.st_mode))
    return lost


def _target(path: str | Path) -> str:
    """The real path of the file; FileError if a link leads out of the project."""
    real = os.path.realpath(path, strict=True)
    root = os.path.realpath(_project(path))
    if os.path.commonpath([real, root]) != root:
        link, top = visible(str(real)), visible(str(root))
        raise FileError(path, f"is a link to {link}, outside {top}; name that file itself to edit it", 2)
    return real


def _project(path: str | Path) -> Path:
    """The project: the git work tree around the path, else the current folder if it contains the path, else its own."""
    # Not resolved: what counts is where the user sees the file.
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100
    for parent in (folder, *folder.parents):
        if (parent / ".git").exists():
            return parent
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        return folder
    return here if folder.is_relative_to(here) else folder


def _regular(path: str | Path, file: int) -> os.stat_result:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(status.st_mode), "a device")
        raise FileError(path, f"is {kind}; name a file", 2)
    return status


def _require_writable(path: str | Path, folder_path: str, folder: int, status: os.stat_result, name: str) -> None:
    """Refuse read-only files and folders, also as root; a rename would only need a writable folder."""
    if not status.st_mode & 0o222 or not os.access(name, os.W_OK, dir_fd=folder):
        raise FileError(path, "is read-only; make it writable first")
    if not os.fstat(folder).st_mode & 0o222 or not os.access(folder_path, os.W_OK | os.X_OK):
        raise FileError(path, f"the folder {visible(str(folder_path))} is read-only; make it writable first")


def _lock(path: str | Path, file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _changed(path) from error
    except OSError as error:  # a file system without locks: rely on the comparison before the rename
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise


def _require_unchanged(path: str | Path, folder: int, name: str, file: int, old: bytes) -> None:
    try:
        now = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError as error:
        raise _changed(path) from error
    if not os.path.samestat(now, os.fstat(file)) or _content(file, len(old) + 1) != old:
        raise _changed(path)


def _changed(path: str | Path) -> FileError:
    return FileError(path, "another program changed it meanwhile; nothing was written; run again")


def _remove_stale(path: str | Path, folder: int, temporary: str) -> None:
    """Remove the temporary file of a killed run. With the lock taken, no other run can be using it."""
    try:
        status = os.stat(temporary, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise FileError(path, f"{visible(str(temporary))} beside it is in the way; remove it")
    os.unlink(temporary, dir_fd=folder)


def _content(file: int, limit: int) -> bytes:
    """Read at most `limit` bytes from the start."""
    pieces = []
    size = 0
    while size < limit and (piece := os.pread(file, min(_PIECE, limit - size), size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


@contextmanager
def _opened(path: str | Path, flags: int, folder: int | None = None, mode: int = 0) -> Iterator[int]:
    file = os.open(path, flags, mode, dir_fd=folder)
    try:
        yield file
    finally:
        with suppress(OSError):  # everything written was flushed before
            os.close(file)


@contextmanager
def _as_file_error(path: str | Path, outcome: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(path, f"{error.strerror}{outcome}") from error


class _Stop:
    """Delays SIGINT and SIGTERM until `check` or the end of the block, so that cleanup always completes."""

    def __init__(self) -> None:
        self._signal = 0
        self._handlers: list[tuple[signal.Signals, Callable[[int, FrameType | None], object] | int]] = []

    def __enter__(self) -> _Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if handler is not None and handler != signal.SIG_IGN:
                    self._handlers.append((number, handler))
                    signal.signal(number, self._keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers:
            signal.signal(number, handler)
        if not isinstance(error, Interrupted):
            self.check()

    def _keep(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def check(self) -> None:
        if self._signal:
            raise Interrupted(128 + self._signal)
