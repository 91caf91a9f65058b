"""Who answers a request: certificates by name, other people's load balancers, what is no request."""

import pytest
from msgspec import UNSET

from glbc.model import compute
from glbc.model.graph import Graph, Ownership
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.plan.answer import Facts, answers, covers, parse
from glbc.plan.planner import Plan
from tests.property.worlds import observed


def key(kind: Kind, name: str) -> ResourceKey:
    return ResourceKey("demo", kind, GLOBAL, name)


def balancer(
    name: str,
    *hosts: str,
    certificates: tuple[str, ...] = (),
    ownership: Ownership = Ownership.OWNED,
    port: int = 443,
    redirects: bool = False,
):
    """Yield the front end of a load balancer; a certificate is for the host that it is called."""
    service = Ref(key(Kind.BACKEND_SERVICE, f"{name}-backend"))
    proxy = compute.TargetHttpsProxy if port == 443 else compute.TargetHttpProxy
    kind = Kind.TARGET_HTTPS_PROXY if port == 443 else Kind.TARGET_HTTP_PROXY
    refs = tuple(Ref(key(Kind.SSL_CERTIFICATE, one)) for one in certificates)
    more = {"ssl_certificates": refs} if refs else {}
    url_map = compute.UrlMap(
        default_service=UNSET if redirects else service,
        host_rules=(compute.HostRule(hosts=hosts, path_matcher="m"),) if hosts else (),
        path_matchers=(compute.PathMatcher(name="m", default_service=service),) if hosts else (),
        default_url_redirect=compute.UrlRedirect(https_redirect=True) if redirects else UNSET,
    )
    at = f"{name}-{port}"
    yield observed(key(Kind.URL_MAP, at), url_map, ownership)
    yield observed(key(kind, at), proxy(url_map=Ref(key(Kind.URL_MAP, at)), **more), ownership)
    yield observed(
        key(Kind.FORWARDING_RULE, at),
        compute.ForwardingRule(
            ip_address=f"192.0.2.{len(name)}",
            port_range=f"{port}-{port}",
            target=Ref(key(kind, at)),
        ),
        ownership,
    )
    for one in certificates:
        spec = compute.SslCertificate(certificate=one)
        yield observed(key(Kind.SSL_CERTIFICATE, one), spec, ownership)


def ask(url: str, *nodes):
    return answers(parse(url), Graph(), Graph(nodes), Plan(), lambda pem: Facts(names=(pem,)))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("a.example", "a.example", id="its own name"),
        pytest.param("b.example", "b.example", id="the second of the proxy"),
        pytest.param("x.c.example", "*.c.example", id="a wildcard"),
        pytest.param("x.y.c.example", "a.example", id="a wildcard is one label: the first serves"),
        pytest.param("nobody.example", "a.example", id="none fits: the first serves"),
    ],
)
def test_the_certificate_is_chosen_by_the_host(host: str, expected: str) -> None:
    three = balancer("lb", certificates=("a.example", "b.example", "*.c.example"))
    (told,) = ask(f"https://{host}/", *three)
    (served,) = (one for one in told.certificates if one.served)
    assert served.key.name == expected
    assert served.fits is covers(expected, host)


def test_only_those_that_have_the_host_are_told() -> None:
    nodes = [*balancer("one", "a.example"), *balancer("three", "*.example"), *balancer("two")]
    assert [told.rule.name for told in ask("https://a.example/", *nodes)] == [
        "one-443",
        "three-443",
    ]


def test_where_none_has_the_host_all_are_told_with_their_defaults() -> None:
    nodes = [*balancer("one", "a.example"), *balancer("two")]
    told = ask("https://b.test/", *nodes)
    assert [(one.rule.name, one.has_host) for one in told] == [
        ("one-443", False),
        ("two-443", False),
    ]
    assert [one.routed.service.name for one in told if one.routed.service] == [
        "one-backend",
        "two-backend",
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        pytest.param(("a.example",), ["theirs-443"], id="it names the host"),
        pytest.param(("*",), [], id="it takes every host"),
        pytest.param((), [], id="it has a default only"),
    ],
)
def test_somebodys_load_balancer_counts_where_it_names_the_host(hosts, expected) -> None:
    nodes = balancer("theirs", *hosts, ownership=Ownership.FOREIGN)
    assert [one.rule.name for one in ask("https://a.example/", *nodes)] == expected


def test_a_redirect_has_the_hosts_of_its_load_balancer() -> None:
    nodes = [
        *balancer("lb", "a.example"),
        *balancer("lb", port=80, redirects=True),
        *balancer("other", port=80),
    ]
    (told,) = ask("http://a.example/x", *nodes)
    assert (told.rule.name, told.redirect) == ("lb-80", "https://a.example/x")
    assert {one.rule.name for one in ask("http://b.test/", *nodes)} == {"lb-80", "other-80"}


def test_only_rules_of_the_scheme_and_port_answer() -> None:
    nodes = [*balancer("lb", "a.example"), *balancer("lb", "a.example", port=80)]
    assert [one.rule.name for one in ask("http://a.example/", *nodes)] == ["lb-80"]
    assert ask("http://a.example:443/", *nodes) == []
    assert ask("https://a.example:8443/", *nodes) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://A.example", "https://a.example/", id="host in lower case"),
        pytest.param("http://a.example/x?y#z", "http://a.example/x", id="no query, no fragment"),
        pytest.param("http://a.example:8080/", "http://a.example:8080/", id="a port"),
        pytest.param("https://a.example:443/", "https://a.example/", id="the scheme's own port"),
    ],
)
def test_a_url_as_it_is_understood(url: str, expected: str) -> None:
    assert parse(url).url == expected


@pytest.mark.parametrize(
    "url", ["http://", "ftp://a/", "http://a:x/", "http://a:99999/", "http://[a/"]
)
def test_what_is_no_url_says_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match="write https://host/path"):
        parse(url)
