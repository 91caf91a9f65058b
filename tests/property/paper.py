"""An executor on paper, and a judge who watches every move it makes.

The paper cloud holds the truth; the planner sees a view of it. Actions start from the frontier, up
to `hands` at once, and end in any order; desires change midway; a crash forgets what is in flight,
of which some has still happened. The judge knows the promises (P1, P4–P8) and asks the truth, never
the planner: `Broken` names the promise that does not hold.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from glbc.model import compute
from glbc.model.graph import Graph, Observed, Ownership, Resource
from glbc.model.keys import Kind, ResourceKey, refs_in
from glbc.model.kinds import ROWS, is_managed
from glbc.plan import planner
from glbc.plan.diff import RIDING
from glbc.plan.planner import Action, Op, Plan, Reason, Refusal
from glbc.plan.simulate import done
from tests.property.worlds import Rng, World, observed

Guard = Callable[[Plan], Plan]


class Broken(AssertionError):
    """A promise does not hold."""

    def __init__(self, promise: str, what: object) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


def hold(promise: str, fact: bool, what: object = "") -> None:
    """Insist on a promise."""
    if not fact:
        raise Broken(promise, what)


class Paper:
    """One run. Owns the truth, the view and what is in flight."""

    def __init__(
        self,
        world: World,
        rng: Rng,
        parked: Mapping[ResourceKey, Refusal] | None = None,
        guard: Guard = lambda plan: plan,
    ) -> None:
        self.rng = rng
        self.start, self.truth = world.truth, world.truth
        self.wishes = list(world.wishes)
        self.wanted = self.wishes.pop(0)
        self.ever = [self.wanted]
        self.keep, self.parked, self.guard = world.keep, dict(parked or {}), guard
        self.hidden, self.doubted = set(world.hidden), set(world.doubted)
        self.flying: list[Action] = []
        self.writes = 0
        self.standing = _front_ends(self.truth) & set(self.wanted.keys())

    def view(self) -> Graph[Observed]:
        """Return what the planner can see of the truth."""
        nodes = [
            replace(node, ownership=Ownership.UNREADABLE) if node.key in self.doubted else node
            for node in self.truth
            if node.key.kind not in self.hidden
        ]
        absent = [key for key in self.doubted if key not in self.truth]
        unknown = [observed(key, compute.Spec(), Ownership.UNREADABLE) for key in absent]
        return Graph([*nodes, *unknown], self.hidden)

    def plan(self) -> Plan:
        """Return the newest plan."""
        return self.guard(planner.plan(self.wanted, self.view(), self.keep, self.parked))

    def run(self, hands: int = 4, crashes: int = 0) -> Plan:
        """Go on until nothing can start and nobody changes his mind; return the last plan."""
        bound = 60 + 8 * (len(self.truth) + sum(len(wish) for wish in [self.wanted, *self.wishes]))
        while True:
            hold("comes to rest", self.writes <= bound, self.plan())
            plan = self.plan()
            free = [a for a in planner.frontier(plan, self.flying) if self.rng.random() < 0.8]
            for action in free[: hands - len(self.flying)]:
                self._start(action)
            happening = self.rng.random()
            if crashes and happening < 0.1:
                crashes -= 1
                self._crash()
            elif happening < 0.15:
                self._something_else()
            elif self.flying:
                self._land(self.flying.pop(self.rng.randrange(len(self.flying))))
            elif not planner.frontier(plan) and not self._something_else():
                return plan

    # What happens -----------------------------------------------------------------------------

    def _something_else(self) -> bool:
        """Let somebody change his mind, or something become readable."""
        if self.wishes:
            self.wanted = self.wishes.pop(0)
            self.ever.append(self.wanted)
            self.standing &= set(self.wanted.keys())
        elif self.hidden or self.doubted:
            self.hidden.clear()
            self.doubted.clear()
        else:
            return False
        return True

    def _crash(self) -> None:
        for action in self.flying:
            if self.rng.random() < 0.5:
                self._land(action)
        self.flying.clear()
        self.truth = Graph(replace(node, set_by_us=frozenset()) for node in self.truth)

    def _start(self, action: Action) -> None:
        key, live = action.key, self.truth.get(action.key)
        hold("one write at a time", key not in {a.key for a in self.flying}, action)
        refusal = self.parked.get(key)
        again = refusal and (refusal.action.op, refusal.action.spec) == (action.op, action.spec)
        hold("refused once is enough", not again, key)
        hold("what is doubted is read first", key not in self.doubted, key)
        if action.op is Op.CREATE:
            hold("creates what is missing", live is None, key)
        else:
            hold("changes what is there", live is not None, key)
            mine = {Ownership.OWNED, *([Ownership.ADOPTABLE] if action.op is Op.UPDATE else [])}
            hold("ownership is proved", live is not None and live.ownership in mine, key)
        if action.op is Op.DELETE:
            self._may_go(action)
        else:
            self._can_stand(action, live)
        if live is not None and action.op is Op.UPDATE:
            own_fields_only(action, live, self.wanted[key], self._owned)
        self.flying.append(action)

    def _land(self, action: Action) -> None:
        key, live = action.key, self.truth.get(action.key)
        if action.op is Op.DELETE:
            hold("nothing in use is deleted", not self.truth.referrers(key), key)
        else:
            self._refers_to_what_is_there(action)
        end = done(action, live)
        self.truth = self.truth.replace(end) if end else self.truth.replace(without=[key])
        self.writes += 1
        replaced = action.op is Op.DELETE and action.disruptive
        self.standing -= {key} if replaced else set()
        gone = self.standing - set(self.truth.keys())
        hold("a working front end stays", not gone, gone)

    # The judge --------------------------------------------------------------------------------

    def _owned(self, key: ResourceKey) -> bool:
        live = self.truth.get(key)
        return live is not None and live.ownership is Ownership.OWNED

    def _may_go(self, action: Action) -> None:
        key = action.key
        hold("nothing in use is deleted", not self.truth.referrers(key), key)
        making = [other for other in self.flying if other.op is not Op.DELETE]
        relied = {to for other in making for to in refs_in(other.spec)}
        hold("nothing relied on is deleted", key not in relied, key)
        hold("what is kept stays", key in self.wanted or key not in self.kept(), key)
        want = self.wanted.get(key)
        if want is None:
            hold("what is wanted stays", not self.wanted.referrers(key), key)
            return
        fixed = ROWS[Kind(key.kind)].immutable
        live = self.truth[key]
        truth = set(self.truth.keys())
        differs = [name for name in fixed if _differs(want.spec, live.spec, name)]
        hold("what is wanted stays", bool(differs) and action.disruptive, key)
        hold("a working front end stays", want.refs - live.refs <= truth - self.broken(), key)

    def _can_stand(self, action: Action, live: Observed | None) -> None:
        self._refers_to_what_is_there(action)
        going = {other.key for other in self.flying if other.op is Op.DELETE}
        hold("refers to nothing that goes", going.isdisjoint(refs_in(action.spec)), action.key)
        new = set(refs_in(action.spec)) - (live.refs if live else set())
        for target in new:
            want, there = self.wanted.get(target), self.truth.get(target)
            if want and there and there.ownership is not Ownership.OWNED:
                hold("no traffic to strangers", equal(want, there), (action.key, target))
        if isinstance(action.spec, compute.BackendService):
            self._fields_in_order(action.spec, live)
        if isinstance(action.spec, compute.InstanceGroup):
            users = [self.truth[user].spec for user in self.truth.referrers(action.key)]
            names = {port.name for port in action.spec.named_ports or ()}
            lost = {port.name for port in live.spec.named_ports} - names if live else set()
            hold("a port in use stays", lost.isdisjoint(u.port_name for u in users), action.key)

    def _fields_in_order(self, spec: compute.BackendService, live: Observed | None) -> None:
        """A backend comes after its named port, and its protocol after its check's."""
        old = live.spec if live and isinstance(live.spec, compute.BackendService) else None
        for backend in spec.backends or ():
            group = self.truth.get(backend.group.to)
            over_nodes = group is not None and group.key.kind == Kind.INSTANCE_GROUP
            if over_nodes and group.ownership is Ownership.OWNED and group.key in self.wanted:
                names = {port.name for port in group.spec.named_ports}
                known = old is not None and old.port_name == spec.port_name
                hold("the port is there first", known or spec.port_name in names, group.key)

    def _refers_to_what_is_there(self, action: Action) -> None:
        known = [to for to in refs_in(action.spec) if is_managed(to)]
        lost = [to for to in known if to not in self.truth]
        hold("references exist", not lost, (action.key, lost))

    def kept(self) -> set[ResourceKey]:
        """Return what is kept as it is, and all it refers to."""
        return reachable(self.truth, self.keep)

    def broken(self) -> set[ResourceKey]:
        """Return the wanted resources that nobody can promise, and why is not our fault."""
        view, bad = self.view(), set()
        refused = {one.key for one in self.plan().blocked if one.reason is Reason.REFUSED}
        for want in self.wanted:
            live = view.get(want.key)
            if live is None:
                hopeless = want.key.kind in self.hidden
            else:
                hopeless = not self._can_become(want, live)
            if hopeless or want.key in refused & self.parked.keys():
                bad.add(want.key)
        bad |= {ref for want in self.wanted for ref in want.refs if self._is_lost(ref, view)}
        while more := {w.key for w in self.wanted if w.key not in bad and self._falls(w, bad)}:
            bad |= more
        return bad

    def _is_lost(self, ref: ResourceKey, view: Graph[Observed]) -> bool:
        return is_managed(ref) and ref not in self.wanted and ref not in view

    def _falls(self, want: Resource, bad: set[ResourceKey]) -> bool:
        live = self.truth.get(want.key)
        if live is None or not self._fits(want, live):
            return not bad.isdisjoint(want.refs)
        if equal(want, live):
            return False
        later = {
            to
            for kind, _ in ROWS[Kind(want.key.kind)].after.values()
            for to in want.refs
            if to.kind == kind
        }
        return not bad.isdisjoint((want.refs - live.refs) | (later & bad))

    def _fits(self, want: Resource, live: Observed) -> bool:
        return not any(
            _differs(want.spec, live.spec, n) for n in ROWS[Kind(want.key.kind)].immutable
        )

    def _can_become(self, want: Resource, live: Observed) -> bool:
        match live.ownership:
            case Ownership.OWNED:
                return self._fits(want, live) or not self.truth.referrers(want.key)
            case Ownership.UNREADABLE:
                return False
            case Ownership.ADOPTABLE if want.spec.description is not UNSET:
                return equal(want, live) or self._fits(want, live)
        return equal(want, live) and not stale(want, live, self._owned)


def own_fields_only(action: Action, live: Observed, want: Resource, owned: Any) -> None:
    """Insist that an update touches our fields only, and our elements only (P5)."""
    row, proof = ROWS[Kind(action.key.kind)], live.ownership is Ownership.ADOPTABLE
    for name in live.spec.__struct_fields__:
        before, after = getattr(live.spec, name), getattr(action.spec, name)
        wish = getattr(want.spec, name)
        if name == "description" and proof:
            continue
        if name in RIDING.get(action.key.kind, ()) and before is UNSET:
            continue
        if name in row.initial or (wish is UNSET and name not in live.set_by_us):
            hold("own fields only", before == after, (action.key, name))
        elif name in row.keyed:
            key, ours = row.keyed[name].key, row.keyed[name].ours
            named = {key(element) for element in wish or ()}
            theirs = [e for e in before if key(e) not in named and not ours(e, owned)]
            lost = [element for element in theirs if element not in after]
            hold("own elements only", not lost, (action.key, lost))


def stale(want: Resource, live: Observed, owned: Any) -> list[Any]:
    """Return our elements that nobody wants, of the lists that are kept clean."""
    return [
        element
        for name, keyed in ROWS[Kind(want.key.kind)].keyed.items()
        if not keyed.lazy and getattr(want.spec, name) is not UNSET
        for element in getattr(live.spec, name)
        if keyed.key(element) not in {keyed.key(one) for one in getattr(want.spec, name)}
        and keyed.ours(element, owned)
    ]


def equal(want: Resource, live: Observed) -> bool:
    """Tell whether what is there holds everything that is wanted and enforced."""
    row = ROWS[Kind(want.key.kind)]
    return not any(
        _differs(want.spec, live.spec, name)
        for name in want.spec.__struct_fields__
        if name not in row.initial
    )


def _differs(want: Any, live: Any, name: str) -> bool:
    """Tell whether one wanted field is not there as it is wanted."""
    wish, there = getattr(want, name), getattr(live, name)
    if wish is UNSET or wish == there:
        return False
    keyed = next(
        (row.keyed[name] for row in ROWS.values() if row.spec is type(want) and name in row.keyed),
        None,
    )
    if keyed is None:
        return bool(wish != there)
    found: dict[Any, list[Any]] = {}
    for element in there or ():
        found.setdefault(keyed.key(element), []).append(element)
    for element in wish:
        twins = found.get(keyed.key(element), [])
        if len(twins) != 1:
            return True
        if any(getattr(element, f) != getattr(twins[0], f) for f in keyed.enforced):
            return True
    return False


def reachable(graph: Graph[Observed], roots: Any) -> set[ResourceKey]:
    """Return the roots and all they refer to."""
    found: set[ResourceKey] = set()
    todo = list(roots)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            live = graph.get(key)
            todo.extend(live.refs if live else ())
    return found


def _front_ends(graph: Graph[Observed]) -> set[ResourceKey]:
    kinds = {Kind.URL_MAP, Kind.TARGET_HTTP_PROXY, Kind.FORWARDING_RULE}
    return {n.key for n in graph if n.key.kind in kinds and n.ownership is Ownership.OWNED}


def judge(paper: Paper, last: Plan) -> None:
    """Insist on what must be true when nothing moves any more."""
    hold("comes to rest", not last.actions, last.actions)
    hold("zero writes at rest", paper.plan() == last)
    broken, truth = paper.broken(), paper.truth
    for want in paper.wanted:
        live = truth.get(want.key)
        if want.key not in broken:
            hold("what is wanted is there", live is not None, want.key)
            hold("what is wanted is equal", live is not None and equal(want, live), want.key)
            left = stale(want, live, paper._owned) if live else []
            hold("nothing of ours is left", not left, (want.key, left))
    blocked = {one.key for one in last.blocked}
    pointless = {key for key in blocked & paper.kept() if key not in paper.wanted}
    hold("what is kept is left in peace", not pointless, pointless)
    roots = {
        node.key
        for node in truth
        if node.ownership is not Ownership.OWNED or node.key in paper.wanted
    }
    roots |= {ref for want in paper.wanted for ref in want.refs}
    reasons = reachable(truth, roots | paper.keep | set(paper.parked))
    backends = truth.of_kind(Kind.BACKEND_SERVICE)
    if any(node.key in reasons and node.ownership is Ownership.OWNED for node in backends):
        reasons |= {node.key for node in truth.of_kind(Kind.FIREWALL)}  # it lets their probes in
    leaked = [n.key for n in truth if n.key not in reasons]
    hold("nothing is leaked", not leaked, leaked)
    held = [n.key for n in truth if n.key not in paper.wanted and n.ownership is Ownership.OWNED]
    untold = [
        k for k in held if k not in blocked and k not in paper.kept() and not _referred(paper, k)
    ]
    hold("what is held is told", not untold, untold)
    for old in paper.start:
        now = truth.get(old.key)
        if old.ownership is Ownership.FOREIGN:
            hold("foreign stays", now == old, old.key)
        ever = any(old.key in wish for wish in paper.ever)
        if old.ownership is Ownership.ADOPTABLE and not ever:
            hold("adoptable stays", now is not None, old.key)
        if old.key in paper.kept() and not ever:
            same = now is not None and now.spec == old.spec
            hold("what is kept stays", same, old.key)


def _referred(paper: Paper, key: ResourceKey) -> bool:
    return key in reachable(
        paper.truth, [r for w in paper.wanted for r in w.refs if r not in paper.wanted]
    )


def refused(plan: Plan, rng: Rng) -> dict[ResourceKey, Refusal]:
    """Return a refusal of one action of the plan."""
    if not plan.actions:
        return {}
    action = rng.choice(plan.actions)
    return {action.key: Refusal(action, "quota", "raise it")}
