"""Are all commands found, explained with an example, and shown whole in a narrow terminal?"""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from service.api.mapping_body import BODIES
from service.cli import commands, exit_codes, mappings
from service.command_line import SECTIONS, app
from service.domain.configs import Scorer
from service.domain.errors import InvalidInputError, NotFoundError

ENTRIES = [entry for entries in SECTIONS.values() for entry in entries]
COMMON = {"source", "target", "weight", "strategy"}


def loaded() -> Iterator[tuple[str, str, Any]]:
    """Every command with its group's, by the words that call it."""
    for entry in ENTRIES:
        found = commands.load(entry)
        grouped = getattr(found, "commands", None)
        if grouped is None:
            yield entry.name, entry.summary, found
        else:
            for name, each in grouped.items():
                yield f"{entry.name} {name}", each.short_help, each


def help_of(name: str, command: Any, width: int) -> str:
    """What `--help` prints in a terminal of that width."""
    context = command.make_context(
        f"matchstream {name}", [], resilient_parsing=True, terminal_width=width
    )
    return str(command.get_help(context))


def test_a_command_is_listed_with_the_first_sentence_of_its_help() -> None:
    for entry in ENTRIES:
        assert commands.load(entry).short_help == entry.summary


@pytest.mark.parametrize("width", [60, 80, 200])
def test_every_command_shows_an_example_and_no_line_is_cut(width: int) -> None:
    for name, _, command in loaded():
        text = help_of(name, command, width)
        examples = [line for line in text.splitlines()[1:] if "matchstream " in line]
        assert any(f"matchstream {name}" in line for line in examples), name
        assert all(line.startswith("    ") for line in examples), name
        assert max(line.count("matchstream ") for line in examples) == 1, name
        assert "…" not in text
        assert width < 80 or max(map(len, text.splitlines())) <= width, name


def test_every_word_and_option_is_explained() -> None:
    for name, _, command in loaded():
        assert [each.name for each in command.params if not each.help] == [], name


def test_the_list_of_commands_has_sections_and_exit_codes() -> None:
    text = help_of("", get_command(app), 80)
    places = [text.index(f"{title}:") for title in SECTIONS]
    assert places == sorted(places)
    assert "3 when a run" in text


def test_the_help_of_match_has_every_strategy_scorer_and_option() -> None:
    for strategy, body in BODIES.items():
        line = mappings.HELP[mappings.HELP.index(f"\n  {strategy} ") :]
        for option in body.model_fields.keys() - COMMON:
            assert option in line, option
    assert all(scorer.value in mappings.HELP for scorer in Scorer)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInputError("no such file"), 2),
        (NotFoundError("no service"), 1),
        (exit_codes.RunEndedError("cancelled", exit_codes.of_status("cancelled")), 130),
        (exit_codes.RunEndedError("failed", exit_codes.of_status("failed")), 3),
    ],
)
def test_the_exit_code_tells_what_happened(error: Any, code: int) -> None:
    assert exit_codes.of_error(error) == code
