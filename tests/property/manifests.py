"""Kubernetes objects as an API server hands them out: usual, odd and hostile.

Drawn from a seed, which is far faster than structure by structure; a cluster that fails is small
enough to read. `Maker` has a method for each kind and `KINDS` names them; a kind is added by a method
and a row. What a definition of deploy/crds says is drawn from its schema, so a new field is drawn as
soon as it is there.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Final

import msgspec

from fakes.build import node, service
from glbc.model.configs import Credential
from glbc.model.views import VIEWS, Snapshot, decode_hook
from glbc.naming import FINALIZER_V1, FINALIZER_V2
from glbc.translate import annotations as ours
from glbc.translate.classes import CONTROLLER
from tests.golden.cases import VIEW_OF
from tests.property.drawn import Drawer, spec_schema
from tests.property.words import (
    BYTES,
    CLASSES,
    CONFIGS,
    FLAGS,
    HOSTS,
    INGRESS_NOTES,
    INGRESSES,
    KEY,
    NAMESPACES,
    PATH_TYPES,
    PATHS,
    PORT_NAMES,
    PORTS,
    SECRETS,
    SERVICE_NOTES,
    SERVICES,
    TEXTS,
)
from tests.support import pki

Manifest = dict[str, Any]

ZONES: Final = ("us-central1-a", "us-central1-b")


@cache
def usual() -> tuple[Manifest, ...]:
    """Return what most clusters have: Services that can be served, and a good certificate."""
    crt, key = pki.fixed_pair("a.example.com")
    return (
        service("kube-system/default-http-backend", "http=80->30000"),
        service("shop/web", "http=80->30080", "https=443->30081"),
        service("shop/api", "http=80->30082"),
        pki.secret("shop/crt", crt, key),
        opaque("shop/keys", client_id=b"client", client_secret=b"word", key_value=KEY),
        node("n1", ZONES[0]),
    )


@cache
def pairs() -> tuple[tuple[bytes, bytes], ...]:
    """Return contents of tls Secrets: good, expired, not yet valid, not a pair, and no PEM at all."""
    good, other = pki.fixed_pair("a.example.com"), pki.fixed_pair("b.example.com")
    late, early = pki.pair("late", days=1, begins=-400), pki.pair("early", begins=4000)
    chain = good[0] + other[0] * 9
    odd = ((good[0], other[1]), (chain, good[1]), (b"", b""), (b"\x00\xff", b"x"), (good[0], b""))
    return (good, good, good, other, late, early, *odd)


class Maker:
    """Makes objects. `wild` ones do not heed what the schemas of deploy/crds demand."""

    def __init__(self, seed: int, *, wild: bool = False) -> None:
        self.rng = random.Random(seed)
        self.drawer = Drawer(self.rng, wild=wild)

    def one(self, *values: Any) -> Any:
        return self.rng.choice(values)

    def often(self, chance: float = 0.5) -> bool:
        return self.rng.random() < chance

    def some(self, values: Mapping[str, Any]) -> Manifest:
        """Return some of the fields; a value that is a function is called."""
        kept = {name: value for name, value in values.items() if self.often(0.6)}
        return {name: value() if callable(value) else value for name, value in kept.items()}

    def cluster(self) -> list[Manifest]:
        """Return the objects of a cluster, each name once."""
        common = [*usual(), self.usual_config()]
        found = {key_of(one): self.using(one) for one in common if self.often(0.85)}
        for make, most in KINDS.values():
            for _ in range(self.rng.randrange(most + 1)):
                made = make(self)
                found[key_of(made)] = made
        return list(found.values())

    def usual_config(self) -> Manifest:
        return self.backend_config() | {"metadata": {"namespace": "shop", "name": "cfg"}}

    def using(self, one: Manifest) -> Manifest:
        """Let a usual Service use the usual BackendConfig, and endpoint groups at times."""
        if one["kind"] != "Service" or self.often(0.3):
            return one
        notes = {"cloud.google.com/backend-config": '{"default":"cfg"}'}
        if self.often(0.3):
            notes["cloud.google.com/neg"] = '{"ingress":true}'
        return one | {"metadata": one["metadata"] | {"annotations": notes}}

    # The kinds ------------------------------------------------------------------------------------

    def ingress(self) -> Manifest:
        spec = self.some(
            {
                "ingressClassName": self.one(*CLASSES),
                "defaultBackend": self.backend,
                "rules": self.rules,
                "tls": self.tls,
            }
        )
        if not spec.get("rules") and "defaultBackend" not in spec:
            spec["defaultBackend"] = self.backend()
        notes = self.notes(INGRESS_NOTES)
        if self.often(0.8):
            spec.pop("ingressClassName", None)
        else:
            notes.pop(ours.CLASS, None)
        meta = self.meta(INGRESSES, notes)
        if self.often(0.3):
            meta["finalizers"] = [self.one(FINALIZER_V1, FINALIZER_V2, "example.com/hold")]
        made = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta}
        made["spec"] = spec
        if self.often(0.2):
            shown = self.one([], [{"ip": "192.0.2.1"}], [{"hostname": "a.example.com"}])
            made["status"] = {"loadBalancer": {"ingress": shown}}
        return made

    def backend(self) -> Manifest:
        if self.often(0.05):
            return {"resource": {"apiGroup": "x.example.com", "kind": "Bucket", "name": "b"}}
        if self.often(0.7):
            port = self.one({"number": 80}, {"name": "http"})
            return {"service": {"name": self.one("web", "api"), "port": port}}
        port = self.one({"number": self.one(*PORTS, 8080)}, {"name": self.one(*PORT_NAMES, "gone")})
        return {"service": {"name": self.one(*SERVICES, "gone"), "port": port}}

    def rules(self) -> list[Manifest]:
        return [self.rule() for _ in range(self.one(0, 1, 1, 2, 3))]

    def rule(self) -> Manifest:
        made: Manifest = {}
        if self.often(0.8):
            made["host"] = self.one(*HOSTS)
        if self.often(0.95):
            count = self.one(1, 1, 2, 3, 60 if self.often(0.1) else 1)
            made["http"] = {"paths": [self.path(index) for index in range(count)]}
        return made

    def path(self, index: int) -> Manifest:
        kind = self.one(*PATH_TYPES)
        loose = kind == "ImplementationSpecific"
        path = self.one(*PATHS[not loose :]) if index < 5 else f"/many/{index}"
        made = {"pathType": kind, "backend": self.backend()}
        return made if loose and self.often(0.1) else made | {"path": path}

    def tls(self) -> list[Manifest]:
        entries = ({"secretName": self.one(*SECRETS, "gone")}, {"hosts": ["a.example.com"]}, {})
        return [dict(self.one(*entries[:1] * 8, *entries)) for _ in range(self.one(0, 1, 1, 2, 20))]

    def service(self) -> Manifest:
        kind = self.one("NodePort", "NodePort", "NodePort", "LoadBalancer", "ClusterIP")
        ports = [self.port(index, kind) for index in range(self.one(1, 1, 2))]
        spec: Manifest = {"type": kind, "ports": ports}
        if self.often(0.7):
            spec["selector"] = self.one({"app": "web"}, {"app": "web"}, {"app": "gone"}, {})
        if self.often(0.05):
            spec = {"type": "ExternalName", "externalName": "example.com", "ports": ports[:1]}
            ports[0].pop("nodePort", None)
        elif self.often(0.05) and kind == "ClusterIP":
            spec["clusterIP"] = "None"
        notes = self.notes(SERVICE_NOTES)
        if self.often():
            notes = {"cloud.google.com/backend-config": '{"default":"cfg"}', **notes}
        meta = self.meta(SERVICES, notes)
        return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}

    def port(self, index: int, kind: str) -> Manifest:
        name = ("http", "https")[index] if self.often(0.8) else ("p" * 15, "grpc")[index]
        made: Manifest = {"name": name, "port": (self.one(80, 80, 1), self.one(443, 65535))[index]}
        if kind != "ClusterIP" and self.often(0.8):
            made["nodePort"] = self.one(*range(30080, 30100), 32767)
        if self.often(0.3):
            made["targetPort"] = self.one(8080, "http", "gone")
        if self.often(0.2):
            made["protocol"] = self.one("TCP", "UDP")
        if self.often(0.2):
            made["appProtocol"] = self.one("http", "HTTPS", "kubernetes.io/h2c", "grpc", "x" * 63)
        return made

    def secret(self) -> Manifest:
        crt, key = self.one(*pairs())
        meta = self.meta(SECRETS, {})
        named = meta["name"] == "keys"  # as BackendConfigs do
        kind = "Opaque" if named or self.often(0.1) else "kubernetes.io/tls"
        data = {"tls.crt": encoded(crt), "tls.key": encoded(key)}
        if kind == "Opaque":
            fields = ("client_id", "client_secret", "key_value")
            data = {name: encoded(self.one(*BYTES)) for name in fields if self.often(0.9)}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": kind, "data": data}

    def node(self) -> Manifest:
        name = self.one("n1", "n2", "n3.internal", "n3", "n" * 63, "virtual")
        place = self.one(*ZONES)
        labels: Manifest = {"kubernetes.io/hostname": name}
        spec: Manifest = {}
        if name != "virtual":
            spec["providerID"] = f"gce://demo/{place}/{name.partition('.')[0]}"
            labels |= self.some({"topology.kubernetes.io/zone": place})
        elif self.often():
            spec["providerID"] = self.one("", "gce://", "gce://a/b", "aws:///x/y", "gce://a//c")
        if self.often(0.2):
            labels[self.one("node.kubernetes.io/exclude-from-external-load-balancers")] = "true"
        if self.often(0.2):
            spec["taints"] = [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]
        ready = {"type": "Ready", "status": self.one("True", "True", "True", "False", "Unknown")}
        made = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        return made | {"spec": spec, "status": {"conditions": self.one([ready], [ready], [])}}

    def ingress_class(self) -> Manifest:
        spec = {"controller": self.one(CONTROLLER, CONTROLLER, "k8s.io/ingress-gce", "x.com/y")}
        if self.often():
            group = self.one("glbc.gcp.kubernetes.io", "glbc.gcp.kubernetes.io", "x.example.com")
            kind = self.one("IngressParameters", "IngressParameters", "X")
            where = {"name": self.one("cfg", "gone"), "scope": "Cluster"}
            spec["parameters"] = {"apiGroup": group, "kind": kind, **where}
        meta: Manifest = {"name": self.one(*CLASSES[:2], "gce")}
        if self.often(0.1):
            meta["annotations"] = {"ingressclass.kubernetes.io/is-default-class": self.one(*FLAGS)}
        api = "networking.k8s.io/v1"
        return {"apiVersion": api, "kind": "IngressClass", "metadata": meta, "spec": spec}

    def frontend_config(self) -> Manifest:
        return self.custom("FrontendConfig", "networking.gke.io/v1beta1", "frontendconfigs")

    def backend_config(self) -> Manifest:
        return self.custom("BackendConfig", "cloud.google.com/v1", "backendconfigs")

    def ingress_parameters(self) -> Manifest:
        made = self.custom("IngressParameters", "glbc.gcp.kubernetes.io/v1", "ingressparameters")
        return made | {"metadata": {"name": made["metadata"]["name"]}}

    def custom(self, kind: str, api: str, plural: str) -> Manifest:
        made = {"apiVersion": api, "kind": kind, "metadata": self.meta(CONFIGS, {})}
        return made if self.often(0.05) else made | {"spec": self.drawer.value(spec_schema(plural))}

    def pod(self) -> Manifest:
        meta = self.meta(("p1", "p2", "p3"), {})
        meta["labels"] = self.one({"app": "web"}, {"app": "web"}, {}, {"app": "api"})
        containers = [self.container(index) for index in range(self.one(1, 1, 2))]
        spec = {"containers": containers}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}

    def endpoint_slice(self) -> Manifest:
        meta = self.meta(("web-x1", "web-x2", "api-x1"), {})
        owner = self.one("web", "web", "api", "gone")
        meta["labels"] = self.one({"kubernetes.io/service-name": owner}, {}, {"x": "y"})
        rows = [self.endpoint() for _ in range(self.one(0, 1, 2, 3, 120 if self.often(0.1) else 1))]
        port = self.some({"name": self.one("http", "https", ""), "port": self.one(8080, 1, 65535)})
        kind = self.one("IPv4", "IPv4", "IPv4", "IPv6", "FQDN")
        made = {"addressType": kind, "endpoints": rows, "ports": self.one([port], [port], [], None)}
        api = "discovery.k8s.io/v1"
        return {"apiVersion": api, "kind": "EndpointSlice", "metadata": meta} | made

    def endpoint(self) -> Manifest:
        address = self.one("10.8.0.5", "10.8.0.6", "10.8.1.5", "fd00::1", "pod.example.com")
        flags = {name: self.often() for name in ("ready", "serving", "terminating")}
        return {"addresses": [address]} | self.some(
            {
                "conditions": lambda: self.some(flags),
                "nodeName": self.one("n1", "n2", "n3.internal", "virtual", "gone"),
                "targetRef": {"kind": "Pod", "namespace": "shop", "name": self.one("p1", "p2")},
            }
        )

    def container(self, index: int) -> Manifest:
        made: Manifest = {"name": f"c{index}", "image": "x"}
        if self.often(0.8):
            made["ports"] = [{"containerPort": self.one(8080, 1, 65535), "name": f"http{index}"}]
        if self.often(0.8):
            made["readinessProbe"] = self.probe(index)
        return made

    def probe(self, index: int) -> Manifest:
        headers = [{"name": self.one("Host", "host", "X"), "value": self.one(*TEXTS)}]
        asked = {"port": self.one(8080, f"http{index}", "gone")} | self.some(
            {
                "path": lambda: self.one(*PATHS),
                "host": self.one("", "1.2.3.4"),
                "scheme": self.one("HTTP", "HTTPS"),
                "httpHeaders": headers * self.one(1, 1, 2),
            }
        )
        how = self.one({"httpGet": asked}, {"httpGet": asked}, {"tcpSocket": {"port": 1}})
        numbers = {"periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1}
        many = {name: self.one(1, 10, 299, 300, 2**31 - 1) for name in numbers}
        return how | self.some(many)

    # Parts ----------------------------------------------------------------------------------------

    def meta(self, names: Sequence[str], notes: Mapping[str, str]) -> Manifest:
        made: Manifest = {"namespace": self.one(*NAMESPACES), "name": self.one(*names)}
        return made | ({"annotations": dict(notes)} if notes else {})

    def notes(self, table: Mapping[str, Sequence[str]]) -> dict[str, str]:
        few = self.rng.sample(sorted(table), k=self.one(0, 0, 0, 1, 1, 2, len(table)))
        return {key: self.one(*table[key]) for key in few}


# kind -> (how one is made, how many there are at most)
KINDS: Final[Mapping[str, tuple[Callable[[Maker], Manifest], int]]] = {
    "Node": (Maker.node, 4),
    "IngressClass": (Maker.ingress_class, 2),
    "IngressParameters": (Maker.ingress_parameters, 2),
    "Service": (Maker.service, 8),
    "Secret": (Maker.secret, 5),
    "FrontendConfig": (Maker.frontend_config, 3),
    "BackendConfig": (Maker.backend_config, 3),
    "Pod": (Maker.pod, 4),
    "EndpointSlice": (Maker.endpoint_slice, 4),
    "Ingress": (Maker.ingress, 6),
}


def key_of(manifest: Manifest) -> tuple[str, str, str]:
    """Return what tells an object from others."""
    meta = manifest["metadata"]
    return manifest["kind"], meta.get("namespace", ""), meta["name"]


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def opaque(name: str, **words: bytes) -> Manifest:
    namespace, _, own = name.partition("/")
    meta = {"namespace": namespace, "name": own}
    data = {key: encoded(value) for key, value in words.items()}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": meta, "data": data}


def spoilt(manifest: Manifest, rng: random.Random) -> Manifest:
    """Return an object with one place of it replaced by what nobody expects there."""
    copy = json.loads(json.dumps(manifest))
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        keys = value.keys() if isinstance(value, dict) else range(len(value))
        for key in keys:
            places.append((value, key))
            if isinstance(value[key], dict | list) and value[key]:
                walk(value[key])

    walk({name: value for name, value in copy.items() if name not in {"apiVersion", "kind"}})
    where, key = rng.choice(places)
    where[key] = rng.choice(
        (None, None, None, "", [], {}, 0, -1, 2**70, 1.5, True, "ü\u0000", [None])
    )
    return {**copy, "kind": manifest["kind"]}


def read(manifests: Sequence[Manifest]) -> tuple[Snapshot, list[str]]:
    """Return what the watches make of objects: their views, and what cannot be read."""
    views: dict[str, dict[str, Any]] = {name: {} for name in VIEW_OF.values()}
    unreadable = []
    named: dict[str, Credential | None] = {}
    for manifest in manifests:
        kind, meta = manifest["kind"], manifest["metadata"]
        if kind == "Secret":
            with suppress(msgspec.MsgspecError, TypeError, KeyError):  # it counts as not read
                credential = msgspec.convert(manifest, Credential, dec_hook=decode_hook)
                named[f"{meta['namespace']}/{meta['name']}"] = credential
        if kind not in VIEW_OF or (
            kind == "Secret" and manifest.get("type") != "kubernetes.io/tls"
        ):
            continue
        raw = msgspec.json.encode(manifest)
        try:
            view: Any = msgspec.json.decode(raw, type=VIEWS[kind], dec_hook=decode_hook)
        except msgspec.MsgspecError as error:
            unreadable.append(f"{kind}: {error}")
            continue
        name = f"{view.metadata.namespace}/{view.metadata.name}".removeprefix("/")
        views[VIEW_OF[kind]][name] = view
    return Snapshot(**views, credentials=named, complete=frozenset(VIEWS)), unreadable
