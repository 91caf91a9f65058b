"""The stories in which the controller is stopped: each a few steps, from an empty cloud back to one.

A step changes the cluster, or the world around the controller, and never waits. After the last step
of every story all Ingresses go.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import yaml

from fakes.build import container, endpoint, endpoint_slice, ingress, node, pod, service
from glbc.model.views import GATE
from tests.scenario.test_backendconfig import (
    CRDS,
    FEATURES,
    KEY,
    OTHER_KEY,
    install,
    secret,
    web_service,
)
from tests.scenario.test_backendconfig import config as custom
from tests.support import pki
from tests.support.house import CLUSTER_UID, House

Step = Callable[[House], None]

HOST: Final = "a.example.com"
STATIC: Final = "kubernetes.io/ingress.global-static-ip-name"
FRONTEND_CONFIG: Final = "networking.gke.io/v1beta1.FrontendConfig"
SERVICES: Final = (
    service("shop/front", "80->30301"),
    service("shop/api", "8080->30302"),
    service("shop/dflt", "80->30303"),
    service("shop/next", "80->30304"),
    service("shop/spare", "80->30305"),
)
STRANGERS: Final[Mapping[str, dict[str, Any]]] = {
    "healthChecks": {"type": "HTTP", "httpHealthCheck": {"port": 80}, "description": "mine"},
    "firewalls": {"network": "global/networks/default", "allowed": [{"IPProtocol": "tcp"}]},
    "addresses": {"address": "203.0.113.99"},
}


def web(
    *paths: tuple[str, str],
    default: str = "dflt:80",
    secrets: tuple[str, ...] = (),
    **annotations: str,
) -> dict[str, Any]:
    """Return the Ingress that the stories are about."""
    body = ingress(
        "shop/web", {HOST: paths or [("/", "front:80")]}, default=default, annotations=annotations
    )
    if secrets:
        body["spec"]["tls"] = [{"secretName": name} for name in secrets]
    return body


def other(**annotations: str) -> dict[str, Any]:
    """Return a second Ingress that shares its backends with the first."""
    rules = {"b.example.com": [("/", "front:80")]}
    return ingress("shop/other", rules, default="dflt:80", annotations=annotations)


def puts(name: str, *objects: dict[str, Any]) -> Step:
    """Return the step that applies these objects."""

    def step(house: House) -> None:
        house.apply(*objects)

    step.__name__ = name
    return step


def drops(name: str, *objects: tuple[str, str]) -> Step:
    """Return the step that deletes these objects."""

    def step(house: House) -> None:
        for kind, called in objects:
            house.kube.delete(kind, called)

    step.__name__ = name
    return step


def configured(**spec: Any) -> Step:
    """Return the step that applies a BackendConfig."""
    return puts(f"a BackendConfig with {', '.join(spec) or 'nothing'}", custom(spec))


def with_policies(house: House) -> None:
    """Install the custom kinds and what they may name."""
    install(house)
    house.apply(
        secret("signing", key_value=KEY), secret("client", client_id="me", client_secret="hush")
    )


def speaking(protocol: str) -> Step:
    """Return the step after which a Service's port speaks this protocol."""
    manifest = service("shop/front", "web=80->30301")
    manifest["metadata"]["annotations"] = {
        "cloud.google.com/app-protocols": f'{{"web":"{protocol}"}}'
    }
    return puts(f"the port speaks {protocol}", manifest)


def a_node_in_a_new_zone(house: House) -> None:
    house.add_node("node-33", "us-central1-c")


def a_zone_goes(house: House) -> None:
    """Lose the last node of a zone, and its instance."""
    house.kube.delete("Node", "node-2")
    house.gce.remove_instance("node-2", "us-central1-b")


def it_comes_back(house: House) -> None:
    house.add_node("node-2", "us-central1-b")


def an_address_is_reserved(house: House) -> None:
    house.gce.seed("addresses", "global", "fixed", {"address": "203.0.113.50"})


def cold(house: House) -> None:
    """Let whatever is attached from now on take its time to answer."""
    house.gce.health.warmup = 20.0


def gated(*numbers: int) -> Step:
    """Return the step after which these pods are behind the Service, each on its node."""
    nodes = {1: "node-1", 2: "node-2", 3: "node-33", 4: "node-1"}
    made = [
        pod(f"shop/front-{n}", container("web", "8080"), app="front", gates=(GATE,))
        for n in numbers
    ]
    seats = [
        endpoint(f"10.8.{list(nodes).index(n) % 3}.{n}", nodes[n], pod=f"front-{n}")
        for n in numbers
    ]
    told = endpoint_slice("shop/front-x", "front", seats, "8080")
    return puts(f"pods {numbers}", *made, told)


def a_pool_with_a_tag_of_its_own(house: House) -> None:
    """Add a node whose instance needs the firewall rule to name one more tag."""
    zone = "us-central1-a"
    house.gce.seed_instance(name="pool-1", zone=zone, tags=("pool",), ip="10.0.0.77")
    house.apply(node("pool-1", zone))
    house.loop.resync()


def the_pool_goes(house: House) -> None:
    house.kube.delete("Node", "pool-1")
    house.gce.remove_instance("pool-1", "us-central1-a")
    house.loop.resync()


def a_stranger_uses_a_backend(house: House) -> None:
    where = f"{house.gce.root}global/backendServices/k8s-be-30302--{CLUSTER_UID}"
    house.gce.seed("urlMaps", "global", "their-map", {"defaultService": where})
    house.loop.resync()


def the_stranger_lets_go(house: House) -> None:
    front = f"{house.gce.root}global/backendServices/k8s-be-30301--{CLUSTER_UID}"
    house.gce.seed("urlMaps", "global", "their-map", {"defaultService": front})
    house.loop.resync()


def the_stranger_goes(house: House) -> None:
    path = "/compute/v1/projects/demo/global/urlMaps/their-map"
    house.cloud._ask("DELETE", path)
    house.clock.advance(1)
    house.loop.resync()


def pods(*endpoints: dict[str, Any]) -> dict[str, Any]:
    """Return who is behind the Service that serves from pods."""
    return endpoint_slice("shop/front-x", "front", endpoints, "8080")


def straight(neg: str = '{"ingress": true}', *, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the first Service with this word on endpoint groups."""
    made = service("shop/front", "80->30301", *more, target=8080)
    made["metadata"]["annotations"] = {"cloud.google.com/neg": neg} if neg else {}
    return made


def a_node_loses_its_instance(house: House) -> None:
    """Lose a node, its instance and so its endpoints, while the slices still name its pods."""
    a_zone_goes(house)
    house.loop.resync()


def pods_that_nobody_takes(house: House) -> None:
    """Add endpoints whose addresses the cloud refuses, and what it takes."""
    odd = (endpoint("192.168.0.9", "node-1"), endpoint("10.8.1.9", "node-1"))
    house.apply(pods(*TWO_PODS, *odd, endpoint("10.8.0.7", "node-1")))


TWO_PODS: Final = (endpoint("10.8.0.5", "node-1"), endpoint("10.8.1.5", "node-2"))
GROUP_RECORDS: Final = yaml.safe_load((CRDS / "servicenetworkendpointgroups.yaml").read_text())
FROM_PODS: Final = puts("create", straight(), pods(*TWO_PODS), *SERVICES[1:], web(), other())
PODS_GO: Final = (("Service", "shop/front"), ("EndpointSlice", "shop/front-x"))
A_POOL: Final = endpoint("10.8.2.5", "node-33")
ORPHAN: Final = "glbc.gcp.kubernetes.io/orphan"
CREATE: Final = puts("create", *SERVICES, web(), other())
TWO_PATHS: Final = web(("/", "front:80"), ("/api", "api:8080"))
CERTIFICATE: Final = pki.secret("shop/tls", *pki.pair(HOST))
CDN: Final = {"enabled": True, "signedUrlKeys": [{"keyName": "one", "secretName": "signing"}]}
IAP: Final = {"enabled": True, "oauthclientCredentials": {"secretName": "client"}}
REDIRECT: Final = {"redirectToHttps": {"enabled": True, "responseCodeName": "FOUND"}}
NAMED: Final = {FRONTEND_CONFIG: "front"}
SECURED: Final = web(secrets=("tls",), **NAMED)

STORIES: Final[Mapping[str, tuple[Step, ...]]] = {
    "an HTTP chain": (
        CREATE,
        puts("a path more", TWO_PATHS),
        puts("other targets", web(("/", "next:80"), ("/api", "api:8080"), default="spare:80")),
        puts("a path less", web()),
    ),
    "a switch to what is cold": (
        CREATE,
        cold,
        puts("other targets", web(("/", "next:80"), default="spare:80")),
        puts("and back", web()),
    ),
    "a certificate": (
        puts("create", *SERVICES, CERTIFICATE, web(secrets=("tls",))),
        puts("rotate", pki.secret("shop/tls", *pki.pair(HOST, 2))),
        puts(
            "two of them", pki.secret("shop/more", *pki.pair(HOST, 3)), web(secrets=("more", "tls"))
        ),
        puts("none", web()),
        puts("again", web(secrets=("tls",))),
    ),
    "a redirect": (
        with_policies,
        puts("without", custom({"redirectToHttps": {"enabled": False}}, "FrontendConfig", "front")),
        puts("create", *SERVICES, CERTIFICATE, SECURED),
        puts("on", custom(REDIRECT, "FrontendConfig", "front")),
        puts("a policy", custom({**REDIRECT, "sslPolicy": "modern"}, "FrontendConfig", "front")),
        puts("off", custom({"redirectToHttps": {"enabled": False}}, "FrontendConfig", "front")),
        puts("the Ingress names it no more", web(secrets=("tls",))),
    ),
    "a BackendConfig": (
        with_policies,
        puts("create", *SERVICES[1:], web_service(), web(("/", "web:80"), ("/api", "api:8080"))),
        configured(timeoutSec=75, securityPolicy={"name": "armor"}, healthCheck={"port": 30999}),
        configured(cdn=CDN, customRequestHeaders={"headers": ["X-A: b"]}),
        puts("another key", secret("signing", key_value=OTHER_KEY)),
        configured(iap=IAP, sessionAffinity={"affinityType": "CLIENT_IP"}),
        configured(),
    ),
    "every feature and its end": (
        with_policies,
        puts("create", *SERVICES[1:], web_service(), web(("/", "web:80"))),
        *(configured(**spec) for spec, _ in FEATURES.values()),
        configured(),
    ),
    "another class and back": (
        CREATE,
        puts("away", other(**{"kubernetes.io/ingress.class": "nginx"})),
        puts("back", other()),
        puts(
            "both away", *(one(**{"kubernetes.io/ingress.class": "nginx"}) for one in (web, other))
        ),
    ),
    "two share a Service": (
        CREATE,
        drops("one goes", ("Ingress", "shop/web")),
        puts("it is made again", web()),
        puts("they share less", web(("/", "api:8080"), default="spare:80")),
    ),
    "Services first": (
        CREATE,
        puts("a path more", TWO_PATHS),
        drops("a Service", ("Service", "shop/api")),
        drops("all of them", ("Service", "shop/front"), ("Service", "shop/dflt")),
    ),
    "pods that wait": (
        cold,
        puts("create", *SERVICES[1:], straight(), web(), other()),
        gated(1, 2),
        a_node_in_a_new_zone,
        gated(1, 2, 3),
        gated(2, 3, 4),
        puts("through nodes", SERVICES[0]),
        puts("and straight again", straight()),
    ),
    "nodes": (CREATE, a_node_in_a_new_zone, a_zone_goes, it_comes_back),
    "a named address": (
        an_address_is_reserved,
        CREATE,
        puts("it is named", web(**{STATIC: "fixed"})),
        puts("the name is taken out", web()),
        puts("with TLS", CERTIFICATE, web(secrets=("tls",))),
        puts("named again", web(secrets=("tls",), **{STATIC: "fixed"})),
    ),
    "the firewall rule": (CREATE, a_pool_with_a_tag_of_its_own, the_pool_goes),
    "another protocol": (CREATE, *map(speaking, ("HTTPS", "HTTP2", "HTTP"))),
    "left behind and taken over": (
        puts("create", *SERVICES, CERTIFICATE, web(secrets=("tls",), **{ORPHAN: "true"}), other()),
        drops("it leaves", ("Ingress", "shop/web")),
        puts("it is made again", web()),
    ),
    "pods": (
        FROM_PODS,
        puts("others", pods(endpoint("10.8.0.6", "node-1"), endpoint("10.8.1.5", "node-2"))),
        puts("one ends", pods(endpoint("10.8.0.6", "node-1", terminating=True), TWO_PODS[1])),
        pods_that_nobody_takes,
        puts("none", pods()),
        puts("again", pods(*TWO_PODS)),
    ),
    "to pods and back": (
        CREATE,
        puts("slices", pods(*TWO_PODS)),
        puts("to pods", straight()),
        puts("others", pods(endpoint("10.8.0.6", "node-1"), TWO_PODS[1])),
        puts("back", straight("")),
        puts("to pods again", straight()),
    ),
    "pods in a new zone": (
        FROM_PODS,
        a_node_in_a_new_zone,
        puts("pods there", pods(*TWO_PODS, A_POOL)),
        a_node_loses_its_instance,
        puts("and its pods", pods(TWO_PODS[0], A_POOL)),
        it_comes_back,
    ),
    "groups for others": (
        puts("their definition", GROUP_RECORDS),
        FROM_PODS,
        puts("exposed", straight('{"ingress": true, "exposed_ports": {"80": {}}}')),
        puts("for others only", straight('{"exposed_ports": {"80": {}}}')),
        puts("with a name", straight('{"exposed_ports": {"80": {"name": "for-others"}}}')),
        puts("another name", straight('{"exposed_ports": {"80": {"name": "for-many"}}}')),
        puts("none", straight("")),
    ),
    "a Service goes with its Ingress": (
        FROM_PODS,
        drops("all at once", ("Ingress", "shop/other"), *PODS_GO, ("Ingress", "shop/web")),
        puts("it is made again", straight(), pods(*TWO_PODS), web(), other()),
        drops("a Service", *PODS_GO),
        puts("its targets", web(("/", "api:8080"))),
    ),
    "a stranger's URL map": (
        CREATE,
        puts("a path more", TWO_PATHS),
        a_stranger_uses_a_backend,
        puts("a path less", web()),
        the_stranger_lets_go,
        the_stranger_goes,
    ),
}


def the_end(house: House) -> None:
    """Delete all Ingresses, whatever else there is."""
    for one in house.kube.list("Ingress"):
        house.kube.delete("Ingress", f"{one['metadata']['namespace']}/{one['metadata']['name']}")


def begin() -> House:
    """Return a house in a project where others have resources, too."""
    house = House(guards={"disruptive": "allow"})  # nobody is here to agree
    for kind, body in STRANGERS.items():
        house.gce.seed(kind, "global", f"their-{kind.lower()}", body)
    return house
