"""What the commands print, error paths included: `--update-golden` rewrites, the diff is reviewed."""

import io
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fakes.build import ingress, service
from fakes.gce import Request
from glbc.cli import main
from glbc.commands import explain, graph, names, plan
from glbc.commands.look import Look, looked, nothing_yet, survey
from glbc.engine.executor import Runner
from glbc.model.finding import ObjectRef
from glbc.naming import Scheme
from glbc.plan.answer import parse
from tests.support import pki
from tests.support.house import CLUSTER_UID, KUBE_SYSTEM_UID, NAMER, PROJECT, House

HERE = Path(__file__).parent
GOLDEN = HERE / "commands"
MANIFESTS = HERE / "manifests"
UIDS = "--cluster-uid 16f2a1b3c4d5e6f7 --kube-system-uid 6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11"
NOW = 1_704_067_200.0  # 2024-01-01
TEXT, COLOURED = explain.Form(), explain.Form(colour=True)


def a_shop(**settings: Any) -> House:
    """Two Ingresses, one with HTTPS and a redirect; both have a host in common."""
    house = House(**settings)
    paths = [("/", "web:80"), ("/cart", "cart:80"), ("/cart/7", "web:80", "Exact")]
    web = ingress("shop/web", {"shop.example": paths}, default="web:80")
    web["spec"]["tls"] = [{"secretName": "tls"}]
    api = ingress("shop/api", {"*.example": [("/", "cart:80")]}, default="web:80")
    house.apply(
        service("shop/web", "80->30301"),
        service("shop/cart", "80->30302"),
        pki.secret("shop/tls", *pki.fixed_pair("shop.example")),
        web,
        api,
    )
    return house


def settled(house: House) -> House:
    house.settle()
    house.gce.health.set("HEALTHY", port=30301)
    house.gce.health.set("UNHEALTHY", port=30302)
    return house


def look(house: House, **settings: Any) -> Look:
    config = msgspec.structs.replace(house.config, https_redirect="tls", **settings)
    snapshot = house.cluster.snapshot()
    inventory = nothing_yet(config, NAMER, snapshot)
    survey(inventory, Runner(house.cloud, house.clock))
    return looked(config, NAMER, snapshot, inventory, now=NOW)


def of_ingress(house: House, name: str = "web", form: explain.Form = TEXT) -> str:
    return explain.of_ingress(ObjectRef("Ingress", "shop", name), look(house), form)


def of_url(house: House, url: str, form: explain.Form = TEXT) -> str:
    return explain.of_request(parse(url), look(house), house.cloud, form, now=NOW)


def of_plan(house: House) -> str:
    out = io.StringIO()
    seen = look(house)
    plan.tell(seen, seen.desired.findings, out, plan.Form(as_json=True))
    return out.getvalue()


def of_names() -> str:
    out = io.StringIO()
    request = names.Request(
        ingress="shop/web", cluster_uid=CLUSTER_UID, kube_system_uid=KUBE_SYSTEM_UID
    )
    names.run(request, out, as_json=True)
    return out.getvalue()


CASES: dict[str, Callable[[], str]] = {
    "explain-served.txt": lambda: of_ingress(settled(a_shop())),
    "explain-served.json": lambda: of_ingress(settled(a_shop()), form=explain.Form(as_json=True)),
    "url-https.txt": lambda: of_url(settled(a_shop()), "https://shop.example/cart/7?x=1"),
    "url-https.json": lambda: of_url(
        settled(a_shop()), "https://shop.example/cart/7", explain.Form(as_json=True)
    ),
    "url-coloured.txt": lambda: of_url(settled(a_shop()), "https://shop.example/cart/7", COLOURED),
    "url-redirect-and-another.txt": lambda: of_url(settled(a_shop()), "http://shop.example"),
    "url-only-a-wildcard.txt": lambda: of_url(settled(a_shop()), "http://a.b.example/none"),
    "url-wrong-certificate.txt": lambda: of_url(settled(a_shop()), "https://other.test/"),
    "url-nobody-has-the-host.txt": lambda: of_url(settled(a_shop()), "http://other.test/"),
    "url-nobody-listens.txt": lambda: of_url(settled(a_shop()), "https://shop.example:8443/"),
    "url-nothing-there-yet.txt": lambda: of_url(a_shop(), "http://a.b.example/"),
    "graph.txt": lambda: graph.of("", look(settled(a_shop())), graph.Form.TEXT),
    "graph-coloured.txt": lambda: graph.of(
        "shop/api", look(a_shop()), graph.Form.TEXT, colour=True
    ),
    "graph-blocked.txt": lambda: graph.of("shop/api", look(in_the_way()), graph.Form.TEXT),
    "graph.dot": lambda: graph.of("shop/api", look(settled(a_shop())), graph.Form.DOT),
    "graph.json": lambda: graph.of("shop/api", look(settled(a_shop())), graph.Form.JSON),
    "plan.json": lambda: of_plan(in_the_way()),
    "names.json": of_names,
    "graph-of-nothing.txt": lambda: graph.of("", look(settled(House())), graph.Form.TEXT),
    "explain-of-another-class.txt": lambda: of_ingress(odd_ones(), "theirs"),
    "explain-unserved.txt": lambda: of_ingress(odd_ones(), "broken"),
    "explain-leaving.txt": lambda: of_ingress(odd_ones(), "leaving"),
    "explain-blocked.txt": lambda: of_ingress(in_the_way(), "api"),
}


def in_the_way() -> House:
    """A stranger has the name of the URL map."""
    house = a_shop()
    name = NAMER.frontend(Scheme.V2, "shop", "api").url_map
    for kind, body in (
        ("backendServices", {"name": "theirs"}),
        ("urlMaps", {"name": name, "defaultService": "global/backendServices/theirs"}),
    ):
        body["description"] = "somebody's"
        path = f"/compute/v1/projects/{PROJECT}/global/{kind}"
        assert house.gce.handle(Request("POST", path, {}, body)).status == 200
        house.clock.advance(60)
    return house


def odd_ones() -> House:
    """Ingresses for which nothing is wanted."""
    house = House()
    theirs = {"kubernetes.io/ingress.class": "nginx"}
    house.apply(
        ingress("shop/theirs", default="web:80", annotations=theirs),
        ingress("shop/broken", default="nowhere:80"),
        ingress(
            "shop/leaving",
            default="web:80",
            annotations=theirs,
            finalizers=["networking.gke.io/ingress-finalizer-V2"],
        ),
    )
    return house


@pytest.mark.parametrize("name", CASES)
def test_what_a_command_prints(name: str, update_golden: bool) -> None:
    held(GOLDEN / name, CASES[name](), update=update_golden)


def held(golden: Path, text: str, *, update: bool) -> None:
    if update:
        golden.write_text(text)
    assert golden.read_text() == text


LINES = {
    "from": f"plan --from good --no-cloud {UIDS}",
    "from-open": f"plan --from open --no-cloud {UIDS}",
    "from-bad": f"plan --from bad --no-cloud {UIDS}",
    "from-empty": f"plan --from empty --no-cloud {UIDS}",
    "from-nowhere": f"plan --from nowhere --no-cloud {UIDS}",
    "from-file": f"plan --from good/shop.yaml --no-cloud {UIDS}",
    "from-without-uid": "plan --from good --no-cloud --cluster-uid 16f2a1b3c4d5e6f7",
    "from-without-project": f"plan --from good {UIDS}",
    "no-cloud-without-from": "plan --no-cloud",
    "explain-no-name": "explain web",
    "explain-no-host": "explain https:///cart",
    "explain-no-scheme": "explain ftp://shop.example/",
    "explain-bad-port": "explain http://shop.example:port/",
    "names": f"names shop/web --node-port 30080 {UIDS}",
    "names-no-name": f"names web {UIDS}",
}


@pytest.mark.parametrize("name", LINES)
def test_what_a_person_sees_of_a_line(name: str, capsys, monkeypatch, update_golden: bool) -> None:
    monkeypatch.chdir(MANIFESTS)
    code = main(shlex.split(LINES[name]))
    told = capsys.readouterr()
    assert "hush" not in told.out + told.err
    text = f"$ glbc {LINES[name]}\n{told.out}{told.err}(exit code {code})\n"
    held(GOLDEN / f"line-{name}.txt", text, update=update_golden)


def test_no_golden_file_is_left_without_its_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {
        *CASES,
        *(f"line-{name}.txt" for name in LINES),
    }
