"""The fake cloud's data plane: a real Envoy, configured from the fake cloud's resources.

Every global forwarding rule is a listener on its own loopback address; health checks really
probe; what Envoy sees is what getHealth answers. Reads the cloud over HTTP, imports nothing of
its code and nothing of glbc. Linux only.
"""

from fakes.edge.command import main
from fakes.edge.edge import Edge, Settings
from fakes.edge.envoy import Unavailable, find

__all__ = ["Edge", "Settings", "Unavailable", "find", "main"]
