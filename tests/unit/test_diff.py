"""The three-way diff, case by case."""

from typing import Any

import pytest
from msgspec import UNSET

from glbc.model.compute import (
    Backend,
    BackendService,
    ForwardingRule,
    HealthCheck,
    HostRule,
    HttpCheck,
    InstanceGroup,
    NamedPort,
    PathMatcher,
    Spec,
    UrlMap,
)
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey, zone
from glbc.model.kinds import completed, normalised
from glbc.plan.diff import Change, Neighbours, applied, diff

OURS = ResourceKey("p", Kind.INSTANCE_GROUP, zone("z-a"), "k8s-ig--1")
ALSO_OURS = ResourceKey("p", Kind.INSTANCE_GROUP, zone("z-b"), "k8s-ig--1")
THEIRS = ResourceKey("p", Kind.INSTANCE_GROUP, zone("z-a"), "mine")
SERVICE = Ref(ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, "b"))
MATCHER = "host" + "0" * 32
OLD_MATCHER = "host" + "1" * 32

HC, IG, BS, UM, FR = (
    Kind.HEALTH_CHECK,
    Kind.INSTANCE_GROUP,
    Kind.BACKEND_SERVICE,
    Kind.URL_MAP,
    Kind.FORWARDING_RULE,
)


def port(number: int, name: str = "") -> NamedPort:
    return NamedPort(name=name or f"port{number}", port=number)


def group(*ports: NamedPort) -> InstanceGroup:
    return InstanceGroup(named_ports=ports)


def backend(key: ResourceKey, **fields: Any) -> Backend:
    return Backend(group=Ref(key), **fields)


def changes(
    kind: Kind, want: Spec, live: Spec, users: tuple[Spec, ...] = (), ours: tuple[str, ...] = ()
) -> dict[str, tuple[Any, Any]]:
    near = Neighbours(owned={OURS, ALSO_OURS}.__contains__, referrers=users)
    found = diff(kind, normalised(kind, want), completed(kind, live), near, ours)
    return {change.field: (change.before, change.after) for change in found}


@pytest.mark.parametrize(
    ("kind", "want", "live"),
    [
        pytest.param(
            HC,
            HealthCheck(type="HTTP", check_interval_sec=60),
            HealthCheck(type="HTTP", check_interval_sec=5),
            id="an initial field edited by hand stays",
        ),
        pytest.param(
            BS,
            BackendService(protocol="HTTP"),
            BackendService(),
            id="a field left out means its default",
        ),
        pytest.param(
            BS,
            BackendService(),
            BackendService(load_balancing_scheme="EXTERNAL_MANAGED"),
            id="a field that is not wanted is somebody's",
        ),
        pytest.param(
            IG,
            group(port(30000), port(30001)),
            group(port(30001), port(30000)),
            id="a keyed list has no order",
        ),
        pytest.param(
            IG,
            InstanceGroup(instances=(Ref(OURS), Ref(THEIRS))),
            InstanceGroup(instances=(Ref(THEIRS), Ref(OURS))),
            id="a set has no order",
        ),
        pytest.param(
            IG, group(), group(port(30000)), id="a port that nobody uses waits for the next write"
        ),
        pytest.param(
            IG, group(), group(port(80, "http"), port(8080, "http")), id="foreign ports stay"
        ),
        pytest.param(
            BS,
            BackendService(backends=(backend(OURS, balancing_mode="RATE"),)),
            BackendService(backends=(backend(OURS, balancing_mode="UTILIZATION"),)),
            id="the initial part of an element stays",
        ),
    ],
)
def test_nothing_changes(kind: Kind, want: Spec, live: Spec) -> None:
    assert changes(kind, want, live) == {}


@pytest.mark.parametrize(
    ("kind", "want", "live", "field", "after"),
    [
        pytest.param(
            HC, HealthCheck(type="HTTPS"), HealthCheck(type="HTTP"), "type", "HTTPS", id="enforced"
        ),
        pytest.param(
            IG,
            group(port(30001)),
            group(port(80, "http"), port(30000), port(8080, "http")),
            "named_ports",
            (port(30001), port(80, "http"), port(8080, "http")),
            id="a port is added, a useless one goes along, both foreign ones of one name stay",
        ),
        pytest.param(
            IG,
            group(port(30000)),
            group(port(31000, "port30000")),
            "named_ports",
            (port(30000),),
            id="the enforced part of an element is corrected",
        ),
        pytest.param(
            IG,
            group(port(30000)),
            group(port(30000), port(1, "port30000")),
            "named_ports",
            (port(30000),),
            id="of an element of ours there is one",
        ),
        pytest.param(
            BS,
            BackendService(backends=(backend(OURS),)),
            BackendService(backends=(backend(THEIRS), backend(ALSO_OURS, capacity_scaler=0.5))),
            "backends",
            (backend(OURS), backend(THEIRS)),
            id="our backend goes, theirs stays",
        ),
        pytest.param(
            UM,
            UrlMap(
                default_service=SERVICE,
                host_rules=(HostRule(hosts=("a.example",), path_matcher=MATCHER),),
                path_matchers=(PathMatcher(name=MATCHER, default_service=SERVICE),),
            ),
            UrlMap(
                default_service=SERVICE,
                host_rules=(HostRule(hosts=("a.example",), path_matcher=MATCHER),),
                path_matchers=(
                    PathMatcher(name="theirs", default_service=SERVICE),
                    PathMatcher(name=OLD_MATCHER, default_service=SERVICE),
                    PathMatcher(name=MATCHER, default_service=SERVICE),
                ),
            ),
            "path_matchers",
            (
                PathMatcher(name=MATCHER, default_service=SERVICE),
                PathMatcher(name="theirs", default_service=SERVICE),
            ),
            id="a host that nobody wants is not routed any more",
        ),
    ],
)
def test_one_field_changes(kind: Kind, want: Spec, live: Spec, field: str, after: Any) -> None:
    assert changes(kind, want, live) == {field: (getattr(completed(kind, live), field), after)}


def test_a_port_stays_while_a_backend_service_uses_it() -> None:
    live = group(port(30000))
    found = changes(IG, group(port(30001)), live, (BackendService(port_name="port30000"),))
    assert found["named_ports"][1] == (port(30001), port(30000))


def test_a_port_stays_while_backend_services_cannot_be_read() -> None:
    near = Neighbours(owned=bool, unseen=True)
    (found,) = diff(IG, group(port(30001)), group(port(30000)), near)
    assert found.after == (port(30001), port(30000))


def test_what_we_set_before_is_cleared_to_its_default() -> None:
    live = BackendService(protocol="HTTPS")
    assert changes(BS, BackendService(), live, ours=("protocol",)) == {
        "protocol": ("HTTPS", "HTTP")
    }


def test_what_cannot_change_is_never_cleared() -> None:
    live = ForwardingRule(ip_address="198.51.100.1")
    assert changes(FR, ForwardingRule(), live, ours=("ip_address",)) == {}


def test_a_new_type_of_check_brings_its_own_block() -> None:
    block = HttpCheck(request_path="/")
    want = HealthCheck(type="HTTP", http_health_check=block, check_interval_sec=60)
    assert changes(HC, want, HealthCheck(type="HTTPS")) == {
        "type": ("HTTPS", "HTTP"),
        "http_health_check": (UNSET, block),
    }


def test_the_changes_applied_leave_nothing_to_do() -> None:
    live = group(port(80, "http"), port(31000))
    near = Neighbours(owned=bool)
    found = diff(IG, group(port(30000)), live, near)
    assert found == (Change("named_ports", live.named_ports, (port(30000), port(80, "http"))),)
    assert diff(IG, group(port(30000)), applied(live, found), near) == ()
