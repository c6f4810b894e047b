"""Print the differences from upstream's install; exit with 1 if there are any."""

import sys

from tests.render.parity.upstream import differences, install
from tests.render.render import BuildError, build
from tools.build import ToolError

try:
    found = list(differences(build(sys.argv[1] if len(sys.argv) > 1 else "base/argocd"), install()))
except (BuildError, ToolError, ValueError) as error:
    found = [str(error)]
print("\n".join(found or ["equal"]))
sys.exit(bool(found))
