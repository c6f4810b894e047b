"""Errors that are shown to the user."""

from pathlib import Path


class LiveError(Exception):
    """The message is one line: what failed, what was found, and what to do."""


def ended(state: Path) -> LiveError:
    """The error of a cluster whose first process has ended, with the reason if it left one."""
    failed = state / "failed"
    why = failed.read_text() if failed.exists() else f"see {state / 'node.log'}"
    return LiveError(f"the cluster ended by itself: {why}; start it again: make up")
