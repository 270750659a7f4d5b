"""Does what leads a service for a while fail as itself, and not as a part of the service?"""

import asyncio
from pathlib import Path

import pytest
from starlette.applications import Starlette

from service import foreground
from service.foreground import Running
from service.settings import Settings


@pytest.mark.parametrize("failure", [BrokenPipeError("the reader has left"), ValueError("a bug")])
def test_the_failure_of_a_job_comes_alone_once_the_service_is_down(
    tmp_path: Path, failure: Exception
) -> None:
    app = Starlette()
    app.state.first_key = None
    app.state.stopping = asyncio.Event()

    async def job(running: Running) -> None:
        raise failure

    with pytest.raises(type(failure)) as raised:
        foreground.lead(Settings(data_dir=tmp_path), app, job)
    assert raised.value is failure
    assert app.state.stopping.is_set()
