"""The live picture: every Ingress, the chain that serves it, and how each link of it stands.

A function of the last turn, for whoever looks at `glbc run` from outside. Nothing is decided here,
and nothing is shown but names, states, what plan and findings say, and the facts of `facts.py`.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from glbc import conditions
from glbc.conditions import Condition, Status, Type
from glbc.config import Config
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.graph import Ownership
from glbc.model.keys import Kind, ResourceKey
from glbc.model.views import Ingress
from glbc.naming import Namer
from glbc.picture.facts import fact
from glbc.picture.shapes import Drawn, Node, Picture, Scene, Standing, State, Told
from glbc.plan.planner import Action, Blocked, Op, Reason
from glbc.status import SHARED_KINDS, leaving_keys
from glbc.translate import annotations
from glbc.translate.backend import key_of

CLUSTER_WIDE: Final = frozenset({Kind.INSTANCE_GROUP, Kind.FIREWALL})  # drawn once, in no chain
WAITING: Final = conditions.PASSING | {Reason.NEEDS_BLOCKED, Reason.JUST_LEFT}
OF_OP: Final = {Op.CREATE: State.CREATE, Op.UPDATE: State.UPDATE, Op.DELETE: State.DELETE}
TROUBLE: Final = frozenset({State.PARKED, State.BLOCKED})
AT_REST: Final = frozenset({State.RIGHT, State.FOREIGN})
TRAFFIC: Final = (
    # the kinds of a chain, in the order in which a request passes them
    Kind.FORWARDING_RULE,
    Kind.TARGET_HTTP_PROXY,
    Kind.TARGET_HTTPS_PROXY,
    Kind.ADDRESS,
    Kind.URL_MAP,
    Kind.SSL_CERTIFICATE,
    Kind.BACKEND_SERVICE,
    Kind.HEALTH_CHECK,
    Kind.INSTANCE_GROUP,
    Kind.NETWORK_ENDPOINT_GROUP,
)
PLACE: Final[Mapping[str, int]] = {kind: place for place, kind in enumerate(TRAFFIC)}


def picture(scene: Scene | None, namer: Namer, config: Config) -> Picture:
    """Return the picture of a turn; an empty one before the first."""
    if scene is None:
        return Picture(at=0.0)
    return _Painter(scene, namer, config).picture()


class _Painter:
    """Indexes of one scene, and what is drawn from them. Used once."""

    def __init__(self, scene: Scene, namer: Namer, config: Config) -> None:
        self._scene, self._namer, self._config = scene, namer, config
        due = scene.plan
        self._verdicts: dict[ResourceKey, Action | Blocked] = {one.key: one for one in due.actions}
        self._verdicts |= {one.key: one for one in due.blocked}
        self._flying = {action.key: action for action in scene.flying}
        self._services = {
            key_of(one, namer, config): (
                f"{one.service.namespace}/{one.service.name}:{one.port_name or one.port_number}"
            )
            for read in scene.desired.read.values()
            for one in read.backends
        }
        self._nodes: dict[ResourceKey, Node] = {}

    def picture(self) -> Picture:
        scene = self._scene
        names = {*scene.desired.served, *scene.desired.leaving, *scene.desired.read}
        names |= {_name(finding.object) for finding in scene.desired.findings}
        drawn = [
            self._drawn(name, scene.snapshot.ingresses[name])
            for name in sorted(names & scene.snapshot.ingresses.keys())
        ]
        order = list(Standing)
        drawn.sort(key=lambda one: order.index(one.standing))
        owned = (live for live in scene.actual if live.ownership is Ownership.OWNED)
        everything = (*scene.desired.graph, *owned)
        shared = self._put(one.key for one in everything if one.key.kind in CLUSTER_WIDE)
        going = {key for key in self._going() if key not in self._nodes}
        leaving = self._put(going | self._strangers(going))
        self._put(self._flying)
        self._put(one.key for one in scene.plan.blocked if one.reason is Reason.REFUSED)
        states = [node.state for node in self._nodes.values()]
        stands = [one.standing for one in drawn]
        return Picture(
            at=scene.at,
            listed=scene.listed,
            ingresses=tuple(drawn),
            nodes={_id(key): self._nodes[key] for key in sorted(self._nodes)},
            shared=shared,
            leaving=leaving,
            flying=self._in(State.IN_FLIGHT),
            parked=self._in(State.PARKED),
            totals={state.value: states.count(state) for state in State},
            standings={standing.value: stands.count(standing) for standing in Standing},
        )

    def _in(self, state: State) -> tuple[str, ...]:
        return tuple(_id(key) for key in sorted(self._nodes) if self._nodes[key].state is state)

    def _going(self) -> set[ResourceKey]:
        """Return what is to be deleted."""
        verdicts = {**self._verdicts, **self._flying}
        return {key for key, verdict in verdicts.items() if verdict.op is Op.DELETE}

    # One Ingress --------------------------------------------------------------------------------

    def _drawn(self, name: str, ingress: Ingress) -> Drawn:
        desired = self._scene.desired
        is_leaving = name in desired.leaving
        chain = self._chain(name, ingress)
        groups = {key for key in chain if key.kind == Kind.INSTANCE_GROUP}
        nodes = self._put(key for key in chain if key.kind not in CLUSTER_WIDE)
        states = {self._node(key).state for key in chain}
        told = () if is_leaving else self._conditions(name, ingress, chain)
        findings = self._findings(name, ingress)
        return Drawn(
            namespace=ingress.metadata.namespace,
            name=ingress.metadata.name,
            class_name=annotations.text(ingress.metadata, annotations.CLASS)
            or ingress.spec.ingress_class_name
            or "",
            address=ingress.address,
            standing=_standing(states, told, findings, is_leaving=is_leaving),
            leaving=is_leaving,
            conditions=told,
            findings=tuple(_told(finding) for finding in findings),
            chain=nodes,
            groups=tuple(_id(key) for key in sorted(groups)),
        )

    def _chain(self, name: str, ingress: Ingress) -> set[ResourceKey]:
        """Return what serves an Ingress, wanted or there, and who else uses what it leaves behind."""
        desired = self._scene.desired
        served = desired.served.get(name)
        todo: list[ResourceKey] = []
        if served is not None:
            todo.extend(key for key in served.keys.all() if key in desired.graph or self._ours(key))
        elif name in desired.leaving:
            own = leaving_keys(ingress, desired, self._namer, self._config)
            todo.extend(key for key in own if self._ours(key))
            todo.extend(key for key in self._going() if key.kind in SHARED_KINDS - CLUSTER_WIDE)
        found: set[ResourceKey] = set()
        while todo:
            key = todo.pop()
            if key not in found and key.kind in PLACE:
                found.add(key)
                todo.extend(self._refs(key))
        return found | self._strangers(found)

    def _strangers(self, keys: Iterable[ResourceKey]) -> set[ResourceKey]:
        """Return what of somebody else's uses one of these."""
        parts = (key for key in keys if key.kind not in CLUSTER_WIDE)
        users = {user for key in parts for user in self._scene.actual.referrers(key)}
        return {user for user in users if self._is_strange(user)}

    def _ours(self, key: ResourceKey) -> bool:
        live = self._scene.actual.get(key)
        return key in self._flying or (live is not None and live.ownership is Ownership.OWNED)

    def _is_strange(self, key: ResourceKey) -> bool:
        live = self._scene.actual.get(key)
        strange = {Ownership.FOREIGN, Ownership.ADOPTABLE}
        return live is not None and live.ownership in strange and key.kind in PLACE

    def _refs(self, key: ResourceKey) -> frozenset[ResourceKey]:
        wish, live = self._scene.desired.graph.get(key), self._scene.actual.get(key)
        return wish.refs if wish else live.refs if live else frozenset()

    def _conditions(
        self, name: str, ingress: Ingress, chain: Iterable[ResourceKey]
    ) -> tuple[Condition, ...]:
        scene = self._scene
        if name not in scene.desired.served or name not in scene.desired.read:
            return ()
        verdicts = [self._verdicts[key] for key in chain if key in self._verdicts]
        mine = [one for one in verdicts if ingress.ref in one.wanted_by]
        facts = conditions.facts_of(
            ingress,
            scene.desired,
            scene.actual,
            scene.health,
            steps=any(isinstance(one, Action) for one in mine),
            blocked=tuple(one for one in mine if isinstance(one, Blocked)),
        )
        before = annotations.text(ingress.metadata, annotations.CONDITIONS)
        return conditions.fold(facts, conditions.decoded(before), scene.at)

    def _findings(self, name: str, ingress: Ingress) -> list[Finding]:
        """Return what is wrong with an Ingress and with the Services that it names."""
        read = self._scene.desired.read.get(name)
        about = {ingress.ref, *(one.service for one in (read.backends if read else ()))}
        return sorted({one for one in self._scene.desired.findings if one.object in about})

    # One resource -------------------------------------------------------------------------------

    def _put(self, keys: Iterable[ResourceKey]) -> tuple[str, ...]:
        """Draw nodes; return their ids in the order of the traffic."""
        ordered = sorted(set(keys), key=lambda key: (PLACE.get(key.kind, len(PLACE)), key))
        for key in ordered:
            self._node(key)
        return tuple(_id(key) for key in ordered)

    def _node(self, key: ResourceKey) -> Node:
        if key not in self._nodes:
            self._nodes[key] = self._made(key)
        return self._nodes[key]

    def _made(self, key: ResourceKey) -> Node:
        verdict = self._flying.get(key) or self._verdicts.get(key)
        text = hint = ""
        match verdict:
            case Action():
                state = State.IN_FLIGHT if key in self._flying else OF_OP[verdict.op]
                text = ", ".join(sorted(change.field for change in verdict.changes))
            case Blocked():
                state = _held(verdict.reason)
                text = "" if verdict.by == str(key) else verdict.by
                hint = verdict.hint
            case None:
                strange = self._is_strange(key)
                state = State.FOREIGN if strange else State.RIGHT
                text = "somebody else's: it is left alone" if strange else ""
                if not strange and key in self._scene.desired.keep:
                    text = "left as it is: nobody can say what it should be"
        live, wish = self._scene.actual.get(key), self._scene.desired.graph.get(key)
        spec = live.spec if live else wish.spec if wish else None
        said = (fact(spec), self._services.get(key), self._scene.health.get(key))
        return Node(
            kind=key.kind,
            name=key.name,
            place=key.scope.partition("/")[2],
            state=state,
            op=verdict.op.value if verdict else "",
            reason=verdict.reason.value if verdict else "",
            text=text,
            hint=hint,
            fact=" · ".join(word for word in said if word),
            uses=tuple(_id(ref) for ref in sorted(self._refs(key)) if ref.kind in PLACE),
        )


def _held(reason: Reason) -> State:
    if reason is Reason.REFUSED:
        return State.PARKED
    return State.WAITING if reason in WAITING else State.BLOCKED


def _standing(
    states: Iterable[State],
    told: Iterable[Condition],
    findings: Iterable[Finding],
    *,
    is_leaving: bool,
) -> Standing:
    states = set(states)
    sick = any(
        one.type == Type.BACKENDS_HEALTHY and one.status == Status.FALSE.value for one in told
    )
    if states & TROUBLE or sick:
        return Standing.PROBLEM
    if any(one.severity is not Severity.NOTE for one in findings):
        return Standing.FINDING
    if is_leaving:
        return Standing.LEAVING
    return Standing.RIGHT if states <= AT_REST else Standing.WORKING


def _told(finding: Finding) -> Told:
    return Told(
        object=str(finding.object),
        severity=finding.severity.value,
        reason=finding.reason,
        field=finding.field,
        message=finding.message,
        hint=finding.hint,
    )


def _id(key: ResourceKey) -> str:
    return key.path


def _name(ref: ObjectRef) -> str:
    return f"{ref.namespace}/{ref.name}" if ref.kind == "Ingress" else ""


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def encoded(drawn: Picture) -> bytes:
    """Return the picture as JSON; same picture, same bytes."""
    return msgspec.json.encode(drawn, order="deterministic")
