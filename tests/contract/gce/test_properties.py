"""Whatever is asked of it in whatever order, the fake never holds a broken world."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.clock import VirtualClock
from fakes.gce import Request, World
from fakes.gce.kinds import references
from fakes.gce.links import parse
from tests.contract.gce.door import ROOT, URL
from tests.contract.gce.schema import problems

NAMES = st.sampled_from(["a", "b"])
GROUP = "zones/us-central1-a/instanceGroups"


def _insert(collection, **body):
    def make(name, other):
        filled = {field: value(other) for field, value in body.items()}
        return ("POST", collection, {"name": name, **filled})

    return st.builds(make, NAMES, NAMES)


def _just(value):
    return lambda _: value


def _link(collection):
    return lambda name: f"{collection}/{name}"


def _delete(name, collection):
    return ("DELETE", f"{collection}/{name}", None)


def _repoint(name, other):
    return ("POST", f"targetHttpProxies/{name}/setUrlMap", {"urlMap": f"global/urlMaps/{other}"})


def _join(name, other):
    members = [{"instance": f"zones/us-central1-a/instances/{other}"}]
    return ("POST", f"{GROUP}/{name}/addInstances", {"instances": members})


CHECKS, SERVICES, MAPS = "global/healthChecks", "global/backendServices", "global/urlMaps"
PROXIES, RULES, ADDRESSES = "global/targetHttpProxies", "global/forwardingRules", "global/addresses"
COLLECTIONS = [CHECKS, SERVICES, MAPS, PROXIES, RULES, ADDRESSES, GROUP]
CALLS = st.one_of(
    _insert(CHECKS, type=_just("HTTP")),
    _insert(
        SERVICES,
        healthChecks=lambda name: [f"{CHECKS}/{name}"],
        backends=lambda name: [{"group": f"{GROUP}/{name}"}],
    ),
    _insert(MAPS, defaultService=_link(SERVICES)),
    _insert(PROXIES, urlMap=_link(MAPS)),
    _insert(RULES, target=_link(PROXIES), portRange=_just("80")),
    _insert(RULES, target=_link(PROXIES), portRange=_just("80"), IPAddress=_link(ADDRESSES)),
    _insert(ADDRESSES),
    _insert(GROUP),
    st.builds(_join, NAMES, NAMES),
    st.builds(_repoint, NAMES, NAMES),
    st.builds(_delete, NAMES, st.sampled_from(COLLECTIONS)),
)
STEPS = st.lists(st.tuples(CALLS, st.sampled_from([0.0, 0.01, 0.05])), max_size=40)


def _check(world: World) -> None:
    bodies = {key: entry.state for key, entry in world.store.entries.items() if entry.state}
    balanced: dict[str, set[str]] = {}
    for key, state in bodies.items():
        for where, text, _ in references(key.kind, state.body):
            link = parse(text)
            assert link is not None
            assert link.key in bodies, f"{key} {where}: {text} dangles"
            assert key in {user.key for user in world.store.users(link.key)}
        if key.kind == "backendServices":
            for row in state.body.get("backends", ()):
                members = world.newest(row["group"]).hidden.get("members", ())
                for member in members:
                    balanced.setdefault(member, set()).add(row["group"])
    assert all(len(groups) == 1 for groups in balanced.values()), "balanced twice"
    fronts = [
        (state.body["IPAddress"], state.body["portRange"])
        for key, state in bodies.items()
        if key.kind == "forwardingRules"
    ]
    assert len(fronts) == len(set(fronts)), "two rules on one address and port"


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_nothing_dangles_and_nothing_conflicts(steps):
    world = World(clock=VirtualClock(), zones=["us-central1-a"], regions=["us-central1"])
    for name in ("a", "b"):
        world.seed_instance(name, "us-central1-a")
    for (method, path, body), pause in steps:
        answer = world.handle(Request(method, ROOT + path, {}, body))
        assert answer.status in (200, 400, 404, 409), answer
        if answer.status == 200:
            assert problems(world.calls()[-1].method, answer.body) == []
        world.clock.advance(pause)
        _check(world)
    world.clock.advance(1)
    world.dump()
    _check(world)
    assert all(not entry.flight for entry in world.store.entries.values())
    failed = [op for op in world.operations.known.values() if op.failure or not op.done]
    assert failed == []
    assert all(row["selfLink"].startswith(URL) for row in world.resources("forwardingRules"))
