"""The capabilities of the terminal or file that gets the text."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Terminal:
    """`width` in characters, support of colours, and of characters beyond ASCII."""

    width: int = 80
    colour: bool = False
    unicode: bool = True

    @classmethod
    def of_stdout(cls) -> Terminal:
        """The terminal of this process. A file gets lines of 80 characters and no colours.

        Colours: NO_COLOR before FORCE_COLOR and CLICOLOR_FORCE, and TERM=dumb means none on a terminal.
        https://no-color.org, https://force-color.org, https://bixense.com/clicolors
        """
        stdout = sys.__stdout__
        terminal = stdout is not None and stdout.isatty()
        encoding = (stdout.encoding if stdout else "").lower().replace("-", "")
        # In the C locale Python uses UTF-8, but the terminal may not.
        c_locale = os.environ.get("LC_ALL") in ("C", "POSIX")
        forced = bool(os.environ.get("FORCE_COLOR")) or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0")
        return cls(
            width=max(40, min(shutil.get_terminal_size().columns, 120)) if terminal else 80,
            colour=not os.environ.get("NO_COLOR") and (forced or (terminal and os.environ.get("TERM") != "dumb")),
            unicode=encoding.startswith("utf") and not c_locale,
        )
