"""Can an operator make, list and revoke keys, beside a running service and without one?"""

import re
from pathlib import Path

import httpx2

from service.settings import database_place
from tests.service_process import run_command, running

RUNS = "/v1/matching/runs"


def test_keys_made_beside_and_before_a_service_open_it(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    before = run_command(data_dir, "keys", "create", "--name", "before", "--scopes", "read")
    with running(data_dir) as service:
        beside = run_command(data_dir, "keys", "create", "--name", "beside")
        for made in (before, beside):
            assert made.returncode == 0
            assert re.fullmatch(r"ms_\S+\n", made.stdout)
            assert f"The key is for the data in {data_dir}" in made.stderr
            assert made.stderr.endswith("It is shown this once.\n")
            assert ("a new database was made" in made.stderr) == (made is before)
            headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
            assert httpx2.get(service.url + RUNS, headers=headers).status_code == 200
        names = [line.split("\t")[1:4] for line in listed(data_dir)]
    assert names == [
        ["before", "read", "active"],
        ["first", "admin,read,write", "active"],
        ["beside", "read,write", "active"],
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


def test_another_workspace_is_made_by_its_name_and_shares_nothing(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    made = run_command(
        data_dir, "keys", "create", "--name", "one", "--workspace", "acme", "--days", "30"
    )
    again = run_command(data_dir, "keys", "create", "--name", "two", "--workspace", "acme")
    default = run_command(data_dir, "keys", "create", "--name", "three")
    assert "The workspace acme was made for it" in made.stderr
    assert "acme" not in again.stderr + default.stderr
    rows = [line.split("\t") for line in listed(data_dir)]
    assert [(row[1], row[7]) for row in rows] == [
        ("three", "default"),
        ("one", "acme"),
        ("two", "acme"),
    ]
    assert [row[6] == "-" for row in rows] == [True, False, True]
    assert {row[5] for row in rows} == {"-"}
    of_acme = run_command(data_dir, "keys", "list", "--workspace", "acme").stdout
    assert [line.split("\t")[1] for line in of_acme.splitlines()[1:]] == ["one", "two"]
    missing = run_command(data_dir, "keys", "list", "--workspace", "acne")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)
    assert "There is no workspace acne; there are default, acme." in missing.stderr
    assert run_command(data_dir, "keys", "revoke", rows[1][0]).returncode == 0
    assert listed(data_dir)[1].split("\t")[3] == "revoked"


def test_a_key_for_another_server_names_it_without_the_password(
    tmp_path: Path, empty_database_url: str
) -> None:
    extra = {"DATABASE_URL": empty_database_url}
    made = run_command(tmp_path / "data", "keys", "create", "--name", "a", extra=extra)
    assert made.stdout.startswith("ms_")
    place = database_place(empty_database_url, with_name=True)
    assert f"The key is for the database at {place} (DATABASE_URL)." in made.stderr
    assert run_command(tmp_path / "data", "keys", "list", extra=extra).returncode == 0


def test_programs_that_are_not_there_are_named_with_the_setting(tmp_path: Path) -> None:
    failed = run_command(tmp_path / "data", "serve", extra={"MATCHSTREAM_POSTGRES_BIN": "/nope"})
    assert "were found in /nope: " in failed.stderr
    assert "MATCHSTREAM_POSTGRES_BIN" in failed.stderr


def test_migrate_and_rekey_say_what_they_did(tmp_path: Path) -> None:
    first = run_command(tmp_path / "data", "migrate")
    assert first.stdout.startswith("The database is at migration ")
    assert run_command(tmp_path / "data", "migrate").stdout == first.stdout
    said = run_command(tmp_path / "data", "rekey")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("Webhooks are disabled until each gets a new secret")


def listed(data_dir: Path) -> list[str]:
    """What `keys list` prints."""
    return run_command(data_dir, "keys", "list").stdout.splitlines()[1:]
