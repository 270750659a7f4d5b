"""Are the settings read from the environment, and wrong ones named in a sentence?"""

from pathlib import Path

import pytest

from service.domain.errors import StartupError
from service.settings import Settings, load, variable


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)


def test_defaults_are_a_private_service_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8000, None)
    assert settings.data_dir == tmp_path / "matchstream-data"
    assert settings.workers >= 1


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "9000", 9000),
        ("data_dir", "/var/lib/matchstream", Path("/var/lib/matchstream")),
        ("data_dir", "", Path.cwd() / "matchstream-data"),
        ("database_url", "postgresql://me@db/mine", "postgresql://me@db/mine"),
        ("allowed_hosts", "Match.Example, localhost", ("match.example", "localhost")),
        ("workers", "3", 3),
    ],
)
def test_the_environment_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(variable(name), text)
    assert getattr(load(), name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MATCHSTREAM_PORT", "eighty"),
        ("MATCHSTREAM_PORT", "70000"),
        ("MATCHSTREAM_WORKERS", "0"),
        ("MATCHSTREAM_LOG_LEVEL", "loud"),
        ("MATCHSTREAM_SHUTDOWN_SECONDS", "-1"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(StartupError, match=f"^{name}={text} cannot be used: .+\\.$"):
        load()


def test_a_wrong_database_url_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:secret@db/mine")
    with pytest.raises(StartupError, match=r"^DATABASE_URL cannot be used") as caught:
        load()
    assert "secret" not in str(caught.value)
