"""The name of everything, equal to ingress-gce's byte for byte, so that a cluster changes hands without a write.

Two schemes name front ends: v1 ends in the cluster uid and may be cut, v2 holds hashes and never is. Backends,
groups and the firewall rule have one scheme. `parse` reads a name back as far as it allows and never claims more
identity than the name holds: names are cut and hashed, so whose a name is, is decided by making it again.
The rules are igce `pkg/utils/namer/` (`namer.go`, `frontendnamer.go`, `utils.go`).
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Final

import msgspec

from glbc.model.loadbalancer import FrontendNames

FINALIZER_V1: Final = "networking.gke.io/ingress-finalizer"
FINALIZER_V2: Final = "networking.gke.io/ingress-finalizer-V2"

_DELIMITER: Final = "--"
_NAME_LIMIT: Final = 62  # Compute Engine allows 63: a cut name gets a "0", never a trailing "-"
_CUT_MARK: Final = "0"
_UID_EVIDENCE: Final = 4  # a cut uid must keep more characters than this to hint at a cluster
_NEG_FIELDS: Final = 38  # 63 - "k8s1" - uid8 - hash8 - separators
_FRONTEND_FIELDS: Final = 36  # 63 - "k8s2-um" - 8 - 8 - separators
_SUBNET_HASH: Final = 6
_BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Scheme(StrEnum):
    """How a front end's resources are named; recorded on the Ingress by its finalizer."""

    V1 = "v1"
    V2 = "v2"


class Role(StrEnum):
    """What a name is for, as its kind word says."""

    INSTANCE_GROUP = "instance group"
    IG_BACKEND = "instance group backend"
    NEG = "network endpoint group"  # also its backend service and health check
    REGIONAL_EXTERNAL_BACKEND = "regional external backend"
    FIREWALL = "firewall rule"
    URL_MAP = "URL map"
    REDIRECT_MAP = "redirect URL map"
    HTTP_PROXY = "target HTTP proxy"
    HTTPS_PROXY = "target HTTPS proxy"
    HTTP_RULE = "HTTP forwarding rule"  # also the managed address
    HTTPS_RULE = "HTTPS forwarding rule"
    CERTIFICATE = "certificate"
    LEGACY_CERTIFICATE = "legacy certificate"  # k8s-ssl-<lb> and k8s-ssl-1-<lb>, made no more


class Identity(StrEnum):
    """How much of the cluster's identity a name proves; less than full alone never permits a deletion."""

    FULL = "full"
    PARTIAL = "partial"
    NONE = "none"


# The REST collections in which a name of this role may stand.
COLLECTIONS: Final[dict[Role, frozenset[str]]] = {
    Role.INSTANCE_GROUP: frozenset({"instanceGroups"}),
    Role.IG_BACKEND: frozenset({"backendServices", "healthChecks"}),
    Role.NEG: frozenset({"networkEndpointGroups", "backendServices", "healthChecks"}),
    Role.REGIONAL_EXTERNAL_BACKEND: frozenset({"backendServices", "healthChecks"}),
    Role.FIREWALL: frozenset({"firewalls"}),
    Role.URL_MAP: frozenset({"urlMaps"}),
    Role.REDIRECT_MAP: frozenset({"urlMaps"}),
    Role.HTTP_PROXY: frozenset({"targetHttpProxies"}),
    Role.HTTPS_PROXY: frozenset({"targetHttpsProxies"}),
    Role.HTTP_RULE: frozenset({"forwardingRules", "addresses"}),
    Role.HTTPS_RULE: frozenset({"forwardingRules"}),
    Role.CERTIFICATE: frozenset({"sslCertificates"}),
    Role.LEGACY_CERTIFICATE: frozenset({"sslCertificates"}),
}

_FRONTEND_WORDS: Final = (
    # role, field of FrontendNames, v1, v2
    (Role.URL_MAP, "url_map", "um", "um"),
    (Role.REDIRECT_MAP, "redirect_map", None, "rm"),
    (Role.HTTP_PROXY, "http_proxy", "tp", "tp"),
    (Role.HTTPS_PROXY, "https_proxy", "tps", "ts"),
    (Role.HTTP_RULE, "http_rule", "fw", "fr"),
    (Role.HTTPS_RULE, "https_rule", "fws", "fs"),
)

_VALID_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_V1_CERTIFICATE: Final = (
    r"k8s-ssl-(?P<load_balancer_hash>[0-9a-f]{16})-(?P<certificate_hash>[0-9a-f]{16})(--.+)?"
)
_V1_GRAMMAR: Final = (  # the first match wins; a group's name is the field of Parsed that it fills
    (Role.INSTANCE_GROUP, None, re.compile(r"k8s-ig(--.+)?")),
    (Role.IG_BACKEND, None, re.compile(r"k8s-be-(?P<node_port>[0-9]{1,5})(--.+)?")),
    (Role.CERTIFICATE, Scheme.V1, re.compile(_V1_CERTIFICATE)),
    (Role.LEGACY_CERTIFICATE, Scheme.V1, re.compile(r"k8s-ssl-(?P<load_balancer>.+)")),
    *(
        (role, Scheme.V1, re.compile(f"k8s-{word}-(?P<load_balancer>.+)"))
        for role, _, word, _ in _FRONTEND_WORDS
        if word
    ),
)
_FIREWALL: Final = re.compile(r"k8s-fw-l7(--(?P<owner>.+))?")
_V2_FRONTEND: Final = re.compile(
    r"k8s2-(um|rm|tp|ts|fr|fs)-(?P<lb>(?P<cluster>\w{8})-(?P<words>.{3,37})-(?P<proof>\w{8}))"
)
_V2_CERTIFICATE: Final = re.compile(
    r"k8s2-cr-(?P<cluster>\w{8})-(?P<lb_hash>\w{16})-(?P<hash>[0-9a-f]{16})"
)
_NEG: Final = re.compile(r"k8s1-.*-[0-9a-f]{8}")
# What stands before an endpoint group's hash, with and without the infixes of the variants.
_NEG_WORDS: Final = (
    (Role.NEG, re.compile(r"(?P<names>.+)-(?P<port>[1-9][0-9]*)")),
    (Role.NEG, re.compile(r"(?P<names>.+)-(?P<port>[1-9][0-9]*)-[0-9a-f]{6}")),
    (Role.REGIONAL_EXTERNAL_BACKEND, re.compile(r"e-(?P<names>.+)-(?P<port>[1-9][0-9]*)")),
)


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """What a name says. Empty or None: the name does not hold it, or cannot prove it."""

    role: Role
    scheme: Scheme | None = None  # None: named the same under both schemes
    identity: Identity = Identity.NONE
    cut: bool = False  # the end is missing, and with it some of the identity or all of it
    load_balancer: str = ""  # FrontendNames.load_balancer; when cut, what it begins with
    load_balancer_hash: str = ""  # of a certificate's front end, as in certificate_prefix
    certificate_hash: str = ""  # as certificate_hash() gives
    node_port: int | None = None
    namespace: str = (
        ""  # of the Ingress (v2) or Service (NEG), only if the name's own hash proves it
    )
    name: str = ""
    service_port: int | None = None

    @property
    def collections(self) -> frozenset[str]:
        """Return the REST collections in which such a name may stand."""
        return COLLECTIONS[self.role]


class Namer(msgspec.Struct, frozen=True):
    """Makes and reads the names of one cluster. An empty uid gives legacy names, which prove nothing."""

    cluster_uid: str  # of `ingress-uid`; of a value holding "--" the text after the last one counts
    kube_system_uid: str  # metadata.uid of the namespace kube-system; for v2 front ends only
    firewall_name: str = ""  # `provider-uid`; empty: the cluster uid; for the firewall rule only

    def __post_init__(self) -> None:
        """Apply the rule of igce `namer.go` SetUID; the firewall name is taken as it is."""
        msgspec.structs.force_setattr(self, "cluster_uid", _last_part(self.cluster_uid))

    def instance_group(self) -> str:
        """Name the instance group, the same in each zone (igce `Namer.InstanceGroup`)."""
        return self._decorate("k8s-ig")

    def named_port(self, node_port: int) -> str:
        """Name a node port on the instance group (igce `Namer.NamedPort`)."""
        return f"port{node_port}"

    def backend(self, node_port: int) -> str:
        """Name the backend service and health check of a node port (igce `Namer.IGBackend`)."""
        return self._decorate(f"k8s-be-{node_port}")

    def firewall(self) -> str:
        """Name the firewall rule; only what follows `k8s-fw-` is cut (igce `Namer.FirewallRule`)."""
        owner = self.firewall_name or self.cluster_uid
        return "k8s-fw-" + (_cut(f"l7{_DELIMITER}{owner}") if owner else "l7")

    def neg(self, namespace: str, service: str, port: int, subnet: str = "") -> str:
        """Name a Service port's endpoint group, its backend service and its health check.

        Words are trimmed, the hash is over whole ones (igce `Namer.NEG`, `NonDefaultSubnetNEG`). `port` is the
        Service's port number; `subnet` is empty for the cluster's default one.
        """
        infix = f"-{_hex(subnet, _SUBNET_HASH)}" if subnet else ""
        words = "-".join(trim_fields(_NEG_FIELDS - len(infix), (namespace, service, str(port))))
        return f"{self._neg_prefix}{words}{infix}-{self._neg_proof(namespace, service, port)}"

    def is_of_endpoints(self, name: str) -> bool:
        """Tell whether a backend service's name is one of endpoint groups, whose ever."""
        return _NEG.fullmatch(name) is not None

    def is_neg_of(self, name: str, namespace: str, service: str) -> bool:
        """Tell whether a name is one that `neg` makes for some port of this Service.

        Long words are cut, the port's digits too: every port that begins with what is left is tried.
        """
        if not self.cluster_uid or not name.startswith(self._neg_prefix):
            return False
        words, _, proof = name.removeprefix(self._neg_prefix).rpartition("-")
        digits = words.rpartition("-")[2]
        if not digits.isdecimal():
            return False
        first = int(digits)
        ports = (
            port
            for more in range(6 - len(digits))
            for port in range(first * 10**more, (first + 1) * 10**more)
            if 0 < port < 65536
        )
        return any(
            self._neg_proof(namespace, service, port) == proof
            and self.neg(namespace, service, port) == name
            for port in ports
        )

    def neg_regional_external_backend(self, namespace: str, service: str, port: int) -> str:
        """Name the backend service of class gce-regional-external (igce `Namer.RXLBBackendName`)."""
        words = "-".join(trim_fields(_NEG_FIELDS - 2, (namespace, service, str(port))))
        return f"{self._neg_prefix}e-{words}-{self._neg_proof(namespace, service, port)}"

    def frontend(self, scheme: Scheme, namespace: str, name: str) -> FrontendNames:
        """Name what an Ingress owns alone, but for its certificates."""
        if scheme is Scheme.V2:
            return self._frontend_v2(namespace, name)
        return self._frontend_v1(namespace, name)

    def certificate(self, scheme: Scheme, namespace: str, name: str, tls_crt: bytes) -> str:
        """Name the certificate that an Ingress makes of a Secret's `tls.crt` (igce `SSLCertName`)."""
        prefix = self.frontend(scheme, namespace, name).certificate_prefix
        stem = f"{prefix}-{certificate_hash(tls_crt)}"
        return stem if scheme is Scheme.V2 else self._decorate(stem)

    def parse(self, name: str) -> Parsed | None:
        """Read a resource's name back; None if neither scheme makes it or no resource can bear it.

        A v1 name that was cut proves partial identity at most. An endpoint group's name holds eight characters of
        the uid and proves partial identity always. A v2 name proves it in full by the hash of the kube-system uid,
        unless its own hash shows that we did not make it. An empty uid proves nothing.
        """
        if not is_valid_name(name):
            return None
        if found := _FIREWALL.fullmatch(name):
            owner = self.firewall_name or self.cluster_uid
            identity = Identity.FULL if owner and found["owner"] == owner else Identity.NONE
            return Parsed(role=Role.FIREWALL, identity=identity)
        if found := _V2_CERTIFICATE.fullmatch(name):
            return self._parsed_v2_certificate(found)
        if found := _V2_FRONTEND.fullmatch(name):
            return self._parsed_v2_frontend(found)
        if _NEG.fullmatch(name):
            return self._parsed_neg(name)
        return self._parse_v1(name)

    def _frontend_v1(self, namespace: str, name: str) -> FrontendNames:
        """Cut the load balancer's name first, then each name again (igce `Namer.LoadBalancer`)."""
        load_balancer = f"{namespace}-{name}"
        if self.cluster_uid and _last_part(f"{namespace}/{name}") != self.cluster_uid:
            load_balancer = _cut(f"{load_balancer}{_DELIMITER}{self.cluster_uid}")
        prefix = f"k8s-ssl-{_hex(load_balancer, 16)}"
        made = {f: _cut(f"k8s-{v1}-{load_balancer}") for _, f, v1, _ in _FRONTEND_WORDS if v1}
        return FrontendNames(load_balancer=load_balancer, certificate_prefix=prefix, **made)

    def _frontend_v2(self, namespace: str, name: str) -> FrontendNames:
        """Trim namespace and name evenly, hash whole ones (igce `frontendnamer.go` V2IngressFrontendNamer)."""
        words = "-".join(trim_fields(_FRONTEND_FIELDS, (namespace, name)))
        cluster = content_hash(self.kube_system_uid, 8)
        load_balancer = f"{cluster}-{words}-{self._frontend_proof(namespace, name)}"
        prefix = f"k8s2-cr-{cluster}-{content_hash(load_balancer, 16)}"
        made = {field: f"k8s2-{v2}-{load_balancer}" for _, field, _, v2 in _FRONTEND_WORDS}
        return FrontendNames(load_balancer=load_balancer, certificate_prefix=prefix, **made)

    def _parse_v1(self, name: str) -> Parsed | None:
        cut = len(name) > _NAME_LIMIT
        if cut and not name.endswith(_CUT_MARK):
            return None
        for role, scheme, grammar in _V1_GRAMMAR:
            if found := grammar.fullmatch(name):
                fields = found.groupdict()
                load_balancer = fields.get("load_balancer", "")
                return Parsed(
                    role=role,
                    scheme=scheme,
                    identity=self._v1_identity(name, cut=cut),
                    cut=cut,
                    load_balancer=load_balancer[:-1] if cut else load_balancer,
                    load_balancer_hash=fields.get("load_balancer_hash", ""),
                    certificate_hash=fields.get("certificate_hash", ""),
                    node_port=int(fields["node_port"]) if "node_port" in fields else None,
                )
        return None

    def _v1_identity(self, name: str, *, cut: bool) -> Identity:
        """Judge the text after the last delimiter, more strictly than igce `NameBelongsToCluster`.

        Upstream takes a leading piece of the uid for the cluster's even in a name that was not cut, and any name
        without a delimiter when the uid is empty: those may be other clusters' names.
        """
        if not self.cluster_uid or _DELIMITER not in name:
            return Identity.NONE
        tail = _last_part(name)
        if not cut:
            return Identity.FULL if tail == self.cluster_uid else Identity.NONE
        kept = tail.removesuffix(_CUT_MARK)
        hints = len(kept) > _UID_EVIDENCE and self.cluster_uid.startswith(kept)
        return Identity.PARTIAL if hints else Identity.NONE

    def _parsed_v2_certificate(self, found: re.Match[str]) -> Parsed:
        return Parsed(
            role=Role.CERTIFICATE,
            scheme=Scheme.V2,
            identity=Identity.FULL if self._is_v2_cluster(found["cluster"]) else Identity.NONE,
            load_balancer_hash=found["lb_hash"],
            certificate_hash=found["hash"],
        )

    def _parsed_v2_frontend(self, found: re.Match[str]) -> Parsed:
        namespace = name = ""
        identity = Identity.NONE
        if self._is_v2_cluster(found["cluster"]):
            readings = _splits(found["words"])
            proven = (pair for pair in readings if self._frontend_proof(*pair) == found["proof"])
            namespace, name = next(proven, ("", ""))
            # Words that fill their room may have been trimmed; the hash is over whole ones.
            full = name or len(found["words"]) > _FRONTEND_FIELDS
            identity = Identity.FULL if full else Identity.PARTIAL
        return Parsed(
            role=next(role for role, _, _, v2 in _FRONTEND_WORDS if v2 == found[1]),
            scheme=Scheme.V2,
            identity=identity,
            load_balancer=found["lb"],
            namespace=namespace,
            name=name,
        )

    def _parsed_neg(self, name: str) -> Parsed:
        """Read a group's name; trimmed words cannot tell a group from a regional external backend."""
        if not self.cluster_uid or not name.startswith(self._neg_prefix):
            return Parsed(role=Role.NEG)
        parsed = Parsed(role=Role.NEG, identity=Identity.PARTIAL)
        words, _, proof = name.removeprefix(self._neg_prefix).rpartition("-")
        for role, grammar in _NEG_WORDS:
            if (found := grammar.fullmatch(words)) is None:
                continue
            port = int(found["port"])
            for space, service in _splits(found["names"]):
                if self._neg_proof(space, service, port) == proof:
                    proven = {"namespace": space, "name": service, "service_port": port}
                    return msgspec.structs.replace(parsed, role=role, **proven)
        return parsed

    @property
    def _neg_prefix(self) -> str:
        return f"k8s1-{self.cluster_uid[:8]}-"

    def _decorate(self, stem: str) -> str:
        return _cut(f"{stem}{_DELIMITER}{self.cluster_uid}") if self.cluster_uid else stem

    def _neg_proof(self, namespace: str, service: str, port: int) -> str:
        return _hex(f"{self.cluster_uid[:8]};{namespace};{service};{port}", 8)

    def _frontend_proof(self, namespace: str, name: str) -> str:
        return content_hash(f"{self.kube_system_uid};{namespace};{name}", 8)

    def _is_v2_cluster(self, cluster: str) -> bool:
        return self.kube_system_uid != "" and cluster == content_hash(self.kube_system_uid, 8)


def path_matcher(host: str) -> str:
    """Name a host's path matcher in a URL map; the catch-all host is `*` (igce `translator.go`)."""
    return f"host{hashlib.md5(host.encode(), usedforsecurity=False).hexdigest()}"


def certificate_hash(tls_crt: bytes) -> str:
    """Hash a Secret's `tls.crt` as stored: the content's part of a certificate's name."""
    return hashlib.sha256(tls_crt).hexdigest()[:16]


def content_hash(text: str, length: int) -> str:
    """Hash to base 36, one character per byte of sha256 (igce `pkg/utils/common` ContentHash)."""
    return "".join(_BASE36[byte % 36] for byte in hashlib.sha256(text.encode()).digest()[:length])


def trim_fields(limit: int, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Trim fields in proportion to their length so that together they hold `limit` characters.

    What rounding leaves over goes to the first fields, one each; a short field may become empty
    (igce `utils.go` TrimFieldsEvenly).
    """
    total = sum(map(len, fields))
    if limit <= 0 or total <= limit:
        return fields
    lengths = [max(len(f) - len(f) * (total - limit) // total - 1, 0) for f in fields]
    left_over = limit - sum(lengths)
    return tuple(f[: lengths[i] + (i < left_over)] for i, f in enumerate(fields))


def is_valid_name(name: str) -> bool:
    """Tell whether Compute Engine accepts a name; without a valid URL map name nothing is synced."""
    return _VALID_NAME.fullmatch(name) is not None


def finalizer_of(scheme: Scheme) -> str:
    """Return the finalizer that marks an Ingress as named by a scheme."""
    return FINALIZER_V2 if scheme is Scheme.V2 else FINALIZER_V1


def scheme_of(finalizers: Collection[str]) -> Scheme | None:
    """Return the scheme that an Ingress's finalizers record; v2 wins, None: not decided yet."""
    if FINALIZER_V2 in finalizers:
        return Scheme.V2
    return Scheme.V1 if FINALIZER_V1 in finalizers else None


def _splits(words: str) -> Iterator[tuple[str, str]]:
    """Yield each way to read words as two names joined by a dash."""
    inner = range(1, len(words) - 1)
    return ((words[:at], words[at + 1 :]) for at in inner if words[at] == "-")


def _last_part(text: str) -> str:
    # From the left, as Go's Split: of "a---b" the last part is "-b".
    return text.split(_DELIMITER)[-1]  # noqa: PLC0207


def _cut(name: str) -> str:
    """Cut a name to 63 characters, the last of them "0" (igce `namer.go` truncate)."""
    return name if len(name) <= _NAME_LIMIT else name[:_NAME_LIMIT] + _CUT_MARK


def _hex(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
