"""Is every file where and how the house rules want it?"""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "service").rglob("*.py"))
MAX_FILE_LINES, MAX_FUNCTION_LINES = 300, 50
# Path -> why it may be longer.
EXCEPTIONS: dict[str, str] = {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_a_sentence_and_keeps_its_size(path: Path) -> None:
    text = path.read_text()
    if path.name == "__init__.py":
        assert text == ""
        return
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    if str(path.relative_to(ROOT)) in EXCEPTIONS:
        return
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, node.name


def test_no_tracked_file_names_a_registry_or_a_place_on_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    forbidden = re.compile(r"pypi\.|pythonhosted|(?<![\w.])/(work|root|home)/", re.IGNORECASE)
    texts = {name: (ROOT / name).read_text(errors="replace") for name in listed.stdout.split()}
    assert texts
    ours = str(Path(__file__).relative_to(ROOT))
    assert [name for name, text in texts.items() if name != ours and forbidden.search(text)] == []
