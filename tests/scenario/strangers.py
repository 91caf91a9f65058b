"""Resources that look like ours and are not, of every managed kind, and some that are.

Each is made by somebody whose hand is known, so whose it is needs no rule of the controller's.
"""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from fakes.gce import World
from glbc.model.keys import Kind
from glbc.naming import Namer, Scheme
from tests.support import pki

ZONE: Final = "zones/us-central1-a"
KUBE_SYSTEM_UID: Final = "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11"
LONG: Final = "l" * 40
KINDS: Final = {  # field of FrontendNames -> the kinds that bear such a name
    "url_map": (Kind.URL_MAP,),
    "redirect_map": (Kind.URL_MAP,),
    "http_proxy": (Kind.TARGET_HTTP_PROXY,),
    "https_proxy": (Kind.TARGET_HTTPS_PROXY,),
    "http_rule": (Kind.FORWARDING_RULE, Kind.ADDRESS),
    "https_rule": (Kind.FORWARDING_RULE,),
}
OURS: Final[Mapping[Kind, str]] = {  # what we write as description
    Kind.HEALTH_CHECK: "Default kubernetes L7 Loadbalancing health check.",
    Kind.BACKEND_SERVICE: '{"kubernetes.io/service-name":"shop/x","kubernetes.io/service-port":"80"}',
    Kind.TARGET_HTTP_PROXY: '{"kubernetes.io/ingress-name": "shop/x"}',
    Kind.TARGET_HTTPS_PROXY: '{"kubernetes.io/ingress-name": "shop/x"}',
    Kind.FORWARDING_RULE: '{"kubernetes.io/ingress-name": "shop/x"}',
    Kind.FIREWALL: "GCE L7 firewall rule",
}
BASE: Final = (  # each refers to those before it
    Kind.HEALTH_CHECK,
    Kind.BACKEND_SERVICE,
    Kind.URL_MAP,
    Kind.SSL_CERTIFICATE,
    Kind.TARGET_HTTP_PROXY,
    Kind.TARGET_HTTPS_PROXY,
)
GROUPS: Final = (Kind.INSTANCE_GROUP, Kind.NETWORK_ENDPOINT_GROUP)
THEIRS: Final = ("mine", "{}", '{"by":"terraform"}')


class Stranger(NamedTuple):
    """One resource that was there before the controller."""

    kind: Kind
    name: str
    description: str
    ours: bool = False  # it is: an older controller of this very cluster left it behind

    @property
    def place(self) -> str:
        """Return its scope."""
        return ZONE if self.kind in GROUPS else "global"


def names_of(namer: Namer, space: str, ingress: str, port: int) -> Iterator[tuple[Kind, str]]:
    """Yield what a cluster makes for one Ingress with one backend, under both schemes."""
    for scheme in Scheme:
        names = msgspec.structs.asdict(namer.frontend(scheme, space, ingress))
        for field, kinds in KINDS.items():
            if names[field]:
                yield from ((kind, names[field]) for kind in kinds)
        yield Kind.SSL_CERTIFICATE, namer.certificate(scheme, space, ingress, b"some")
    yield Kind.BACKEND_SERVICE, namer.backend(port)
    yield Kind.HEALTH_CHECK, namer.backend(port)
    yield Kind.INSTANCE_GROUP, namer.instance_group()
    yield Kind.FIREWALL, namer.firewall()


def pods_of(namer: Namer, space: str, service: str, like: str = "") -> Iterator[Stranger]:
    """Yield what a cluster makes for a Service that is served from its pods.

    Names hold eight digits of the uid: what is called like a thing of the cluster `like` is left
    out, but for groups, which say whose they are (ADR 14).
    """
    name = namer.neg(space, service, 80)
    record = {
        "cluster-uid": namer.kube_system_uid,
        "namespace": space,
        "service-name": service,
        "port": "80",
    }
    text = json.dumps(record, separators=(",", ":"))
    own = f"own-{space[:20]}-{namer.kube_system_uid[-12:]}"
    yield Stranger(Kind.NETWORK_ENDPOINT_GROUP, own, text)
    if namer.cluster_uid[:8] != like[:8]:
        yield Stranger(Kind.NETWORK_ENDPOINT_GROUP, name, text)
        words = OURS[Kind.BACKEND_SERVICE].replace("shop/x", f"{space}/{service}")
        yield Stranger(Kind.BACKEND_SERVICE, name, words)
        yield Stranger(Kind.HEALTH_CHECK, name, OURS[Kind.HEALTH_CHECK])


def others(us: Namer) -> tuple[Namer, ...]:
    """Return clusters whose identity looks like ours."""
    uid = us.cluster_uid or "0123456789abcdef"
    like = (f"{uid}x", f"x{uid}", uid[:-1], uid[1:], uid[:8], f"{uid[:8]}ffffffff", f"{uid}-", "")
    clusters = [
        Namer(one.strip("-"), f"{KUBE_SYSTEM_UID[:-1]}{i}") for i, one in enumerate(like, 2)
    ]
    clusters.append(Namer("fedcba9876543210", "another", "another-provider"))
    return tuple(one for one in clusters if one.cluster_uid != us.cluster_uid)


def foreign(us: Namer, rng: random.Random) -> Iterator[Stranger]:
    """Yield what other clusters and people have, described as we describe ours.

    A name that an Ingress of ours is to have is left out: where it is cut so that no identity is
    left in it, nobody can tell.
    """
    for cluster in others(us):
        spaces = rng.choice((("shop", "web"), ("a--b", "w--x"), ("else", LONG), (LONG, LONG)))
        for kind, name in names_of(cluster, *spaces, port=rng.choice((30301, 30302))):
            yield Stranger(kind, name, OURS.get(kind, ""))
        yield from pods_of(cluster, spaces[0], "front", us.cluster_uid)
    # Cut names of this cluster's own Ingresses that it has not got: they prove too little.
    for kind, name in names_of(us, f"gone-{LONG}", LONG, 30399):
        if len(name) > 62 and not name.startswith("k8s2"):
            yield Stranger(kind, name, OURS.get(kind, ""))
    # A name of ours where no such thing stands, and a name of the new scheme whose proof is broken.
    backend = us.backend(30398)
    for kind in (Kind.SSL_CERTIFICATE, Kind.URL_MAP, Kind.ADDRESS, Kind.FIREWALL):
        yield Stranger(kind, backend, OURS.get(kind, ""))
    front = us.frontend(Scheme.V2, "shop", "nobody")
    yield Stranger(Kind.URL_MAP, f"{front.url_map[:-8]}00000000", "")


def adoptable(us: Namer, rng: random.Random) -> Iterator[Stranger]:
    """Yield what has our names and somebody else's description."""
    for space, name, port in (("shop", "web", 30301), ("shop", "nobody", 30397)):
        for kind, called in names_of(us, space, name, port):
            if rng.random() < 0.5:
                words = (*THEIRS, *((f"{OURS[kind]} (edited)",) if kind in OURS else ()))
                yield Stranger(kind, called, rng.choice(words))


def owned(us: Namer) -> Iterator[Stranger]:
    """Yield what a controller of this cluster has left behind."""
    if us.cluster_uid:
        for kind, called in names_of(us, "shop", "old", 30396):
            if kind not in (Kind.INSTANCE_GROUP, Kind.FIREWALL):
                yield Stranger(kind, called, OURS.get(kind, ""), ours=True)
        yield from (one._replace(ours=True) for one in pods_of(us, "shop", "gone"))


def of_a_world(us: Namer, rng: random.Random, taken: set[str]) -> list[Stranger]:
    """Return who is there before the controller; `taken` are the names that it will want."""
    found: dict[tuple[Kind, str], Stranger] = {}
    for one in (*owned(us), *adoptable(us, rng), *foreign(us, rng)):
        cut = len(one.name) > 62 and one.name in taken
        if not cut and (one.ours or rng.random() < 0.6):
            found.setdefault((one.kind, one.name), one)
    return list(found.values())


def settle_in(world: World, strangers: list[Stranger]) -> None:
    """Put them into the cloud, past all rules, with references to what is nobody's but theirs."""
    links: dict[Kind, str] = {}
    for kind in BASE:
        world.seed(kind, "global", "their-own", _body(kind, links, 0))
        links[kind] = f"{world.root}global/{kind}/their-own"
    for number, one in enumerate(strangers, 1):
        said = {"description": one.description} if one.description else {}
        world.seed(one.kind, one.place, one.name, {**_body(one.kind, links, number), **said})


def _body(kind: Kind, links: Mapping[Kind, str], number: int) -> dict[str, Any]:
    crt, key = (part.decode() for part in pki.fixed_pair("their.example.com"))
    bodies: dict[Kind, dict[str, Any]] = {
        Kind.HEALTH_CHECK: {"type": "HTTP", "httpHealthCheck": {"port": 30000 + number}},
        Kind.BACKEND_SERVICE: {
            "healthChecks": [links.get(Kind.HEALTH_CHECK)],
            "timeoutSec": 60 + number,
        },
        Kind.URL_MAP: {"defaultService": links.get(Kind.BACKEND_SERVICE)},
        Kind.TARGET_HTTP_PROXY: {"urlMap": links.get(Kind.URL_MAP)},
        Kind.TARGET_HTTPS_PROXY: {
            "urlMap": links.get(Kind.URL_MAP),
            "sslCertificates": [links.get(Kind.SSL_CERTIFICATE)],
        },
        Kind.FORWARDING_RULE: {
            "IPAddress": f"203.0.113.{number % 250 + 1}",
            "IPProtocol": "TCP",
            "portRange": "80-80",
            "target": links.get(Kind.TARGET_HTTP_PROXY),
        },
        Kind.SSL_CERTIFICATE: {"certificate": crt, "privateKey": key},
        Kind.ADDRESS: {"address": f"198.51.100.{number % 250 + 1}"},
        Kind.FIREWALL: {
            "network": "global/networks/default",
            "allowed": [{"IPProtocol": "udp"}],
        },
        Kind.NETWORK_ENDPOINT_GROUP: {
            "networkEndpointType": "GCE_VM_IP_PORT",
            "network": "global/networks/default",
        },
        Kind.INSTANCE_GROUP: {"namedPorts": [{"name": "theirs", "port": 8000 + number}]},
    }
    return bodies[kind]
