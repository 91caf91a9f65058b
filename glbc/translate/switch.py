"""A live route changes its backend only when the new one is HEALTHY, or has had its time (ADR 0010).

The cloud probes a backend once a front end leads to it. So while a route waits, its URL map has one
rule more, for a host that no client can name: it leads to the new backend and to nothing else.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import msgspec

from glbc.config import Config
from glbc.model.compute import UrlMap
from glbc.model.finding import Finding, ObjectRef, Severity
from glbc.model.health import HEALTHY, UNHEALTHY
from glbc.model.keys import ResourceKey
from glbc.model.loadbalancer import Backend, WarmUp
from glbc.model.views import Hints, IngressBackend
from glbc.translate.live import default_of, targets_of
from glbc.translate.lower import FrontEndKeys
from glbc.translate.reasons import Reason
from glbc.translate.rules import ANY_HOST, ANY_PATH, Rules
from glbc.translate.tls import FOREVER

FIXED_WORD: Final = "glbc warm-up"
DEFAULT_FIELD: Final = "spec.defaultBackend"


class Target(msgspec.Struct, frozen=True):
    """Where a route leads, and what that takes."""

    backend: ResourceKey
    wants: tuple[Backend, ...] = ()  # the Service ports asked for, a refused one included
    is_last_good: bool = False  # served now, though it is not what is asked for


Routes = tuple[Target | None, dict[str, dict[str, Target]]]
"""Where the default leads, None if nowhere, and where each path of each host does."""


class Move(msgspec.Struct, frozen=True, order=True):
    """A live route that leads to one backend and is wanted at another."""

    old: ResourceKey
    new: ResourceKey


class Route(msgspec.Struct, frozen=True):
    """One route, or the default: where it leads now, where it shall, who may keep serving it."""

    target: Target
    live: ResourceKey | None  # None: nothing serves it now
    field: str
    may_keep: Callable[[ResourceKey], bool]  # may this backend go on serving it?


class Switch:
    """The moves of one Ingress: which of them wait, and what that takes. Used once."""

    def __init__(
        self,
        owner: ObjectRef,
        keys: FrontEndKeys,
        *,
        cluster_uid: str,
        config: Config,
        hints: Hints,
        now: float,
    ) -> None:
        self._owner = owner
        self._keys = keys
        self._config = config
        self._hints = hints
        self._now = now
        self._host = _host_of(cluster_uid, owner)
        self._serves = bool(config.switch_wait_sec) and is_serving(keys, hints)
        self.moves: set[Move] = set()
        self.waiting: set[Move] = set()
        self.findings: list[Finding] = []
        self.until = FOREVER

    def place(self, route: Route) -> Target:
        """Return where the route leads for now."""
        target, old = route.target, route.live
        if old is None or target.is_last_good or old == target.backend:
            return target
        move = Move(old, target.backend)
        self.moves.add(move)
        if self._is_asked_again(move) and route.may_keep(old):
            return Target(old, target.wants, is_last_good=True)
        if not self._waits(move) or not route.may_keep(old):
            return target
        since = self._hints.waits.get((self._keys.url_map, move.new))
        deadline = FOREVER if since is None else since + self._config.switch_wait_sec
        if self._now >= deadline:
            if self._config.switch_policy == "switch":
                return target
            self._told(move, route.field)
        else:
            self.until = min(self.until, deadline)
        self.waiting.add(move)
        return Target(old, target.wants, is_last_good=True)

    def warm_up(self) -> WarmUp | None:
        """Return the rule that makes the cloud probe what is waited for."""
        news = sorted({move.new for move in self.waiting})
        return WarmUp(host=self._host, backends=tuple(news)) if news else None

    def give_up(self) -> None:
        """Let nothing wait: there is no room for the rule that it takes."""
        self.waiting.clear()
        self.findings.clear()
        self.until = FOREVER

    def _is_asked_again(self, move: Move) -> bool:
        """Tell whether it fails by an answer from before: it may serve again, and is asked at once."""
        ready = is_ready(move.new, self._hints)
        return self._serves and not ready and move.old in self._hints.doubted

    def _waits(self, move: Move) -> bool:
        hints = self._hints
        return (
            self._serves
            and self._keys.url_map not in hints.stuck
            and move.old not in hints.refused
            and hints.health.get(move.old) != UNHEALTHY
            and not is_ready(move.new, hints)
        )

    def _told(self, move: Move, field: str) -> None:
        wait = self._config.switch_wait_sec
        state = self._hints.health.get(move.new, "not known to be HEALTHY")
        finding = Finding(
            self._owner,
            Reason.SWITCH_WAITS,
            field,
            f"after {wait} s the new backend {move.new.name} is {state}; {move.old.name} keeps "
            "serving it",
            "see that the new Service's pods answer the health check, or set switch_policy: switch",
            Severity.WARNING,
        )
        if finding not in self.findings:
            self.findings.append(finding)


def is_serving(keys: FrontEndKeys, hints: Hints) -> bool:
    """Tell whether a live forwarding rule leads to the Ingress's live URL map."""
    if keys.url_map not in hints.url_maps:
        return False
    plain = hints.http_proxies.get(keys.http_proxy) == keys.url_map
    secure = keys.https_proxy in hints.https_proxies
    rules = hints.rules  # one under way has no IP yet, and nobody comes through it
    return bool((plain and rules.get(keys.http_rule)) or (secure and rules.get(keys.https_rule)))


def is_ready(backend: ResourceKey, hints: Hints) -> bool:
    """Tell whether requests that are sent to a backend now are answered."""
    return backend in hints.reached and hints.health.get(backend) == HEALTHY


def switch_facts(moves: Iterable[Move], keys: FrontEndKeys, hints: Hints) -> tuple[Any, ...]:
    """Return what the moves of an Ingress may know of the cloud; nothing when there is none."""
    facts = tuple(
        (
            (hints.health.get(move.old) == UNHEALTHY, move.old in hints.doubted),
            hints.health.get(move.new),
            move.new in hints.reached,
            hints.waits.get((keys.url_map, move.new)),
        )
        for move in moves
    )
    return (is_serving(keys, hints), keys.url_map in hints.stuck, facts) if facts else ()


def placed(
    switch: Switch,
    asked: Routes,
    said: tuple[IngressBackend | None, Rules],
    url_map: UrlMap | None,
    may_keep: Callable[[IngressBackend, ResourceKey], bool],
) -> Routes:
    """Return where the default and the routes lead for now.

    Args:
        switch: decides, and remembers.
        asked: where the default and the routes shall lead.
        said: what the Ingress says of the default and of each route.
        url_map: the live one.
        may_keep: tells whether a backend may go on serving what asks for another one.
    """
    (default, hosts), (own, rules) = asked, said
    live = targets_of(url_map)
    found: dict[str, dict[str, Target]] = {}
    for host, paths in hosts.items():
        found[host] = {}
        for path, target in paths.items():
            wish = rules.hosts[host][path]
            keeps = partial(may_keep, wish.backend)
            route = Route(target, live.get((host, path)), wish.field, keeps)
            found[host][path] = switch.place(route)
    if default is not None and default is hosts.get(ANY_HOST, {}).get(ANY_PATH):
        return found[ANY_HOST][ANY_PATH], found  # no request reaches the map's own default
    if default is None:
        return None, found
    allowed: Callable[[ResourceKey], bool] = partial(may_keep, own) if own else _always
    return switch.place(Route(default, default_of(url_map), DEFAULT_FIELD, allowed)), found


def _always(_backend: ResourceKey) -> bool:
    return True


def _host_of(cluster_uid: str, owner: ObjectRef) -> str:
    """Return a host that nobody can guess and no resolver knows (RFC 2606: `.invalid`)."""
    text = f"{cluster_uid}/{owner.namespace}/{owner.name}/{FIXED_WORD}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.glbc.invalid"
