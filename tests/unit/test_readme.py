"""Does the README list the settings, the make targets and the commands as they are?"""

import re
from pathlib import Path

from typer.models import CommandInfo

from service.__main__ import app
from service.cli.keys import app as keys_app
from service.settings import Settings, variable

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_setting_is_listed_with_its_default_and_meaning() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+) \|$", README, re.MULTILINE)
    known = [
        (variable(name), default_of(name), str(field.description))
        for name, field in Settings.model_fields.items()
    ]
    assert listed == known


def default_of(name: str) -> str:
    """A setting's default as the README writes it."""
    field = Settings.model_fields[name]
    if name == "workers":
        return "number of processors"
    if field.default is None:
        return "none"
    if isinstance(field.default, tuple):
        return f"`{','.join(field.default)}`"
    return f"`{field.default}`"


def test_every_make_target_it_names_exists_and_is_run_somewhere() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z]+)", README))
    assert named == {"run", "install", "test", "check", "bench"}
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
    called = set(re.findall(r"^make ([a-z]+)", (ROOT / ".ci/run").read_text(), re.MULTILINE))
    assert named == called | {"run"}
    # `make run` is this command, which the acceptance tests start.
    assert "exec $(BIN)/matchstream demo" in makefile


def test_every_command_is_listed() -> None:
    named = set(re.findall(r"\.venv/bin/matchstream ([a-z ]+)", README))
    commands = {command_name(command) for command in app.registered_commands}
    key_commands = {f"keys {command_name(command)}" for command in keys_app.registered_commands}
    assert {name.strip() for name in named} == commands | key_commands


def command_name(command: CommandInfo) -> str:
    """The word that calls a command."""
    assert command.callback is not None
    return command.name or command.callback.__name__
