"""How do the properties of this folder draw examples: the same ones every time, without a clock."""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")
