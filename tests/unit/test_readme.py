"""Does the README list the settings, the make targets and the commands as they are?"""

import re
import subprocess
from html import unescape
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from typer.models import CommandInfo

from service.cli.keys import app as keys_app
from service.cli.webhooks import app as webhooks_app
from service.command_line import SECTIONS
from service.settings import Settings, variable
from service.ui import pages

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
    if field.default in (None, ()):
        return "none"
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`"
    return f"`{field.default}`"


def test_every_make_target_it_names_exists_and_is_run_somewhere() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z]+(?:-[a-z]+)*)", README))
    assert named == {
        "run", "install", "test", "check", "bench", "bench-ai", "bench-api", "bench-quality",
        "chaos", "clean", "fake-ai", "fuzz", "help",
    }  # fmt: skip
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
    called = set(
        re.findall(r"^make ([a-z]+(?:-[a-z]+)*)", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    )
    # `make chaos` and `make fuzz` are what acceptance tests do in short; `make fake-ai` is the
    # program that the README's commands are tried with, and the floors of `make bench-quality` are
    # those of a unit test; `make clean` and `make help` are tried below.
    assert named == called | {"clean", "help", "run", "chaos", "fake-ai", "fuzz", "bench-quality"}
    # `make run` is this command, which the acceptance tests start.
    assert "exec $(BIN)/matchstream demo" in makefile


def test_make_lists_its_targets() -> None:
    told = [line.split(maxsplit=1) for line in make("help").splitlines()]
    listed = set(re.findall(r"^\| `make ([a-z-]+)`", README, re.MULTILINE))
    assert listed == {target for target, _ in told} - {"format", "pin"}
    assert all(words for _, words in told)


def test_make_clean_leaves_nothing_that_is_made_but_the_data() -> None:
    removed = make("--dry-run", "clean").split()
    made = (ROOT / ".gitignore").read_text().split()
    kept = {name.strip("/") for name in made} - set(removed)
    assert kept == {"matchstream-data"}


def make(*words: str) -> str:
    """What `make` prints in the project's folder, also where another one runs the tests."""
    command = ["make", "--no-print-directory", *words]
    return subprocess.check_output(command, cwd=ROOT, text=True)


def test_every_command_is_listed() -> None:
    named = set(re.findall(r"^\| `\.venv/bin/matchstream ([a-z ]+)", README, re.MULTILINE))
    commands = {entry.name for entries in SECTIONS.values() for entry in entries}
    groups = {"keys": keys_app, "webhooks": webhooks_app}
    grouped = {
        f"{name} {command_name(command)}"
        for name, group in groups.items()
        for command in group.registered_commands
    }
    assert {name.strip() for name in named} == (commands - set(groups)) | grouped


def command_name(command: CommandInfo) -> str:
    """The word that calls a command."""
    assert command.callback is not None
    return command.name or command.callback.__name__


def test_the_page_of_first_steps_shows_the_same() -> None:
    page = (ROOT / "service/ui/static/first_steps.html").read_text()
    steps = README[README.index("## First steps") : README.index("## What else")]
    shown = re.findall(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)
    blocks = re.findall(r"^```sh\n(.*?)\n```$", steps, re.MULTILINE | re.DOTALL)
    assert blocks == [unescape(text) for text in shown]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("match.example:9000", "http://match.example:9000"),
        ("[::1]:9000", "http://[::1]:9000"),
        ("<b>", "http://127.0.0.1:8000"),
        ("here;reboot", "http://127.0.0.1:8000"),
        ("$(reboot)", "http://127.0.0.1:8000"),
    ],
)
async def test_the_page_of_first_steps_shows_the_address_it_was_asked_at(
    host: str, url: str
) -> None:
    transport = httpx2.ASGITransport(Starlette(routes=pages.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
        page = await client.get("/first-steps", headers={"Host": host})
    assert f"\nURL={url}\n" in page.text
    assert page.text.count("http://") == 1
