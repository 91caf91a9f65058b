"""The words that fuzzed Kubernetes objects are made of: usual, odd and hostile.

Names are few, so that they meet. What people write into annotations is text of any kind: an API
server does not look into it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from glbc.translate import annotations as ours

LONG: Final = "l" * 63
DOTTED: Final = ".".join(("d" * 62,) * 4)  # 251 characters
DEEP: Final = "[" * 3000

# Names that meet, and the longest there are.
NAMESPACES: Final = (*("shop",) * 10, "shop-web", "n" * 63)
INGRESSES: Final = ("web", "api", "web-api", "my.web", LONG, LONG[:-1] + "m", DOTTED, "0web")
SERVICES: Final = ("web", "web", "web", "api", "api", "s" * 63)
CONFIGS: Final = ("cfg", "cfg", "other")
SECRETS: Final = ("crt", "crt", "crt", "more", "more", "keys", "keys", DOTTED)
PORT_NAMES: Final = ("http", "http", "https", "p" * 15)
PORTS: Final = (80, 80, 443, 1, 65535)
CLASSES: Final = ("ours", "foreign", "typo", "gce")
HOSTS: Final = (
    "",
    "a.example.com",
    "*.example.com",
    "xn--bcher-kva.example",
    LONG + ".com",
    DOTTED,
)
PATHS: Final = (
    *("", "/", "/a", "/a/", "/a/*", "/b", "/*", "/a*", "/c?d", "/e#f", "/*/x", "/ü/☃", "/%20", "/a b"),
    *("/" + "p" * 1500, "/\u0000", '/"\\', "/a/*/*", "/A", "/a/../b"),
)  # fmt: skip
PATH_TYPES: Final = ("Prefix", "Prefix", "Exact", "ImplementationSpecific")
TEXTS: Final = (
    "",
    " ",
    "x",
    "ü☃\u0000\n",
    "a,b,,a, b ",
    "../..",
    "--",
    "x" * 5000,
    "-1",
    "1e999",
    "{}",
)
KEY: Final = b"MDEyMzQ1Njc4OWFiY2RlZg=="  # 128 bits in base64url
BYTES: Final = (b"x", KEY, KEY, b"\xff\xfe\x00", b"", b" x\n", "ü☃".encode(), b"y" * 9000)
# What fits into a field of a BackendConfig or FrontendConfig.
STRINGS: Final[Mapping[str, Sequence[str]]] = {
    "headers": (
        *("X-Example: a", "X-Region: {client_region}", "X-Empty:", "X: " + "v" * 900),
        *(
            "x-example: b",
            "Connection: close",
            "x-goog-a: b",
            "two words: c",
            "X-\u00fc: d",
            "X-V: \u00fc",
        ),
    ),
    "requestPath": ("/healthz", "/a?b=c", "/"),
    "name": ("policy", "policy", "policy", "gone", ""),
    "sslPolicy": ("policy", "policy", "gone", ""),
    "secretName": ("keys", "keys", "keys", "gone", ""),
    "keyName": ("one", "two", "k" * 63),
    "keyValue": (KEY.decode(), "A" * 22 + "==", "", "c2VjcmV0", KEY.decode() + "\n"),
    "headerName": ("X-Bypass", "authorization", "two words", ""),
    "queryStringBlacklist": ("utm_source", "page"),
    "queryStringWhitelist": ("utm_source", "page"),
}
NUMBERS: Final = (0, 1, -1, 30, 2**31 - 1, 2**31, 2**63 - 1, -(2**63))
FLOATS: Final = (0.0, 1.0, 0.5, -1.0, 1e308, 1)
# What people and machines put where JSON is wanted.
JSON: Final = (
    *("", "null", "[]", "{}", "{", '"x"', "1", "true", "NaN", "{'a': 1}", DEEP, '{"a":' * 900, "\u0000"),
    *('{"default":"cfg"}', '{"default":"gone"}', '{"default":""}', '{"default":null}', '{"default":1}'),
    *('{"ports":{"http":"cfg"}}', '{"ports":{"80":"cfg","http":"other"}}', '{"ports":{"http":null}}'),
    *('{"ports":{"http":{"a":1}}}', '{"ports":[]}', '{"ports":null}', '{"default":["cfg"]}'),
    *('{"default":"\\ud800"}', '{"default":"x\\u0000"}', '{"default":1e999}', '{"default":"../cfg"}'),
    *('{"http":"HTTP"}', '{"http":"HTTPS","https":"HTTP2"}', '{"http":"http"}', '{"http":"\\ud800"}'),
    *('{"http":1}', '{"http":null}', '{"http":["HTTP"]}', '["HTTP"]', '{"http":"HTTP","http":"HTTPS"}'),
    *('{"ingress":true}', '{"ingress":"true"}', '{"ingress":true,"exposed_ports":{"80":{}}}'),
    *('{"exposed_ports":{"x":1}}', '{"enabled":true}', '{"' + "k" * 5000 + '":"HTTP"}'),
)  # fmt: skip
NEGS: Final = (
    *(*JSON, *(20 * ('{"ingress":true}',)), '{"exposed_ports":{"80":{"name":"mine"}}}'),
    *('{"exposed_ports":{"80":null}}', '{"exposed_ports":{"80":{"name":"Bad Name"}}}'),
)  # fmt: skip
FLAGS: Final = ("true", "false", "False", "0", "maybe", "")
# On an Ingress: each key with what people write there.
INGRESS_NOTES: Final[Mapping[str, Sequence[str]]] = {
    ours.CLASS: (*("gce",) * 8, "", "nginx", "gce-internal", "gce-multi-cluster", "GCE"),
    ours.ALLOW_HTTP: FLAGS,
    ours.STATIC_IP: ("own-ip", "own-ip", "gone-ip", *TEXTS),
    ours.REGIONAL_STATIC_IP: ("own-ip", *TEXTS),
    ours.PRE_SHARED_CERT: ("own-cert", "own-cert, gone-cert,", *TEXTS),
    ours.MANAGED_CERTIFICATES: ("managed", *TEXTS),
    ours.FRONTEND_CONFIG: (*CONFIGS, "gone", *TEXTS),
    "networking.gke.io/suppress-firewall-xpn-error": FLAGS,
    "ingress.gcp.kubernetes.io/instance-groups": JSON,
    "ingress.kubernetes.io/backends": JSON,
    "ingress.kubernetes.io/url-map": TEXTS,
    "ingress.kubernetes.io/static-ip": TEXTS,
    "ingress.kubernetes.io/forwarding-rule": ("k8s-fw-x--uid", *TEXTS),
    "glbc.gcp.kubernetes.io/require-security-policy": FLAGS,
}
# On a Service.
SERVICE_NOTES: Final[Mapping[str, Sequence[str]]] = {
    "cloud.google.com/backend-config": JSON,
    "beta.cloud.google.com/backend-config": JSON,
    "cloud.google.com/app-protocols": JSON,
    "service.alpha.kubernetes.io/app-protocols": JSON,
    "cloud.google.com/neg": NEGS,
    "cloud.google.com/neg-status": JSON,
    "networking.gke.io/transparent-health-checker": JSON,
    "networking.gke.io/max-rate-per-endpoint": TEXTS,
    "networking.gke.io/capacity-scaler": TEXTS,
}
