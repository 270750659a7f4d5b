"""Does installing say in a sentence what it lacks, and does the package carry its files?"""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "content", "sentence"),
    [
        ("ensurepip", "raise ImportError", "Python's venv module is not installed: install it"),
        ("sitecustomize", "import sys; sys.version_info = (3, 10, 4)", "and this is 3.10: name"),
        ("sitecustomize", "import sys; sys.version_info = (3, 14, 0)", "and this is 3.14: name"),
    ],
)
def test_what_no_environment_can_be_made_of_is_a_sentence(
    tmp_path: Path, module: str, content: str, sentence: str
) -> None:
    (tmp_path / f"{module}.py").write_text(content)
    failed = make_venv(tmp_path / "venv", {"PYTHONPATH": str(tmp_path)})
    assert failed.returncode == 1
    assert sentence in failed.stderr
    assert failed.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failed = make_venv(tmp_path / "file" / "venv", {})
    assert failed.returncode == 1
    assert failed.stderr.startswith("The virtual environment could not be made in ")
    assert failed.stderr.count("\n") == 1


def test_a_python_that_is_not_there_is_named() -> None:
    failed = subprocess.run(
        ["make", "--directory", ROOT, "PYTHON=no-such-python", "VENV=no-such-folder", "run"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode != 0
    assert "There is no no-such-python here: install Python 3.11 or newer" in failed.stderr


def test_the_wheel_carries_the_sample_the_pages_and_the_migrations(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    subprocess.run(
        [*command, "--directory", tmp_path], cwd=ROOT, capture_output=True, check=True, timeout=25
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        packed = {name for name in wheel.namelist() if name.startswith("service/")}
    here = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "service").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == here


def make_venv(target: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script that makes the virtual environment."""
    return subprocess.run(
        [sys.executable, ROOT / "deploy" / "make_venv.py", target],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
