"""Can a client that is generated from the description do the main job, and do its types fit?"""

import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.service_process import running

TOOLS = Path(sys.prefix) / "client-tools"
JOB = Path(__file__).with_name("client_job.py")
CONFIGURATION = Path(__file__).with_name("client.yaml")


@pytest.mark.timeout(180)
def test_a_generated_client_does_the_main_job(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        description = tmp_path / "openapi.json"
        description.write_bytes(httpx2.get(f"{service.url}/openapi.json").content)
        generate(description, tmp_path / "client")
        check_types(tmp_path / "client")
        run(tmp_path / "client", str(JOB), service.url, service.key)


def generate(description: Path, folder: Path) -> None:
    """Make the package `matchstream_client` in the folder; a warning is a failure."""
    folder.mkdir()
    where = ("--output-path", str(folder / "matchstream_client"), "--meta", "none")
    what = ("--path", str(description), "--config", str(CONFIGURATION), "--fail-on-warning")
    run(folder, "-m", "openapi_python_client", "generate", *what, *where)


def check_types(folder: Path) -> None:
    """Hold the job against the types that the client promises."""
    cache = ("--cache-dir", str(folder.with_name("types")))
    run(folder, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent", *cache, JOB)


def run(folder: Path, *words: str | Path) -> None:
    """Run Python where the generated client and the generator's packages can be imported."""
    path = os.pathsep.join((str(folder), str(TOOLS)))
    inherited = os.environ  # noqa: TID251 - passed on, not read
    done = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**inherited, "PYTHONPATH": path, "MYPYPATH": str(folder)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
