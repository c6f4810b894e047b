"""What goes wrong for a user."""


class LiveError(Exception):
    """The message is one line: what, what was found, and what to do."""
