"""What the place that the text goes to can show."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Terminal:
    """`width` in characters; whether it takes colours, and whether it shows more than ASCII."""

    width: int = 80
    colour: bool = False
    unicode: bool = True

    @classmethod
    def of_stdout(cls) -> Terminal:
        """As the process was started. A file gets 80 characters a line and no colours.

        Colours: NO_COLOR before FORCE_COLOR and CLICOLOR_FORCE, and TERM=dumb means none on a terminal.
        https://no-color.org, https://force-color.org, https://bixense.com/clicolors
        """
        stdout = sys.__stdout__
        terminal = stdout is not None and stdout.isatty()
        encoding = (stdout.encoding if stdout else "").lower().replace("-", "")
        # Python takes UTF-8 in the C locale too, where a terminal need not.
        c_locale = os.environ.get("LC_ALL") in ("C", "POSIX")
        forced = bool(os.environ.get("FORCE_COLOR")) or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0")
        return cls(
            width=max(40, min(shutil.get_terminal_size().columns, 120)) if terminal else 80,
            colour=not os.environ.get("NO_COLOR") and (forced or (terminal and os.environ.get("TERM") != "dumb")),
            unicode=encoding.startswith("utf") and not c_locale,
        )
