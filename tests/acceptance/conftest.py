"""How long may a test of this folder take? More than others: each starts whole services."""

from pathlib import Path

import pytest

SECONDS = 90


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests as slow; those with a limit of their own keep it."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SECONDS))
