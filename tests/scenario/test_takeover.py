"""P11: on a cluster that ingress-gce has converged, glbc writes nothing to the cloud.

The bodies are those of the reference, sent to the fake cloud in ingress-gce's own order; the
cluster is what such a controller leaves behind.
"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.build import ingress, service
from fakes.gce import Request
from glbc.model.record import with_record
from glbc.naming import Scheme
from glbc.translate.annotations import BACKENDS, CONDITIONS
from tests.scenario.test_tls import install_frontend_config
from tests.support import pki
from tests.support.house import NAMER, PROJECT, House

CRDS = Path(__file__).parents[2] / "deploy" / "crds"
UID = "16f2a1b3c4d5e6f7"
LINK = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}"
PORTS = {"front": (30301, "Name:,Number:80,"), "api": (30302, "Name:,Number:8080,")}
PORTS["dflt"] = (30303, "Name:http,Number:0,")
A = "hostfd7093adaa663688ce5f4e060a1830ca"
B = "host386f51195d5b0f9c91ce0535aa0a80c9"
V1 = {kind: f"k8s-{kind}-shop-web--{UID}" for kind in ("um", "tp", "fw")}
V2 = {kind: f"k8s2-{kind}-aer32pk4-shop-web-jkv47h8u" for kind in ("um", "tp", "fr")}
NAMES = {"v1": (V1["um"], V1["tp"], V1["fw"]), "v2": (V2["um"], V2["tp"], V2["fr"])}
FINALIZERS = {
    "v1": "networking.gke.io/ingress-finalizer",
    "v2": "networking.gke.io/ingress-finalizer-V2",
}


def send(house: House, method: str, path: str, body: dict[str, Any]) -> None:
    """Send one mutation as ingress-gce does, and wait for it."""
    whole = f"/compute/v1/projects/{PROJECT}/{path}"
    if method == "PUT":
        seen = house.gce.handle(Request("GET", whole, {}, None)).body
        body = {**body, "fingerprint": seen["fingerprint"]}
    answer = house.gce.handle(Request(method, whole, {}, body))
    assert answer.status == 200, answer.body
    house.clock.advance(1)


def backend(name: str) -> str:
    return f"k8s-be-{PORTS[name][0]}--{UID}"


def converge(house: House, scheme: str) -> None:
    """Leave in the cloud what ingress-gce makes of the worked example, HTTP part."""
    zones = ("us-central1-a", "us-central1-b")
    group = f"k8s-ig--{UID}"
    for number, zone in enumerate(zones, start=1):
        base = f"zones/{zone}/instanceGroups"
        send(house, "POST", base, {"name": group})
        listed = [{"name": f"port{p}", "port": p} for p in (30303, 30301, 30302)]
        send(house, "POST", f"{base}/{group}/setNamedPorts", {"namedPorts": listed})
        member = {"instance": f"{LINK}/zones/{zone}/instances/node-{number}"}
        send(house, "POST", f"{base}/{group}/addInstances", {"instances": [member]})
    for name, (port, text) in PORTS.items():
        check = {
            "name": backend(name),
            "checkIntervalSec": 60,
            "timeoutSec": 60,
            "healthyThreshold": 1,
            "unhealthyThreshold": 10,
            "type": "HTTP",
            "description": "Default kubernetes L7 Loadbalancing health check.",
            "httpHealthCheck": {"port": port, "requestPath": "/"},
        }
        send(house, "POST", "global/healthChecks", check)
        body = {
            "name": backend(name),
            "description": json.dumps(
                {
                    "kubernetes.io/service-name": f"shop/{name}",
                    "kubernetes.io/service-port": f"&ServiceBackendPort{{{text}}}",
                },
                separators=(",", ":"),
            ).replace("&", "\\u0026"),
            "protocol": "HTTP",
            "port": port,
            "portName": f"port{port}",
            "healthChecks": [f"{LINK}/global/healthChecks/{backend(name)}"],
            "logConfig": {"enable": True, "sampleRate": 1},
        }
        send(house, "POST", "global/backendServices", body)
        groups = [
            {
                "group": f"{LINK}/zones/{zone}/instanceGroups/{group}",
                "balancingMode": "RATE",
                "maxRatePerInstance": 1,
            }
            for zone in zones
        ]
        send(house, "PUT", f"global/backendServices/{backend(name)}", {**body, "backends": groups})
    url_map, proxy, rule = NAMES[scheme]
    to = {name: f"global/backendServices/{backend(name)}" for name in PORTS}
    rules_a = [("/*", "front"), ("/api", "api"), ("/api/*", "api")]
    send(
        house,
        "POST",
        "global/urlMaps",
        {
            "name": url_map,
            "defaultService": to["dflt"],
            "hostRules": [
                {"hosts": ["a.example.com"], "pathMatcher": A},
                {"hosts": ["b.example.com"], "pathMatcher": B},
            ],
            "pathMatchers": [
                {
                    "name": A,
                    "defaultService": to["dflt"],
                    "pathRules": [{"paths": [p], "service": to[s]} for p, s in rules_a],
                },
                {
                    "name": B,
                    "defaultService": to["dflt"],
                    "pathRules": [{"paths": ["/x"], "service": to["front"]}],
                },
            ],
        },
    )
    described = '{"kubernetes.io/ingress-name": "shop/web"}'
    send(
        house,
        "POST",
        "global/targetHttpProxies",
        {"name": proxy, "description": described, "urlMap": f"global/urlMaps/{url_map}"},
    )
    send(
        house,
        "POST",
        "global/forwardingRules",
        {
            "name": rule,
            "description": described,
            "IPProtocol": "TCP",
            "portRange": "80-80",
            "target": f"{LINK}/global/targetHttpProxies/{proxy}",
        },
    )
    send(
        house,
        "POST",
        "global/firewalls",
        {
            "name": f"k8s-fw-l7--{UID}",
            "description": "GCE L7 firewall rule",
            "network": f"{LINK}/global/networks/default",
            "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"],
            "allowed": [{"IPProtocol": "tcp", "ports": ["30000-32767"]}],
            "targetTags": ["node"],
        },
    )


def objects(scheme: str, *, finalizer: bool = True) -> tuple[dict[str, Any], ...]:
    """Return what was in the cluster for it, as ingress-gce has left it."""
    url_map, proxy, rule = NAMES[scheme]
    web = ingress(
        "shop/web",
        {
            "a.example.com": [("/*", "front:80", "ImplementationSpecific"), ("/api", "api:8080")],
            "b.example.com": [("/x", "front:80", "Exact")],
        },
        default="dflt:http",
        finalizers=[FINALIZERS[scheme]] if finalizer else [],
        annotations={
            "ingress.kubernetes.io/url-map": url_map,
            "ingress.kubernetes.io/target-proxy": proxy,
            "ingress.kubernetes.io/forwarding-rule": rule,
            "ingress.kubernetes.io/backends": json.dumps({backend("front"): "HEALTHY"}),
        },
    )
    return (
        service("shop/front", "80->30301"),
        service("shop/api", "8080->30302"),
        service("shop/dflt", "http=80->30303"),
        web,
    )


def a_cluster_of_ingress_gce(scheme: str, *, finalizer: bool = True, **settings: Any) -> House:
    house = House(**settings)
    converge(house, scheme)
    address = house.body("forwardingRules", NAMES[scheme][2])["IPAddress"]
    house.apply(*objects(scheme, finalizer=finalizer))
    house.cluster.write(status(address))
    return house


def status(address: str) -> Any:
    from glbc.model.calls import StatusPatch  # noqa: PLC0415
    from glbc.model.finding import ObjectRef  # noqa: PLC0415

    return StatusPatch(ingress=ObjectRef("Ingress", "shop", "web"), addresses=(address,))


def told(house: House) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the Ingress without what every write changes, and its annotations apart."""
    seen = copy.deepcopy(house.ingress("shop/web"))
    assert seen is not None
    for volatile in ("resourceVersion", "managedFields"):
        seen["metadata"].pop(volatile, None)
    return seen, seen["metadata"].pop("annotations")


def settled_with_one_word(house: House) -> None:
    """Take over; nothing is written but our conditions and the refreshed health, at once."""
    version, (before, said) = house.kube.resource_version, told(house)
    house.settle()
    assert house.cloud.writes == []
    assert house.kube.resource_version == version + 1
    after, says = told(house)
    assert after == before
    changed = {key for key in {*said, *says} if said.get(key) != says.get(key)}
    assert changed == {CONDITIONS, BACKENDS}
    statuses = {one["type"]: one["status"] for one in json.loads(says[CONDITIONS])}
    assert set(statuses.values()) == {"True"}
    assert set(json.loads(says[BACKENDS]).items()) == {(backend(n), "HEALTHY") for n in PORTS}


@pytest.mark.parametrize("scheme", ["v1", "v2"])
def test_a_converged_cluster_is_taken_over_without_a_write(scheme: str) -> None:
    house = a_cluster_of_ingress_gce(scheme)
    settled_with_one_word(house)
    assert house.events() == []


def test_an_old_ingress_without_finalizer_keeps_its_v1_names() -> None:
    house = a_cluster_of_ingress_gce("v1", finalizer=False)
    house.settle()
    assert house.cloud.writes == []
    taken = house.ingress("shop/web")
    assert taken is not None
    assert taken["metadata"]["finalizers"] == [FINALIZERS["v1"]]


@pytest.mark.parametrize(
    ("path", "edit"),
    [
        pytest.param(
            f"global/healthChecks/{backend('front')}",
            {"checkIntervalSec": 10, "timeoutSec": 5, "httpHealthCheck": {"requestPath": "/ok"}},
            id="a health check",
        ),
        pytest.param(
            f"global/backendServices/{backend('front')}",
            {"timeoutSec": 120, "logConfig": {"enable": False}, "affinityCookieTtlSec": 5},
            id="a backend service",
        ),
        pytest.param(
            "zones/us-central1-a/instanceGroups/k8s-ig--" + UID,
            {"namedPorts": [{"name": f"port{p}", "port": p} for p in (30301, 30302, 30303, 30999)]},
            id="port names that nothing uses any more",
        ),
    ],
)
def test_what_people_or_the_years_have_changed_stays(path: str, edit: dict[str, Any]) -> None:
    house = a_cluster_of_ingress_gce("v2")
    if "namedPorts" in edit:
        send(house, "POST", f"{path}/setNamedPorts", edit)
    else:
        seen = house.gce.handle(
            Request("GET", f"/compute/v1/projects/{PROJECT}/{path}", {}, None)
        ).body
        stamp = {"fingerprint": seen["fingerprint"]} if "fingerprint" in seen else {}
        send(house, "PATCH", path, {**edit, **stamp})
    house.settle()
    assert house.cloud.writes == []


@pytest.mark.parametrize("scheme", ["v1", "v2"])
def test_what_was_taken_over_goes_with_its_ingress(scheme: str) -> None:
    house = a_cluster_of_ingress_gce(scheme)
    house.settle()
    house.kube.delete("Ingress", "shop/web")
    house.settle()
    assert house.ours() == {}
    assert house.ingress("shop/web") is None


@pytest.mark.parametrize("redirects", [True, False], ids=["with redirect", "without redirect"])
def test_https_of_ingress_gce_is_taken_over_without_a_write(redirects: bool) -> None:
    house = a_cluster_of_ingress_gce("v2", https_redirect="explicit")
    crt, key = pki.pair("a.example.com")
    tail = V2["um"].removeprefix("k8s2-um-")
    described = '{"kubernetes.io/ingress-name": "shop/web"}'
    ip = house.body("forwardingRules", V2["fr"])["IPAddress"]
    send(house, "POST", "global/addresses", {"name": V2["fr"], "address": ip})
    name = NAMER.certificate(Scheme.V2, "shop", "web", crt)
    body = {"name": name, "certificate": crt.decode(), "privateKey": key.decode()}
    send(house, "POST", "global/sslCertificates", body)
    proxy = {
        "name": f"k8s2-ts-{tail}",
        "description": described,
        "urlMap": f"global/urlMaps/{V2['um']}",
        "sslCertificates": [f"{LINK}/global/sslCertificates/{name}"],
    }
    send(house, "POST", "global/targetHttpsProxies", proxy)
    rule = {
        "name": f"k8s2-fs-{tail}",
        "description": described,
        "IPAddress": ip,
        "IPProtocol": "TCP",
        "portRange": "443-443",
        "target": f"{LINK}/global/targetHttpsProxies/k8s2-ts-{tail}",
    }
    send(house, "POST", "global/forwardingRules", rule)
    annotations = {
        "ingress.kubernetes.io/https-target-proxy": f"k8s2-ts-{tail}",
        "ingress.kubernetes.io/https-forwarding-rule": f"k8s2-fs-{tail}",
        "ingress.kubernetes.io/ssl-cert": name,
        "ingress.kubernetes.io/static-ip": V2["fr"],
    }
    taken = house.ingress("shop/web")
    assert taken is not None
    if redirects:
        wanted = {"httpsRedirect": True, "redirectResponseCode": "FOUND"}
        send(
            house,
            "POST",
            "global/urlMaps",
            {"name": f"k8s2-rm-{tail}", "defaultUrlRedirect": wanted},
        )
        repoint = {"urlMap": f"global/urlMaps/k8s2-rm-{tail}"}
        send(house, "POST", f"targetHttpProxies/{V2['tp']}/setUrlMap", repoint)
        annotations["ingress.kubernetes.io/redirect-url-map"] = f"k8s2-rm-{tail}"
        annotations["networking.gke.io/v1beta1.FrontendConfig"] = "front"
        install_frontend_config(house)
        spec = {"redirectToHttps": {"enabled": True, "responseCodeName": "FOUND"}}
        meta = {"namespace": "shop", "name": "front"}
        version = "networking.gke.io/v1beta1"
        house.apply(
            {"apiVersion": version, "kind": "FrontendConfig", "metadata": meta, "spec": spec}
        )
    taken["metadata"]["annotations"] |= annotations
    taken["spec"]["tls"] = [{"secretName": "tls"}]
    house.apply(pki.secret("shop/tls", crt, key), taken)
    settled_with_one_word(house)


BACKEND_CONFIG: dict[str, Any] = {
    "timeoutSec": 75,
    "connectionDraining": {"drainingTimeoutSec": 62},
    "sessionAffinity": {"affinityType": "GENERATED_COOKIE", "affinityCookieTtlSec": 50},
    "customRequestHeaders": {"headers": ["X-Client-Region: {client_region}"]},
    "customResponseHeaders": {"headers": ["Strict-Transport-Security: max-age=63072000"]},
    "logging": {"enable": True, "sampleRate": 0.5},
    "securityPolicy": {"name": "armor"},
    "cdn": {"enabled": True, "cachePolicy": {"includeHost": True, "includeQueryString": True}},
    "healthCheck": {"checkIntervalSec": 20, "timeoutSec": 10, "requestPath": "/ready"},
}
CONFIGURED: dict[str, Any] = {
    # What ingress-gce makes of it (reference: 3.1), the security policy apart.
    "timeoutSec": 75,
    "connectionDraining": {"drainingTimeoutSec": 62},
    "sessionAffinity": "GENERATED_COOKIE",
    "affinityCookieTtlSec": 50,
    "customRequestHeaders": ["X-Client-Region: {client_region}"],
    "customResponseHeaders": ["Strict-Transport-Security: max-age=63072000"],
    "logConfig": {"enable": True, "sampleRate": 0.5},
    "enableCDN": True,
    "cdnPolicy": {
        "cacheKeyPolicy": {
            "includeHost": True,
            "includeProtocol": False,
            "includeQueryString": True,
        },
        "cacheMode": "CACHE_ALL_STATIC",
        "clientTtl": 3600,
        "defaultTtl": 3600,
        "maxTtl": 86400,
        "negativeCaching": True,
        "requestCoalescing": True,
        "serveWhileStale": 86400,
        "signedUrlCacheMaxAgeSec": "0",
    },
}


def configured(house: House) -> None:
    """Let ingress-gce apply the BackendConfig to the Service `front`."""
    base = f"global/backendServices/{backend('front')}"
    seen = house.gce.handle(Request("GET", f"/compute/v1/projects/{PROJECT}/{base}", {}, None)).body
    features = seen["description"].removesuffix("}") + ',"x-features":["SecurityPolicy"]}'
    send(house, "PUT", base, {**seen, **CONFIGURED, "description": features})
    house.gce.seed("securityPolicies", "global", "armor", {})
    policy = {"securityPolicy": "global/securityPolicies/armor"}
    send(house, "POST", f"{base}/setSecurityPolicy", policy)
    check = {"checkIntervalSec": 20, "timeoutSec": 10, "httpHealthCheck": {"requestPath": "/ready"}}
    send(house, "PATCH", f"global/healthChecks/{backend('front')}", check)


def with_backend_config(house: House) -> None:
    """Put the BackendConfig, and the Service that names it, into the cluster."""
    house.apply(yaml.safe_load((CRDS / "backendconfigs.yaml").read_text()))
    meta = {"namespace": "shop", "name": "front"}
    version = "cloud.google.com/v1"
    named = service("shop/front", "80->30301")
    named["metadata"]["annotations"] = {
        "cloud.google.com/backend-config": json.dumps({"default": "front"})
    }
    house.apply(
        {"apiVersion": version, "kind": "BackendConfig", "metadata": meta, "spec": BACKEND_CONFIG},
        named,
    )


def test_a_backend_config_of_ingress_gce_is_taken_over_without_a_write() -> None:
    house = a_cluster_of_ingress_gce("v2")
    configured(house)
    with_backend_config(house)
    house.settle()
    assert house.cloud.writes == []


def test_what_a_backend_config_had_set_before_the_takeover_goes_with_its_block() -> None:
    house = a_cluster_of_ingress_gce("v2")
    configured(house)
    with_backend_config(house)
    house.settle()
    bare = house.kube.get("BackendConfig", "shop/front")
    assert bare is not None
    house.apply({**bare, "spec": {}})
    house.settle()
    body = house.body("backendServices", backend("front"))
    assert (body["timeoutSec"], body["enableCDN"]) == (30, False)
    assert {"securityPolicy", "cdnPolicy", "customRequestHeaders"}.isdisjoint(body)


# What ingress-gce compares of each kind at every sync (reference: output, section 3).
COMPARED: dict[str, tuple[str, ...]] = {
    "urlMaps": ("defaultService", "hostRules", "pathMatchers"),
    "targetHttpProxies": ("urlMap",),
    "forwardingRules": ("portRange", "target"),
    "backendServices": ("protocol", "healthChecks", "description", "backends", *CONFIGURED),
    "healthChecks": ("type", "httpHealthCheck", "checkIntervalSec", "timeoutSec"),
    "instanceGroups": ("namedPorts",),
    "firewalls": ("targetTags", "allowed", "sourceRanges"),
}


def compared(house: House) -> dict[str, Any]:
    """Return what ingress-gce would look at, lists that it takes for sets in order."""
    found = {}
    for kind, fields in COMPARED.items():
        for body in house.gce.resources(kind):
            seen = {name: body.get(name) for name in fields}
            if kind == "instanceGroups":
                seen["namedPorts"] = sorted(port["name"] for port in body["namedPorts"])
            found[kind, body.get("zone", ""), body["name"]] = seen
    return found


@pytest.mark.parametrize("with_config", [False, True], ids=["plain", "with a BackendConfig"])
def test_the_way_back_what_glbc_makes_is_what_ingress_gce_expects(with_config: bool) -> None:
    theirs = a_cluster_of_ingress_gce("v2")
    ours = House()
    for kind in ("Service", "Ingress"):
        for obj in theirs.kube.list(kind):
            meta = {"namespace": obj["metadata"]["namespace"], "name": obj["metadata"]["name"]}
            if meta["namespace"] == "shop":
                ours.apply({**obj, "metadata": meta, "status": {}})
    if with_config:
        configured(theirs)
        ours.gce.seed("securityPolicies", "global", "armor", {})
        with_backend_config(ours)
    ours.settle()
    expected, made = compared(theirs), compared(ours)
    for key, seen in made.items():
        if key[0] == "backendServices":  # our record is the one thing that it would take out
            seen["description"] = with_record(seen["description"], ())
        assert expected[key] == seen, key
    assert expected.keys() == made.keys()


def test_a_name_that_two_ask_for_does_not_hold_the_finalizer_of_the_other() -> None:
    house = House()
    old = FINALIZERS["v1"]
    house.apply(
        service("shop-b/dflt", "http=80->30303"),
        service("shop/dflt", "http=80->30304"),
        ingress("shop-b/c", default="dflt:http", finalizers=[old]),
    )
    house.clock.advance(5)
    house.apply(ingress("shop/b-c", default="dflt:http", finalizers=[old]))
    house.settle()
    house.kube.delete("Ingress", "shop/b-c")
    house.settle()
    assert house.ingress("shop/b-c") is None
    assert house.address("shop-b/c")


def test_a_name_that_the_cloud_refuses_does_not_hold_a_finalizer() -> None:
    house = House()
    house.apply(
        service("shop/dflt", "http=80->30303"),
        ingress("shop/my.web", default="dflt:http", finalizers=[FINALIZERS["v2"]]),
    )
    house.settle()
    assert house.events("InvalidName")
    house.kube.delete("Ingress", "shop/my.web")
    house.settle()
    assert house.ingress("shop/my.web") is None
