"""P5 for what a BackendConfig asks: set, changed and cleared exactly; what others set stays.

A story of asks, edits by hand and restarts, played on one backend service and its health check.
"""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from glbc.model import compute
from glbc.model.asked import Asked, laid_over
from glbc.model.finding import ObjectRef
from glbc.model.graph import Resource
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.kinds import ROWS, completed
from glbc.model.loadbalancer import Backend
from glbc.model.private import Private, public
from glbc.model.record import recorded
from glbc.naming import Namer
from glbc.plan.diff import Neighbours, applied, diff
from glbc.translate.lower import backend_resources

NAMER = Namer("16f2a1b3c4d5e6f7", "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11")
KEY = ResourceKey("p", Kind.BACKEND_SERVICE, GLOBAL, NAMER.backend(30080))
POLICY = Ref(ResourceKey("p", Kind.SECURITY_POLICY, GLOBAL, "armor"))
PLAIN = Backend(
    service=ObjectRef("Service", "shop", "web"),
    port_name="",
    port_number=80,
    node_port=30080,
    protocol="HTTP",
    origin="a test",
)
NEAR = Neighbours(owned=lambda _: True)
BY_HAND = ("outlier", "edge")  # words that no BackendConfig says


def _asks(rng: random.Random) -> Asked | None:
    """Return some BackendConfig; None when no one is named."""
    if rng.random() < 0.2:
        return None

    def maybe(*values: Any) -> Any:
        return rng.choice((UNSET, UNSET, *values))

    return Asked(
        source="backendconfig shop/web",
        no_policy=rng.random() < 0.1,
        service=compute.BackendService(
            timeout_sec=maybe(10, 75),
            connection_draining=maybe(compute.ConnectionDraining(draining_timeout_sec=62)),
            session_affinity=maybe("CLIENT_IP", "GENERATED_COOKIE"),
            affinity_cookie_ttl_sec=maybe(0, 50),
            custom_request_headers=maybe((), ("X-A: b",)),
            log_config=maybe(compute.LogConfig(enable=False, sample_rate=0.0)),
            security_policy=maybe(POLICY),
            enable_cdn=maybe(True, False),
            cdn_policy=maybe(
                compute.CdnPolicy(cache_mode="FORCE_CACHE_ALL", client_ttl=5),
                compute.CdnPolicy(cache_key_policy=compute.CacheKeyPolicy(include_host=True)),
            ),
            iap=maybe(
                compute.Iap(
                    enabled=True,
                    oauth2_client_id="me",
                    oauth2_client_secret=Private(b"hush"),
                    oauth2_client_secret_sha256="5e",
                )
            ),
        ),
        check=compute.HealthCheck(check_interval_sec=maybe(70, 90), healthy_threshold=maybe(3)),
        probe=compute.HttpCheck(request_path=maybe("/a", "/b")),
    )


def _wants(asked: Asked | None) -> dict[str, Resource]:
    backend = msgspec.structs.replace(PLAIN, asked=asked)
    made = backend_resources(KEY, backend, (), (), balancing="", namer=NAMER)
    return {resource.key.kind: resource for resource in made}


def _edits(rng: random.Random) -> Iterator[tuple[str, compute.Spec]]:
    """Yield what a person sets by hand, by kind."""
    yield (
        Kind.BACKEND_SERVICE,
        rng.choice(
            (
                compute.BackendService(timeout_sec=rng.choice((1, 2))),
                compute.BackendService(session_affinity="NONE", affinity_cookie_ttl_sec=7),
                compute.BackendService(log_config=compute.LogConfig(sample_rate=0.5)),
                compute.BackendService(custom_response_headers=("X-Theirs: 1",)),
            )
        ),
    )
    yield (
        Kind.HEALTH_CHECK,
        rng.choice(
            (
                compute.HealthCheck(unhealthy_threshold=rng.choice((2, 3))),
                compute.HealthCheck(http_health_check=compute.HttpCheck(host="theirs")),
            )
        ),
    )


def _at(spec: Any, path: str) -> Any:
    for word in path.split("."):
        if spec is UNSET:
            return UNSET
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(spec)}
        spec = getattr(spec, fields[word])
    return spec


def _paths(spec: Any, before: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(spec):
        value, path = getattr(spec, field.name), f"{before}{field.encode_name}"
        if isinstance(value, msgspec.Struct):
            yield from _paths(value, f"{path}.")
        elif value is not UNSET:
            yield path


def _default(kind: str, wants: Resource, path: str) -> Any:
    """Return what a path goes back to: our default, else the API's."""
    row = ROWS[Kind(kind)]
    name = {f.encode_name: f.name for f in msgspec.structs.fields(row.spec)}.get(path, "")
    ours = _at(wants.spec, path)
    return row.cleared.get(path, row.defaults.get(name, UNSET)) if ours is UNSET else ours


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32).map(random.Random))
def test_a_story_of_asks_edits_and_restarts(rng: random.Random) -> None:
    live = {k: completed(k, public(w.spec)) for k, w in _wants(_asks(rng)).items()}
    memory: dict[str, frozenset[str]] = dict.fromkeys(live, frozenset())
    theirs: dict[str, dict[str, Any]] = {
        kind: {} for kind in live
    }  # set by hand, and by nobody else
    for _ in range(6):
        for kind, edit in _edits(rng):
            if rng.random() < 0.4:
                live[kind] = laid_over(live[kind], edit)
                theirs[kind].update((path, _at(edit, path)) for path in _paths(edit))
        if rng.random() < 0.3:
            memory = dict.fromkeys(live, frozenset())  # a restart
        wants = _wants(_asks(rng))
        for kind, want in wants.items():
            ours = recorded(live[kind].description) | memory[kind]
            changes = diff(kind, want.spec, live[kind], NEAR, ours, want.enforced)
            after = completed(kind, public(applied(live[kind], changes)))
            for path in want.enforced:
                asked, there = _at(want.spec, path), _at(after, path)
                same = there == asked or (asked is UNSET and there is UNSET)
                assert same or isinstance(asked, Private) or not asked, path
                theirs[kind].pop(path, None)
            for path in ours - want.enforced.keys():
                if not path.endswith(("Secret", "Sha256")):
                    assert _at(after, path) == _default(kind, want, path), path
                theirs[kind].pop(path, None)
            for path, value in theirs[kind].items():
                assert _at(after, path) == value, path
            assert not recorded(after.description) - want.enforced.keys()
            live[kind], memory[kind] = after, frozenset(want.enforced)
            assert diff(kind, want.spec, after, NEAR, memory[kind], want.enforced) == ()
