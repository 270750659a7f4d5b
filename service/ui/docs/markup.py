"""How do words of the description become HTML?"""

import json
import re
from collections.abc import Iterable
from html import escape

from service.domain.representation import Json


def prose(text: str) -> str:
    """Write a sentence or more: what stands in backticks is code."""
    parts = re.split(r"`([^`]+)`", escape(text))
    return "".join(
        f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)
    )


def paragraphs(text: str) -> str:
    """Write paragraphs, which are kept apart by empty lines."""
    return "".join(f"<p>{prose(part)}</p>" for part in text.split("\n\n") if part.strip())


def code(text: str) -> str:
    """Write a few words of code."""
    return f"<code>{escape(text)}</code>"


def block(text: str, label: str) -> str:
    """Write lines of code; a reader without a mouse can reach and scroll them."""
    return f'<pre tabindex="0" aria-label="{escape(label)}"><code>{escape(text)}</code></pre>'


def as_json(value: Json) -> str:
    """Write a value as JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def link(anchor: str, label: str) -> str:
    """Write a link to another place of the page; `label` is HTML."""
    return f'<a href="#{escape(anchor)}">{label}</a>'


def table(caption: str, headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table whose cells are HTML, the first of each row naming it; none without rows."""
    body = "".join(
        f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest) + "</tr>"
        for first, *rest in rows
    )
    if not body:
        return ""
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )
