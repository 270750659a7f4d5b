"""Does a run look whole in a real terminal, of any width, resized in mid-run, without colour?"""

import asyncio
import os
import shutil
import uuid
from pathlib import Path

import pytest

from tests.api.live import Live, running
from tests.service_process import COMMAND

# Where everything is tested, it has to be there.
pytestmark = pytest.mark.skipif(
    shutil.which("tmux") is None and not os.environ.get("CI"),  # noqa: TID251 - of the suite alone
    reason="there is no tmux here",
)

SECONDS = 30.0
ESCAPE = "\x1b"


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


def command_line(live: Live, folder: Path, variables: str) -> str:
    """Write the command that matches two small files with the service."""
    (folder / "orders.csv").write_text("vendor\nVega Logistik\nNordwind Energie\n")
    (folder / "invoices.csv").write_text("name\nVega\nNordwind\n")
    key = live.client.headers["Authorization"].removeprefix("Bearer ")
    settings = f"MATCHSTREAM_URL={live.client.base_url} MATCHSTREAM_API_KEY={key} {variables}"
    return (
        f"cd {folder}; clear; env {settings} {COMMAND} match invoices.csv --against orders.csv "
        "--map name=vendor:fuzzy:1; echo ended $?"
    )


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
        live.executor.hold()
        try:
            await terminal.tell(
                "new-session", "-d", "-x", str(width), "-y", "40", "env", "PS1=$ ", "sh"
            )
            line = command_line(live, tmp_path, variables)
            (tmp_path / "go").write_text(line)
            await terminal.tell("send-keys", f". {tmp_path / 'go'}", "Enter")
            begun = await terminal.wait_for("Matching")
            await terminal.tell("resize-window", "-x", str(narrowed))
            live.executor.release()
            ended = await terminal.wait_for("ended 0")
        finally:
            await terminal.tell("kill-server")
    assert ("░" in begun) == has_bar
    assert sum("/2 documents" in each for each in ended.splitlines()) == int(has_bar)
    assert "of 2 documents matched" in ended
    if variables:
        assert ESCAPE not in ended
