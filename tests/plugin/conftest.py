"""Property tests run the same examples each time: a red test is always the change's."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("plugin", derandomize=True, database=None, deadline=None)
settings.load_profile("plugin")
