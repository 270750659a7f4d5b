"""Does a run look whole in a real terminal, of any width, resized in mid-run, without colour?"""

import asyncio
import os
import shutil
import uuid
from pathlib import Path

import pytest

from tests.api.live import running
from tests.service_process import COMMAND

# Where everything is tested, it has to be there.
pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None and not os.environ.get("CI"),  # noqa: TID251 - of the suite alone
    reason="there is no tmux here",
)

SECONDS = 30.0
ESCAPE = "\x1b"
# Without the size of a terminal that Python's line editor puts into the environment.
SHELL = ("env", "-u", "COLUMNS", "-u", "LINES", "PS1=$ ", "sh")
NARROW = 50
# A header and two runs, each on one line.
LISTED = 3


class Terminal:
    """A tmux server of the test's own with one window."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._name = f"test-{uuid.uuid4().hex}"

    async def tell(self, *words: str) -> str:
        """Run a tmux command; return what it prints."""
        process = await asyncio.create_subprocess_exec(
            "tmux", "-L", self._name, "-f", "/dev/null", *words, stdout=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[0].decode()

    async def screen(self) -> str:
        """Return what is on the screen, with its escape codes."""
        return await self.tell("capture-pane", "-p", "-e")

    async def wait_for(self, text: str) -> str:
        """Return the screen once the text is on it."""
        shown = ""
        try:
            async with asyncio.timeout(SECONDS):
                while text not in shown:
                    shown = await self.screen()
        except TimeoutError:
            pytest.fail(f"no {text!r} on the screen:\n{shown}")
        return shown

    async def wait_until_ended(self, word: str) -> str:
        """Return the screen once the lines that were entered have ended with `word` and 0."""
        async with asyncio.timeout(SECONDS):
            await self.tell("wait-for", word)
        return await self.wait_for(f"{word} 0")


def match_command(folder: Path) -> str:
    """Write the command that matches two small files."""
    (folder / "orders.csv").write_text("vendor\nVega Logistik\nNordwind Energie\n")
    (folder / "invoices.csv").write_text("name\nVega\nNordwind\n")
    return f"{COMMAND} match invoices.csv --against orders.csv --map name=vendor:fuzzy:1"


async def enter(terminal: Terminal, folder: Path, word: str, *lines: str) -> None:
    """Clear the screen, and let the shell run the lines and say how they ended."""
    script = folder / "go"
    script.write_text("\n".join(["clear", *lines, f"echo {word} $?", f"tmux wait-for -S {word}"]))
    await terminal.tell("send-keys", f". {script}", "Enter")


@pytest.mark.parametrize(
    ("width", "narrowed", "variables", "has_bar"),
    [
        (80, 60, "", True),
        (200, 60, "NO_COLOR=1", True),
        (60, 80, "TERM=dumb", False),
    ],
)
async def test_a_run_is_drawn_whole_and_stays_so_when_the_terminal_is_resized(
    database_url: str, tmp_path: Path, width: int, narrowed: int, variables: str, has_bar: bool
) -> None:
    terminal = Terminal()
    async with running(database_url, tmp_path / "service") as live:
        key = live.client.headers["Authorization"].removeprefix("Bearer ")
        settings = f"MATCHSTREAM_URL={live.client.base_url} MATCHSTREAM_API_KEY={key}"
        live.executor.hold()
        try:
            await terminal.tell("new-session", "-d", "-x", str(width), "-y", "40", *SHELL)
            begin = (f"cd {tmp_path}", f"export {settings} {variables}")
            await enter(terminal, tmp_path, "matched", *begin, match_command(tmp_path))
            begun = await terminal.wait_for("Matching")
            await terminal.tell("resize-window", "-x", str(narrowed))
            live.executor.release()
            ended = await terminal.wait_until_ended("matched")

            live.executor.hold()
            run = await live.start()
            await enter(terminal, tmp_path, "watched", f"{COMMAND} watch")
            followed = await terminal.wait_for("Matching")
            await terminal.tell("resize-window", "-x", str(width))
            live.executor.release()
            watched = await terminal.wait_until_ended("watched")

            await terminal.tell("resize-window", "-x", str(NARROW))
            await enter(terminal, tmp_path, "listed", f"{COMMAND} runs")
            listed = await terminal.wait_until_ended("listed")
        finally:
            await terminal.tell("kill-server")
    for drawn, last, count in ((begun, ended, 2), (followed, watched, 20)):
        assert ("░" in drawn) == has_bar
        assert sum(f"/{count} documents" in each for each in last.splitlines()) == int(has_bar)
        assert f"of {count} documents matched" in last
    lines = listed.splitlines()
    header = next(place for place, line in enumerate(lines) if line.startswith("id "))
    assert lines[header + 1].startswith(f"{run['id']}  completed")
    assert lines.index("listed 0") - header == LISTED
    if variables:
        assert ESCAPE not in ended + watched + listed
