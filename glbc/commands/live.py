"""What `glbc run` shows over HTTP: the page, the state that it draws, the plan, metrics, life and readiness.

The picture is drawn when somebody asks, on the thread that answers; at most once for each turn of
the loop, and at most once in a second, however many ask.
"""

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from importlib import resources
from typing import Final

import structlog

from glbc.config import Config
from glbc.engine.ports import Clock
from glbc.engine.window import Window
from glbc.model.finding import Finding
from glbc.model.views import VIEWS
from glbc.naming import Namer
from glbc.ops.http import SHUT, Answer, Route, Server
from glbc.ops.metrics import Metrics
from glbc.picture.painter import encoded, picture
from glbc.picture.shapes import Scene
from glbc.plan.output import written
from glbc.plan.render import plan_out, render_text
from glbc.plan.simulate import Rehearsal, in_waves

log = structlog.get_logger()

LEAST_SEC: Final = 1.0  # between two pictures
SLACK_SEC: Final = 60.0  # that a turn may be late before the process counts as stuck
TEXT: Final = "text/plain; charset=utf-8"
EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"
UNSEEN: Final = "the cloud has not been listed yet"
INLINE: Final = {"style-src": "style", "script-src": "script"}  # directive -> element of the page


class Gallery:
    """The newest picture, as it is sent."""

    def __init__(self, window: Window, namer: Namer, config: Config, clock: Clock) -> None:
        self._window, self._namer, self._config, self._clock = window, namer, config, clock
        self._lock = threading.Lock()
        self._drawn: tuple[Scene | None, float, Answer] | None = None  # of what, when, the picture

    def state(self) -> Answer:
        """Return the state as JSON."""
        with self._lock:
            now, scene = self._clock.monotonic(), self._window.scene
            if self._drawn is not None:
                seen, drawn_at, answer = self._drawn
                if scene is seen or now - drawn_at < LEAST_SEC:
                    return answer
            body = encoded(picture(scene, self._namer, self._config))
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            answer = Answer(content_type="application/json", body=body, tag=tag)
            self._drawn = (scene, now, answer)
            return answer


class Planned:
    """The plan of the last turn, as `glbc plan` prints one; nothing is planned for whoever looks."""

    def __init__(self, window: Window) -> None:
        self._window = window

    def as_json(self) -> Answer:
        """Return it as `glbc plan -o json` does."""
        return self._told("application/json", lambda *seen: written(plan_out(*seen)))

    def as_text(self) -> Answer:
        """Return it as `glbc plan` does."""
        return self._told(TEXT, render_text)

    def _told(self, kind: str, told: Callable[[Rehearsal, Collection[Finding]], str]) -> Answer:
        scene = self._window.scene
        if scene is None:
            return _said(UNSEEN, HTTPStatus.SERVICE_UNAVAILABLE)
        rehearsal = in_waves(scene.plan, scene.actual)
        return Answer(content_type=kind, body=told(rehearsal, scene.desired.findings).encode())


class Pulse:
    """Whether the process lives, and whether it can do its work. Asks neither cloud nor cluster."""

    def __init__(self, window: Window, config: Config, clock: Clock) -> None:
        self._window, self._clock = window, clock
        self._longest = config.resync_sec + SLACK_SEC  # between two turns: the next resync is one

    def alive(self) -> Answer:
        """Say whether the loop takes turns: if not, only a restart helps."""
        still = self._clock.monotonic() - self._window.beat
        if still > self._longest:
            return _said(f"no turn for {still:.0f} s", HTTPStatus.SERVICE_UNAVAILABLE)
        return _said("ok", HTTPStatus.OK)

    def ready(self) -> Answer:
        """Say whether cluster and cloud have been seen, so that it leads or can take over at once.

        What cannot be seen just now is named; it is no reason to be unready: what can be done, is.
        """
        scene = self._window.scene
        if scene is None:
            return _said(UNSEEN, HTTPStatus.SERVICE_UNAVAILABLE)
        unseen = ", ".join(sorted(VIEWS.keys() - scene.snapshot.complete))
        return _said(f"ok, but not all of {unseen} can be seen" if unseen else "ok", HTTPStatus.OK)


def _said(words: str, status: HTTPStatus) -> Answer:
    return Answer(content_type=TEXT, body=f"{words}\n".encode(), status=status)


def page() -> Answer:
    """Return the page; its policy lets in its own style and script, by their digests, and no other."""
    text = resources.files("glbc.ops").joinpath("live.html").read_text(encoding="utf-8")
    policy = f"{SHUT}; connect-src 'self'; img-src data:"
    for directive, element in INLINE.items():
        inline = re.findall(f"<{element}>(.*?)</{element}>", text, re.DOTALL)
        digests = (hashlib.sha256(part.encode()).digest() for part in inline)
        allowed = (f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
        policy += f"; {directive} {' '.join(allowed)}"
    return Answer(content_type="text/html; charset=utf-8", body=text.encode(), policy=policy)


def routes(
    window: Window, namer: Namer, config: Config, clock: Clock, metrics: Metrics
) -> Mapping[str, Route]:
    """Return what each path answers. Nobody who asks causes a request to cloud or cluster."""
    shown, gallery = page(), Gallery(window, namer, config, clock)
    pulse, planned = Pulse(window, config, clock), Planned(window)
    return {
        "/healthz": pulse.alive,
        "/readyz": pulse.ready,
        "/": lambda: shown,
        "/state.json": gallery.state,
        "/metrics": lambda: Answer(content_type=EXPOSITION, body=metrics.text()),
        "/debug/plan": planned.as_json,
        "/debug/plan.txt": planned.as_text,
    }


def started(address: str, answers: Mapping[str, Route]) -> Callable[[], None]:
    """Serve these answers, where there is an address for them; return what ends that.

    Raises:
        GlbcError: the address cannot be had.
    """
    if not address:
        return lambda: None
    server = Server(address, answers)
    server.start()
    log.info("page", url=server.url)
    return server.stop
