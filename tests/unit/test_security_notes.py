"""Is each test that the threat notes name there?"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTES = (ROOT / "deploy/security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", NOTES)))


def test_many_are_named() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_named_test_is_there(path: str, test: str) -> None:
    text = (ROOT / path).read_text()
    assert f"def {test}(" in text if test else "def test_" in text


def test_every_line_of_a_table_names_a_test() -> None:
    lines = [line for line in NOTES.splitlines() if line.startswith("| to ")]
    assert len(lines) > 20
    assert [line for line in lines if "`tests/" not in line] == []
