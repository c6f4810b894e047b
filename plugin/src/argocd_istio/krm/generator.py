"""The function that kustomize runs: a ResourceList on stdin, one on stdout, findings on stderr.

    generators: [exposure.yaml]     with kind ExposureGenerator, see docs/plugin.md
    kustomize build --enable-alpha-plugins --enable-exec

Exit codes: 0 no error, 2 errors in the input, 3 the output could not be written.
"""

from __future__ import annotations

import sys

from argocd_istio import __version__
from argocd_istio.streams import tell, write

USAGE = """argocd-istio-generator is run by kustomize: list a file with kind ExposureGenerator under generators: and run
  kustomize build --enable-alpha-plugins --enable-exec DIR
To check such a file by hand: argocd-istio check FILE
"""


def main() -> int:
    """Run the function once and return the exit code."""
    # Before anything else is loaded: an interrupted build ends without a traceback.
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]

    signal(2, SIG_DFL)  # SIGINT, without the import time of `signal`
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        return write(f"argocd-istio-generator {__version__}\n")
    if arguments == ["--help"]:
        return write(USAGE)
    if arguments:
        tell(f"found the argument {arguments[0]}, expected none; {USAGE}")
        return 2
    if sys.stdin is None or sys.stdin.isatty():
        tell(f"found no ResourceList on stdin, expected one; {USAGE}")
        return 2
    return _run()


def _run() -> int:
    from argocd_istio.krm.function import parse_list, run
    from argocd_istio.syntax.source import LIMITS, SourceError

    try:
        # One byte more than the limit, to refuse larger input without reading it all.
        given = parse_list(sys.stdin.buffer.read(LIMITS.bytes + 1))
    except SourceError as error:
        tell(error)
        return 2
    except OSError as error:
        tell(f"stdin: cannot be read ({error.strerror}); run it through kustomize")
        return 3
    result = run(given)
    tell(*result.findings)
    code = write(result.to_yaml())
    return code or (2 if any(finding.severity == "error" for finding in result.findings) else 0)


if __name__ == "__main__":
    sys.exit(main())
