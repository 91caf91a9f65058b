"""The table of inserts that are refused: collection, body, reason, message, and why."""

from tests.contract.gce.door import ZONE

PEM = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nYmFy\n-----END PRIVATE KEY-----\n"
HTTP = {"type": "HTTP"}
BE = "global/backendServices/be"
IG = f"{ZONE}/instanceGroups/ig"
RATE = {"group": IG, "balancingMode": "RATE", "maxRatePerInstance": 1}


def _service(**body):
    return {"name": "x", "healthChecks": ["global/healthChecks/hc"], **body}


def _rule(**body):
    return {"name": "x", "target": "global/targetHttpProxies/tp", "portRange": "80", **body}


INSERTS = [
    # shape
    ("healthChecks", {"type": "HTTP"}, "required", "resource.name", "no name"),
    ("healthChecks", {"name": "Bad_Name", **HTTP}, "invalid", "regex", "a name of wrong grammar"),
    ("healthChecks", {"name": "x" * 64, **HTTP}, "invalid", "regex", "a name of 64 characters"),
    ("networkEndpointGroups", {"name": "1x"}, "invalid", "regex", "a name starting with a digit"),
    (
        "healthChecks",
        {"name": "x", "colour": 1},
        "invalid",
        'Unknown name "colour"',
        "unknown field",
    ),
    (
        "healthChecks",
        {"name": "x", **HTTP, "httpHealthCheck": {"prot": 1}},
        "invalid",
        'Unknown name "prot"',
        "unknown nested field",
    ),
    ("healthChecks", {"name": "x", "type": "FTP"}, "invalid", "'FTP'", "unknown enum value"),
    ("healthChecks", {"name": "x", **HTTP, "timeoutSec": "a"}, "invalid", "INT32", "text for int"),
    ("healthChecks", {"name": "x", **HTTP, "timeoutSec": 1.5}, "invalid", "INT32", "1.5 for int"),
    ("healthChecks", {"name": "x", **HTTP, "timeoutSec": 2**31}, "invalid", "INT32", "too large"),
    ("healthChecks", {"name": 7, **HTTP}, "invalid", "STRING", "a number for text"),
    ("backendServices", {"name": "x", "enableCDN": "yes"}, "invalid", "BOOL", "text for bool"),
    ("backendServices", {"name": "x", "backends": {}}, "invalid", "ARRAY", "a map for a list"),
    ("healthChecks", [], "parseError", "object", "a body that is no object"),
    # health checks
    ("healthChecks", {"name": "x"}, "required", "resource.type", "health check without type"),
    (
        "healthChecks",
        {"name": "x", **HTTP, "timeoutSec": 6},
        "invalid",
        "timeoutSec",
        "timeout longer than the interval",
    ),
    (
        "healthChecks",
        {"name": "x", **HTTP, "healthyThreshold": 11},
        "invalid",
        "healthyThreshold",
        "threshold above 10",
    ),
    (
        "healthChecks",
        {"name": "x", **HTTP, "tcpHealthCheck": {"port": 80}},
        "invalid",
        "tcpHealthCheck",
        "block of another type",
    ),
    (
        "healthChecks",
        {"name": "x", **HTTP, "httpHealthCheck": {"port": 0}},
        "invalid",
        "port",
        "port 0",
    ),
    (
        "healthChecks",
        {"name": "x", **HTTP, "httpHealthCheck": {"requestPath": "a"}},
        "invalid",
        "requestPath",
        "path without slash",
    ),
    (
        "healthChecks",
        {
            "name": "x",
            **HTTP,
            "httpHealthCheck": {"port": 80, "portSpecification": "USE_SERVING_PORT"},
        },
        "invalid",
        "port",
        "a port beside USE_SERVING_PORT",
    ),
    # backend services
    (
        "backendServices",
        {"name": "x", "backends": [RATE]},
        "required",
        "healthChecks",
        "a group without health check",
    ),
    (
        "backendServices",
        _service(backends=[RATE, RATE]),
        "invalid",
        "Duplicate instance groups in backend service.",
        "the same group twice",
    ),
    (
        "backendServices",
        _service(backends=[{"group": IG, "balancingMode": "RATE"}]),
        "required",
        "maxRatePerInstance",
        "RATE without a rate",
    ),
    (
        "backendServices",
        _service(backends=[{"group": IG, "balancingMode": "UTILIZATION"}]),
        "invalid",
        "incompatible balancing_mode",
        "another balancing mode on a shared group",
    ),
    (
        "backendServices",
        _service(backends=[RATE | {"capacityScaler": 0.05}]),
        "invalid",
        "capacityScaler",
        "capacity between 0 and 0.1",
    ),
    (
        "backendServices",
        _service(backends=[RATE | {"capacityScaler": 0}]),
        "invalid",
        "capacityScaler",
        "capacity 0 of the only backend",
    ),
    (
        "backendServices",
        _service(backends=[RATE], loadBalancingScheme="INTERNAL"),
        "invalid",
        "Balancing mode must be CONNECTION for an INTERNAL backend service.",
        "RATE of an internal passthrough service",
    ),
    ("backendServices", _service(portName="Http"), "invalid", "portName", "portName grammar"),
    (
        "backendServices",
        _service(connectionDraining={"drainingTimeoutSec": 3601}),
        "invalid",
        "drainingTimeoutSec",
        "draining for too long",
    ),
    (
        "backendServices",
        {"name": "x", "healthChecks": ["global/healthChecks/hc", "global/healthChecks/hc2"]},
        "notFound",
        "global/healthChecks/hc2",
        "a missing health check",
    ),
    (
        "backendServices",
        {"name": "x", "healthChecks": ["nonsense"]},
        "invalid",
        "malformed",
        "a reference that is none",
    ),
    (
        "backendServices",
        {"name": "x", "healthChecks": ["global/urlMaps/um"]},
        "invalid",
        "Unexpected resource collection",
        "a reference to another kind",
    ),
    # proxies and certificates
    ("targetHttpProxies", {"name": "x"}, "required", "urlMap", "a proxy without URL map"),
    (
        "targetHttpProxies",
        {"name": "x", "urlMap": "global/urlMaps/gone"},
        "notFound",
        "'projects/demo/global/urlMaps/gone' was not found",
        "a proxy of a missing URL map",
    ),
    (
        "targetHttpsProxies",
        {"name": "x", "urlMap": "global/urlMaps/um"},
        "required",
        "sslCertificates",
        "an HTTPS proxy without certificate",
    ),
    ("sslCertificates", {"name": "x"}, "required", "certificate", "a certificate without PEM"),
    ("sslCertificates", {"name": "x", "certificate": PEM}, "required", "privateKey", "no key"),
    (
        "sslCertificates",
        {"name": "x", "certificate": "PEM", "privateKey": KEY},
        "sslCertificateCouldNotParseCert",
        "could not be parsed",
        "a certificate that is no PEM",
    ),
    (
        "sslCertificates",
        {"name": "x", "certificate": PEM, "privateKey": PEM},
        "sslCertificateCouldNotParsePrivateKey",
        "could not be parsed",
        "a key that is no key",
    ),
    (
        "sslCertificates",
        {"name": "x", "certificate": PEM * 6, "privateKey": KEY},
        "sslCertificateChainTooLong",
        "longer",
        "a chain of six",
    ),
    # forwarding rules
    ("forwardingRules", {"name": "x", "portRange": "80"}, "required", "target", "no target"),
    ("forwardingRules", _rule(portRange=""), "required", "portRange", "no port"),
    ("forwardingRules", _rule(portRange="80-81"), "invalid", "single port", "two ports of a proxy"),
    ("forwardingRules", _rule(portRange="http"), "invalid", "port range", "a port by name"),
    ("forwardingRules", _rule(ports=["80"]), "invalid", "ports", "ports beside portRange"),
    (
        "forwardingRules",
        _rule(loadBalancingScheme="EXTERNAL_MANAGED"),
        "invalid",
        "scheme",
        "another scheme than the backend service's",
    ),
    (
        "forwardingRules",
        _rule(IPAddress="34.1.2.3"),
        "invalid",
        "Invalid IP address",
        "an address nobody holds",
    ),
    (
        "forwardingRules",
        _rule(IPAddress="global/addresses/none"),
        "notFound",
        "global/addresses/none",
        "a named address that is missing",
    ),
    # firewalls
    ("firewalls", {"name": "x"}, "required", "allowed", "a firewall that allows nothing"),
    (
        "firewalls",
        {"name": "x", "allowed": [{"IPProtocol": "tcp"}], "priority": 65536},
        "invalid",
        "priority",
        "priority above 65535",
    ),
    (
        "firewalls",
        {"name": "x", "allowed": [{"IPProtocol": "tcp", "ports": ["90-80"]}]},
        "invalid",
        "port range",
        "a range backwards",
    ),
    (
        "firewalls",
        {"name": "x", "allowed": [{"IPProtocol": "tcp"}], "network": "global/networks/none"},
        "invalid",
        "The referenced network resource cannot be found.",
        "a firewall of a missing network",
    ),
]
