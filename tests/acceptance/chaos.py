"""Is nothing lost or doubled, whatever is killed, whenever, and however often?

    python -m tests.acceptance.chaos KILLS [SEED]

Several API and worker processes over a PostgreSQL that none of them owns, then one service with a
PostgreSQL of its own. Processes are killed at random moments while runs are under way; what was
killed is started again, as a supervisor would. The moments and victims come from the seed.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

from tests.acceptance import chaos_check
from tests.acceptance.chaos_check import Verdict
from tests.acceptance.chaos_sites import Site, halves, whole
from tests.acceptance.crash_runs import Client, add_config

DOCUMENTS = 4_000
ALIVE_RUNS = 3
# Between two kills; short enough that a run meets several.
PAUSES = (0.1, 2.0)
BURST = 3
CANCELLED_SHARE = 0.1
END_SECONDS = 180.0


@dataclass
class Campaign:
    """What was done and found so far."""

    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    verdicts: list[Verdict] = field(default_factory=list)

    def wage(self, site: Site, kills: int) -> None:
        """Keep runs under way and kill so often; then see that all is whole."""
        config = insist_on(lambda client: add_config(client, DOCUMENTS), site, self.chance)
        done = 0
        while done < kills:
            self._keep_busy(site, config["id"])
            for _ in range(min(kills - done, self.chance.choice((1, 1, 1, BURST)))):
                time.sleep(self.chance.uniform(*PAUSES))
                name, fault = self.chance.choice(list(site.faults().items()))
                fault()
                self.kills[name] += 1
                done += 1
            site.repair()
        self._wait_for_the_end(site)
        self.verdicts.append(chaos_check.examine(site.url))

    def _keep_busy(self, site: Site, config_id: str) -> None:
        runs = "/v1/matching/runs"
        alive: list[Any] = insist_on(
            lambda client: [
                run
                for status in ("queued", "running")
                for run in client.get(runs, params={"status": status})
                .raise_for_status()
                .json()["data"]
            ],
            site,
            self.chance,
        )
        for run in alive:
            if self.chance.random() < CANCELLED_SHARE:
                # It may have ended meanwhile, or the API may be gone.
                with suppress(httpx2.HTTPError), Client(self.chance.choice(site.apis)) as client:
                    client.post(f"{runs}/{run['id']}/cancel")
        for _ in range(ALIVE_RUNS - len(alive)):
            insist_on(
                lambda client: (
                    client.post(f"/v1/matching/configs/{config_id}/run").raise_for_status().json()
                ),
                site,
                self.chance,
            )

    def _wait_for_the_end(self, site: Site) -> None:
        deadline = time.monotonic() + END_SECONDS
        # Whoever would tell us is what is being tested.
        while not chaos_check.have_ended(site.url) and time.monotonic() < deadline:
            # One that was told to stop may have ended only now.
            site.repair()
            time.sleep(0.2)


def insist_on(ask: Callable[[Client], Any], site: Site, chance: random.Random) -> Any:
    """Ask one of the APIs after another until one answers well."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        try:
            with Client(chance.choice(site.apis)) as client:
                return ask(client)
        except httpx2.HTTPError:
            if time.monotonic() > deadline:
                raise
            site.repair()
            time.sleep(0.1)


def wage(kills: int, seed: int) -> Campaign:
    """Kill so often, by turns of the two sites; return what was found."""
    campaign = Campaign(random.Random(seed))
    random.seed(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        Path(folder).chmod(0o755)
        with halves(Path(folder, "halves")) as site:
            campaign.wage(site, kills - kills // 3)
        with whole(Path(folder, "whole")) as site:
            campaign.wage(site, kills // 3)
    return campaign


def show(campaign: Campaign, seconds: float, seed: int) -> None:
    """Print the figures."""
    console = Console()
    table = Table("killed or stopped", "times", title=f"Chaos, seed {seed}, {seconds:.0f} s")
    for name, times in sorted(campaign.kills.items()):
        table.add_row(name, str(times))
    table.add_row("all", str(campaign.kills.total()))
    console.print(table)
    table = Table("", "separate processes", "one service")
    for status in sorted({each for verdict in campaign.verdicts for each in verdict.statuses}):
        counts = [str(verdict.statuses.get(status, 0)) for verdict in campaign.verdicts]
        table.add_row(f"runs {status}", *counts)
    for name in ("results", "events", "attempts"):
        title = "most attempts of a run" if name == "attempts" else name
        table.add_row(title, *(str(getattr(verdict, name)) for verdict in campaign.verdicts))
    table.add_row("violations", *(str(len(verdict.violations)) for verdict in campaign.verdicts))
    console.print(table)
    for verdict in campaign.verdicts:
        for violation in verdict.violations:
            console.print(violation)


def main() -> None:
    """Wage a campaign; fail when anything was lost or doubled."""
    kills = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    begun = time.monotonic()
    campaign = wage(kills, seed)
    show(campaign, time.monotonic() - begun, seed)
    sys.exit(any(verdict.violations for verdict in campaign.verdicts))


if __name__ == "__main__":
    main()
