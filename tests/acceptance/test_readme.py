"""Do the commands of the README do what it says, in the order in which a reader pastes them?"""

import json
import os
import re
import subprocess
import time
from pathlib import Path

import httpx2

from tests.service_process import ServiceProcess, running

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
# What a command's answer is called in the commands after it.
NAMES = (("/run", "RUN"), ("/v1/matching/configs", "CONFIG"), ("/v1/reference-data", "REFERENCE"))


def commands() -> list[str]:
    """The commands of the first steps: what comes before a `curl`, and each `curl`."""
    steps = [block for block in BLOCKS if "$URL" in block]
    assert len(steps) == 3
    return [part for step in steps for part in re.split(r"^(?=curl )", step, flags=re.MULTILINE)]


def test_the_first_steps_lead_to_results(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        known = {"KEY": service.key, "URL": service.url}
        answers = []
        for command in filter(None, commands()):
            answers.append(paste(command, known, tmp_path))
            name = next((name for path, name in NAMES if f'{path}"' in command), None)
            if name is not None:
                known[name] = json.loads(answers[-1])["id"]
            if name == "RUN":
                wait_for_end(service, known["RUN"])
    events, progress, results = answers[-3:]
    assert "event: run." in events
    assert json.loads(progress)["rows_processed"] == 2
    matched = {
        row["document_id"]: row["matched_reference_row_id"] for row in json.loads(results)["data"]
    }
    assert matched == {"A-1": "4711", "A-2": "4712"}


def paste(command: str, known: dict[str, str], folder: Path) -> str:
    """Run a command as a shell would; return what it printed."""
    shown = re.sub(r"^curl", "curl --silent --show-error --fail --max-time 10", command)
    done = subprocess.run(
        ["bash", "-euc", shown],
        cwd=folder,
        env={"PATH": os.defpath, **known},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def wait_for_end(service: ServiceProcess, run_id: str) -> None:
    """Poll until the run has ended."""
    deadline = time.monotonic() + 20
    url = f"{service.url}/v1/matching/runs/{run_id}/progress"
    while httpx2.get(url, headers=service.headers).json()["phase"] != "done":
        assert time.monotonic() < deadline
        time.sleep(0.05)
