"""Does a browser get in with a key alone, stay in by its cookie, and can no other page use that?"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import httpx2
import pytest

from service.api import routes
from service.api.sign_in import SignIn
from service.domain.sessions import hash_token
from service.ui import pages
from tests.api.conftest import CONFIGS, Api

HERE = "http://localhost:8000"
AWAY = "https://match.example"
SIGN_IN = SignIn(pages.text(pages.LOGIN_PAGE), pages.text(pages.SIGNED_IN_PAGE), timedelta(hours=1))
OURS = {"Origin": HERE, "X-Requested-With": "fetch"}


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    """A client without a key that keeps cookies, of the same database."""
    app = routes.application(None, pages=SIGN_IN.routes())
    app.state.services = api.app.state.services
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client


async def plain_key(api: Api) -> str:
    return (await api.key())["Authorization"].removeprefix("Bearer ")


async def enter(client: httpx2.AsyncClient, key: str, origin: str = HERE) -> httpx2.Response:
    headers = {"Origin": origin, "Host": origin.partition("//")[2]}
    return await client.post("/login", data={"key": key}, headers=headers)


async def test_a_browser_signs_in_changes_things_and_signs_out(
    api: Api, browser: httpx2.AsyncClient
) -> None:
    assert 'name="key"' in (await browser.get("/login")).text
    assert (await browser.get(CONFIGS)).status_code == 401
    entered = await enter(browser, await plain_key(api))
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert (await browser.get(CONFIGS)).status_code == 200
    assert "<strong>test</strong>" in (await browser.get("/login")).text
    assert (await browser.get("/v1/session")).json()["session_expires_at"] is not None
    changed = await browser.post(CONFIGS, json={}, headers=OURS)
    assert changed.json()["code"] == "validation_error"
    token = browser.cookies["matchstream"]
    left = await browser.post("/logout", headers={"Origin": HERE})
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert "matchstream" not in browser.cookies
    kept = await browser.get(CONFIGS, headers={"Cookie": f"matchstream={token}"})
    assert kept.status_code == 401


@pytest.mark.parametrize(
    ("origin", "name", "is_secure"),
    [
        (HERE, "matchstream", False),
        ("http://127.0.0.1:8000", "matchstream", False),
        ("http://[::1]:8000", "matchstream", False),
        (AWAY, "__Host-matchstream", True),
        ("http://localhost.evil.example", "__Host-matchstream", True),
    ],
)
async def test_the_cookie_is_out_of_reach_of_scripts_and_of_plain_http(
    api: Api, browser: httpx2.AsyncClient, origin: str, name: str, is_secure: bool
) -> None:
    entered = await enter(browser, await plain_key(api), origin)
    cookie = SimpleCookie(entered.headers["set-cookie"])[name]
    assert (bool(cookie["secure"]), cookie["httponly"]) == (is_secure, True)
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("lax", "/", "")
    ends = datetime.strptime(cookie["expires"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(minutes=59) < ends - datetime.now(UTC) <= timedelta(hours=1)
    assert entered.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Requested-With": "fetch"},
        {"Origin": HERE},
        {"Origin": HERE, "X-Requested-With": ""},
        {"Origin": "null", "X-Requested-With": "fetch"},
        {"Origin": "http://localhost:9000", "X-Requested-With": "fetch"},
        {"Origin": "http://localhost", "X-Requested-With": "fetch"},
        {"Origin": "https://evil.example", "X-Requested-With": "fetch"},
        {"Origin": "ftp://localhost:8000", "X-Requested-With": "fetch"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_no_other_page_changes_anything_by_the_cookie(
    api: Api, browser: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    await enter(browser, await plain_key(api))
    for endpoint in routes.ENDPOINTS:
        if endpoint.method != "GET":
            path = endpoint.path.replace("{", "").replace("}", "")
            reply = await browser.request(endpoint.method, path, headers=headers)
            assert (reply.status_code, reply.json()["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost", "http://[::1"]
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_no_other_page_signs_a_browser_in_or_out(
    api: Api, browser: httpx2.AsyncClient, path: str, origin: str
) -> None:
    await enter(browser, await plain_key(api))
    form = {"key": await plain_key(api)}
    reply = await browser.post(path, data=form, headers={"Origin": origin})
    assert (reply.status_code, reply.json()["code"]) == (403, "cross_site_request")
    assert "set-cookie" not in reply.headers
    assert (await browser.get(CONFIGS)).status_code == 200


async def test_a_key_beside_the_cookie_is_what_counts(
    api: Api, browser: httpx2.AsyncClient
) -> None:
    await enter(browser, await plain_key(api))
    wrong = {"Authorization": "Bearer ms_wrong"}
    assert (await browser.get(CONFIGS, headers=wrong)).status_code == 401
    changed = await browser.post(CONFIGS, json={}, headers=await api.key())
    assert changed.status_code == 400


async def test_a_key_is_no_session_and_a_session_no_key(
    api: Api, browser: httpx2.AsyncClient
) -> None:
    key = await plain_key(api)
    bearer = {"Authorization": f"Bearer {key}"}
    assert (await browser.get(CONFIGS, headers=bearer)).status_code == 200
    assert (await browser.get(CONFIGS, headers={"Cookie": f"matchstream={key}"})).status_code == 401
    await enter(browser, key)
    token = browser.cookies["matchstream"]
    browser.cookies.clear()
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await browser.get(CONFIGS, headers=bearer)).status_code == 401


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_keys SET revoked_at = now()",
        "UPDATE api_keys SET expires_at = now()",
        "UPDATE sessions SET expires_at = now()",
        "DELETE FROM sessions",
    ],
)
async def test_a_session_ends_with_its_key_and_by_itself(
    api: Api, browser: httpx2.AsyncClient, statement: str
) -> None:
    await enter(browser, await plain_key(api))
    async with api.database.connection() as connection:
        await connection.execute(statement)
    # Nobody has asked yet, so that nothing is remembered.
    assert (await browser.get(CONFIGS)).status_code == 401


async def test_a_session_lasts_no_longer_than_its_key(
    api: Api, browser: httpx2.AsyncClient
) -> None:
    key = await plain_key(api)
    async with api.database.connection() as connection:
        await connection.execute("UPDATE api_keys SET expires_at = now() + interval '10 min'")
        await enter(browser, key)
        query = "SELECT sessions.expires_at = api_keys.expires_at FROM sessions JOIN api_keys"
        assert await connection.fetchval(f"{query} ON api_keys.id = api_key_id")
        stored = await connection.fetchval("SELECT string_agg(s::text, ' ') FROM sessions AS s")
    token = browser.cookies["matchstream"]
    assert token not in stored
    assert hash_token(token).hex() in stored


async def test_who_was_signed_in_is_told_that_the_session_has_ended(
    browser: httpx2.AsyncClient,
) -> None:
    told = "Your session has ended. Sign in, and go on where you were."
    assert told in (await browser.get("/login?ended")).text
    assert told not in (await browser.get("/login")).text


@pytest.mark.parametrize("key", ["ms_wrong", "", "x" * 200, "ms_<b>"])
async def test_a_wrong_key_is_told_and_gets_no_cookie(
    browser: httpx2.AsyncClient, key: str
) -> None:
    refused = await enter(browser, key or " ")
    assert refused.status_code == 401
    assert 'role="alert">The API key is unknown, revoked or expired.</p>' in refused.text
    assert "set-cookie" not in refused.headers
    assert "ms_<" not in refused.text


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"key=a&key=b", "application/x-www-form-urlencoded", 400),
        (b"name=a", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
        (b"key=\xff", "application/x-www-form-urlencoded", 400),
        (b"key=" + b"a" * 5000, "application/x-www-form-urlencoded", 413),
        (b'{"key": "a"}', "application/json", 415),
    ],
)
async def test_what_is_no_form_of_ours_is_a_problem(
    browser: httpx2.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    headers = {"Origin": HERE, "Content-Type": kind}
    reply = await browser.post("/login", content=content, headers=headers)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"


async def test_the_pages_run_no_script_and_post_to_this_service_alone(
    browser: httpx2.AsyncClient,
) -> None:
    page = await browser.get("/login")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    # With `no-referrer` a browser would post the form with `Origin: null`.
    assert page.headers["referrer-policy"] == "same-origin"
    for text in (SIGN_IN.form, SIGN_IN.signed_in):
        assert "<script" not in text
        assert "style=" not in text
