"""Does the AI pass use what the vendor allows and lose nothing, and what does it bring?

Every figure is measured against the stand-in for the Messages API (`tests/fake_ai`), with the real
SDK, by the real pass over PostgreSQL; the baselines send the same requests in the same run.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from service.cli import logs
from service.domain.identifiers import ConfigId
from service.domain.runs import Run
from service.engine.signals import LEASES, run_topic
from service.store import runs
from tests.benchmarks import ai_baselines, ai_quality, report
from tests.benchmarks.ai_scenes import (
    LATENCY_SECONDS,
    UNKNOWN,
    Databases,
    Scene,
    databases,
    staged,
    until,
    used_share,
)
from tests.fake_ai.limits import MINUTE, VendorLimits
from tests.fake_ai.vendor import Trouble
from tests.seeding import RULES, add_config

SECONDS = 60.0
# After so long a run is at its rate: the first request goes alone.
RAMP_SECONDS = 5.0
REQUEST_BOUND = VendorLimits(requests=1_200)
INPUT_BOUND = VendorLimits(input_tokens=600_000)
# About what a borderline document of the scenes takes.
TOKENS_PER_DOCUMENT = 300
STORM_SECONDS = 5.0
BACK_SECONDS = 15.0

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bench:
    """What every measurement needs."""

    databases: Databases
    folder: Path
    seconds: float

    @property
    def back(self) -> float:
        """How long after a trouble the rate has to be back; less in a short form."""
        return min(BACK_SECONDS, self.seconds)

    @property
    def ramp(self) -> float:
        """How much of the time counts as the beginning."""
        return min(RAMP_SECONDS, self.seconds / 2)


def main() -> None:
    """Print a table per question; `--seconds` makes each measurement shorter."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=SECONDS)
    logs.configure("warning")
    asyncio.run(measure(parser.parse_args().seconds))


async def measure(seconds: float) -> None:
    """Measure everything, one after the other."""
    console = Console()
    figures: Figures = {"seconds": seconds}
    with tempfile.TemporaryDirectory() as folder:
        async with databases(Path(folder)) as fresh:
            bench = Bench(fresh, Path(folder), seconds)
            for name, question in QUESTIONS.items():
                figures[name], table = await question(bench)
                console.print(table)
    report.write("ai", figures)


def titled(title: str, *headings: str) -> Table:
    """Make a table whose figures stand to the right."""
    table = Table(title=title)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    return table


async def steady(bench: Bench) -> tuple[Figures, Table]:
    """Use of the binding limit by the pass, and by what one would write first."""
    figures: Figures = {}
    table = titled(
        f"Use of the limit that binds, over {bench.seconds:.0f} s; lost documents",
        "case", "steady", "with the ramp", "429", "lost", "pass / this",
    )  # fmt: skip
    cases = {
        "requests": (REQUEST_BOUND, 5, REQUEST_BOUND.requests / MINUTE * 5),
        "input tokens": (
            INPUT_BOUND, 20, INPUT_BOUND.input_tokens / MINUTE / TOKENS_PER_DOCUMENT
        ),
    }  # fmt: skip
    for name, (limits, together, documents_per_second) in cases.items():
        count = int(documents_per_second * bench.seconds)
        ours, prompts = await use_of_pass(bench, limits, count, together)
        figures[name] = {"pass": ours}
        add_use(table, f"{name}: the pass", ours, None)
        for baseline, send in ai_baselines.BASELINES.items():
            theirs = await ai_baselines.use(send, limits, prompts, (bench.seconds, bench.ramp))
            theirs["lost"] *= together
            figures[name][baseline] = theirs
            add_use(table, f"{name}: {baseline}", theirs, ours["whole"])
    return figures, table


async def use_of_pass(
    bench: Bench, limits: VendorLimits, count: int, together: int
) -> tuple[Figures, list[Any]]:
    """Run the pass over so many documents; return its figures, and the requests it made."""
    folder = bench.folder / f"use-{limits.requests}-{limits.input_tokens}"
    async with staged(await bench.databases.fresh(), folder, limits, count, together) as scene:
        scene.vendor.keeps_requests = True
        run = await scene.start()
        began = await first_arrival(scene)
        ended = await scene.finished(run)
        last = scene.vendor.served[-1].at
        end = min(began + bench.seconds, last - LATENCY_SECONDS)
        served = scene.vendor.served
        return {
            "steady": used_share(served, limits, (began + bench.ramp, end)),
            "whole": used_share(served, limits, (began, end)),
            "refused": scene.vendor.replies[429],
            "lost": lost(ended),
            "requests": len(served),
            "most_in_flight": scene.vendor.most_in_flight,
        }, scene.vendor.bodies


def lost(run: Run) -> int:
    """Documents that were to be resolved and are not."""
    return 0 if run.ai is None else (run.ai.to_resolve or 0) - run.ai.resolved


def add_use(table: Table, name: str, figures: Figures, ours: float | None) -> None:
    """Add one row."""
    ratio = "" if ours is None else f"{ours / max(figures['whole'], 0.001):.2f}x"
    table.add_row(
        name,
        f"{figures['steady']:.3f}",
        f"{figures['whole']:.3f}",
        str(figures["refused"]),
        str(figures["lost"]),
        ratio,
    )


async def first_arrival(scene: Scene) -> float:
    """Return the loop time at which the first request came."""
    await scene.vendor.arrived.wait()
    return asyncio.get_running_loop().time()


async def troubles(bench: Bench) -> tuple[Figures, Table]:
    """How soon the rate is back after limits change, and after storms."""
    figures: Figures = {}
    table = titled(
        f"Use of the limit {bench.back:.0f} s after the trouble",
        "trouble", "before", "after", "429 after", "lost",
    )  # fmt: skip
    for name, trouble in TROUBLES.items():
        figures[name] = await recovery(bench, name, trouble)
        row = figures[name]
        table.add_row(
            name, *(f"{row[key]:.3f}" for key in ("before", "after")), str(row["refused"]),
            str(row["lost"]),
        )  # fmt: skip
    return figures, table


async def storm_of(scene: Scene, trouble: Trouble) -> None:
    """Refuse everything for STORM_SECONDS."""
    scene.vendor.behaviour.storm = trouble
    await asyncio.sleep(STORM_SECONDS)
    scene.vendor.behaviour.storm = None


async def rate_storm(scene: Scene) -> None:
    """Answer 429, with an advice that is too short."""
    scene.vendor.behaviour.advice_seconds = 1.0
    await storm_of(scene, Trouble.THROTTLED)


async def overload(scene: Scene) -> None:
    """Answer 529, without advice."""
    scene.vendor.behaviour.advice_seconds = None
    await storm_of(scene, Trouble.OVERLOADED)


async def lowered(scene: Scene) -> None:
    """Halve the limits while the pass runs."""
    scene.vendor.set_limits(VendorLimits(requests=REQUEST_BOUND.requests / 2))


async def nothing(scene: Scene) -> None:
    """Leave the vendor as it is."""


Action = Callable[[Scene], Awaitable[None]]
TROUBLES: dict[str, tuple[Action, dict[str, int]]] = {
    "limits unknown at the start": (nothing, UNKNOWN),
    "limits halved in mid-run": (lowered, {}),
    "429 storm of 5 s": (rate_storm, {}),
    "529 storm of 5 s": (overload, {}),
}


async def recovery(bench: Bench, name: str, trouble: tuple[Action, dict[str, int]]) -> Figures:
    """Let trouble come after a while; measure the rate before and 15 s after it."""
    act, changes = trouble
    calm, watched = min(10.0, bench.seconds), min(15.0, bench.seconds)
    seconds = calm + STORM_SECONDS + bench.back + watched
    count = int(REQUEST_BOUND.requests / MINUTE * 5 * seconds)
    folder = bench.folder / name.replace(" ", "-")
    fresh = await bench.databases.fresh()
    async with staged(fresh, folder, REQUEST_BOUND, count, 5, **changes) as scene:
        run = await scene.start()
        began = await first_arrival(scene)
        if act is not nothing:
            await until(began + calm)
        before = (began + calm / 2, began + calm)
        await act(scene)
        over = asyncio.get_running_loop().time()
        await until(over + bench.back)
        refused = scene.vendor.replies[429]
        after = (over + bench.back, over + bench.back + watched)
        await until(after[1])
        figures = {
            "before": used_share(scene.vendor.served, REQUEST_BOUND, before),
            "after": used_share(scene.vendor.served, scene.vendor.limits, after),
            "refused": scene.vendor.replies[429] - refused,
        }
        scene.vendor.set_limits(VendorLimits(requests=60_000))
        return {**figures, "lost": lost(await scene.finished(run))}


async def fairness(bench: Bench) -> tuple[Figures, Table]:
    """How two runs share the account, the second one coming later."""
    seconds = min(20.0, bench.seconds)
    count = int(REQUEST_BOUND.requests / MINUTE * 5 * seconds)
    folder = bench.folder / "fair"
    async with staged(await bench.databases.fresh(), folder, REQUEST_BOUND, count, 5) as scene:
        first = await scene.start()
        began = await first_arrival(scene)
        await until(began + min(3.0, seconds / 4))
        # Weighed otherwise, so that nothing the first one asked is known to it.
        second = await scene.world.queue(ai=True, matching_config_id=await other_config(scene))
        with scene.live.subscribe(run_topic(second.id)) as wake:
            while (await resolved(scene, second)) == 0:
                await wake.wait()
        before = [await resolved(scene, run) for run in (first, second)]
        await asyncio.sleep(seconds / 2)
        after = [await resolved(scene, run) for run in (first, second)]
        gained = [late - early for late, early in zip(after, before, strict=True)]
        shares = [each / sum(gained) for each in gained]
        scene.vendor.set_limits(VendorLimits(requests=60_000))
        missing = sum([lost(await scene.finished(run)) for run in (first, second)])
    table = titled("Two runs at once: share of the decisions", "first", "second", "lost")
    table.add_row(*(f"{share:.3f}" for share in shares), str(missing))
    return {"shares": shares, "lost": missing}, table


async def other_config(scene: Scene) -> ConfigId:
    """Add a config that gives the same documents other scores."""
    vendor, number = RULES.field_mappings
    mappings = (replace(vendor, weight=0.62), replace(number, weight=0.38))
    world = scene.world
    return await add_config(
        world.database,
        world.workspace_id,
        world.reference_id,
        replace(RULES, field_mappings=mappings),
    )


async def resolved(scene: Scene, run: Run) -> int:
    """How many documents of a run are decided."""
    now = await scene.world.fetch(run)
    return 0 if now.ai is None else now.ai.resolved


async def together(bench: Bench) -> tuple[Figures, Table]:
    """What several documents per request bring, at the limits of a new account."""
    limits = VendorLimits(requests=50, input_tokens=50_000, output_tokens=10_000)
    seconds = min(30.0, bench.seconds)
    figures: Figures = {}
    for size in (1, 20):
        folder = bench.folder / f"together-{size}"
        async with staged(await bench.databases.fresh(), folder, limits, 2_000, size) as scene:
            run = await scene.start()
            began = await first_arrival(scene)
            await until(began + seconds)
            served = list(scene.vendor.served)
            await cancel(scene, run)
        documents = sum(each.documents for each in served)
        sent = sum(each.input_tokens + each.cache_read + each.output_tokens for each in served)
        figures[str(size)] = {
            "documents_per_second": documents / seconds,
            "tokens_per_document": sent / max(documents, 1),
        }
    one, many = figures["1"], figures["20"]
    table = titled(
        f"Documents per request, limits of a new account, {seconds:.0f} s",
        "documents per request", "documents / s", "tokens / document",
    )  # fmt: skip
    for count, row in figures.items():
        table.add_row(
            count, f"{row['documents_per_second']:.2f}", f"{row['tokens_per_document']:.0f}"
        )
    ratios = {name: many[name] / one[name] for name in one}
    table.add_row(
        "ratio", f"{ratios['documents_per_second']:.2f}x", f"{ratios['tokens_per_document']:.2f}x"
    )
    return {**figures, "ratios": ratios}, table


async def cancel(scene: Scene, run: Run) -> None:
    """Cancel a run that would take too long."""
    async with scene.world.database.transaction() as connection:
        await runs.cancel(connection, scene.world.workspace_id, run.id)
    scene.live.notify(LEASES)


async def quality(bench: Bench) -> tuple[Figures, Table]:
    """What a model that is right in 95 of 100 cases makes of the rules' answers."""
    rows = await ai_quality.measure(bench.databases, bench.folder)
    table = titled(
        f"Quality with a policy of {ai_quality.ACCURACY:.2f} accuracy",
        "set", "threshold", "F1 by rules", "F1 with AI", "sent", "USD / 1,000 documents",
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["set"],
            f"{row['threshold']:.2f}",
            f"{row['f1_before']:.3f}",
            f"{row['f1_after']:.3f}",
            f"{row['share_sent']:.3f}",
            f"{row['usd_per_1000']:.4f}",
        )
    return {"sets": rows}, table


QUESTIONS: dict[str, Callable[[Bench], Awaitable[tuple[Figures, Table]]]] = {
    "use": steady,
    "troubles": troubles,
    "fairness": fairness,
    "together": together,
    "quality": quality,
}


if __name__ == "__main__":
    main()
