"""A file is replaced whole or not at all: with a fault at every step, real limits, real kills."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import random
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from argocd_istio import files
from tests.render.render import ROOT
from tests.work import HANG, no_hang

OLD, NEW = b"host: a.example.com\n" * 5, b"host: b.example.com # longer\n" * 6
STEPS = ("open", "fstat", "stat", "access", "pread", "write", "fchown", "fchmod", "fsync", "rename", "unlink", "close")
Report = Callable[[str, dict[str, int]], None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "exposure.yaml"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


# ---- faults


class Crash(BaseException):
    """The machine stops: nothing that would run afterwards has any effect."""


class FaultyOs:
    """`os` for the module under test. `fault(number, step)` runs before each step, counted from 1."""

    def __init__(self, fault: Callable[[int, str], None]) -> None:
        self.count = 0
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in STEPS:
            return real

        def step(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if name == "close":  # a descriptor is closed also when closing fails
                real(*args)
            self._fault(self.count, name)
            return None if name == "close" else real(*args, **kwargs)

        return step


def _once(at: int, number: int, _step: str) -> None:
    if number == at:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _from_then_on(at: int, number: int, _step: str) -> None:
    if number >= at:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def _crash(at: int, number: int, _step: str) -> None:
    if number >= at:
        raise Crash


def _terminate(at: int, number: int, _step: str) -> None:
    if number == at:
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(at: int, number: int, _step: str) -> None:
    if number == at:
        os.kill(os.getpid(), signal.SIGINT)


FAULTS = {
    "no space": _once,
    "broken disk": _from_then_on,
    "crash": _crash,
    "SIGTERM": _terminate,
    "SIGINT": _interrupt,
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_leaves_old_or_new_content(
    file: Path, monkeypatch: pytest.MonkeyPatch, report: Report, kind: str
) -> None:
    monkeypatch.setattr(files, "_PIECE", 50)  # several writes
    number, injected, outcomes = 0, 0, set()
    steps: set[str] = set()
    while True:
        number += 1
        file.write_bytes(OLD)

        def fault(count: int, step: str, at: int = number) -> None:
            steps.add(step)
            FAULTS[kind](at, count, step)

        faulty = FaultyOs(fault)
        with monkeypatch.context() as patch:
            patch.setattr(files, "os", faulty)
            raised: BaseException | None = None
            try:
                files.replace(file, OLD, NEW)
            except (files.FileError, files.Interrupted, Crash) as error:
                raised = error
        content = file.read_bytes()
        outcomes.add(content)
        assert content in (OLD, NEW)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        if faulty.count < number:  # every step ran without a fault
            assert raised is None and content == NEW
            break
        injected += 1
        if isinstance(raised, files.FileError):
            assert raised.code == 3
            assert ("nothing was written" in str(raised)) == (content == OLD)
        if isinstance(raised, files.Interrupted):
            assert raised.code == {"SIGTERM": 143, "SIGINT": 130}[kind]
        if kind in ("no space", "SIGTERM", "SIGINT"):
            assert _names(file.parent) == {file.name}
        # Whatever was left, the next run works and cleans up.
        files.replace(file, content, NEW + OLD)
        assert file.read_bytes() == NEW + OLD and _names(file.parent) == {file.name}
    assert outcomes == {OLD, NEW} and {"write", "fsync", "rename"} <= steps
    report(f"set, fault at every step: {kind}", {"injected": injected})


def test_content_is_flushed_before_rename_and_folder_after(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(files, "os", FaultyOs(lambda _number, step: steps.append(step)))
    files.replace(file, OLD, NEW)
    assert [step for step in steps if step in ("write", "fsync", "rename")] == ["write", "fsync", "rename", "fsync"]


def test_short_writes_lose_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda out, data: real(out, data[:7]))
    files.replace(file, OLD, NEW)
    assert file.read_bytes() == NEW


def test_a_file_size_limit_leaves_old_content(file: Path) -> None:
    limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(NEW) - 10, hard))
    try:
        with pytest.raises(files.FileError, match="File too large; nothing was written") as caught:
            files.replace(file, OLD, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.code == 3
    assert file.read_bytes() == OLD and _names(file.parent) == {file.name}


def test_too_many_open_files_leave_the_old_file(file: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = os.open("/", os.O_RDONLY)
    os.close(highest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 2, limits[1]))  # the folder and the file, not the temporary
    try:
        with pytest.raises(files.FileError, match="Too many open files") as caught:
            files.replace(file, OLD, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert caught.value.code == 3
    assert file.read_bytes() == OLD and _names(file.parent) == {file.name}


def test_a_full_file_system_leaves_the_old_file(tmp_path: Path) -> None:
    """A file system of 16 KiB, in a new user namespace, so that no privileges are needed."""
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT / "plugin" / "src")!r})
from argocd_istio import files
file = Path({str(tmp_path)!r}, "exposure.yaml")
file.write_bytes(b"a" * 5000)
try:
    files.replace(file, b"a" * 5000, b"b" * 20000)
except files.FileError as error:
    assert error.code == 3, error
    print(error)
assert file.read_bytes() == b"a" * 5000
assert [entry.name for entry in file.parent.iterdir()] == [file.name]
"""
    mount = f'mount -t tmpfs -o size=16k none "{tmp_path}" && exec "$0" -c "$1"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, sys.executable, script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "No space left on device; nothing was written" in done.stdout, done.stderr


# A run that sets the file to one text and to another for as long as it lives.
LOOP = f"""
import sys
sys.path.insert(0, {str(ROOT / "plugin" / "src")!r})
from argocd_istio import files
files._PIECE = 64
texts = [bytes([char]) * 20_000 for char in b"ab"]
print("ready", flush=True)
while True:
    for old, new in (texts, texts[::-1]):
        files.replace(sys.argv[1], old, new)
"""
KILLS = 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_run_leaves_old_or_new_content(file: Path, report: Report, number: signal.Signals) -> None:
    texts = [bytes([char]) * 20_000 for char in b"ab"]
    chance = random.Random(number)
    stale = 0
    for _ in range(KILLS):
        file.write_bytes(texts[0])
        run = subprocess.Popen([sys.executable, "-c", LOOP, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert run.stdout and run.stdout.readline() == b"ready\n"
        time.sleep(chance.random() / 20)
        run.send_signal(number)
        _, errors = run.communicate(timeout=HANG)
        content = file.read_bytes()
        assert content in texts
        left = _names(file.parent) - {file.name}
        if number == signal.SIGKILL:
            assert left <= {f".{file.name}.argocd-istio"}
        else:  # outside replace(), Python's own handling applies
            assert run.returncode in (128 + number, -number) or b"KeyboardInterrupt" in errors
            assert not left
        stale += bool(left)
        files.replace(file, content, content + b"!")
        assert _names(file.parent) == {file.name}
    report(f"set, killed at random by {number.name}", {"killed": KILLS, "stale files cleaned": stale})


# ---- two at once


def _race(path: Path, barrier: Any, results: Any, text: bytes) -> None:
    old = files.read(path)
    barrier.wait(HANG)
    try:
        files.replace(path, old, text)
        results.put((text, ""))
    except files.FileError as error:
        results.put((text, str(error)))


def test_of_concurrent_runs_only_one_writes(file: Path) -> None:
    context = multiprocessing.get_context("fork")
    for _ in range(5):
        file.write_bytes(OLD)
        barrier, results = context.Barrier(4), context.Queue()
        texts = [bytes([65 + number]) * 10_000 for number in range(4)]
        runs = [context.Process(target=_race, args=(file, barrier, results, text)) for text in texts]
        for run in runs:
            run.start()
        ended = [results.get(timeout=HANG) for _ in runs]
        for run in runs:
            run.join(HANG)
        winners = [text for text, error in ended if not error]
        assert len(winners) == 1 and file.read_bytes() == winners[0]
        assert all("another program changed it" in error for _, error in ended if error)
        assert _names(file.parent) == {file.name}


def test_a_file_changed_after_reading_is_kept(file: Path) -> None:
    file.write_bytes(OLD + b"# more\n")
    with pytest.raises(files.FileError, match="another program changed it") as caught:
        files.replace(file, OLD, NEW)
    assert caught.value.code == 3
    assert file.read_bytes() == OLD + b"# more\n"


@pytest.mark.parametrize("how", ["written", "replaced", "removed"])
def test_a_change_during_writing_is_detected(file: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def fault(_number: int, step: str) -> None:
        if step != "write":
            return
        if how == "written":
            file.write_bytes(b"theirs")
        else:
            file.unlink()
            if how == "replaced":
                file.write_bytes(OLD)  # the same text, but another file: its author may go on writing

    monkeypatch.setattr(files, "os", FaultyOs(fault))
    with pytest.raises(files.FileError, match="another program changed it"):
        files.replace(file, OLD, NEW)
    assert _names(file.parent) == ({file.name} if how != "removed" else set())
    assert how != "written" or file.read_bytes() == b"theirs"


def test_a_locked_file_is_not_waited_for(file: Path) -> None:
    with file.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(files.FileError, match="another program changed it"):
            files.replace(file, OLD, NEW)
    assert file.read_bytes() == OLD


# ---- metadata


def test_the_same_content_is_not_written(file: Path) -> None:
    before = file.stat()
    assert files.replace(file, OLD, OLD) == []
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


@pytest.mark.parametrize("new", [NEW, OLD], ids=["a change", "no change"])
def test_a_killed_runs_temporary_file_is_removed(file: Path, new: bytes) -> None:
    file.with_name(f".{file.name}.argocd-istio").write_bytes(b"half")
    file.with_name(".other.yaml.argocd-istio").write_bytes(b"of another file")
    files.replace(file, OLD, new)
    assert _names(file.parent) == {file.name, ".other.yaml.argocd-istio"}


def test_links_at_the_temporary_path_are_not_followed(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    file.with_name(f".{file.name}.argocd-istio").symlink_to(other)
    with pytest.raises(files.FileError, match="in the way; remove it"):
        files.replace(file, OLD, NEW)
    assert other.read_bytes() == b"precious" and file.read_bytes() == OLD


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664, 0o755, 0o666])
def test_the_umask_does_not_change_the_mode(file: Path, mode: int) -> None:
    file.chmod(mode)
    umask = os.umask(0o077)
    try:
        files.replace(file, OLD, NEW)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_an_extended_attribute_stays(file: Path) -> None:
    try:
        os.setxattr(file, "user.origin", b"template")
    except OSError:  # a file system without them has nothing to keep
        assert files.replace(file, OLD, NEW) == []
        return
    assert files.replace(file, OLD, NEW) == []
    assert os.getxattr(file, "user.origin") == b"template"


def test_an_owner_that_cannot_be_kept_is_reported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a member of the group edits a colleague's file."""
    real, inode = os.fstat, file.stat().st_ino

    def fstat(number: int) -> os.stat_result:
        status = real(number)
        if status.st_ino == inode:
            return os.stat_result((*status[:4], status.st_uid + 1, *status[5:]))
        return status

    def fchown(_number: int, _owner: int, _group: int) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fstat", fstat)
    monkeypatch.setattr(os, "fchown", fchown)
    (notice,) = files.replace(file, OLD, NEW)
    assert notice == f"{file}: could not keep the owner (is {os.getuid()}, was {os.getuid() + 1})"
    assert file.read_bytes() == NEW


def test_a_hard_link_gives_a_warning(file: Path) -> None:
    other = file.with_name("other.yaml")
    other.hardlink_to(file)
    (notice,) = files.replace(file, OLD, NEW)
    assert notice == f"{file}: has 2 hard links; the other names keep the old content"
    assert file.read_bytes() == NEW and other.read_bytes() == OLD


# ---- links


@pytest.mark.parametrize("relative", [True, False])
def test_a_link_stays_and_its_file_is_edited(tmp_path: Path, file: Path, relative: bool) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "overlay").mkdir()
    link = tmp_path / "overlay" / "link.yaml"
    link.symlink_to("../exposure.yaml" if relative else file)
    files.replace(link, OLD, NEW)
    assert link.is_symlink() and file.read_bytes() == NEW
    assert _names(link.parent) == {link.name}


@pytest.mark.parametrize("git", [True, False])
def test_a_link_out_of_the_project_is_refused(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, git: bool
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    if git:
        (project / ".git").touch()  # a worktree has a file there
    else:
        monkeypatch.chdir(project)
    link = project / "exposure.yaml"
    link.symlink_to(file)
    with pytest.raises(files.FileError, match=r"outside .*project") as caught:
        files.replace(link, OLD, NEW)
    assert caught.value.code == 2
    assert file.read_bytes() == OLD


def test_a_folder_link_leaving_the_project_is_refused(tmp_path: Path, file: Path) -> None:
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / "overlay").symlink_to(tmp_path)
    with pytest.raises(files.FileError, match="outside"):
        files.replace(project / "overlay" / file.name, OLD, NEW)
    assert file.read_bytes() == OLD


@pytest.mark.parametrize("target", ["loop.yaml", "nothing"])
def test_a_dangling_link_exits_3(tmp_path: Path, target: str) -> None:
    link = tmp_path / "loop.yaml"
    link.symlink_to(target)
    for call in (lambda: files.read(link), lambda: files.replace(link, OLD, NEW)):
        with pytest.raises(files.FileError) as caught:
            call()
        assert caught.value.code == 3


# ---- unusable files


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "kind"),
    [(_folder, "a folder"), (os.mkfifo, "a pipe"), (None, "a device")],
    ids=["folder", "fifo", "device"],
)
def test_non_files_are_refused_at_once(tmp_path: Path, make: Callable[[Path], None] | None, kind: str) -> None:
    path = tmp_path / "thing"
    if make:
        make(path)
    else:
        path = Path("/dev/null")
    for call in (lambda: files.read(path), lambda: files.replace(path, b"", NEW)):
        with no_hang(), pytest.raises(files.FileError, match=f"is {kind}; name a file") as caught:
            call()
        assert caught.value.code == 2


@pytest.mark.parametrize("path", ["missing.yaml", "missing/exposure.yaml", "exposure.yaml/x", "x" * 300, "x/" * 3000])
def test_a_missing_file_exits_3(file: Path, path: str) -> None:
    for call in (lambda: files.read(file.parent / path), lambda: files.replace(file.parent / path, OLD, NEW)):
        with pytest.raises(files.FileError) as caught:
            call()
        assert caught.value.code == 3 and "\n" not in str(caught.value)


def test_an_oversized_file_is_refused_before_parsing(file: Path) -> None:
    assert files.read(file, limit=len(OLD)) == OLD
    with pytest.raises(files.FileError, match="more than 99 bytes") as caught:
        files.read(file, limit=len(OLD) - 1)
    assert caught.value.code == 2


@pytest.fixture
def read_only_folder(file: Path) -> Iterator[Path]:
    file.parent.chmod(0o555)
    yield file.parent
    file.parent.chmod(0o755)


def test_a_read_only_file_is_refused_unchanged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o444)
    monkeypatch.setattr(files, "_write", None)
    with pytest.raises(files.FileError, match="is read-only; make it writable first") as caught:
        files.replace(file, OLD, NEW)
    assert caught.value.code == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o444 and file.read_bytes() == OLD


@pytest.mark.usefixtures("read_only_folder")
def test_a_read_only_folder_is_refused_unchanged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_write", None)
    with pytest.raises(files.FileError, match=r"the folder .* is read-only; make it writable first") as caught:
        files.replace(file, OLD, NEW)
    assert caught.value.code == 3
    assert file.read_bytes() == OLD
    assert files.replace(file, OLD, OLD) == []


# ---- names


@pytest.mark.parametrize(
    "name",
    [
        b"with space.yaml",
        b"-n",
        b"line\nend.yaml",
        "höst.yaml".encode(),
        b"latin\xe9.yaml",
        b"esc\x1b[31m.yaml",
        b"%s{}",
    ],
)
def test_any_name_works_and_prints_safely(tmp_path: Path, name: bytes) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    Path(path).write_bytes(OLD)
    files.replace(path, OLD, NEW)
    assert files.read(path) == NEW and len(_names(tmp_path)) == 1
    with pytest.raises(files.FileError, match="another program changed it") as caught:
        files.replace(path, OLD, NEW)
    assert str(caught.value).isprintable()
