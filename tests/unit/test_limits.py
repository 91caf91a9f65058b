"""The cloud's limits: what is counted, and by how much something is over."""

import pytest
from msgspec import UNSET

from glbc.config import parse
from glbc.model.compute import HostRule, PathMatcher, PathRule, UrlMap
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.translate.limits import MOST_BYTES, counts, excesses

KEY = ResourceKey("p", Kind.URL_MAP, GLOBAL, "um")
SERVICE = Ref(ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "k8s-be-30080--uid"))


def _map(*rules_of_host: int, path: str = "/p") -> UrlMap:
    return UrlMap(
        default_service=SERVICE,
        host_rules=tuple(
            HostRule(hosts=(f"h{at}.x",), path_matcher=f"m{at}") for at in range(len(rules_of_host))
        ),
        path_matchers=tuple(
            PathMatcher(
                name=f"m{at}",
                default_service=SERVICE,
                path_rules=tuple(
                    PathRule(paths=(f"{path}{one}",), service=SERVICE) for one in range(many)
                ),
            )
            for at, many in enumerate(rules_of_host)
        ),
    )


def test_hosts_and_path_rules_are_counted() -> None:
    found = dict(counts(KEY, _map(2, 5, 0)))
    assert found.pop("bytes") > 500
    assert found == {"hosts": 3, "path rules": 7, "path rules of one host": 5}


def test_the_size_is_that_of_the_body_as_it_is_sent() -> None:
    empty = UrlMap(default_service=SERVICE, host_rules=UNSET, path_matchers=UNSET)
    body = '{"name":"um","defaultService":"global/backendServices/k8s-be-30080--uid"}'
    assert counts(KEY, empty)["bytes"] == len(body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="what no source establishes is no limit"),
        pytest.param("limits: {hosts: 3}", [], id="as many as are allowed"),
        pytest.param(
            "limits: {hosts: 2}", ["3 hosts, 1 over the limit of 2"], id="a host too many"
        ),
        pytest.param(
            "limits: {path_rules: 4, path_rules_of_host: 3}",
            [
                "7 path rules, 3 over the limit of 4",
                "5 path rules of one host, 2 over the limit of 3",
            ],
            id="two limits at once",
        ),
    ],
)
def test_limits_of_the_configuration(text: str, expected: list[str]) -> None:
    found = excesses(KEY, _map(2, 5, 0), parse(text, "test"))
    assert expected == [str(excess) for excess in found]


def test_a_map_may_have_64_kib_and_not_a_byte_more() -> None:
    config = parse("", "test")
    filled = _map(1, path="/" + "x" * 10)
    room = MOST_BYTES - counts(KEY, filled)["bytes"]
    fits = _map(1, path="/" + "x" * (10 + room))
    over = _map(1, path="/" + "x" * (10 + room + 1))
    assert excesses(KEY, fits, config) == ()
    assert [str(one) for one in excesses(KEY, over, config)] == [
        "65537 bytes, 1 over the limit of 65536"
    ]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(_map(2, 2, 2, 2), [], id="as much as there is"),
        pytest.param(_map(2, 2, 2), [], id="less, though still over"),
        pytest.param(
            _map(2, 2, 2, 2, 2), ["5 hosts, 3 over the limit of 2"], id="more than there is"
        ),
    ],
)
def test_what_the_cloud_holds_already_is_no_excess(wanted: UrlMap, expected: list[str]) -> None:
    config = parse("limits: {hosts: 2}", "test")
    found = excesses(KEY, wanted, config, _map(2, 2, 2, 2))
    assert expected == [str(excess) for excess in found]
