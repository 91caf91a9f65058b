"""`/_fake/`: what no API of Kubernetes offers, for tests and people. All JSON, on loopback.

GET    /_fake/ready                 200 once all nodes are registered, else 503
GET    /_fake/nodes                 what is up: name, zone, address, ready, open ports
POST   /_fake/nodes                 {name, zone}: add a node and its instance
POST   /_fake/nodes/NAME            {cordon?, ready?}: take no more Pods; be NotReady
DELETE /_fake/nodes/NAME            the machine vanishes: Node, instance, Pods and ports
GET    /_fake/pods                  what runs: name, node, address, ready, connections
POST   /_fake/pods/NAMESPACE/NAME   {ready?, status?, delayMs?}: answer otherwise from now on
POST   /_fake/pods/NAMESPACE/NAME/kill  {seconds?}: crash; run again after some seconds
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fakes.nodes.api import ApiError
from fakes.nodes.instances import Instances
from fakes.nodes.kinds import NODE, Obj
from fakes.nodes.kubelet import Host, NoRoomError
from fakes.nodes.pod import Pod
from fakes.nodes.program import Behaviour
from fakes.nodes.session import Session
from fakes.nodes.settings import Machine, machine
from fakes.nodes.web import Answer, Request

KILLED_SEC: Final = 1.0  # how long a killed Pod is down when nobody says


class UnknownError(LookupError):
    """There is no such path, node or Pod."""


class Control:
    """The endpoint; it acts on the session that runs now."""

    def __init__(self, instances: Instances) -> None:
        self.session: Session | None = None
        self.instances = instances

    def answer(self, request: Request) -> "asyncio.Future[Answer]":
        """Answer a request in a task of its own."""
        return asyncio.ensure_future(self._answer(request))

    async def _answer(self, request: Request) -> Answer:
        try:
            status, body = await self._act(request)
        except UnknownError as error:
            status, body = 404, {"error": str(error)}
        except (NoRoomError, TypeError, ValueError, KeyError) as error:
            status, body = 400, {"error": f"{request.method} {request.path}: {error}"}
        except ApiError as error:
            status, body = 502, {"error": str(error)}
        return Answer(status, json.dumps(body).encode() + b"\n", "application/json")

    async def _act(self, request: Request) -> tuple[int, Obj]:
        parts = [part for part in request.path.split("/") if part][1:]
        session = self.session
        ready = session is not None and session.registered
        if session is None or not ready or parts == ["ready"]:
            return 200 if ready else 503, {"ready": ready}
        words = (request.method, *parts[:1], str(len(parts)))
        act = ACTS.get(words)
        if act is None:
            known = sorted(" ".join(row[:2]) for row in ACTS)
            raise UnknownError(f"{request.method} {request.path}: known are {', '.join(known)}")
        body = json.loads(request.body or b"{}")
        return 200, await act(self, session, parts[1:], body)


def _shown(session: Session, host: Host) -> Obj:
    return {
        "name": host.machine.name,
        "zone": host.machine.zone,
        "address": host.address,
        "ready": host.ready,
        "ports": session.proxy.ports().get(host.machine.name, []),
    }


def _host(session: Session, name: str) -> Host:
    found = session.kubelets.hosts.by_name.get(name)
    if found is None:
        raise UnknownError(f"node {name}: there is none")
    return found


def _pod(session: Session, parts: list[str]) -> Pod:
    found = session.kubelets.pods.get((parts[0], parts[1]))
    if found is None:
        raise UnknownError(f"pod {parts[0]}/{parts[1]}: none runs here")
    return found


async def _nodes(_: Control, session: Session, _parts: list[str], _body: Obj) -> Obj:
    hosts = session.kubelets.hosts.by_name.values()
    return {"items": [_shown(session, host) for host in hosts]}


async def _add_node(control: Control, session: Session, _: list[str], body: Obj) -> Obj:
    made: Machine = machine(f"{body['name']}={body['zone']}")
    host = session.kubelets.hosts.add(made)
    await control.instances.add([host])
    session.ring()
    return _shown(session, host)


async def _change_node(_: Control, session: Session, parts: list[str], body: Obj) -> Obj:
    host = _host(session, parts[0])
    node = session.cluster[NODE].get("", parts[0])
    if "ready" in body:
        host.ready = bool(body["ready"])
    if "cordon" in body and node is not None:
        await session.cluster.patch(NODE, node, {"spec": {"unschedulable": bool(body["cordon"])}})
    session.ring()
    return _shown(session, host)


async def _remove_node(control: Control, session: Session, parts: list[str], _: Obj) -> Obj:
    host = _host(session, parts[0])
    node = session.cluster[NODE].get("", parts[0])
    await control.instances.remove(host.machine)
    if node is not None:
        await session.cluster.delete(NODE, node)
    else:
        session.kubelets.hosts.by_name.pop(parts[0], None)
    session.ring()
    return {"removed": parts[0]}


async def _pods(_: Control, session: Session, _parts: list[str], _body: Obj) -> Obj:
    return {"items": [_pod_shown(pod) for _, pod in sorted(session.kubelets.pods.items())]}


def _pod_shown(pod: Pod) -> Obj:
    return {
        "namespace": pod.key[0],
        "name": pod.key[1],
        "node": pod.node,
        "address": pod.address,
        "ready": pod.ready,
        "connections": pod.connections,
    }


async def _behave(_: Control, session: Session, parts: list[str], body: Obj) -> Obj:
    pod = _pod(session, parts)
    strange = body.keys() - {"ready", "status", "delayMs"}
    if strange:
        raise ValueError(f"unknown: {', '.join(sorted(strange))}: known are ready, status, delayMs")

    def change(behaviour: Behaviour) -> None:
        behaviour.ready = body.get("ready", behaviour.ready)
        behaviour.status = int(body.get("status", behaviour.status))
        behaviour.delay = float(body.get("delayMs", behaviour.delay * 1000)) / 1000

    pod.behave(change)
    return _pod_shown(pod)


async def _kill(_: Control, session: Session, parts: list[str], body: Obj) -> Obj:
    pod = _pod(session, parts)
    if parts[2] != "kill":
        raise UnknownError(f"{parts[2]}: what can be done to a Pod is: kill")
    pod.kill(float(body.get("seconds", KILLED_SEC)))
    return _pod_shown(pod)


Act = Callable[[Control, Session, list[str], Any], Awaitable[Obj]]

# method, collection, number of words in the path -> what it does
ACTS: Final[dict[tuple[str, ...], Act]] = {
    ("GET", "nodes", "1"): _nodes,
    ("POST", "nodes", "1"): _add_node,
    ("POST", "nodes", "2"): _change_node,
    ("DELETE", "nodes", "2"): _remove_node,
    ("GET", "pods", "1"): _pods,
    ("POST", "pods", "3"): _behave,
    ("POST", "pods", "4"): _kill,
}
