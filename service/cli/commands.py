"""How are commands listed, found and explained? By a table; the one that is asked for is imported.

A command that only asks a running service starts in a third of the time that importing the whole
service takes.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import dedent, indent
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from service.cli import interrupts

# Paragraphs that begin with it stand in a help text as they are written.
_AS_WRITTEN = "\b\n"
_INDENT = "  "


@dataclass(frozen=True, slots=True)
class Entry:
    """A command's name, what it does, and where it is defined: `module:name`."""

    name: str
    summary: str
    place: str


class Documented(TyperCommand):
    """A command whose help shows its words, options and defaults as one types them."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # type: ignore[explicit-override] # from 3.12
        """Return what stands behind the command's name in its usage line."""
        arguments = [each for each in self.params if each.param_type_name == "argument"]
        words = [_word(each) if each.required else f"[{_word(each)}]" for each in arguments]
        return [*words, "[OPTIONS]"]

    def format_options(self, ctx: Any, formatter: Any) -> None:  # type: ignore[explicit-override] # from 3.12
        """Write the arguments and the options."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            rows = [
                (_typed(each), _help(each))
                for each in self.get_params(ctx)
                if each.param_type_name == kind
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _typed(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return _word(parameter)
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    kinds = parameter.type_descriptor
    choices = "|".join(str(each.value) for each in kinds.choices or ())
    return f"{names} {parameter.metavar or choices or _word(parameter)}"


def _word(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).upper()


def _help(parameter: Any) -> str:
    shown = parameter.default not in (None, "", ()) and not getattr(parameter, "is_flag", False)
    return f"{parameter.help or ''}{f' [{parameter.default}]' if shown else ''}"


class Listing(TyperGroup):
    """A group whose commands are listed in sections, and imported when they are called."""

    sections: ClassVar[Mapping[str, Sequence[Entry]]] = {}

    def __init__(self, **attributes: Any) -> None:
        """List the entries."""
        super().__init__(**attributes)
        self._entries = {each.name: each for part in self.sections.values() for each in part}
        for name, entry in self._entries.items():
            self.commands[name] = TyperCommand(name, help=entry.summary, short_help=entry.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # type: ignore[explicit-override] # from 3.12
        """Import the command that the arguments begin with."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, load(self._entries[name]) if name in self._entries else listed, rest

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # type: ignore[explicit-override] # from 3.12
        """Write the sections, one below the other, in columns of one width."""
        width = max(map(len, self._entries))
        for title, entries in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(each.name.ljust(width), each.summary) for each in entries])


def load(entry: Entry) -> TyperCommand | TyperGroup:
    """Import a command, or a group of them, and make its help readable."""
    module, _, name = entry.place.partition(":")
    interrupts.end_at_once()
    found = getattr(importlib.import_module(module), name)
    interrupts.are_raised()
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(entry.name, cls=Documented)(found)
        found = alone
    command = typer.main.get_command(found)
    command.name = entry.name
    for each in (command, *getattr(command, "commands", {}).values()):
        explain(each)
    return command  # type: ignore[return-value] # Typer makes one of the two


def explain(command: Any) -> None:
    """Keep the examples of a help text as they are, and its first sentence whole in lists."""
    text = str(command.help or "")
    command.short_help = text.partition("\n\n")[0].replace("\n", " ")
    command.help = "\n\n".join(map(_as_written, text.split("\n\n")))


def _as_written(paragraph: str) -> str:
    """Let a paragraph that shows commands keep its lines, below the prose, whatever its indent."""
    if not paragraph.startswith((_INDENT, "matchstream ")):
        return paragraph
    return _AS_WRITTEN + indent(dedent(paragraph), _INDENT)
