"""Does the first start show the sample, and a later one the same data instead of more of it?"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from service.cli.client import Client
from service.cli.demo import COLLECTION, Sample
from tests.service_process import ServiceProcess, running, spawned, wait_until_gone

LAST_LINE = "Ctrl-C stops the service"
SAMPLE_ROWS, SAMPLE_DOCUMENTS = 2450, 200


@contextmanager
def demo(data_dir: Path) -> Iterator[ServiceProcess]:
    """Run what `make run` calls, until it has said everything."""
    with spawned(data_dir, "demo") as service:
        service.wait_for(LAST_LINE)
        text = "\n".join(service.output)
        service.url = found(r"Matchstream is ready at (\S+)", text)
        service.key = found(r"API key: (\S+)", text)
        yield service


def found(pattern: str, text: str) -> str:
    """The group of a pattern that has to be in the text."""
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def total(service: ServiceProcess, path: str) -> int:
    """How many items a list has."""
    reply = httpx2.get(service.url + path, headers=service.headers)
    assert reply.status_code == 200, reply.text
    return int(reply.json()["pagination"]["total"])


def assert_one_sample(service: ServiceProcess) -> None:
    """The sample is there once, and matched."""
    headers = service.headers
    runs = httpx2.get(f"{service.url}/v1/matching/runs", headers=headers).json()["data"]
    assert [(run["status"], run["rows_processed"]) for run in runs] == [
        ("completed", SAMPLE_DOCUMENTS)
    ]
    reference = httpx2.get(f"{service.url}/v1/reference-data", headers=headers).json()["data"]
    assert [item["row_count"] for item in reference] == [SAMPLE_ROWS]
    assert total(service, f"/v1/documents?collection={COLLECTION}") == SAMPLE_DOCUMENTS
    assert total(service, "/v1/matching/configs") == 1


def test_the_sample_is_matched_live_once_and_shown_again(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as first:
        progress = [line for line in first.output if line.startswith("Matching: ")]
        assert progress[-1] == f"Matching: {SAMPLE_DOCUMENTS} of {SAMPLE_DOCUMENTS} invoices"
        assert_one_sample(first)
        summary = next(line for line in first.output if "have found" in line)
        assert any(line.endswith("to the threshold of 0.7.") for line in first.output)
        started = first.descendants()
        assert first.stop() == 0
        assert wait_until_gone(started, seconds=1) == set()
    with demo(tmp_path / "data") as second:
        assert second.key == first.key
        assert summary in second.output
        assert_one_sample(second)


def test_the_printed_commands_work_when_pasted(tmp_path: Path) -> None:
    with demo(tmp_path / "data") as service:
        commands = [line.strip() for line in service.output if line.startswith("  curl ")]
        answers = [
            subprocess.run(
                [*shlex.split(command), "--silent", "--fail", "--max-time", "10"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for command in commands
        ]
    assert len(answers) == 3
    assert '"completed"' in answers[0]
    assert '"evidence"' in answers[1]
    assert "event: run." in answers[2]


async def test_an_interrupted_sample_is_picked_up_where_it_stopped(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        async with Client(service.url, service.key) as client:
            sample = Sample(client)
            await sample.config_of(await sample.reference_data())
        assert total(service, "/v1/matching/runs") == 0
    with demo(tmp_path / "data") as service:
        assert_one_sample(service)


def test_a_first_key_that_was_lost_leaves_the_service_running(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        (tmp_path / "data" / "first-key").unlink()
    with spawned(tmp_path / "data", "demo", stderr=tmp_path / "said") as service:
        url = service.wait_for("Matchstream is ready at ")
        assert httpx2.get(f"{url}/readyz").status_code == 200
        service.stop()
    said = (tmp_path / "said").read_text()
    # The one that is lost could do everything.
    assert "keys create --name NAME --scopes read,write,admin'" in said
