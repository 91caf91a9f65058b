"""A fake Compute Engine: a REST server that refuses what the real one refuses.

Routed and validated by Google's discovery document, so any Compute Engine client can use it.
One `World`, two doors: `World.handle` in process and `running`/`serve` over HTTP. It imports
nothing of glbc and shares no rule with it.
"""

from fakes.gce.faults import Error, FailedOperation, Fault, Lag, LoseAnswer, Short
from fakes.gce.http import running, serve
from fakes.gce.wire import AnswerLostError, Request, Response
from fakes.gce.world import World

__all__ = [
    "AnswerLostError",
    "Error",
    "FailedOperation",
    "Fault",
    "Lag",
    "LoseAnswer",
    "Request",
    "Response",
    "Short",
    "World",
    "running",
    "serve",
]
