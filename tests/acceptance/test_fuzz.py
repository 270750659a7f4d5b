"""Does the service keep what its description says, whatever it is sent? In short; `make fuzz`."""

from pathlib import Path

import pytest

from tests.fuzz import campaign

EXAMPLES, SEED = 3, 1


@pytest.mark.timeout(300)
def test_replies_are_as_described_whatever_is_sent(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    with report.open("w") as output:
        faults = campaign.run(tmp_path, EXAMPLES, SEED, output)
    assert faults == [], report.read_text()
    assert " passed" in report.read_text()
