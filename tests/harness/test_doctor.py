"""A missing program is one line that says how to install it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from live import doctor, redirection
from live.errors import LiveError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as the whole PATH, with a stand-in for every required program."""
    for need in doctor.NEEDS:
        (tmp_path / need.program).write_text("#!/bin/sh\n")
        (tmp_path / need.program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("programs")
def test_a_system_with_everything_is_enough() -> None:
    doctor.require(browser=True, install=False)


@pytest.mark.parametrize("need", doctor.NEEDS, ids=lambda need: need.program)
def test_a_missing_program_is_named_with_install_command(programs: Path, need: doctor.Need) -> None:
    (programs / need.program).unlink()
    expected = f"programs are missing: {need.program}; on Debian and Ubuntu: sudo apt-get install -y {need.package}"
    # Without apt-get on the PATH nothing is installed for any user.
    with pytest.raises(LiveError) as raised:
        doctor.require(browser=True, install=True)
    assert str(raised.value) == expected


def test_browser_requirements_are_optional_for_other_tests(programs: Path) -> None:
    for need in doctor.NEEDS:
        if need.browser:
            (programs / need.program).unlink()
    doctor.require(browser=False, install=False)


@pytest.mark.parametrize(
    ("user", "group", "expected"),
    [(0, True, []), (0, False, [redirection.WHY_NOT]), (1000, True, [redirection.WHY_NOT])],
    ids=["root", "root of a namespace with few groups", "another user"],
)
def test_only_non_root_users_see_sidecar_note(
    monkeypatch: pytest.MonkeyPatch, user: int, group: bool, expected: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(redirection, "works", lambda: group)
    assert doctor.limits() == expected


def test_missing_user_namespaces_get_a_fix(programs: Path) -> None:
    (programs / "unshare").write_text("#!/bin/sh\necho 'unshare: Operation\nnot permitted' >&2\nexit 1\n")
    with pytest.raises(LiveError) as raised:
        doctor.require(browser=False, install=False)
    [line] = str(raised.value).splitlines()
    assert "refuses user namespaces (unshare: Operation not permitted)" in line and "sudo sysctl" in line
