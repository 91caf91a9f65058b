"""What the last turn comes to in numbers: functions of its values, called when somebody asks."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping

from glbc.model.compute import SslCertificate, TargetHttpsProxy
from glbc.model.graph import Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.picture.shapes import Scene
from glbc.plan.explain import strange_fields
from glbc.plan.planner import Action, Blocked, Op, Reason

IN_FLIGHT, DUE, HELD, PARKED = VERDICTS = ("in_flight", "due", "held", "parked")

Values = Mapping[tuple[str, ...], float]
"""The values of a metric, by the values of its labels."""

Expiry = Callable[[str], float | None]
"""When a certificate in PEM is not valid any more, in seconds since 1970; None: it cannot be read."""


def planned(scene: Scene | None) -> Values:
    """Return how many actions there are of each op and verdict, all of them named."""
    found = Tally((one.op.value, verdict) for one, verdict in _verdicts(scene))
    return {(op.value, verdict): found[op.value, verdict] for op in Op for verdict in VERDICTS}


def orphans(scene: Scene | None) -> Values:
    """Return how many resources that nobody wants there are of each kind and verdict."""
    return Tally(
        (str(one.key.kind), verdict)
        for one, verdict in _verdicts(scene)
        if scene and one.op is Op.DELETE and one.key not in scene.desired.graph
    )


def certificates(scene: Scene | None, expiry: Expiry) -> Values:
    """Return, for each certificate that a proxy of ours serves, when it expires."""
    found: dict[tuple[str, ...], float] = {}
    proxies = scene.actual.of_kind(Kind.TARGET_HTTPS_PROXY) if scene else []
    for proxy in proxies:
        spec = proxy.spec
        if proxy.ownership is not Ownership.OWNED or not isinstance(spec, TargetHttpsProxy):
            continue
        for ref in spec.ssl_certificates or ():
            live = scene.actual.get(ref.to) if scene else None
            if live and isinstance(live.spec, SslCertificate) and live.spec.certificate:
                at = expiry(live.spec.certificate)
                if at is not None:
                    found[(ref.to.name,)] = at
    return found


class ForeignFields:
    """Counts fields that are somebody else's; what is as it was is not counted again."""

    def __init__(self) -> None:
        self._counted: dict[ResourceKey, tuple[object, int]] = {}  # by key: of what, how many

    def of(self, scene: Scene | None) -> Values:
        """Return how many there are of each kind."""
        counted: dict[ResourceKey, tuple[object, int]] = {}
        found: Tally[tuple[str, ...]] = Tally()
        for resource in scene.desired.graph if scene else ():
            live = scene.actual.get(resource.key) if scene else None
            if live is None or live.ownership is not Ownership.OWNED:
                continue
            basis = (resource.spec, resource.enforced, live.spec, live.set_by_us)
            old = self._counted.get(resource.key)
            same = old is not None and old[0] == basis
            count = old[1] if old and same else strange_fields(resource, live)
            counted[resource.key] = (basis, count)
            found[(str(resource.key.kind),)] += count
        self._counted = counted
        return found


def _verdicts(scene: Scene | None) -> Iterator[tuple[Action | Blocked, str]]:
    """Yield each action that the cloud needs, with what becomes of it."""
    if scene is None:
        return
    flying = {action.key for action in scene.flying}
    for action in scene.plan.actions:
        yield action, IN_FLIGHT if action.key in flying else DUE
    for one in scene.plan.blocked:
        yield one, PARKED if one.reason is Reason.REFUSED else HELD
