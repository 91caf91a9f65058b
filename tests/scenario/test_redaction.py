"""No secret is told to anybody: not in logs, journal, pages, metrics, commands, Events or statuses."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest

from fakes.build import ingress, service
from fakes.gce.faults import Error
from glbc.commands import explain, graph, plan
from glbc.commands.look import Look, looked, nothing_yet, survey
from glbc.engine.executor import Runner
from glbc.engine.jobs import ActionJob
from glbc.engine.journal import Journals
from glbc.engine.workers import ThreadWorkers
from glbc.model.calls import Call
from glbc.model.finding import ObjectRef
from glbc.ops import logs
from glbc.ops.journal import FileJournal
from glbc.plan.answer import parse
from glbc.plan.planner import Op
from tests.scenario.test_backendconfig import config, install, secret, web_service
from tests.support import pki
from tests.support.house import CLUSTER_UID, NAMER, House, InProcessCloud
from tests.support.observed import Observed
from tests.support.secrecy import Secrets

HOST = "a.example.com"
CRT, KEY = pki.pair(HOST)
OTHER_CRT, OTHER_KEY = pki.pair(HOST, 2)
CDN_KEY = base64.urlsafe_b64encode(b"cdn-key-of-tests").decode()
NEXT_CDN_KEY = base64.urlsafe_b64encode(b"next-key-of-test").decode()
SECRETS = Secrets(
    key=KEY.decode(),
    other_key=OTHER_KEY.decode(),
    garbage="garbage-that-is-no-key-0123456789",
    iap="iap-client-secret-0123456789",
    next_iap="next-iap-client-secret-9876543210",
    cdn=CDN_KEY,
    next_cdn=NEXT_CDN_KEY,
    odd_cdn="odd-cdn-key-of-the-wrong-length",
)
VALUES = SECRETS.values
WEB = ObjectRef("Ingress", "shop", "web")


@pytest.fixture(params=["json", "console"])
def log(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Let the log be written as `glbc run` does, to where it can be read."""
    with redirect_stderr(io.StringIO()) as written:
        logs.configure(request.param)
        yield written


def tls(*names: str, host: str = HOST) -> dict[str, Any]:
    made = ingress(
        "shop/web",
        {host: [("/", "web:80"), ("/api", "api:80"), ("/odd", "odd:80")]},
        default="web:80",
    )
    made["spec"]["tls"] = [{"secretName": name} for name in names]
    return made


def configured(name: str, port: int) -> dict[str, Any]:
    made = service(f"shop/{name}", f"80->{port}")
    said = json.dumps({"default": name})
    made["metadata"]["annotations"] = {"cloud.google.com/backend-config": said}
    return made


def iap(name: str) -> dict[str, Any]:
    return {"iap": {"enabled": True, "oauthclientCredentials": {"secretName": name}}}


def cdn(*keys: str) -> dict[str, Any]:
    rows = [{"keyName": key, "secretName": key} for key in keys]
    return {"cdn": {"enabled": True, "signedUrlKeys": rows}}


def a_house(journal: Path) -> tuple[House, Observed, FileJournal]:
    house = House()
    seen = Observed(house)
    written = FileJournal(str(journal), 1, keep=1)
    house.loop.journal = Journals(seen.counters, written)
    install(house)
    garbage = pki.secret("shop/garbage", CRT, VALUES["garbage"].encode())
    house.apply(
        pki.secret("shop/good", CRT, KEY),
        pki.secret("shop/mixed", CRT, OTHER_KEY),
        garbage,
        secret("client", client_id="me", client_secret=VALUES["iap"]),
        secret("first", key_value=CDN_KEY),
        secret("odd", key_value=VALUES["odd_cdn"]),
        config(iap("client")),
        config(cdn("first"), name="api"),
        config(cdn("odd"), name="odd"),
        web_service(),
        configured("api", 30302),
        configured("odd", 30303),
        tls("good", "mixed", "garbage"),
    )
    return house, seen, written


def echoes(house: House, method: str, name: str, port: int = 0) -> None:
    """Let the cloud refuse a method, of one backend service if a port is given, and quote what it was sent."""
    quoted = f"Invalid value for field 'resource.x': '{VALUES[name]}'. It is malformed."
    service_name = f"k8s-be-{port}--{CLUSTER_UID}" if port else None
    refusal = Error(400, "invalid", quoted)
    house.gce.faults.add(f"compute.{method}", refusal, name=service_name, times=2)


def works(house: House) -> Iterator[str]:
    """Let everything happen in which a secret is sent; stop where there is something to look at."""
    echoes(house, "sslCertificates.insert", "key")
    echoes(house, "backendServices.insert", "iap", 30301)
    echoes(house, "backendServices.addSignedUrlKey", "cdn", 30302)
    house.settle(patience=20)
    yield "refused"
    house.settle(patience=300)
    yield "made"
    echoes(house, "sslCertificates.insert", "other_key")
    echoes(house, "backendServices.patch", "next_iap", 30301)
    echoes(house, "backendServices.update", "next_iap", 30301)
    echoes(house, "backendServices.addSignedUrlKey", "next_cdn", 30302)
    house.apply(
        pki.secret("shop/good", OTHER_CRT, OTHER_KEY),
        secret("client", client_id="me", client_secret=VALUES["next_iap"]),
        secret("first", key_value=NEXT_CDN_KEY),
    )
    house.settle(patience=20)
    yield "its change is refused"
    house.settle(patience=300)
    yield "changed"


def look(house: House) -> Look:
    snapshot = house.cluster.snapshot()
    inventory = nothing_yet(house.config, NAMER, snapshot)
    survey(inventory, Runner(house.cloud, house.clock))
    return looked(house.config, NAMER, snapshot, inventory, now=house.clock.time())


def commands(house: House) -> Iterator[tuple[str, str]]:
    """Yield what the commands print, for people and for programs."""
    seen = look(house)
    for as_json in (False, True):
        out = io.StringIO()
        plan.tell(seen, seen.desired.findings, out, plan.Form(as_json=as_json))
        yield f"plan {as_json}", out.getvalue()
        form = explain.Form(as_json=as_json)
        yield f"explain {as_json}", explain.of_ingress(WEB, seen, form)
        request = parse(f"https://{HOST}/api")
        now = house.clock.time()
        yield (
            f"explain url {as_json}",
            explain.of_request(request, seen, house.cloud, form, now=now),
        )
    for kind in graph.Form:
        yield f"graph {kind}", graph.of("", seen, kind)


def told(house: House, seen: Observed, journal: Path) -> Iterator[tuple[str, str]]:
    """Yield everything that somebody may read, with where it stands."""
    yield "journal", journal.read_text()
    for path, route in seen.routes.items():
        yield path, route().body.decode()
    yield from commands(house)
    for kind in ("Event", "Ingress", "Service", "ConfigMap"):
        yield kind, json.dumps(house.kube.list(kind))
    for kind in ("backendServices", "urlMaps", "sslCertificates", "targetHttpsProxies"):
        yield kind, json.dumps(house.gce.resources(kind))


def test_a_secret_of_each_kind_reaches_the_cloud_and_nobody_else(
    log: io.StringIO, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    house, seen, written = a_house(journal)
    sent: list[str] = []
    house.cloud.before = lambda call: sent.append(json.dumps(call.body))
    texts: dict[str, str] = {}
    for when in works(house):
        texts |= {f"{when}: {where}": text for where, text in told(house, seen, journal)}
    texts["log"] = log.getvalue()
    written.close()
    used = {name for name in VALUES if json.dumps(VALUES[name]).strip('"') in "".join(sent)}
    assert used == set(VALUES) - {"garbage", "odd_cdn"}
    quoted = {where: text.count("'(not shown)'") for where, text in texts.items()}
    assert min(quoted["log"], quoted["changed: journal"]) >= 5, quoted
    assert quoted["changed: Event"] >= 3
    for where in ("/debug/plan", "/debug/plan.txt", "/state.json"):
        assert quoted[f"refused: {where}"] >= 1, where
    given_away = {where: SECRETS.found_in(text) for where, text in texts.items()}
    assert {where: names for where, names in given_away.items() if names} == {}


class Broken(InProcessCloud):
    """A cloud client with a bug."""

    def call(self, call: Call) -> None:
        message = f"a bug in {call.verb}: {call.body}"
        raise KeyError(message)


def test_a_traceback_tells_no_value(log: io.StringIO) -> None:
    house, _, written = a_house(Path("/dev/null"))
    made = next(iter(actions(house, "sslCertificates")))
    runner = Runner(Broken(house.gce), house.clock)
    workers = ThreadWorkers(runner, house.cluster, house.clock, threads=1, ring=lambda: None)
    workers.start(ActionJob(made, None))
    assert not workers.stop(10.0)
    text = log.getvalue()
    written.close()
    assert "job_crashed" in text
    assert "a bug in insert" in text
    assert SECRETS.found_in(text) == []
    (outcome,) = workers.drain()
    assert SECRETS.found_in(str(outcome.error)) == []


def actions(house: House, kind: str) -> Iterator[Any]:
    """Yield the actions that are due for a kind."""
    for _ in range(20):
        house.loop.step()
        turn = house.loop.turn
        for action in turn.plan.actions if turn else ():
            if action.key.kind == kind and action.op is Op.CREATE:
                yield action
