"""Is everything that a command cannot do one sentence, with an exit code that tells which kind?"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from service.command_line import main

DATA = Path(__file__).parents[2] / "data" / "invoices_1k"
FILES = (str(DATA / "invoices.csv"), "--against", str(DATA / "purchase_orders.csv"))
FUZZY = ("--map", "vendor_name=vendor_name:fuzzy:1")
NOBODY = "http://127.0.0.1:1"
UNKNOWN = "01890000-0000-7000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended, and what it wrote."""

    code: object
    out: str
    err: str


Call: TypeAlias = Callable[..., Said]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Call `matchstream` in this process, with a data directory that is not there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MATCHSTREAM_DATA_DIR", str(tmp_path / "data"))

    def run(*words: str, **variables: str) -> Said:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["matchstream", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not (tmp_path / "data").exists()
        return Said(ended.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("match", "none.csv", *FILES[1:], *FUZZY), "none.csv cannot be read: No such file"),
        (("match", FILES[0], "--against", ".", *FUZZY), ". cannot be read: Is a directory"),
        (("match", *FILES), "Say what compares to what with --map"),
        (("match", *FILES, *FUZZY, "--out", "-", "--json"), "both write to standard output"),
        (("match", *FILES, *FUZZY, "--out", "no/where.csv"), "there is no folder"),
        (("match", *FILES, *FUZZY, "--out", "."), "is a folder: name a file"),
        (("match", *FILES, *FUZZY, "--out", "x.xlsx"), "ends in .csv, .json or .ndjson"),
        (("match", *FILES, *FUZZY, "--out", "x.txt"), "ends in .csv, .json or .ndjson"),
        (("match", *FILES, *FUZZY, "--out", "matched"), "ends in .csv, .json or .ndjson"),
        (("match", *FILES, *FUZZY, "--threshold", "85"), "from 0 to 1, with a point: 0.85"),
        (("match", *FILES, *FUZZY, "--review-threshold", "0,5"), "1, with a point: 0.85"),
        (("match", *FILES, *FUZZY, "--threshold", "nan"), "from 0 to 1, with a point: 0.85"),
        (("match", *FILES, "--map", "a=b:fuzzy:0,4"), "is no number: write it with a point: 0.4"),
        (("match", *FILES, "--map", "a=b:fuzzy:-1"), "from 0 to 1, with a point: 0.4"),
        (("match", *FILES, "--map", "vendor"), "write it as SOURCE=TARGET"),
        (("match", *FILES, "--map", "a=b:fuzy:1"), "Did you mean `fuzzy`?"),
        (("match", *FILES, "--map", "a=b:fuzzy:1:scorr=idf"), "Did you mean `scorer`?"),
        (("match", *FILES, "--map", "vendor=x:fuzzy:1"), "Did you mean vendor_name?"),
        (("match", *FILES, "--map", "vendor_name=vendor:fuzzy:1"), "purchase_orders.csv has no"),
        (("match", *FILES, *FUZZY, "--document-id", "nr"), "--document-id nr: invoices.csv has"),
        (("match", *FILES, *FUZZY, "--reference-id", "id"), "--reference-id id: purchase_orders"),
        (("match", FILES[0], "--against", FILES[0], *FUZZY, "--out", FILES[0]), "is the file"),
        (("match", "-", "--against", "-", *FUZZY), "Standard input can be the documents or"),
        (("match", *FILES, "--suggest", "--out", "a.csv"), "--suggest only proposes"),
        (("match", *FILES, *FUZZY, "--out", "/proc/1/x.csv"), "may not be written"),
        (("match", "scan.pdf", *FILES[1:], *FUZZY), "scan.pdf: files like this are not read"),
        (("match", *FILES, "--map", "vendor=x:exact:1"), "--map vendor=x:exact:1: invoices.csv"),
        (("match",), "Missing argument 'DOCUMENTS'"),
        (("mtch",), "Did you mean 'match'"),
        (("runs", "--lmit", "3"), "No such option"),
        (("runs", "--limit", "0"), "greater than or equal to 1"),
        (("review", "a", "b", "maybe"), "'maybe' is not one of 'approved'"),
        (("keys", "revoke", "nope"), "'nope' is no key's id: `matchstream keys list` shows"),
        (("keys", "create", "--name", "a", "--scopes", "read,own"), "the scopes are"),
        (("keys", "create", "--name", "a", "--scopes", ","), "at least one scope of"),
        (("keys", "create", "--name", ""), "A key's name has"),
    ],
)
def test_what_cannot_be_meant_ends_with_2_before_anything_starts(
    call: Call, words: tuple[str, ...], sentence: str
) -> None:
    said = call(*words)
    first, *more = said.err.splitlines()
    assert (said.code, said.out) == (2, "")
    assert first.startswith("matchstream: ")
    assert sentence in first
    assert [line.startswith("Try 'matchstream") for line in more] in ([], [True])


def test_what_a_file_has_in_it_moves_no_terminal(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "strange.csv"
    file.write_text("na\x1b[31mme,\x9b2Jtotal\nVega,1\n")
    said = call("match", str(file), *FILES[1:], *FUZZY)
    assert said.code == 2
    assert "It has na\ufffd[31mme, \ufffd2Jtotal." in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("runs", "--url", "nowhere"), "nowhere is no URL of a service"),
        (("watch", ""), "'' is no id"),
        (("results", ""), "'' is no id"),
        (("review", "a", "..", "approved"), "'..' is no id"),
    ],
)
def test_what_cannot_be_a_url_or_an_id_asks_nobody(
    call: Call, words: tuple[str, ...], sentence: str
) -> None:
    said = call(*words, MATCHSTREAM_URL=NOBODY, MATCHSTREAM_API_KEY="ms_none")
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert sentence in said.err


@pytest.mark.parametrize("words", [("list",), ("revoke", UNKNOWN)])
def test_data_that_is_not_there_is_named_and_not_made(call: Call, words: tuple[str, ...]) -> None:
    said = call("keys", *words)
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert "There is no database in " in said.err
    assert "MATCHSTREAM_DATA_DIR" in said.err


@pytest.mark.parametrize("words", [("migrate",), ("rekey",), ("keys", "list")])
def test_a_server_that_does_not_answer_is_named_without_the_password(
    call: Call, words: tuple[str, ...]
) -> None:
    said = call(*words, DATABASE_URL="postgresql://me:secret@127.0.0.1:1/mine")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "The database does not answer at 127.0.0.1:1 (ConnectionRefusedError)" in said.err
    assert "DATABASE_URL" in said.err
    assert "secret" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        ("runs",),
        ("watch",),
        ("results", UNKNOWN),
        ("review", UNKNOWN, UNKNOWN, "approved"),
        ("webhooks", "list"),
        ("webhooks", "create", "https://example.com/hook"),
        ("match", *FILES, *FUZZY),
    ],
)
def test_a_service_that_is_away_is_a_sentence(call: Call, words: tuple[str, ...]) -> None:
    said = call(*words, MATCHSTREAM_URL=NOBODY, MATCHSTREAM_API_KEY="ms_none")
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"The service at {NOBODY} did not answer (ConnectError" in said.err


def test_no_service_and_no_key_say_what_to_do(call: Call) -> None:
    said = call("runs")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "start one with 'matchstream serve'" in said.err
    assert "MATCHSTREAM_API_KEY" in call("runs", "--url", NOBODY).err


def test_a_host_that_is_not_here_is_told_in_the_words_of_the_system(call: Call) -> None:
    said = call("doctor", MATCHSTREAM_HOST="192.0.2.1", MATCHSTREAM_PORT="8000")
    assert "on port 8000 of 192.0.2.1 (Cannot assign requested address): see" in said.out


def test_without_a_command_it_shows_what_there_is(call: Call) -> None:
    said = call()
    assert (said.code, said.err) == (2, "")
    assert said.out.startswith("Usage: matchstream")
    assert call("--version").out.startswith("matchstream ")
    assert call("-h").out == said.out
    assert call("runs", "-h").out.startswith("Usage: matchstream runs")


def test_the_doctor_says_what_is_wrong_with_advice(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = call(
        "doctor",
        DATABASE_URL="postgresql://someone:secret@127.0.0.1:1/x",
        MATCHSTREAM_DATA_DIR=str(tmp_path / "file" / "data"),
        MATCHSTREAM_URL=NOBODY,
        MATCHSTREAM_PROT="8001",
    )
    assert said.code == 1
    for subject, advice in (
        ("PostgreSQL: the one at 127.0.0.1:1/x cannot be looked at", "check DATABASE_URL"),
        ("data directory", "choose another with MATCHSTREAM_DATA_DIR"),
        (f"service: {NOBODY} does not answer", "change MATCHSTREAM_URL"),
        ("API key: none is known", "put it into MATCHSTREAM_API_KEY"),
        ("settings: one has no effect", "did you mean MATCHSTREAM_PORT?"),
    ):
        assert f"WRONG {subject}" in said.out
        assert advice in said.out
    assert "secret" not in said.out + said.err


def test_the_doctor_names_a_setting_that_cannot_be_read(call: Call) -> None:
    said = call("doctor", MATCHSTREAM_WORKERS="many")
    assert said.code == 1
    assert "MATCHSTREAM_WORKERS=many cannot be used" in said.out
