"""Does a list of deliveries say what came of the last attempt?"""

from typing import Any

import pytest

from service.cli import webhooks

ANSWERED: dict[str, Any] = {"status_code": 500, "error": None}
SILENT: dict[str, Any] = {"status_code": None, "error": "no answer in 15 s"}


@pytest.mark.parametrize(
    ("attempts", "told"),
    [([], None), ([SILENT, ANSWERED], 500), ([ANSWERED, SILENT], "no answer in 15 s")],
)
def test_the_last_attempt_tells_its_answer_or_why_there_is_none(
    attempts: list[dict[str, Any]], told: object
) -> None:
    assert webhooks._with_answer({"attempts": attempts})["last_answer"] == told
