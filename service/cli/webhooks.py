"""How does a person see and change webhooks from a terminal?"""

from typing import Annotated

import typer

from service.cli.answers import JsonObject
from service.cli.asking import Limit, Url, ask, show
from service.cli.client import WEBHOOKS, segment
from service.cli.commands import Documented
from service.cli.completion import webhook_ids
from service.cli.tables import AsJson

WebhookId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="The id that `webhooks list` shows.", autocompletion=webhook_ids
    ),
]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="List, make, test and delete webhooks.",
)


@app.command("list", cls=Documented)
def list_webhooks(url: Url = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the webhooks.

    matchstream webhooks list
    """
    columns = ("id", "url", "enabled", "disabled_reason")
    show(url, (WEBHOOKS, {}), limit, columns, as_json=as_json)


@app.command(cls=Documented)
def create(
    address: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent to.")],
    types: Annotated[
        str | None, typer.Option(help="Event types, separated by commas; by default all but one.")
    ] = None,
    url: Url = None,
) -> None:
    """Make a webhook and print its secret, this once, on standard output.

    matchstream webhooks create https://example.com/hook --types run.completed
    """
    body: dict[str, object] = {"url": address}
    if types is not None:
        body["types"] = [each.strip() for each in types.split(",") if each.strip()]
    made = ask(url, lambda client: client.ask("POST", WEBHOOKS, json=body))
    typer.echo(f"Webhook {made['id']}. Its calls are signed with this secret:", err=True)
    typer.echo(made["secret"])


@app.command(cls=Documented)
def ping(webhook: WebhookId, url: Url = None) -> None:
    """Send a test call; `deliveries` shows how it went.

    matchstream webhooks ping 01890000-0000-7000-8000-000000000001
    """
    ask(url, lambda client: client.ask("POST", f"{WEBHOOKS}/{segment(webhook)}/ping"))
    typer.echo("A test call is on its way.")


@app.command(cls=Documented)
def deliveries(
    webhook: WebhookId, url: Url = None, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List what was sent, the newest first.

    matchstream webhooks deliveries 01890000-0000-7000-8000-000000000001
    """
    path = f"{WEBHOOKS}/{segment(webhook)}/deliveries"
    columns = (
        "id",
        "type",
        "status",
        "attempt_count",
        "last_answer",
        "next_attempt_at",
        "created_at",
    )
    show(url, (path, {}), limit, columns, as_json=as_json, told=_with_answer)


def _with_answer(delivery: JsonObject) -> JsonObject:
    """Add what came of the last attempt: the HTTP status, or why there is none."""
    attempts = delivery["attempts"]
    last = attempts[-1] if attempts else {"status_code": None, "error": None}
    return {**delivery, "last_answer": last["status_code"] or last["error"]}


@app.command(cls=Documented)
def delete(webhook: WebhookId, url: Url = None) -> None:
    """Delete a webhook with what it was to send.

    matchstream webhooks delete 01890000-0000-7000-8000-000000000001
    """
    ask(url, lambda client: client.ask("DELETE", f"{WEBHOOKS}/{segment(webhook)}"))
    typer.echo("Deleted.")
