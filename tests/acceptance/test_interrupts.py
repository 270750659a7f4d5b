"""Does Ctrl-C end a command without a word, whatever it is about to import?"""

import signal
import subprocess
from pathlib import Path

import pytest

from service.cli.interrupts import EXIT_CODE
from tests.service_process import COMMAND, environment

FILES = ("match", "a.csv", "--against", "b.csv", "--map", "a=b:fuzzy:1")
SECONDS = 20.0
# Python tells on standard error when it has imported a module; that is when the signal is sent.
TOLD = "import time:"


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("runs",), "typer._click.core"),
        (("runs",), "httpx2"),
        (FILES, "service.app"),
        (("serve",), "importlib.metadata"),
        (("demo",), "asyncpg"),
    ],
)
def test_an_interrupt_while_a_command_is_imported_is_no_traceback(
    tmp_path: Path, words: tuple[str, ...], module: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"{name}\n1\n")
    with subprocess.Popen(
        [COMMAND, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path / "data", {"PYTHONPROFILEIMPORTTIME": "1"}),
        cwd=tmp_path,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        for line in command.stderr:
            if line.rsplit("|", 1)[-1].strip() == module:
                break
        command.send_signal(signal.SIGINT)
        said = [line for line in command.stderr if not line.startswith(TOLD)]
        assert (command.wait(SECONDS), command.stdout.read(), said) == (EXIT_CODE, "", [])
