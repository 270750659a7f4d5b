"""Is nothing lost or doubled when processes are killed at random? The short form of a campaign."""

import pytest

from tests.acceptance.chaos import wage

KILLS = 5
SEED = 20


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_doubled_whatever_is_killed() -> None:
    campaign = wage(KILLS, SEED)
    assert campaign.kills.total() == KILLS
    assert [violation for verdict in campaign.verdicts for violation in verdict.violations] == []
    assert all(verdict.statuses.get("completed") for verdict in campaign.verdicts)
