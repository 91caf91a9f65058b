"""One load balancer with everything that glbc manages, as REST bodies, in order of creation."""

from functools import cache

import trustme

from glbc.model.calls import Verb
from glbc.model.keys import GLOBAL, Kind, ResourceKey, zone

PROJECT = "demo"
ZONE = zone("us-central1-a")


def key(kind, name, scope=GLOBAL):
    return ResourceKey(PROJECT, kind, scope, name)


GROUP = key(Kind.INSTANCE_GROUP, "group", ZONE)
ENDPOINTS = key(Kind.NETWORK_ENDPOINT_GROUP, "endpoints", ZONE)
CHECK = key(Kind.HEALTH_CHECK, "check")
BACKEND = key(Kind.BACKEND_SERVICE, "backend")
MAP = key(Kind.URL_MAP, "map")
OTHER_MAP = key(Kind.URL_MAP, "other-map")
HTTP = key(Kind.TARGET_HTTP_PROXY, "http")
OTHER_HTTP = key(Kind.TARGET_HTTP_PROXY, "other-http")
CERTIFICATE = key(Kind.SSL_CERTIFICATE, "certificate")
HTTPS = key(Kind.TARGET_HTTPS_PROXY, "https")
ADDRESS = key(Kind.ADDRESS, "address")
RULE = key(Kind.FORWARDING_RULE, "rule")
FIREWALL = key(Kind.FIREWALL, "firewall")
NODES = tuple(key(Kind.INSTANCE, f"node-{i}", ZONE) for i in (1, 2))


@cache
def certificate():
    """Return the PEM texts of a certificate and its key."""
    leaf = trustme.CA().issue_cert("shop.example")
    chain = b"".join(pem.bytes() for pem in leaf.cert_chain_pems)
    return {"certificate": chain.decode(), "privateKey": leaf.private_key_pem.bytes().decode()}


BODIES = {
    GROUP: {"description": "nodes"},
    ENDPOINTS: {"description": "pods", "networkEndpointType": "GCE_VM_IP_PORT"},
    CHECK: {
        "type": "HTTP",
        "httpHealthCheck": {"port": 30080, "requestPath": "/up", "proxyHeader": "NONE"},
    },
    BACKEND: {
        "protocol": "HTTP",
        "port": 30080,
        "portName": "port30080",
        "healthChecks": [CHECK.link],
        "customRequestHeaders": ["X-A: b"],
        "backends": [
            {
                "group": GROUP.link,
                "balancingMode": "RATE",
                "maxRatePerInstance": 1.5,
                "capacityScaler": 1.0,
            }
        ],
        "enableCDN": False,
    },
    MAP: {
        "defaultService": BACKEND.link,
        "hostRules": [{"hosts": ["shop.example"], "pathMatcher": "shop"}],
        "pathMatchers": [
            {
                "name": "shop",
                "defaultService": BACKEND.link,
                "pathRules": [{"paths": ["/cart/*"], "service": BACKEND.link}],
            }
        ],
    },
    OTHER_MAP: {"defaultService": BACKEND.link},
    HTTP: {"urlMap": MAP.link},
    OTHER_HTTP: {"urlMap": MAP.link},
    CERTIFICATE: {"description": "shop"},  # and what `certificate` returns
    HTTPS: {"urlMap": MAP.link, "sslCertificates": [CERTIFICATE.link]},
    ADDRESS: {"addressType": "EXTERNAL"},
    RULE: {
        "IPProtocol": "TCP",
        "portRange": "80-80",
        "target": HTTP.link,
        "loadBalancingScheme": "EXTERNAL",
    },
    FIREWALL: {
        "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"],
        "targetTags": ["node"],
        "allowed": [{"IPProtocol": "tcp", "ports": ["30000-32767"]}],
    },
}

MEMBERS = {"instances": [{"instance": node.link} for node in NODES]}

EDITS = {
    # what is sent, and what is read afterwards; patch and update get the live fingerprint
    (CHECK, Verb.PATCH): ({"checkIntervalSec": 7}, {"checkIntervalSec": 7}),
    (CHECK, Verb.UPDATE): (BODIES[CHECK] | {"timeoutSec": 3}, {"timeoutSec": 3}),
    (BACKEND, Verb.PATCH): ({"timeoutSec": 31}, {"timeoutSec": 31, "port": 30080}),
    (BACKEND, Verb.UPDATE): (
        {name: v for name, v in BODIES[BACKEND].items() if name != "customRequestHeaders"},
        {"customRequestHeaders": None, "portName": "port30080"},
    ),
    (MAP, Verb.PATCH): ({"description": "mine"}, {"description": "mine"}),
    (MAP, Verb.UPDATE): ({"defaultService": BACKEND.link}, {"hostRules": None}),
    (HTTP, Verb.PATCH): ({"description": "mine"}, {"description": "mine"}),
    (HTTP, Verb.SET_URL_MAP): ({"urlMap": OTHER_MAP.link}, {"urlMap": OTHER_MAP.link}),
    (HTTPS, Verb.PATCH): ({"quicOverride": "ENABLE"}, {"quicOverride": "ENABLE"}),
    (HTTPS, Verb.SET_URL_MAP): ({"urlMap": OTHER_MAP.link}, {"urlMap": OTHER_MAP.link}),
    (HTTPS, Verb.SET_SSL_CERTIFICATES): (
        {"sslCertificates": [CERTIFICATE.link]},
        {"sslCertificates": [CERTIFICATE.link]},
    ),
    (RULE, Verb.PATCH): ({"allowGlobalAccess": True}, {"allowGlobalAccess": True}),
    (RULE, Verb.SET_TARGET): ({"target": OTHER_HTTP.link}, {"target": OTHER_HTTP.link}),
    (FIREWALL, Verb.PATCH): ({"targetTags": ["a"]}, {"targetTags": ["a"]}),
    (FIREWALL, Verb.UPDATE): (
        {name: v for name, v in BODIES[FIREWALL].items() if name != "targetTags"},
        {"targetTags": None, "sourceRanges": ["130.211.0.0/22", "35.191.0.0/16"]},
    ),
    (GROUP, Verb.SET_NAMED_PORTS): (
        {"namedPorts": [{"name": "port30080", "port": 30080}]},
        {"namedPorts": [{"name": "port30080", "port": 30080}]},
    ),
}
