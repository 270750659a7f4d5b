"""Can an operator make, list and revoke keys, beside a running service and without one?"""

from pathlib import Path

import httpx2
import pytest

from tests.service_process import run_command, running

RUNS = "/v1/matching/runs"


def test_keys_made_beside_and_before_a_service_open_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    before = run_command(data_dir, "keys", "create", "--name", "before", "--scopes", "read")
    with running(data_dir) as service:
        beside = run_command(data_dir, "keys", "create", "--name", "beside")
        for made in (before, beside):
            assert (made.returncode, made.stderr) == (0, "")
            assert made.stdout.startswith("ms_")
            headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
            assert httpx2.get(service.url + RUNS, headers=headers).status_code == 200
        names = [line.split("\t")[1:4] for line in listed(data_dir)]
    assert names == [
        ["before", "read", "open"],
        ["first", "admin,read,write", "open"],
        ["beside", "admin,read,write", "open"],
    ]


def test_a_revoked_key_opens_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir) as service:
        key = run_command(data_dir, "keys", "create", "--name", "short").stdout.strip()
        key_id = next(line.split("\t")[0] for line in listed(data_dir) if "short" in line)
        assert run_command(data_dir, "keys", "revoke", key_id).returncode == 0
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx2.get(service.url + RUNS, headers=headers).status_code == 401
        again = run_command(data_dir, "keys", "revoke", key_id)
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--name", "a", "--scopes", "read,own"), "'own' is not a valid Scope: the scopes are"),
        (("--name", "a", "--scopes", ","), "at least one scope of"),
        (("--name", ""), "A key's name has"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    failed = run_command(tmp_path / "data", "keys", "create", *words)
    assert failed.returncode == 1
    assert sentence in failed.stderr
    assert failed.stdout == ""


def test_migrate_says_where_the_database_is(tmp_path: Path) -> None:
    first = run_command(tmp_path / "data", "migrate")
    assert first.stdout.startswith("The database is at migration ")
    assert run_command(tmp_path / "data", "migrate").stdout == first.stdout


def listed(data_dir: Path) -> list[str]:
    """What `keys list` prints."""
    return run_command(data_dir, "keys", "list").stdout.splitlines()
