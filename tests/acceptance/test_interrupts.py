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
TOLD = b"import time:"
# What it tells meanwhile has no room in the pipe: it cannot get far until it is read.
PIPE_BYTES = 4096


@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("runs",), "typer._click.core"),
        (("runs",), "httpx2._urls"),
        (FILES, "uvicorn"),
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
        bufsize=0,
        pipesize=PIPE_BYTES,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path / "data", {"PYTHONPROFILEIMPORTTIME": "1"}),
        cwd=tmp_path,
        # What runs the suite in the background may ignore interrupts, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        assert command.stderr is not None
        for line in command.stderr:
            if line.rsplit(b"|", 1)[-1].strip() == module.encode():
                break
        command.send_signal(signal.SIGINT)
        out, said = command.communicate(timeout=SECONDS)
    assert [line for line in said.splitlines() if not line.startswith(TOLD)] == []
    assert (command.returncode, out) == (EXIT_CODE, b"")
