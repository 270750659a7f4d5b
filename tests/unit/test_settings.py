"""Are the settings read from the environment, and wrong ones named in a sentence?"""

from pathlib import Path

import pytest
from pydantic import SecretStr

from service.domain.errors import StartupError
from service.settings import Settings, database_place, load, unknown_variables, variable

ORIGINS = "`*`, or origins like https://app.example without a path"


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
        ("webhook_allow_http", "true", True),
        ("webhook_networks", "10.1.0.0/16, fd00::/8", ("10.1.0.0/16", "fd00::/8")),
        ("secret_key", "x" * 32, SecretStr("x" * 32)),
        (
            "cors_origins",
            "https://App.example, http://[::1]:3000",
            ("https://app.example", "http://[::1]:3000"),
        ),
        ("cors_origins", "*", ("*",)),
    ],
)
def test_the_environment_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(variable(name), text)
    assert getattr(load(), name) == value


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("MATCHSTREAM_PORT", "abc", "a whole number from 0 to 65535"),
        ("MATCHSTREAM_PORT", "70000", "a whole number from 0 to 65535"),
        ("MATCHSTREAM_DATABASE_POOL_SIZE", "1001", "a whole number from 1 to 1000"),
        ("MATCHSTREAM_WORKERS", "0", "a whole number from 1 to 1024"),
        ("MATCHSTREAM_MAX_UPLOAD_BYTES", "2GB", "a whole number of bytes, 1 or more"),
        ("MATCHSTREAM_CORS_ORIGINS", "https://app.example/", ORIGINS),
        ("MATCHSTREAM_CORS_ORIGINS", "app.example", ORIGINS),
        ("MATCHSTREAM_READS_PER_MINUTE", "0", "a whole number, 1 or more"),
        ("MATCHSTREAM_WEBHOOK_ALLOW_HTTP", "perhaps", "true or false"),
        (
            "MATCHSTREAM_WEBHOOK_NETWORKS",
            "10.0.0.1/8",
            "networks like 10.1.0.0/16, separated by commas",
        ),
        ("MATCHSTREAM_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("MATCHSTREAM_SHUTDOWN_SECONDS", "-1", "a number of seconds above 0 and up to 600"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_has_to_be(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, wanted: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(StartupError) as caught:
        load()
    assert str(caught.value) == f"{name}={text} cannot be used: it has to be {wanted}."


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("port", 0, 65535), ("database_pool_size", 1, 1000), ("workers", 1, 1024)],
)
def test_the_bounds_it_names_are_the_bounds(
    monkeypatch: pytest.MonkeyPatch, name: str, low: int, high: int
) -> None:
    for value in (low, high):
        monkeypatch.setenv(variable(name), str(value))
        assert getattr(load(), name) == value
    for value in (low - 1, high + 1):
        monkeypatch.setenv(variable(name), str(value))
        with pytest.raises(StartupError, match=f"from {low} to {high}"):
            load()


def test_a_variable_that_is_no_setting_is_named_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = unknown_variables()
    monkeypatch.setenv("MATCHSTREAM_PROT", "9000")
    monkeypatch.setenv("MATCHSTREAM_TEST_DATABASE_URL", "ours")
    monkeypatch.setenv("MATCHSTREAM_PORT", "9000")
    assert [sentence for sentence in unknown_variables() if sentence not in before] == [
        "MATCHSTREAM_PROT is no setting and has no effect: did you mean MATCHSTREAM_PORT?"
    ]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:secret@db.example:6000/mine", "db.example:6000/mine"),
        ("postgres://db/mine", "db:5432/mine"),
        ("postgresql://me:secret@[::1]/mine", "[::1]:5432/mine"),
        ("postgresql:///mine?host=/run/pg&password=secret", "/run/pg:5432/mine"),
        ("postgresql://me:sec@ret@db/mine", "db:5432/mine"),
        ("postgresql://me:sec/ret@db/mine", "the server"),
        ("postgresql://me:sec?ret@db/mine", "the server"),
        ("postgresql://db/mine?password=sec@ret", "the server"),
        ("postgresql://me:secret@db:port/mine", "the server"),
    ],
)
def test_where_a_database_is_never_shows_a_password(url: str, place: str) -> None:
    assert database_place(url, with_name=True) == place


def test_a_wrong_database_url_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:secret@db/mine")
    with pytest.raises(StartupError, match=r"^DATABASE_URL cannot be used") as caught:
        load()
    assert "secret" not in str(caught.value)


def test_a_secret_key_that_is_too_short_is_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MATCHSTREAM_SECRET_KEY", "guessable")
    with pytest.raises(StartupError, match="32 or more characters") as caught:
        load()
    assert "guessable" not in str(caught.value)
    monkeypatch.setenv("MATCHSTREAM_SECRET_KEY", "y" * 32)
    assert "yyy" not in repr(load())
    assert load().plain_secret_key == "y" * 32
