"""Which URLs may a webhook have, and what do they say?"""

import pytest

from service.domain.webhook_urls import BadUrlError, Target, read_url


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://hook.example", Target("https", "hook.example", 443, "/"), "hook.example"),
        ("https://Hook.Example:443/a?b=c", Target("https", "hook.example", 443, "/a?b=c"), None),
        ("https://hook.example:8443/", Target("https", "hook.example", 8443, "/"), None),
        ("https://hook.example?x", Target("https", "hook.example", 443, "/?x"), None),
        ("http://10.0.0.1:8080/%20", Target("http", "10.0.0.1", 8080, "/%20"), "10.0.0.1:8080"),
        ("https://[2A00:0::1]/", Target("https", "2a00::1", 443, "/"), "[2a00::1]"),
        ("https://[2a00::1]:80/", Target("https", "2a00::1", 80, "/"), "[2a00::1]:80"),
        (
            "https://xn--bcher-kva.example/",
            Target("https", "xn--bcher-kva.example", 443, "/"),
            None,
        ),
        ("HTTPS://hook.example/", Target("https", "hook.example", 443, "/"), None),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target, authority: str | None) -> None:
    assert read_url(url, allow_http=True) == target
    if authority is not None:
        assert target.authority == authority


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("https://" + "x" * 2_000, "more than 2,000 characters"),
        ("https://bücher.example/", "visible ASCII"),
        ("https://hook.example/a b", "visible ASCII"),
        ("https://hook.example\\@inside/", "visible ASCII"),
        ("https://hook.example/\r\nX: y", "visible ASCII"),
        ("", "visible ASCII"),
        ("https://hook.example:port/", "malformed"),
        ("https://hook.example:70000/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://[::1%25eth0]/", "network interface"),
        ("ftp://hook.example/", "start with https://"),
        ("hook.example", "start with https://"),
        ("https:/hook.example", "start with https://"),
        ("https:hook.example", "start with https://"),
        ("https:///path", "no host"),
        ("https://user:password@hook.example/", "user or password"),
        ("https://@hook.example/", "user or password"),
        ("https://hook.example/#part", "fragment"),
        ("https://hook.example/#", "fragment"),
        ("https://hook.example:25/", "port 25"),
        ("https://hook.example:0/", "port 0"),
        ("https://-hook.example/", "host is malformed"),
        ("https://hook.example./", "host is malformed"),
        ("https://hook_.example*/", "host is malformed"),
        (f"https://{'x' * 254}/", "host is malformed"),
    ],
)
def test_a_url_that_cannot_be_a_webhooks_is_refused(url: str, rule: str) -> None:
    with pytest.raises(BadUrlError, match=rule):
        read_url(url, allow_http=True)


def test_http_is_for_those_who_allow_it() -> None:
    with pytest.raises(BadUrlError, match="not allowed here"):
        read_url("http://hook.example/", allow_http=False)
