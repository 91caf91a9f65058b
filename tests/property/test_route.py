"""Routing by a URL map: as the fake cloud routes, and in step with what translation says is shadowed."""

from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis import example, given

from fakes import build
from fakes.gce.rules_urlmaps import routed
from glbc.model import codec, views
from glbc.model.compute import HostRule, PathMatcher, PathRule, UrlMap
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.plan.route import path_matches, route
from glbc.translate.paths import BadPathError, paths_of
from glbc.translate.rules import rules_of

MAP = ResourceKey("p", Kind.URL_MAP, GLOBAL, "um")
LABELS = st.sampled_from(("a", "b", "shop"))
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
HOSTS = NAMES | NAMES.map("*.{}".format) | st.just("*")
PARTS = st.lists(st.sampled_from(("a", "b", "api")), max_size=3)
PLAIN = PARTS.map("/".join).map("/{}".format)
PATTERNS = PLAIN | PLAIN.map(lambda path: f"{path.rstrip('/')}/*")


def _key(name: str) -> ResourceKey:
    return ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, name)


@st.composite
def _maps(draw: st.DrawFn) -> UrlMap:
    hosts = draw(st.lists(HOSTS, unique=True, max_size=4))
    return UrlMap(
        default_service=Ref(_key("default")),
        host_rules=tuple(
            HostRule(hosts=(host,), path_matcher=f"m{at}") for at, host in enumerate(hosts)
        ),
        path_matchers=tuple(
            PathMatcher(
                name=f"m{at}",
                default_service=Ref(_key(f"rest-{at}")),
                path_rules=tuple(
                    PathRule(paths=(path,), service=Ref(_key(f"{at}-{one}")))
                    for one, path in enumerate(draw(st.lists(PATTERNS, unique=True, max_size=6)))
                ),
            )
            for at in range(len(hosts))
        ),
    )


@given(_maps(), NAMES, PLAIN | PLAIN.map("{}/x".format))
def test_a_request_goes_where_the_cloud_sends_it(url_map: UrlMap, host: str, path: str) -> None:
    body = codec.body_of(MAP, url_map)
    found = route(url_map, host, path)
    assert found.service is not None
    assert routed(body, host, path).rpartition("/")[2] == found.service.name


@given(_maps(), NAMES, PLAIN, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(
    url_map: UrlMap, host: str, path: str, rng: Any
) -> None:
    shuffled = UrlMap(
        default_service=url_map.default_service,
        host_rules=tuple(rng.sample(url_map.host_rules, len(url_map.host_rules or ()))),
        path_matchers=tuple(
            PathMatcher(
                name=one.name,
                default_service=one.default_service,
                path_rules=tuple(rng.sample(one.path_rules, len(one.path_rules or ()))),
            )
            for one in url_map.path_matchers or ()
        ),
    )
    assert route(shuffled, host, path) == route(url_map, host, path)


@given(_maps(), NAMES, PLAIN)
def test_all_that_matches_is_told_and_the_winner_is_the_longest(
    url_map: UrlMap, host: str, path: str
) -> None:
    found = route(url_map, host, path)
    told = [found.path, *(one.path for one in found.shadowed)] if found.path else []
    assert all(path_matches(pattern, path) for pattern in told)
    assert told == sorted(
        told, key=lambda pattern: ("*" not in pattern, len(pattern)), reverse=True
    )
    rules = next(
        (m.path_rules or () for m in url_map.path_matchers or () if m.name == found.matcher), ()
    )
    assert sorted(told) == sorted(p for r in rules for p in r.paths if path_matches(p, path))


# What translation says of shadows -----------------------------------------------------------------

WRITTEN = st.lists(
    st.tuples(PATTERNS, st.sampled_from(("Exact", "Prefix", "ImplementationSpecific"))), max_size=6
)


@given(WRITTEN)
@example([("/b/b", "Exact"), ("/b/b", "Prefix"), ("/b/b", "Exact")])
def test_a_path_is_told_unreachable_exactly_when_no_request_reaches_it(
    written: list[tuple[str, str]],
) -> None:
    manifest = build.ingress(
        "shop/web", {"a.b": [(path, f"s{at}:80", kind) for at, (path, kind) in enumerate(written)]}
    )
    ingress = msgspec.convert(manifest, views.Ingress)
    rules = rules_of(ingress)
    url_map = UrlMap(
        host_rules=(HostRule(hosts=("a.b",), path_matcher="m"),),
        path_matchers=(
            PathMatcher(
                name="m",
                path_rules=tuple(
                    PathRule(paths=(path,), service=Ref(_key(asked.backend.service.name)))
                    for path, asked in rules.hosts.get("a.b", {}).items()
                    if asked.backend.service
                ),
            ),
        ),
    )
    shadowed = {f.field for f in rules.findings if f.reason == "ShadowedPath"}
    repeated = {f.field for f in rules.findings if f.reason == "DuplicatePath"}
    reached, stands_for = set(), {}
    for at, (path, kind) in enumerate(written):
        try:
            stands_for[at] = paths_of(path, kind)
        except BadPathError:
            continue
        for pattern in stands_for[at]:
            found = route(url_map, "a.b", pattern.replace("*", "nobody-else"))
            if found.service == _key(f"s{at}"):
                reached.add(at)
    for at, paths in stands_for.items():
        again = {
            f"spec.rules[0].http.paths[{later}].path"
            for later in stands_for
            if later > at and stands_for[later] == paths
        }
        told = f"spec.rules[0].http.paths[{at}].path" in shadowed or bool(again & repeated)
        assert told or at in reached
        assert at not in reached or f"spec.rules[0].http.paths[{at}].path" not in shadowed
