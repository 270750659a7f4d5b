"""Does the doctor find what is wrong with a database, a service, a key, a clock and a port?"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import httpx2
import pytest

from service.cli import doctor
from service.cli.doctor import our_clock
from service.cli.findings import Finding
from service.domain.api_keys import Scope
from service.store import api_keys, schema
from tests.api.live import Live, running

Look: TypeAlias = Callable[..., list[Finding]]
ADVICE = "Make one with 'matchstream keys create --name NAME'"
NEWEST = schema.migrations()[-1].number


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service with an engine."""
    async with running(database_url, tmp_path) as live:
        yield live


@pytest.fixture
def variables(
    live: Live, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, str]:
    """Settings with which all is well, in the environment."""
    chosen = {
        "DATABASE_URL": database_url,
        "MATCHSTREAM_DATA_DIR": str(tmp_path),
        "MATCHSTREAM_PORT": "0",
        "MATCHSTREAM_URL": str(live.client.base_url),
        "MATCHSTREAM_API_KEY": live.client.headers["Authorization"].removeprefix("Bearer "),
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    return chosen


async def looked(clock: Callable[[], datetime] = our_clock) -> dict[str, list[Finding]]:
    """What the doctor says, by subject."""
    found = await asyncio.to_thread(lambda: list(doctor.look(clock)))
    return {
        subject: [each for each in found if each.subject == subject]
        for subject in dict.fromkeys(each.subject for each in found)
    }


def is_well(found: Mapping[str, list[Finding]], but: str) -> bool:
    """Whether nothing but this subject is wrong, and that one is."""
    wrong = {each.subject for parts in found.values() for each in parts if each.advice is not None}
    return wrong == {but}


async def test_a_sound_installation_is_looked_at_whole(variables: Mapping[str, str]) -> None:
    found = await looked()
    assert all(each.advice is None for parts in found.values() for each in parts), found
    assert found["service"][0].state == f"{variables['MATCHSTREAM_URL']} is ready"
    assert found["schema"][0].state == f"at migration {NEWEST}"
    assert found["API key"][0].state == "opens the service"
    assert [each.state for each in found["clock"]] == [
        "agrees with that of the database",
        "agrees with that of the service",
    ]


async def test_a_key_that_opens_nothing_is_told_with_the_reason(
    live: Live, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = our_clock() - timedelta(days=3)
    async with live.world.database.connection() as connection:
        workspace = live.world.workspace_id
        every = frozenset(Scope)
        _, expired = await api_keys.create(connection, workspace, "old", every, ended)
        revoked_id, revoked = await api_keys.create(connection, workspace, "lost", every)
        await api_keys.revoke(connection, workspace, revoked_id)
        _, narrow = await api_keys.create(connection, workspace, "w", frozenset({Scope.WRITE}))
    cases = {
        "ms_nobody": ("is refused: ", "the database knows none like it"),
        "no key at all": ("is refused: An API key starts with `ms_`", "the database knows none"),
        expired: (f"is refused: it expired at {ended:%Y-%m-%dT%H}", "it expired at"),
        revoked: ("is refused: it was revoked at 20", "it was revoked at 20"),
        narrow: ("does not reach far enough: This needs the scope `read`", "is good"),
    }
    for key, (of_service, of_database) in cases.items():
        monkeypatch.setenv("MATCHSTREAM_API_KEY", key)
        monkeypatch.setenv("MATCHSTREAM_URL", variables["MATCHSTREAM_URL"])
        found = await looked()
        assert is_well(found, but="API key"), found
        assert found["API key"][0].state.startswith(of_service)
        assert str(found["API key"][0].advice).startswith(ADVICE)
        assert key not in str(found)
        monkeypatch.delenv("MATCHSTREAM_URL")
        alone = (await looked())["API key"][0]
        assert alone.state.startswith(of_database)
        assert (alone.advice is None) == (key == narrow)
    monkeypatch.delenv("MATCHSTREAM_API_KEY")
    assert (await looked())["API key"][0].advice is None
    monkeypatch.setenv("MATCHSTREAM_URL", variables["MATCHSTREAM_URL"])
    assert (await looked())["API key"][0].state == "none is known"


@pytest.mark.parametrize(("hours", "way"), [(2, "2 h 0 min ahead of"), (-3, "3 h 0 min behind")])
async def test_a_clock_that_is_far_from_the_others_is_told(
    variables: Mapping[str, str], hours: int, way: str
) -> None:
    found = await looked(lambda: our_clock() + timedelta(hours=hours))
    assert is_well(found, but="clock"), found
    assert [each.state for each in found["clock"]] == [
        f"this machine's is {way} that of the {whose}" for whose in ("database", "service")
    ]
    assert all("time server" in str(each.advice) for each in found["clock"])


async def test_a_schema_of_another_release_is_told(
    live: Live, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The service would say so too: only the database is looked at.
    monkeypatch.delenv("MATCHSTREAM_URL")
    newest = "(SELECT max(number) FROM schema_migrations)"
    steps = (
        (
            f"DELETE FROM schema_migrations WHERE number = {newest}",
            f", this release needs {NEWEST}",
            "matchstream migrate",
        ),
        (
            "INSERT INTO schema_migrations (number, name) VALUES (9999, 'later')",
            f"at migration 9999, made by a newer release: this one knows {NEWEST}",
            "Start that",
        ),
        ("DROP TABLE schema_migrations", "none yet: the first start makes it", None),
    )
    for statement, state, advice in steps:
        async with live.world.database.connection() as connection:
            await connection.execute(statement)
        found = (await looked())["schema"][0]
        assert found.state.endswith(state)
        assert (found.advice is None) == (advice is None)
        assert advice is None or advice in str(found.advice)


async def test_a_port_that_another_program_has_is_told_and_the_service_may_have_its_own(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("MATCHSTREAM_PORT", str(taken.getsockname()[1]))
        found = await looked()
    assert is_well(found, but="port"), found
    assert "choose another port with MATCHSTREAM_PORT" in str(found["port"][0].advice)
    assert (await looked())["port"][0].state.endswith("is free")
    port = httpx2.URL(variables["MATCHSTREAM_URL"]).port
    monkeypatch.setenv("MATCHSTREAM_PORT", str(port))
    assert (await looked())["port"][0] == Finding("port", f"{port} is that of the service")


async def test_what_is_no_service_of_ours_or_not_ready_is_told(
    live: Live, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live.world.database.connection() as connection:
        await connection.execute("UPDATE schema_migrations SET number = 9999 WHERE number = 1")
    found = (await looked())["service"][0]
    assert found.state.endswith("cannot work now")
    assert found.advice == (
        f"migrations: The database is at migration 9999, this release needs {NEWEST}."
    )
    monkeypatch.setenv("MATCHSTREAM_URL", f"{variables['MATCHSTREAM_URL']}/docs")
    assert (await looked())["service"][0].state.endswith("does not answer as Matchstream does")
    monkeypatch.setenv("MATCHSTREAM_URL", f"{variables['MATCHSTREAM_URL']}/")
    assert (await looked())["service"][0] == found
    for url, why in (("http://127.0.0.1:99999", "out of range"), ("http://me:pw@here", "no user")):
        monkeypatch.setenv("MATCHSTREAM_URL", url)
        refused = (await looked())["service"][0]
        assert why in str(refused.advice)
        assert "pw" not in str(refused)


async def test_what_a_database_lets_nobody_see_is_a_sentence(
    live: Live, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MATCHSTREAM_URL")
    async with live.world.database.connection() as connection:
        await connection.execute("ALTER TABLE api_keys RENAME COLUMN key_hash TO hidden")
    found = (await looked())["PostgreSQL"][0]
    assert "does not let us look" in str(found.advice)
