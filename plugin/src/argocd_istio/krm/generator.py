"""The function that kustomize runs: a ResourceList on stdin, one on stdout, findings on stderr.

    generators: [exposure.yaml]     with kind ExposureGenerator, see docs/plugin.md
    kustomize build --enable-alpha-plugins --enable-exec

Exit codes: 0 no error, 2 errors in the input, 3 the output could not be written.
"""

from __future__ import annotations

import sys

from argocd_istio.krm.program import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.findings import Finding
    from argocd_istio.krm.function import ResourceList
    from argocd_istio.krm.program import Work

USAGE = """argocd-istio-generator is run by kustomize: list a file with kind ExposureGenerator under generators: and run
  kustomize build --enable-alpha-plugins --enable-exec DIR
To check such a file by hand: argocd-istio check FILE
"""


def main() -> int:
    """Run the function once and return the exit code."""
    return serve("argocd-istio-generator", USAGE, _load)


def _load() -> Work:
    from argocd_istio.krm.function import run

    def work(given: ResourceList) -> tuple[ResourceList, list[Finding], int]:
        result = run(given)
        return result, result.findings, 2 if any(one.severity == "error" for one in result.findings) else 0

    return work


if __name__ == "__main__":
    sys.exit(main())
