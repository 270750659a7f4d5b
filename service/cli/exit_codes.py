"""With which code does a command end, so that a script can tell what happened?"""

from service.cli import interrupts
from service.domain.errors import InvalidInputError, MatchstreamError

WRONG, USAGE, RUN_FAILED, CANCELLED = 1, 2, 3, interrupts.EXIT_CODE

EXPLAINED = """\
Ends with 0 when all went well, 1 when something is wrong, 2 when what was asked for cannot be \
meant (an option, a file, a mapping), 3 when a run failed, 130 when a run was cancelled or Ctrl-C \
was pressed."""


class RunEndedError(MatchstreamError):
    """The run did not complete; `exit_code` tells a script how it ended."""

    code = "run_ended"

    def __init__(self, detail: str, exit_code: int) -> None:
        """Keep the exit code of the command."""
        super().__init__(detail)
        self.exit_code = exit_code


def of_status(status: str) -> int:
    """Return the code that tells how a run has ended."""
    return {"completed": 0, "cancelled": CANCELLED}.get(status, RUN_FAILED)


def of_error(error: MatchstreamError) -> int:
    """Return the code that goes with an error of ours."""
    if isinstance(error, RunEndedError):
        return error.exit_code
    return USAGE if isinstance(error, InvalidInputError) else WRONG
