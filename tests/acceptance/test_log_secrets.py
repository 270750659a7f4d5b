"""Does the log of a service, as talkative as it can be, keep values and secrets to itself?"""

import json
from pathlib import Path

import httpx2

from tests.service_process import run_command, running

VALUES = ("Ferdinand Sesame", "DE89370400440532013000", "hunter2-in-a-name")


def test_neither_values_nor_secrets_come_into_the_log(tmp_path: Path) -> None:
    data_dir, errors = tmp_path / "data", tmp_path / "stderr"
    extra = {"MATCHSTREAM_LOG_LEVEL": "debug"}
    with running(data_dir, extra=extra, stderr=errors) as service:
        made = run_command(data_dir, "keys", "create", "--name", VALUES[2]).stdout.strip()
        with httpx2.Client(base_url=service.url, headers=service.headers) as client:
            token = sign_in(client, made)
            secrets = [service.key, made, token, *use(client)]
        service.stop()
    log = errors.read_text()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert lines, "else nothing would be shown"
    assert [secret for secret in (*secrets, *VALUES) if secret in log] == []


def sign_in(client: httpx2.Client, key: str) -> str:
    """Sign a browser in; return the session's token."""
    headers = {"Origin": str(client.base_url).rstrip("/")}
    entered = client.post("/login", data={"key": key}, headers=headers)
    assert entered.status_code == 303, entered.text
    token = client.cookies["matchstream"]
    client.cookies.clear()
    return token


def use(client: httpx2.Client) -> list[str]:
    """Send values in all ways, also wrong ones; return what is secret of the replies."""
    document = {"id": VALUES[1], "fields": {"name": VALUES[0]}}
    kept = client.post("/v1/documents", json={"documents": [document]})
    assert kept.status_code == 201, kept.text
    assert client.get(f"/v1/documents/{VALUES[1]}").status_code == 200
    assert client.get(f"/v1/documents/{VALUES[1]}/{VALUES[0]}").status_code == 404
    for body in (b"{" + VALUES[0].encode(), json.dumps({VALUES[0]: VALUES[1]}).encode()):
        reply = client.post(
            "/v1/documents", content=body, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 400
    assert client.get("/", headers={"Host": VALUES[2]}).status_code == 400
    file = {"file": ("rows.csv", f"id,name\n1,{VALUES[0]}\n1,{VALUES[1]}\n".encode(), "text/csv")}
    repeated = client.post("/v1/reference-data", data={"id_column": "id"}, files=file)
    assert repeated.status_code == 400, repeated.text
    hook = {"url": f"https://hooks.example/{VALUES[2]}"}
    secret = client.post("/v1/webhooks", json=hook, headers={"Idempotency-Key": VALUES[2]}).json()
    key = client.post("/v1/api-keys", json={"name": "x", "scopes": ["read"]}).json()
    return [secret["secret"], key["key"]]
