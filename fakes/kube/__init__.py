"""A Kubernetes API server for the real kubectl and the real client, in process or over HTTP.

    world = World(clock=VirtualClock())
    world.apply({...})                     # a manifest
    with running(world) as url: ...        # kubectl --server URL

No controllers run here: a Deployment stays without Pods until somebody makes them.
"""

from fakes.kube.door import ConnectionDroppedError, Request, Response
from fakes.kube.errors import ApiError
from fakes.kube.faults import Call, Fault
from fakes.kube.http import running, serve
from fakes.kube.world import World

__all__ = [
    "ApiError",
    "Call",
    "ConnectionDroppedError",
    "Fault",
    "Request",
    "Response",
    "World",
    "running",
    "serve",
]
