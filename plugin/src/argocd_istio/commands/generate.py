"""`argocd-istio generate`."""

from __future__ import annotations

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import Readable, exposures, source_of
from argocd_istio.exposure.fields import KINDS
from argocd_istio.streams import tell
from argocd_istio.syntax.source import SourceError


@app.command()
def generate(file: Readable = consumer.EXPOSURE) -> int:
    """Print what the generator makes of a file.

    It is to be committed where a build can run no function.

    \b
    argocd-istio generate exposure-generator.yaml > exposure.yaml
    """
    from argocd_istio.exposure.check import check
    from argocd_istio.exposure.fields import complete
    from argocd_istio.syntax.emit import to_yaml

    source = source_of(file)
    documents = exposures(source)
    if len(documents) > 1:
        found = f"{len(documents)} documents of kind {' or '.join(KINDS)}"
        raise SourceError(source.file, 0, 0, found, "one", "put each into a file of its own")
    exposure, findings = check(source, documents[0].root, generate=True)
    tell(*findings)
    if exposure is None:
        return 1
    print(to_yaml(complete(exposure)), end="")
    return 0
