"""Property tests run the same examples each time: a red test is always the change's, on a slow machine too."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "plugin", derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("plugin")
