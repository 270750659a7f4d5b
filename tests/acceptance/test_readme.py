"""Do the commands of the README do what it says, in the order in which a reader pastes them?"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from service.domain.webhooks import PING
from tests.service_process import COMMAND, ServiceProcess, running

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
END_OF_BLOCK = "--- end of block ---"
# A run of the README has ended when it is cancelled: that answer, and no other, may be a refusal.
CURL = f"""\
#!/bin/sh
case "$*" in
  */cancel) exec {shutil.which("curl")} --silent --show-error --max-time 10 "$@" ;;
  *) exec {shutil.which("curl")} --silent --show-error --fail --max-time 10 "$@" ;;
esac
"""
RECEIVER = "127.0.0.1:9000"
LOCAL_WEBHOOKS = {
    "MATCHSTREAM_WEBHOOK_ALLOW_HTTP": "true",
    "MATCHSTREAM_WEBHOOK_NETWORKS": "127.0.0.1",
}


def test_the_commands_lead_to_results_and_beyond(tmp_path: Path) -> None:
    answers, proposed = paste_all(tmp_path)
    assert "--map vendor_name=vendor:fuzzy" in proposed
    assert (tmp_path / "matched.csv").read_text(encoding="utf-8-sig").count("4711") > 0
    # `pick`, and the config's id, print nothing.
    _, _, _, watched, read, reviewed, second_page, resumed, happened, polled, *rest = answers
    once, cancelled, sample, added, exported, counted, history, deleted, *rest = rest
    hooked, pinged, made_key, estimated, resolved, by_model = rest
    assert "event: run." in watched
    progress, results = [json.loads(answer) for answer in read.splitlines()]
    assert progress["rows_processed"] == 2
    matched = {row["document_id"]: row["matched_reference_row_id"] for row in results["data"]}
    assert matched == {"A-1": "4711", "A-2": "4712"}
    assert json.loads(reviewed)["status"] == "approved"
    assert [row["document_id"] for row in json.loads(second_page)["data"]] == [
        results["data"][1]["document_id"]
    ]
    assert "\nid: 2\n" in f"\n{resumed}"
    assert "\nid: 1\n" not in f"\n{resumed}"
    types = [event["type"] for event in json.loads(happened)["data"]]
    assert types == ["run.completed", "result.reviewed"]
    assert polled == "304"
    assert json.loads(once)["status"] == "queued"
    assert json.loads(cancelled)["status"] == 409
    assert '{"name":"default","document_count":2,' in sample
    assert (json.loads(added)["version"], json.loads(added)["row_count"]) == (2, 3)
    assert exported.startswith("po_id,vendor,total,ordered")
    assert "4713,Alpen Stahl AG,410.00,2024-09-20" in exported
    assert "document_id,document_filename" in exported
    assert (json.loads(counted)["total"], json.loads(counted)["reviewed"]) == (1, 0)
    assert [review["notes"] for review in json.loads(history)["data"]] == ["checked"]
    assert json.loads(deleted) == {"deleted": True, "id": "A-2"}
    assert json.loads(made_key)["key"].startswith("ms_")
    assert '"estimated":true' in estimated
    assert "event: run.completed" in resolved
    said = [row["evidence"]["ai"] for row in json.loads(by_model)["data"]]
    assert [each["decision"] for each in said] == ["match"]
    assert json.loads(hooked)["secret"].startswith("whsec_")
    ping, deliveries = [json.loads(answer) for answer in pinged.splitlines()]
    # A run begun before may have ended since, which is delivered too.
    assert ping["id"] in [each["id"] for each in deliveries["data"]]


def paste_all(folder: Path) -> tuple[list[str], str]:
    """Paste what a reader pastes, with all that runs beside it; return what each block printed."""
    [allowing] = [block for block in BLOCKS if block.startswith("MATCHSTREAM_WEBHOOK")]
    assert allowing.split()[:-2] == [f"{name}={value}" for name, value in LOCAL_WEBHOOKS.items()]
    with (
        stand_in() as of_ai,
        receiver() as (hook, received),
        running(folder / "data", extra=of_ai | LOCAL_WEBHOOKS) as service,
    ):
        blocks = [block.replace(RECEIVER, hook) for block in BLOCKS if "$" in block]
        answers = paste(blocks, service, folder)
        assert any(json.loads(line)["type"] == PING for line in received)
        (commands,) = [block for block in BLOCKS if "matchstream match" in block]
        [proposed] = paste([commands.replace(".venv/bin/matchstream", COMMAND)], service, folder)
    return answers, proposed


def test_an_answer_without_the_value_is_shown() -> None:
    [first, *_] = [block for block in BLOCKS if "pick()" in block]
    for answer in ('{"detail": "The API key is unknown."}', "no JSON"):
        done = subprocess.run(
            ["bash", "-c", f"{first}\necho '{answer}' | pick '[\"id\"]'"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", answer)


@contextmanager
def receiver() -> Iterator[tuple[str, IO[str]]]:
    """Run the README's receiver on a free port; yields where it is, and what it prints."""
    (block,) = [block for block in BLOCKS if "HTTPServer" in block]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    script = block.replace("9000", port).replace("python3 - ", f"exec {sys.executable} - ")
    with subprocess.Popen(
        ["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield RECEIVER.replace("9000", port), process.stdout
        finally:
            process.terminate()


@contextmanager
def stand_in() -> Iterator[dict[str, str]]:
    """Run what `make fake-ai` calls; yields the settings of a service that asks it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fake_ai"],
        cwd=ROOT,
        env={**os.environ, "FAKE_AI_PORT": "0"},  # noqa: TID251 - passed on, not read
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "Ctrl-C stops it.\n"))
        try:
            yield dict(re.findall(r"(\w+)=(\S+)", said))
        finally:
            process.terminate()


def paste(blocks: list[str], service: ServiceProcess, folder: Path) -> list[str]:
    """Paste the blocks into one shell; return what each printed."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "curl").write_text(CURL)
    (programs / "curl").chmod(0o755)
    script = f"\necho '{END_OF_BLOCK}'\n".join(blocks)
    script = script.replace("KEY=ms_...", f"KEY={service.key}")
    script = script.replace("URL=http://127.0.0.1:8000", f"URL={service.url}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": f"{programs}:{os.defpath}", "MATCHSTREAM_DATA_DIR": str(service.data_dir)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return [answer.strip() for answer in done.stdout.split(END_OF_BLOCK)]
