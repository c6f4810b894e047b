"""The rules of `lint` in a build: a ResourceList on stdin, the same one on stdout, findings on stderr.

    transformers: [lint.yaml]   with kind ExposureValidator, see docs/plugin.md
    kustomize build --enable-alpha-plugins --enable-exec

It reads no files: the rules on kustomization files are for `lint DIR`. stderr has the findings that fail the build,
`results` has all. Exit codes: 0 nothing fails the build, 1 a finding does, 2 errors in the input, 3 the output could
not be written.
"""

from __future__ import annotations

import sys

from argocd_istio.krm.program import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.krm.program import Work

USAGE = """argocd-istio-validator is run by kustomize: list a file with kind ExposureValidator under transformers: and
run
  kustomize build --enable-alpha-plugins --enable-exec DIR
To find the same by hand: argocd-istio lint DIR
"""


def main() -> int:
    """Run the function once and return the exit code."""
    return serve("argocd-istio-validator", USAGE, _load)


def _load() -> Work:
    from argocd_istio.krm.validate import run

    return run


if __name__ == "__main__":
    sys.exit(main())
