"""What does the page about the API show? All of the description, made on the server, no script."""

from collections import defaultdict
from collections.abc import Iterator
from html import escape

from service.ui.docs import markup, operations, schemas
from service.ui.docs.operations import Document

_HEAD = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Matchstream API</title>
  <link rel="icon" href="/static/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/static/style.css">
  <link rel="stylesheet" href="/static/docs.css">
</head>
<body>
"""


def render(document: Document) -> str:
    """Write the page of a description."""
    by_tag: dict[str, list[tuple[str, str, Document]]] = {
        tag["name"]: [] for tag in document["tags"]
    }
    # What a second path does as well is told at the first one.
    also: defaultdict[str, list[tuple[str, str, Document]]] = defaultdict(list)
    for path, method, operation in _operations(document):
        if "x-same-as" in operation:
            also[operation["x-same-as"]].append((path, method, operation))
        else:
            by_tag[operation["tags"][0]].append((path, method, operation))
    sections = "".join(
        f'<h2 id="{_tag_anchor(tag)}">{escape(tag)}</h2>'
        + "".join(
            operations.section(document, *each, also[each[2]["operationId"]]) for each in listed
        )
        for tag, listed in by_tag.items()
    )
    return (
        f"{_HEAD}"
        '<a class="skip" href="#content">Skip the list of contents</a>'
        f'<div class="docs"><nav aria-label="Contents">{_contents(by_tag)}</nav>'
        f'<main id="content">{_introduction(document)}{sections}'
        f"{_errors(document)}{_schemas(document)}</main></div>\n</body>\n</html>\n"
    )


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _contents(by_tag: dict[str, list[tuple[str, str, Document]]]) -> str:
    groups = [
        f"<li>{markup.link(_tag_anchor(tag), escape(tag))}<ul>"
        + "".join(
            "<li>"
            + markup.link(operations.anchor(operation), markup.prose(operation["summary"]))
            + "</li>"
            for _, _, operation in listed
        )
        + "</ul></li>"
        for tag, listed in by_tag.items()
    ]
    groups += [
        f"<li>{markup.link('errors', 'Errors')}</li>",
        f"<li>{markup.link('schemas', 'Schemas')}</li>",
    ]
    return (
        '<p class="home"><a href="/">Matchstream</a></p>'
        # One is shown on wide screens, the other, closed, on narrow ones.
        f"<ul>{''.join(groups)}</ul>"
        f"<details><summary>Contents</summary><ul>{''.join(groups)}</ul></details>"
    )


def _introduction(document: Document) -> str:
    about = document["info"]
    return (
        f"<h1>{escape(about['title'])} API</h1>"
        f'<p class="version">Release {escape(about["version"])} · '
        '<a href="/openapi.json">OpenAPI 3.1</a>, from which a client can be generated</p>'
        f"{markup.paragraphs(about['description'])}"
    )


def _errors(document: Document) -> str:
    shown = []
    for name, example in document["components"]["examples"].items():
        value = example["value"]
        shown.append(
            f'<section class="error" id="{escape(name)}"><h3>{markup.code(name)} '
            f'<span class="method">{value["status"]}</span></h3>'
            f"<p>{markup.prose(example['description'])}</p>"
            f"{markup.block(markup.as_json(value), f'Example of {name}')}</section>"
        )
    return f'<h2 id="errors">Errors</h2>{"".join(shown)}'


def _schemas(document: Document) -> str:
    shown = []
    for name, schema in document["components"]["schemas"].items():
        examples = "".join(
            markup.block(markup.as_json(example), f"Example of {name}")
            for example in schema.get("examples", ())
        )
        shown.append(
            f'<section class="schema" id="{schemas.anchor(name)}"><h3>{markup.code(name)}</h3>'
            f"{markup.paragraphs(schema.get('description', ''))}"
            f"{schemas.members(schema)}{examples}</section>"
        )
    return f'<h2 id="schemas">Schemas</h2>{"".join(shown)}'


def _tag_anchor(tag: str) -> str:
    return f"tag-{tag.lower().replace(' ', '-')}"
