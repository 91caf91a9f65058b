"""What the data plane knows of the fake cloud: one consistent picture, and word of every change.

Read over HTTP from `/_fake/dump` in one piece, so that a rule never comes without the service it
leads to; and because the data plane is no client of the API, its reads neither count, nor use up
quota, nor run into scripted trouble.
"""

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

Json = dict[str, Any]

ANSWER_SEC: Final = 10.0  # longer than any answer takes that is not a long poll


def tail(link: str) -> str:
    """Return the path behind `projects/P/` of a reference, as pictures are keyed by."""
    _, found, rest = link.rpartition("projects/")
    return rest.partition("/")[2] if found else link.strip("/")


def name_of(link: str) -> str:
    """Return the name that a reference ends with."""
    return link.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that exists at one moment, by the path behind `projects/P/`."""

    bodies: Mapping[str, Json]
    private_keys: Mapping[str, str] = field(default_factory=dict)

    def of(self, link: str) -> Json | None:
        """Return the body of what a reference points to, if it exists."""
        return self.bodies.get(tail(link))

    def within(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Yield path and body of every global resource of a kind, in order."""
        prefix = f"global/{kind}/"
        for path in sorted(self.bodies):
            if path.startswith(prefix):
                yield path, self.bodies[path]

    def zonal(self, kind: str) -> Iterator[tuple[str, Json]]:
        """Yield path and body of every resource of a kind in any zone, in order."""
        for path in sorted(self.bodies):
            place, _, rest = path.partition("/")
            if place == "zones" and rest.split("/")[1:2] == [kind]:
                yield path, self.bodies[path]


class Source:
    """The fake cloud's own endpoints. Keeps no connection, so threads may share it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)

    def picture(self) -> Picture:
        """Read everything."""
        bodies = self._ask("GET", "dump")
        keys = self._ask("GET", "privateKeys")
        return Picture(bodies, {tail(link): key for link, key in keys.items()})

    def seq(self, since: int, timeout: float) -> int:
        """Return the number of the last change; wait up to `timeout` seconds for a newer one."""
        answer = self._ask("GET", f"changes?since={since}&timeout={timeout}", wait=timeout)
        return int(answer["seq"])

    def report(self, rows: list[Json]) -> None:
        """Tell how endpoints are: what getHealth answers from now on."""
        self._ask("POST", "health", rows)

    def _ask(self, method: str, path: str, body: Any = None, wait: float = 0.0) -> Json:
        raw = ask(self._address, method, f"/_fake/{path}", body, ANSWER_SEC + wait)
        answer: Json = json.loads(raw)
        return answer


def ask(
    address: tuple[str, int], method: str, path: str, body: Any = None, timeout: float = ANSWER_SEC
) -> bytes:
    """Send one request past all proxies and return what came back.

    Raises:
        OSError: nobody answers, or not with success.
    """
    connection = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        raw = answer.read()
    except http.client.HTTPException as broken:
        raise ConnectionError(f"{method} {path}: {broken!r}") from broken
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise ConnectionError(f"{method} {path}: {answer.status}: {raw[:200]!r}")
    return raw
