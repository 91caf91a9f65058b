"""When a live route goes to its new backend: a table of what is known."""

from typing import Any

import pytest

from glbc.config import Config
from glbc.model.compute import UrlMap
from glbc.model.finding import ObjectRef
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.views import Hints
from glbc.naming import Namer, Scheme
from glbc.translate.lower import FrontEndKeys
from glbc.translate.switch import Route, Switch, Target

CONFIG = Config(project="p", switch_wait_sec=60)
KEYS = FrontEndKeys.of(Namer("uid", "kube").frontend(Scheme.V2, "shop", "web"), CONFIG)
OLD, NEW = (ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, name) for name in ("old", "new"))
OWNER = ObjectRef("Ingress", "shop", "web")
SERVING: dict[str, Any] = {
    "url_maps": {KEYS.url_map: UrlMap()},
    "http_proxies": {KEYS.http_proxy: KEYS.url_map},
    "rules": {KEYS.http_rule: "192.0.2.1"},
}
READY: dict[str, Any] = {"health": {NEW: "HEALTHY"}, "reached": frozenset({NEW})}


def a_switch(
    now: float = 0.0, *, uid: str = "uid", owner: ObjectRef = OWNER, **hints: Any
) -> Switch:
    settings = {"cluster_uid": uid, "config": CONFIG, "hints": Hints(**{**SERVING, **hints})}
    return Switch(owner, KEYS, now=now, **settings)


@pytest.mark.parametrize(
    ("hints", "waits"),
    [
        pytest.param({}, True, id="nothing is known of the new one"),
        pytest.param({"health": {NEW: "UNHEALTHY"}}, True, id="the new one fails"),
        pytest.param({"health": {NEW: "HEALTHY"}}, True, id="HEALTHY, and nothing leads there"),
        pytest.param({"reached": frozenset({NEW})}, True, id="reached, and nobody has asked yet"),
        pytest.param(READY, False, id="reached and HEALTHY"),
        pytest.param({"health": {OLD: "UNHEALTHY"}}, False, id="the old one fails"),
        pytest.param({"health": {OLD: "Unknown"}}, True, id="nobody knows of the old one"),
        pytest.param({"refused": frozenset({OLD})}, False, id="the old one is refused"),
        pytest.param({"stuck": frozenset({KEYS.url_map})}, False, id="the cloud refuses the rule"),
        pytest.param({"rules": {}}, False, id="no rule"),
        pytest.param({"http_proxies": {}}, False, id="the proxy serves another map"),
        pytest.param({"url_maps": {}}, False, id="no map"),
        pytest.param(
            {
                "http_proxies": {},
                "https_proxies": {KEYS.https_proxy: ()},
                "rules": {KEYS.https_rule: "192.0.2.1"},
            },
            True,
            id="HTTPS alone serves",
        ),
        pytest.param({"waits": {(KEYS.url_map, NEW): -60.0}}, False, id="it has had its time"),
        pytest.param({"waits": {(KEYS.url_map, NEW): -59.0}}, True, id="it has some time left"),
    ],
)
def test_what_waits(hints: dict[str, Any], waits: bool) -> None:
    switch = a_switch(**hints)
    target = switch.place(Route(Target(NEW), OLD, "f", lambda _: True))
    assert target.backend == (OLD if waits else NEW)
    assert target.is_last_good == waits
    assert (switch.warm_up() is not None) == waits


def test_who_must_not_keep_serving_does_not() -> None:
    switch = a_switch()
    assert switch.place(Route(Target(NEW), OLD, "f", lambda _: False)) == Target(NEW)


def test_it_is_asked_again_when_the_time_is_over() -> None:
    switch = a_switch(10.0, waits={(KEYS.url_map, NEW): 5.0})
    switch.place(Route(Target(NEW), OLD, "f", lambda _: True))
    assert switch.until == 65.0


def test_nobody_can_guess_the_host_of_another() -> None:
    hosts = set()
    for uid in ("uid", "other"):
        for name in ("web", "shop"):
            switch = a_switch(uid=uid, owner=ObjectRef("Ingress", "shop", name))
            switch.place(Route(Target(NEW), OLD, "f", lambda _: True))
            warm_up = switch.warm_up()
            assert warm_up is not None
            assert warm_up.host.endswith(".glbc.invalid")
            hosts.add(warm_up.host)
    assert len(hosts) == 4
