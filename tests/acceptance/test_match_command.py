"""Does the command line match files, follow runs and review results, for people and scripts?"""

import asyncio
import csv
import fcntl
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import asyncpg
import pytest

from service.store import embedded
from tests.service_process import COMMAND, environment, fleet, run_command, running

DATA = Path(__file__).parents[1] / "data" / "invoices_1k"
INVOICES, ORDERS = str(DATA / "invoices.csv"), str(DATA / "purchase_orders.csv")
FILES = (INVOICES, "--against", ORDERS, "--document-id", "invoice_id", "--reference-id", "po_id")
MAPPINGS = ("--map", "po_number=po_number:exact:0.4", "--map", "vendor_name=vendor_name:fuzzy:0.6")
DOCUMENTS = 500
# How long one command may take on a machine that is busy.
SECONDS = 60.0


# A score of commands, one after the other.
@pytest.mark.timeout(180)
def test_beside_a_running_service_it_needs_neither_address_nor_key(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data):
        proposed = run_command(data, "match", *FILES[:3], "--suggest")
        assert proposed.stdout.startswith("--document-id invoice_id\n--reference-id po_id\n--map ")
        options = re.findall(r"^--map (\S+)$", proposed.stdout, re.MULTILINE)
        assert "vendor_name=vendor_name:fuzzy" in proposed.stdout
        assert not any(option.startswith("invoice_id=") for option in options)

        chosen = [word for option in options for word in ("--map", option)]
        matched = run_command(data, "match", *FILES, *chosen, "--json")
        assert (matched.returncode, matched.stderr) == (0, "")
        run = json.loads(matched.stdout)
        assert (run["status"], run["rows_processed"]) == ("completed", DOCUMENTS)

        listed = run_command(data, "runs", "--json")
        assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [run["id"]]

        watched = run_command(data, "watch", run["id"])
        assert watched.returncode == 0
        assert f"run.snapshot\t{DOCUMENTS}/{DOCUMENTS}" in watched.stdout
        assert f"{run['rows_matched']} of {DOCUMENTS} documents matched" in watched.stderr

        best = run_command(data, "results", run["id"], "--limit", "1", "--json")
        result = json.loads(best.stdout)
        begun = (("watch", ""), ("review", run["id"], result["id"][:-1]))
        assert completed_by_bash(data, *begun) == [[run["id"]], [result["id"]]]
        reviewed = run_command(data, "review", run["id"], result["id"], "approved")
        assert reviewed.stdout == f"{result['document_id']}: approved\n"
        approved = run_command(data, "results", run["id"], "--status", "approved")
        header, line = approved.stdout.splitlines()
        assert header.startswith("id\tdocument_id\t")
        assert line.startswith(f"{result['id']}\t{result['document_id']}\t")

        newest = run_command(data, "watch", "--json")
        assert json.loads(newest.stdout)["run"]["id"] == run["id"]

        assert_output_may_be_full_or_closed(data)

        strange = run_command(data, "runs", extra={"MATCHSTREAM_API_KEY": "ms_other"})
        assert strange.stderr.endswith("expired: put another one into MATCHSTREAM_API_KEY.\n")

        unknown = run_command(data, "watch", "nothing")
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "nothing" in unknown.stderr


def test_without_a_service_each_match_runs_one_for_as_long_as_it_takes(tmp_path: Path) -> None:
    data = tmp_path / "data"
    outs = [tmp_path / "first.csv", tmp_path / "second.csv"]
    with (
        Path(INVOICES).open() as documents,
        matching(data, {}, "--out", str(outs[0]), stderr=subprocess.PIPE) as one,
        matching(
            data, {}, "--out", str(outs[1]), stderr=subprocess.PIPE, documents=documents
        ) as two,
    ):
        for command in (one, two):
            out, said = command.communicate(timeout=SECONDS)
            assert (command.returncode, out) == (0, ""), said
            assert re.fullmatch(r"(Waiting for process \d+, which has the data in .*\n)?", said)
    for path in outs:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == DOCUMENTS
        assert sum(bool(row["matched_reference_row_id"]) for row in rows) > DOCUMENTS / 2
    assert list(tmp_path.glob("*unfinished*")) == []
    refused = run_command(data, "runs")
    assert refused.returncode == 1
    assert "No service runs on the data in" in refused.stderr
    assert asyncio.run(statuses_of_runs(data)) == ["completed", "completed"]


async def statuses_of_runs(data: Path) -> list[str]:
    """How the runs in a data directory stand that nobody has."""
    async with embedded.start(data, settings=embedded.THROWAWAY_SETTINGS) as dsn:
        connection = await asyncpg.connect(dsn)
        try:
            return [row["status"] for row in await connection.fetch("SELECT status FROM runs")]
        finally:
            await connection.close()


def test_one_that_waits_for_its_turn_says_so_and_ends_at_an_interrupt(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with (data / "owner.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write('{"pid": 4711}')
        lock.flush()
        with matching(data, {}, "--json", stderr=subprocess.PIPE) as command:
            assert command.stderr is not None
            assert command.stderr.readline().startswith("Waiting for process 4711, which has the")
            command.send_signal(signal.SIGINT)
            assert command.communicate(timeout=SECONDS) == ("", "")
    assert command.returncode == 130
    assert [path.name for path in data.iterdir()] == ["owner.lock"]


def test_a_signal_cancels_the_run_and_a_run_that_others_cancel_is_told(
    tmp_path: Path, empty_database_url: str
) -> None:
    data = tmp_path / "none"
    # Nobody carries the runs out: they wait until they are cancelled.
    with fleet(tmp_path, empty_database_url, workers=0) as parts:
        api = parts.apis[0]
        extra = {"MATCHSTREAM_URL": api.url, "MATCHSTREAM_API_KEY": api.key}
        for number in (signal.SIGINT, signal.SIGTERM):
            with matching(data, extra, "--keep") as command:
                queued = run_with_status(data, extra, "queued")
                command.send_signal(number)
                assert command.wait(SECONDS) == 130
            assert run_with_status(data, extra, "cancelled")["id"] == queued["id"]
        with matching(data, extra, "--json") as command:
            queued = run_with_status(data, extra, "queued")
            cancelled = run_command(data, "cancel", queued["id"], extra=extra)
            assert cancelled.stdout == f"{queued['id']}: cancelled\n"
            said, _ = command.communicate(timeout=SECONDS)
        assert command.returncode == 130
        assert json.loads(said)["status"] == "cancelled"
        followed = run_command(data, "watch", queued["id"], extra=extra)
        assert followed.returncode == 130
        again = run_command(data, "cancel", queued["id"], extra=extra)
        assert (again.returncode, again.stdout, again.stderr.count("\n")) == (1, "", 1)


def assert_output_may_be_full_or_closed(data: Path) -> None:
    """A list that cannot be written is a sentence, or nothing where nobody is to read it."""
    with Path("/dev/full").open("w") as full:
        words = [COMMAND, "runs", "--json"]
        blocked = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, env=environment(data), check=False
        )
    assert (blocked.returncode, blocked.stderr) == (
        1,
        b"matchstream: No space left on device.\n",
    )

    words = ["sh", "-c", f"exec {shlex.quote(COMMAND)} runs <&- >&-"]
    closed = subprocess.run(words, stderr=subprocess.PIPE, env=environment(data), check=False)
    assert (closed.returncode, closed.stderr) == (0, b"")


def completed_by_bash(data: Path, *lines: tuple[str, ...]) -> list[list[str]]:
    """Install completion as the README says; return what bash then offers for the last words."""
    installed = [f"{Path(COMMAND).name} --install-completion >&2", ". ~/.bashrc"]
    asked = [
        f"COMP_WORDS=(matchstream {shlex.join(words)}); COMP_CWORD={len(words)}; COMPREPLY=(); "
        '$(complete -p matchstream | grep -o "_[a-z_]*completion") matchstream; '
        'echo "${COMPREPLY[*]}"'
        for words in lines
    ]
    done = subprocess.run(
        ["bash", "-c", "\n".join([*installed, *asked])],
        capture_output=True,
        text=True,
        env={
            **environment(data),
            "HOME": str(data.parent),
            "PATH": f"{Path(COMMAND).parent}:{os.defpath}",
        },
        check=True,
    )
    return [line.split() for line in done.stdout.splitlines()]


@contextmanager
def matching(
    data: Path,
    extra: Mapping[str, str],
    *words: str,
    stderr: int | None = None,
    documents: IO[str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """Run `match` beside the test; `documents` come on standard input, where they are given."""
    first = INVOICES if documents is None else "-"
    with subprocess.Popen(
        [COMMAND, "match", first, *FILES[1:], *MAPPINGS, *words],
        stdin=documents or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=environment(data, extra),
        cwd=data.parent,
        # What runs the suite in the background may ignore interrupts, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        yield command


def run_with_status(data: Path, extra: Mapping[str, str], status: str) -> Any:
    """Return the newest run once it has that status."""
    while True:
        words = ("runs", "--json", "--limit", "1", "--status", status)
        listed = run_command(data, *words, extra=extra)
        if listed.stdout:
            return json.loads(listed.stdout)
