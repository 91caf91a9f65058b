"""The rules of an Ingress as a URL map has them, and what of them no request can reach."""

from typing import Any

import msgspec
import pytest

from fakes import build
from glbc.model.views import Ingress
from glbc.translate.rules import Rules, is_closed, is_host, rules_of


def _rules(*hosts: tuple[str, list[tuple[str, ...]]], default: str = "") -> Rules:
    manifest: dict[str, Any] = build.ingress("shop/web", default=default)
    manifest["spec"]["rules"] = [
        rule
        for host, paths in hosts
        for rule in build.ingress("shop/x", {host: paths})["spec"]["rules"]  # type: ignore[dict-item]
    ]
    return rules_of(msgspec.convert(manifest, Ingress))


def _told(rules: Rules) -> list[tuple[str, str]]:
    return [(finding.reason, finding.field) for finding in rules.findings]


SPECIFIC = "ImplementationSpecific"


@pytest.mark.parametrize(
    ("paths", "expected", "told"),
    [
        pytest.param(
            [("/a", "x:80", "Exact"), ("/a", "y:80", "Exact")],
            {"/a": "y"},
            [("DuplicatePath", "paths[1].path")],
            id="the same again replaces the first",
        ),
        pytest.param(
            [("/a", "x:80"), ("/a/", "y:80")],
            {"/a": "y", "/a/*": "y"},
            [("DuplicatePath", "paths[1].path")],
            id="one prefix written in two ways",
        ),
        pytest.param(
            [("/a", "x:80"), ("/a", "y:80", "Exact")],
            {"/a/*": "x", "/a": "y"},
            [],
            id="an exact path inside an earlier prefix is as meant",
        ),
        pytest.param(
            [("/a", "x:80", "Exact"), ("/a", "y:80")],
            {"/a": "y", "/a/*": "y"},
            [("ShadowedPath", "paths[0].path")],
            id="an exact path before its prefix is never reached",
        ),
        pytest.param(
            [("/a/*", "x:80", SPECIFIC), ("/a", "y:80")],
            {"/a": "y", "/a/*": "y"},
            [("ShadowedPath", "paths[0].path")],
            id="a wildcard before its prefix is never reached",
        ),
        pytest.param(
            [("/a", "x:80"), ("/a/*", "y:80", SPECIFIC)],
            {"/a": "x", "/a/*": "y"},
            [("DuplicatePath", "paths[1].path")],
            id="a wildcard takes the better part of a prefix",
        ),
        pytest.param(
            [("/a", "x:80"), ("/a", "y:80", "Exact"), ("/a/*", "y:80", SPECIFIC)],
            {"/a": "y", "/a/*": "y"},
            [("ShadowedPath", "paths[0].path")],
            id="two paths take all of a prefix",
        ),
        pytest.param(
            [("/", "x:80"), ("/a", "y:80"), ("/a/b", "z:80", "Exact")],
            {"/*": "x", "/a": "y", "/a/*": "y", "/a/b": "z"},
            [],
            id="the longest match is no shadow",
        ),
        pytest.param(
            [("/", "x:80", "Exact"), ("/", "y:80")],
            {"/": "x", "/*": "y"},
            [],
            id="the root alone is another path than everything",
        ),
        pytest.param(
            [("/a/", "x:80", "Exact"), ("/a", "y:80")],
            {"/a/": "x", "/a": "y", "/a/*": "y"},
            [],
            id="a slash at the end makes another exact path",
        ),
    ],
)
def test_paths_of_one_host(
    paths: list[tuple[str, ...]], expected: dict[str, str], told: list[tuple[str, str]]
) -> None:
    rules = _rules(("a.example.com", paths))
    found = {
        path: asked.backend.service.name
        for path, asked in rules.hosts["a.example.com"].items()
        if asked.backend.service
    }
    assert list(expected.items()) == list(found.items())
    assert [(reason, f"spec.rules[0].http.{where}") for reason, where in told] == _told(rules)


def test_a_shadowed_path_names_what_stands_in_its_way() -> None:
    rules = _rules(("", [("/a", "x:80", "Exact"), ("/a", "y:80")]))
    (finding,) = rules.findings
    assert finding.message == (
        "no request reaches /a here: spec.rules[0].http.paths[1] replaces it"
    )
    assert finding.hint == "put this path after that one"


def test_the_same_path_of_two_hosts_is_no_duplicate() -> None:
    rules = _rules(("a.example.com", [("/a", "x:80")]), ("*.example.com", [("/a", "y:80")]))
    assert _told(rules) == []


def test_a_host_that_comes_again_replaces_its_first_rule_and_stands_last() -> None:
    rules = _rules(
        ("a.example.com", [("/a", "x:80")]), ("", [("/", "y:80")]), ("a.example.com", [])
    )
    assert list(rules.hosts) == ["*", "a.example.com"]
    assert rules.hosts["a.example.com"] == {}
    assert _told(rules) == [("DuplicateHost", "spec.rules[0]")]


def test_no_host_and_a_star_are_the_same_host() -> None:
    rules = _rules(("", [("/a", "x:80")]), ("*", [("/b", "y:80", "Exact")]))
    assert {host: list(paths) for host, paths in rules.hosts.items()} == {"*": ["/b"]}
    assert _told(rules) == [("DuplicateHost", "spec.rules[0]")]


def test_a_rule_without_http_makes_no_host() -> None:
    manifest = build.ingress("shop/web")
    manifest["spec"]["rules"] = [{"host": "a.example.com"}]
    assert rules_of(msgspec.convert(manifest, Ingress)).hosts == {}


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("a.example.com", id="a name"),
        pytest.param("*.example.com", id="a wildcard"),
        pytest.param("*", id="every host"),
        pytest.param("localhost", id="one label"),
        pytest.param("1.2-3.x", id="digits and dashes"),
        pytest.param("x" * 63 + ".com", id="the longest label"),
    ],
)
def test_hosts_that_a_url_map_takes(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        pytest.param("A.example.com", "write a.example.com", id="upper case"),
        pytest.param("a.*.com", "write a DNS name", id="a star inside"),
        pytest.param("*a.com", "write a DNS name", id="a star before a letter"),
        pytest.param(
            "*-a.com", "write a DNS name", id="a dash after the star, as no API server has"
        ),
        pytest.param("**", "write a DNS name", id="two stars"),
        pytest.param("a_b.example.com", "write a DNS name", id="an underscore"),
        pytest.param("a..b", "write a DNS name", id="an empty label"),
        pytest.param("a.com.", "write a DNS name", id="a dot at the end"),
        pytest.param("a.com:80", "write a DNS name", id="a port"),
        pytest.param("-a.com", "write a DNS name", id="a dash first"),
        pytest.param("ü.com", "write a DNS name", id="other letters"),
        pytest.param("x" * 64 + ".com", "write a DNS name", id="a label that is too long"),
        pytest.param("x." * 127 + "com", "write a DNS name", id="a name that is too long"),
        pytest.param("a.com\n", "write a DNS name", id="a line break"),
    ],
)
def test_hosts_that_it_does_not_take(host: str, hint: str) -> None:
    rules = _rules((host, [("/", "x:80")]), ("good.example.com", [("/", "x:80")]))
    assert list(rules.hosts) == ["good.example.com"]
    (finding,) = rules.findings
    assert (finding.reason, finding.field) == ("BadHost", "spec.rules[0].host")
    assert hint in finding.hint


@pytest.mark.parametrize(
    ("hosts", "closed"),
    [
        pytest.param([("", [("/", "x:80")])], True, id="everything of every host"),
        pytest.param([("", [("/a", "x:80")])], False, id="some paths"),
        pytest.param([("", [("/", "x:80", "Exact")])], False, id="the root alone"),
        pytest.param([("a.b", [("/", "x:80")])], False, id="one host"),
        pytest.param([("", [("/", "x:80")]), ("a.b", [("/a", "x:80")])], False, id="a host's rest"),
        pytest.param([("", [("/", "x:80")]), ("a.b", [("/", "x:80")])], True, id="all of them"),
        pytest.param([("", [("/", "x:80")]), ("a.b", [])], False, id="a host without paths"),
        pytest.param([], False, id="no rules"),
    ],
)
def test_a_default_backend_that_no_request_reaches_is_told(
    hosts: list[tuple[str, list[tuple[str, ...]]]], closed: bool
) -> None:
    assert closed == is_closed(_rules(*hosts).hosts)
    expected = [("DefaultBackendUnreachable", "spec.defaultBackend")] if closed else []
    assert expected == _told(_rules(*hosts, default="y:80"))
    assert _told(_rules(*hosts)) == []
