"""The second writer of the chaos: it edits what is ours behind the controller's back, and its own.

What of an edit is ours to enforce is corrected; what is not stays for as long as the resource does.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from fakes.gce import AnswerLostError, Request, World

Body = dict[str, Any]

# kind -> (what the second writer sets, is it the controller's to set back?)
EDITS: Final[Mapping[str, tuple[tuple[Body, bool], ...]]] = {
    "healthChecks": (({"checkIntervalSec": 33}, False), ({"unhealthyThreshold": 7}, False)),
    "backendServices": (
        ({"timeoutSec": 77}, False),
        ({"connectionDraining": {"drainingTimeoutSec": 17}}, False),
        ({"backends": []}, True),
        ({"portName": "http"}, True),
    ),
    "urlMaps": (({"hostRules": [], "pathMatchers": []}, True),),
    "firewalls": (({"sourceRanges": ["192.0.2.0/24"]}, True), ({"targetTags": ["else"]}, True)),
    "instanceGroups": (({"namedPorts": []}, True),),
}
FOREIGN: Final[Mapping[str, Body]] = {
    "healthChecks": {"type": "HTTP", "httpHealthCheck": {"port": 80}, "description": "mine"},
    "firewalls": {"network": "global/networks/default", "allowed": [{"IPProtocol": "tcp"}]},
}


GROUPS: Final = "networkEndpointGroups"
FRONTS: Final = {"http_rule": "targetHttpProxies", "https_rule": "targetHttpsProxies"}
PROXIES: Final = tuple(FRONTS.values())


class Meddler:
    """A second writer, and what it has put where nobody may take it away."""

    def __init__(self, world: World, rng: random.Random) -> None:
        self.world = world
        self.random = rng
        self.kept: dict[tuple[str, str, str], Body] = {}  # kind, name, id -> what stays
        for kind, body in FOREIGN.items():
            world.seed(kind, "global", f"their-{kind.lower()}", body)
        self.theirs = self.foreign()

    def edit(self) -> None:
        """Edit a resource of the controller's, or a foreign one."""
        kind = self.random.choice([*sorted(EDITS), GROUPS])
        bodies = self.world.resources(kind)
        if not bodies:
            return
        body = self.random.choice(bodies)
        if kind == GROUPS:
            self.move(body)
            return
        edit, ours = self.random.choice(EDITS[kind])
        scope = body.get("zone", "").rpartition("/")[2]
        where = f"zones/{scope}" if scope else "global"
        self.world.seed(kind, where, body["name"], {**body, **edit})
        if body["name"].startswith("their-"):
            self.theirs = self.foreign()
        elif not ours:
            self.kept.setdefault((kind, body["name"], body["id"]), {}).update(edit)

    def move(self, group: Body) -> None:
        """Take an endpoint out of a group of the controller's, and attach another one."""
        path = urlsplit(group["selfLink"]).path

        def ask(verb: str, *endpoints: Body) -> Body:
            body = {"networkEndpoints": [*endpoints]} if endpoints else {}
            with suppress(AnswerLostError):
                answer: Body = self.world.handle(Request("POST", f"{path}/{verb}", {}, body)).body
                return answer
            return {}

        there = [row["networkEndpoint"] for row in ask("listNetworkEndpoints").get("items", ())]
        if there:
            ask("detachNetworkEndpoints", self.random.choice(there))
            ask("attachNetworkEndpoints", {**self.random.choice(there), "port": 9999})

    def foreign(self) -> dict[str, Body]:
        """Return all that is not the controller's."""
        return {key: body for key, body in self.world.dump().items() if "/their-" in key}

    def check(self) -> None:
        """Compare what must have stayed with what is there."""
        assert self.theirs == self.foreign()
        for (kind, name, ident), edit in self.kept.items():
            for body in self.world.resources(kind):
                if (body["name"], body["id"]) == (name, ident):
                    assert edit == {field: body[field] for field in edit}, (kind, name)

    def fields(self) -> dict[str, set[str]]:
        """Return which fields of what are the second writer's, by kind and name."""
        return {f"/{kind}/{name}": set(edit) for (kind, name, _), edit in self.kept.items()}


def serving(world: World, ingresses: Mapping[str, Body], fronts: Callable[[str], Any]) -> set[Any]:
    """Return the paths that are served, over whichever protocol: from a live rule to a backend.

    A backend counts when it has groups, and they exist. A redirect serves nothing by itself.
    """
    bodies = {
        kind: {body["name"]: body for body in world.resources(kind)}
        for kind in ("forwardingRules", *PROXIES, "urlMaps", "backendServices")
    }
    groups = {
        body["selfLink"]
        for kind in ("instanceGroups", "networkEndpointGroups")
        for body in world.resources(kind)
    }
    ready = {
        name
        for name, body in bodies["backendServices"].items()
        if body.get("backends") and all(one["group"] in groups for one in body["backends"])
    }
    found = set()
    for name in ingresses:
        for field, kind in FRONTS.items():
            rule = bodies["forwardingRules"].get(getattr(fronts(name), field))
            proxy = bodies[kind].get(_last(rule, "target"))
            served = bodies["urlMaps"].get(_last(proxy, "urlMap"))
            found |= {(name, *route) for route in _routes(served) if route[1] in ready}
    return found


def _routes(url_map: Body | None) -> Iterator[tuple[str, str]]:
    """Yield each path and the name of its backend; "" is every other path."""
    yield "", _last(url_map, "defaultService")
    for matcher in (url_map or {}).get("pathMatchers", ()):
        for row in matcher.get("pathRules", ()):
            yield from ((path, _last(row, "service")) for path in row["paths"])


def _last(body: Body | None, field: str) -> str:
    return str((body or {}).get(field, "")).rpartition("/")[2]
