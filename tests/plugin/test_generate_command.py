"""`generate` as a command: its output is whole or nothing, and a stale one is found."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from argocd_istio import files
from argocd_istio.files import FileError
from tests.plugin.cases import Called, exposure

GENERATOR = exposure("mode: grpc-routing\nhosts: [cd.acme.io, cd2.acme.io]\n")


@pytest.fixture
def made(here: Path, call: Called) -> Path:
    """A generated Exposure beside its generator."""
    (here / "generator.yaml").write_text(GENERATOR)
    assert call("generate", "generator.yaml", "-o", "exposure.yaml") == (0, "", "")
    return here / "exposure.yaml"


def test_the_output_is_what_is_printed(made: Path, call: Called) -> None:
    assert made.read_text() == call("generate", "generator.yaml")[1]
    assert [path.name for path in sorted(made.parent.iterdir())] == ["exposure.yaml", "generator.yaml"]
    made.with_name("generator.yaml").write_text(GENERATOR.replace("cd2", "cd3"))
    assert call("generate", "generator.yaml", "--output", "exposure.yaml") == (0, "", "")
    assert "cd3" in made.read_text()


def test_errors_leave_the_output_as_it_was(made: Path, call: Called) -> None:
    before = made.read_text()
    made.with_name("generator.yaml").write_text(GENERATOR.replace("cd2", "CD2"))
    assert call("generate", "generator.yaml", "-o", "exposure.yaml")[0] == 1
    assert made.read_text() == before
    assert call("generate", "generator.yaml", "-o", "new.yaml")[0] == 1
    assert not made.with_name("new.yaml").exists()


@pytest.mark.parametrize("content", [GENERATOR, "kind: Kustomization\n", "kind: Exposure\n---\nkind: ConfigMap\n"])
def test_a_file_with_other_content_is_kept(content: str, made: Path, call: Called) -> None:
    other = made.with_name("other.yaml")
    other.write_text(content)
    code, out, error = call("generate", "generator.yaml", "-o", "other.yaml")
    assert (code, out, error.count("\n")) == (2, "", 1) and "expected a file with an Exposure alone" in error
    assert other.read_text() == content


def test_the_input_is_never_the_output(made: Path, call: Called) -> None:
    made.with_name("link.yaml").symlink_to("generator.yaml")
    for options in (["-o", "link.yaml"], ["-o", "generator.yaml"], ["--check", "--against", "./generator.yaml"]):
        code, _, error = call("generate", "generator.yaml", *options)
        assert code == 2 and "is the input; name another file" in error
    assert made.with_name("generator.yaml").read_text() == GENERATOR
    assert call("generate", "generator.yaml", "--check", "-o", "x")[0] == 2


def test_a_stale_exposure_is_found_with_its_line(made: Path, call: Called) -> None:
    assert call("generate", "generator.yaml", "--check") == (0, "", "")
    made.with_name("generator.yaml").write_text(GENERATOR.replace("cd2", "cd3"))
    assert call("generate", "generator.yaml", "--check", "--against", "exposure.yaml") == (
        1,
        "",
        'exposure.yaml:14: spec.hosts[1]: found the text "cd2.acme.io", expected "cd3.acme.io" as generator.yaml says; '
        "run 'argocd-istio generate generator.yaml -o exposure.yaml'\n",
    )


def test_comments_and_layout_make_nothing_stale(made: Path, call: Called) -> None:
    made.write_text("# generated\n" + made.read_text().replace("\n", "\r\n"))
    assert call("generate", "generator.yaml", "--check") == (0, "", "")


def test_a_missing_generated_exposure_exits_3(made: Path, call: Called) -> None:
    made.unlink()
    assert call("generate", "generator.yaml", "--check")[0] == 3


@pytest.mark.parametrize("function", ["open", "write", "fsync", "link"])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_fault_at_any_step_makes_no_file(
    function: str, error: BaseException, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = getattr(os, function)
    for number in range(1, 10):
        calls = 0

        def failing(*arguments: Any, number: int = number, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                raise error
            return real(*arguments, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing)
            try:
                files.create("new.yaml", b"a: b\n")
            except (FileError, KeyboardInterrupt) as caught:
                there = [path.read_bytes() for path in here.iterdir()]
                written = "was written, but its folder could not be flushed" in str(caught)
                # An interrupt in the last step, which only flushes the folder.
                assert there == ([b"a: b\n"] if written or (function, number) == ("fsync", 2) else [])
                (here / "new.yaml").unlink(missing_ok=True)
            else:
                assert number > 1 and (here / "new.yaml").read_bytes() == b"a: b\n"
                return
    raise AssertionError("create never got through")


def test_a_new_file_replaces_none(here: Path) -> None:
    (here / "there.yaml").write_text("mine\n")
    with pytest.raises(FileError, match="File exists; nothing was written"):
        files.create("there.yaml", b"a: b\n")
    assert [(path.name, path.read_text()) for path in here.iterdir()] == [("there.yaml", "mine\n")]
