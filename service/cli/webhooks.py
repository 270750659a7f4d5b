"""How does a person see and change webhooks from a terminal?"""

from typing import Annotated

import typer

from service.cli.runs import AsJson, Limit, Url, ask, first, print_items

WebhookId = Annotated[str, typer.Argument(help="The webhook's id.")]

ROOT = "/v1/webhooks"

app = typer.Typer(no_args_is_help=True, help="List, make, test and delete webhooks.")


@app.command("list")
def list_webhooks(url: Url = None, limit: Limit = 50, as_json: AsJson = False) -> None:
    """List the webhooks.

    matchstream webhooks list
    """
    found = ask(url, lambda client: first(client, ROOT, {}, limit))
    print_items(found, ("id", "url", "enabled", "disabled_reason"), as_json=as_json)


@app.command()
def create(
    address: Annotated[str, typer.Argument(help="Where events are sent to.")],
    types: Annotated[
        str | None, typer.Option(help="Event types, separated by commas; by default all but one.")
    ] = None,
    url: Url = None,
) -> None:
    """Make a webhook and print its secret, this once, on standard output.

    matchstream webhooks create https://example.com/hook --types run.completed,run.failed
    """
    body: dict[str, object] = {"url": address}
    if types is not None:
        body["types"] = [each.strip() for each in types.split(",") if each.strip()]
    made = ask(url, lambda client: client.ask("POST", ROOT, json=body))
    typer.echo(f"Webhook {made['id']}. Its calls are signed with this secret:", err=True)
    typer.echo(made["secret"])


@app.command()
def ping(webhook: WebhookId, url: Url = None) -> None:
    """Send a test call; `deliveries` shows how it went."""
    ask(url, lambda client: client.ask("POST", f"{ROOT}/{webhook}/ping"))
    typer.echo("A test call is on its way.")


@app.command()
def deliveries(
    webhook: WebhookId, url: Url = None, limit: Limit = 20, as_json: AsJson = False
) -> None:
    """List what was sent, the newest first."""
    found = ask(url, lambda client: first(client, f"{ROOT}/{webhook}/deliveries", {}, limit))
    print_items(found, ("id", "type", "status", "created_at"), as_json=as_json)


@app.command()
def delete(webhook: WebhookId, url: Url = None) -> None:
    """Delete a webhook with what it was to send."""
    ask(url, lambda client: client.ask("DELETE", f"{ROOT}/{webhook}"))
    typer.echo("Deleted.")
