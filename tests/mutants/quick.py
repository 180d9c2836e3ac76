"""A plugin of pytest for runs in which a failing test is news enough: examples are the same each
time, and none is made smaller.
"""

from hypothesis import Phase, settings

settings.register_profile(
    "quick", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None
)
settings.load_profile("quick")
