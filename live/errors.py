"""Errors that are shown to the user."""


class LiveError(Exception):
    """The message is one line: what failed, what was found, and what to do."""
