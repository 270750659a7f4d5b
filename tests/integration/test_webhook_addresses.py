"""Does a webhook reach public addresses alone, and the one that was checked?"""

import datetime as dt
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.domain.addresses import read_networks
from service.domain.webhook_urls import read_url
from service.engine import webhook_posts
from service.engine.name_resolution import SystemResolver, UnknownNameError
from service.engine.webhook_posts import Access, Reply
from tests import receiver
from tests.receiver import Answer, Receiver
from tests.webhook_desk import HERE, Names

REFUSED = "The address is refused: hook.test leads to an address that is not public."


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    """An endpoint on this machine."""
    async with receiver.receiving() as opened:
        yield opened


async def post(
    url: str,
    names: Names,
    access: Access = HERE,
    tls: ssl.SSLContext | None = None,
    times: int = 1,
) -> list[Reply]:
    """Send a message some times, on connections that are not kept."""
    replies = []
    for _ in range(times):
        async with webhook_posts.opened(access, names, 2, tls, limit_seconds=5) as poster:
            target = read_url(url, allow_http=True)
            replies.append(await poster.post(target, {"webhook-id": "1"}, b"{}"))
    return replies


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["100.64.1.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["224.0.0.1"],
        ["255.255.255.255"],
        ["0.0.0.0"],
        # One that may not be reached spoils all.
        ["93.184.216.34", "127.0.0.1"],
    ],
)
async def test_a_name_that_leads_inside_is_refused(
    hook: Receiver, addresses: Sequence[str]
) -> None:
    names = Names({"hook.test": [addresses]})
    url = f"http://hook.test:{hook.port}/"
    (reply,) = await post(url, names, Access(allow_http=True))
    assert (reply.status_code, reply.error) == (None, REFUSED)
    assert hook.messages == []


async def test_a_name_that_changes_its_mind_is_looked_at_again(hook: Receiver) -> None:
    # What may be reached stands for a public address here: nothing else can be.
    names = Names({"hook.test": [["127.0.0.1"], ["127.0.0.2"]]})
    first, second = await post(f"http://hook.test:{hook.port}/", names, times=2)
    assert first.status_code == 204
    assert second.error == REFUSED
    assert names.asked == ["hook.test", "hook.test"]
    assert len(hook.messages) == 1


async def test_the_connection_goes_to_what_was_checked(hook: Receiver) -> None:
    # The second answer, which the system would have asked for to connect, leads elsewhere.
    names = Names({"hook.test": [["127.0.0.1"], ["127.0.0.3"]]})
    (reply,) = await post(f"http://hook.test:{hook.port}/", names)
    assert reply.status_code == 204
    assert hook.messages[0].headers["host"] == f"hook.test:{hook.port}"


async def test_the_next_address_is_tried_where_one_does_not_answer(hook: Receiver) -> None:
    access = Access(allow_http=True, allowed_networks=read_networks(["127.0.0.0/8"]))
    names = Names({"hook.test": [["127.0.0.9", "127.0.0.1"]]})
    (reply,) = await post(f"http://hook.test:{hook.port}/", names, access)
    assert reply.status_code == 204


async def test_a_connection_is_kept_for_the_next_message_to_the_name(hook: Receiver) -> None:
    names = Names({"hook.test": [["127.0.0.1"]]})
    target = read_url(f"http://hook.test:{hook.port}/", allow_http=True)
    async with webhook_posts.opened(HERE, names, 2) as poster:
        for _ in range(3):
            assert (await poster.post(target, {}, b"{}")).status_code == 204
    assert names.asked == ["hook.test"]


async def test_a_name_without_an_address_is_a_failure_that_says_so() -> None:
    (reply,) = await post("https://hook.test/", Names({"hook.test": [[]]}))
    assert reply.error == "The name hook.test cannot be resolved: it has no address."


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for hook.test, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hook.test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("hook.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


async def test_tls_is_about_the_name_not_the_address(certificate: Path) -> None:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate)
    asked: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    client = ssl.create_default_context(cafile=str(certificate))
    names = Names({"hook.test": [["127.0.0.1"]], "other.test": [["127.0.0.1"]]})
    async with receiver.receiving(tls=server) as hook:
        (good,) = await post(f"https://hook.test:{hook.port}/", names, tls=client)
        (bad,) = await post(f"https://other.test:{hook.port}/", names, tls=client)
        (unknown,) = await post(f"https://hook.test:{hook.port}/", names)
    assert good.status_code == 204
    assert asked == ["hook.test", "other.test", "hook.test"]
    assert bad.error is not None
    assert "certificate" in bad.error.lower()
    assert unknown.error is not None
    assert "certificate" in unknown.error.lower()
    assert len(hook.messages) == 1


@pytest.mark.parametrize("value", ["soon", "-5", "", "9" * 40, "Wed, 99 Foo 2020 00:00:00 GMT"])
async def test_a_retry_after_that_makes_no_sense_is_bounded_or_ignored(
    hook: Receiver, value: str
) -> None:
    hook.answering = receiver.always(Answer(503, {"Retry-After": value}))
    (reply,) = await post(hook.url, Names())
    assert reply.status_code == 503
    assert reply.retry_after is None or reply.retry_after > dt.timedelta(days=1)


async def test_a_reply_that_does_not_end_counts_by_its_status() -> None:
    async with receiver.receiving(
        receiver.always(Answer(200, {"Content-Length": "2000"}, b"x" * 2_000))
    ) as hook:
        (reply,) = await post(hook.url, Names())
    assert (reply.status_code, reply.text) == (200, "x" * 1_024)


async def test_the_system_is_asked_for_names() -> None:
    resolve = SystemResolver(max_questions=1)
    assert all(ip_address(each).is_loopback for each in await resolve("localhost", 80))
    with pytest.raises(UnknownNameError):
        await resolve("no-such-name.invalid", 80)
    resolve = SystemResolver(max_questions=0)
    with pytest.raises(UnknownNameError, match="too many names"):
        await resolve("localhost", 80)


async def test_a_question_that_could_not_be_asked_takes_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolve = SystemResolver(max_questions=1)
    with monkeypatch.context() as shortage:
        shortage.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(UnknownNameError, match="no thread"):
                await resolve("localhost", 80)
    assert await resolve("localhost", 80)


async def connections_of(poster: webhook_posts.Poster, hooks: Sequence[Receiver]) -> int:
    """Post to each, one after the other; return how many connections are kept."""
    for hook in hooks:
        target = read_url(hook.url, allow_http=True)
        assert (await poster.post(target, {}, b"{}")).status_code is not None
    return len(poster._connections._idle)


async def test_no_more_connections_are_kept_than_asked_for() -> None:
    async with (
        receiver.receiving() as first,
        receiver.receiving() as second,
        receiver.receiving() as third,
        webhook_posts.opened(HERE, Names(), 2) as poster,
    ):
        assert await connections_of(poster, [first]) == 1
        assert await connections_of(poster, [first, second, third, first]) == 2


async def test_a_connection_that_the_other_side_closed_is_not_used_again() -> None:
    names = Names()
    async with webhook_posts.opened(HERE, names, 2) as poster:
        async with receiver.receiving() as hook:
            assert await connections_of(poster, [hook]) == 1
        # The port is free again, and the kept connection at its end.
        target = read_url(hook.url, allow_http=True)
        assert (await poster.post(target, {}, b"{}")).error is not None
        assert names.asked == ["127.0.0.1"] * 2


async def test_a_reply_that_is_cut_ends_its_connection(hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(200, body=b"x" * 100_000))
    async with webhook_posts.opened(HERE, Names(), 2) as poster:
        assert await connections_of(poster, [hook]) == 0


async def test_a_reply_that_is_no_http_is_a_failure(hook: Receiver) -> None:
    hook.answering = receiver.always(Answer(200, {"Broken": "a\0b"}))
    (reply,) = await post(hook.url, Names())
    assert reply.error is not None
    assert reply.error.startswith("The connection was lost: ")
