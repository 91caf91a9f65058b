"""`glbc names`: what everything of an Ingress is or will be called, without asking cluster or cloud.

Input is checked here and refused in one line; a name that Compute Engine would not accept is never printed as if it
could exist. The JSON form is for programs and stays as it is; the text form is for eyes.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

import msgspec
from msgspec import UNSET, UnsetType

from glbc.errors import GlbcError
from glbc.model.loadbalancer import FrontendNames
from glbc.naming import Namer, Scheme, is_valid_name

_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_INGRESS: Final = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_SERVICE: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_WIDTH: Final = 16  # + 63 characters of a name: one line of 80


class NamesError(GlbcError):
    """What was asked has no names."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the names are made of."""

    ingress: str  # namespace/name
    cluster_uid: str  # empty: a legacy cluster, whose v1 names have no suffix
    kube_system_uid: str
    provider_uid: str = ""  # empty: the cluster uid
    node_ports: tuple[int, ...] = ()  # 1-65535
    services: tuple[str, ...] = ()  # name:port, of the Ingress's namespace; with endpoint groups
    certificates: tuple[Path, ...] = ()  # files as in a Secret's `tls.crt`


class FrontendReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One scheme's names, by the REST collection where there is one of it."""

    url_maps: str
    redirect_url_map: str | UnsetType = UNSET  # v2 only
    target_http_proxies: str
    target_https_proxies: str
    http_forwarding_rule: str
    https_forwarding_rule: str
    addresses: str  # the managed static address
    ssl_certificates: tuple[str, ...]  # in the order of the files


class SharedReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Names that Ingresses share, the same under both schemes."""

    instance_groups: str
    firewalls: str
    backend_services: str | tuple[str, ...] | UnsetType = UNSET  # one port, several, none
    health_checks: str | tuple[str, ...] | UnsetType = UNSET
    network_endpoint_groups: tuple[str, ...] | UnsetType = UNSET  # in each zone; in their order


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All names of an Ingress."""

    v1: FrontendReport
    v2: FrontendReport
    shared: SharedReport


def run(request: Request, out: TextIO, *, as_json: bool) -> int:
    """Print the names; return the exit code.

    Raises:
        NamesError: The request names no Ingress, port, file or cluster that could be.
    """
    report = make_report(request)
    if as_json:
        out.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    else:
        out.writelines(f"{line}\n" for line in _lines(request, report))
    return 0


def make_report(request: Request) -> Report:
    """Make all names that the request asks for, or say why there are none."""
    namespace, name = _ingress_key(request.ingress)
    if not request.kube_system_uid:
        raise NamesError(
            "--kube-system-uid: is empty: give metadata.uid of the namespace kube-system"
        )
    for port in request.node_ports:
        if not 1 <= port <= 65535:
            raise NamesError(f"--node-port {port}: is no port: give a number from 1 to 65535")
    namer = Namer(request.cluster_uid, request.kube_system_uid, request.provider_uid)
    _check_uids(request, namer)
    crts = [_read(path) for path in request.certificates]
    schemes = {}
    for scheme in Scheme:
        names = namer.frontend(scheme, namespace, name)
        if not is_valid_name(names.url_map):
            raise NamesError(
                f"ingress {request.ingress}: Compute Engine refuses the URL map name {names.url_map}: "
                "rename the Ingress with a-z, 0-9 and dashes only"
            )
        certificates = [namer.certificate(scheme, namespace, name, crt) for crt in crts]
        schemes[scheme] = _frontend_report(names, certificates)
    return Report(
        v1=schemes[Scheme.V1],
        v2=schemes[Scheme.V2],
        shared=_shared_report(namer, request.node_ports, _groups(request, namespace, namer)),
    )


def _ingress_key(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not slash:
        raise NamesError(f"{text!r}: names no Ingress: write namespace/name")
    for what, word, grammar in (("namespace", namespace, _NAMESPACE), ("name", name, _INGRESS)):
        if not grammar.fullmatch(word):
            raise NamesError(
                f"ingress {text!r}: Kubernetes allows no {what} {word!r}: "
                "write namespace/name in a-z, 0-9 and dashes"
            )
    return namespace, name


def _check_uids(request: Request, namer: Namer) -> None:
    """Refuse a uid that no name could end in; how long it may be depends on the name."""
    firewall_option = "--provider-uid" if request.provider_uid else "--cluster-uid"
    for option, value, name in (
        ("--cluster-uid", request.cluster_uid, namer.instance_group()),
        (firewall_option, request.provider_uid or request.cluster_uid, namer.firewall()),
    ):
        if not is_valid_name(name):
            raise NamesError(
                f"{option} {value!r}: Compute Engine refuses the name {name}: "
                "give the value of ConfigMap kube-system/ingress-uid"
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise NamesError(
            f"--cert {path}: cannot be read ({e.strerror}): give a readable file"
        ) from e


def _frontend_report(names: FrontendNames, certificates: Sequence[str]) -> FrontendReport:
    return FrontendReport(
        url_maps=names.url_map,
        redirect_url_map=names.redirect_map or UNSET,
        target_http_proxies=names.http_proxy,
        target_https_proxies=names.https_proxy,
        http_forwarding_rule=names.http_rule,
        https_forwarding_rule=names.https_rule,
        addresses=names.address,
        ssl_certificates=tuple(certificates),
    )


def _groups(request: Request, namespace: str, namer: Namer) -> tuple[str, ...]:
    """Name the endpoint groups of the Services; their backends and health checks are called the same."""
    names = []
    for text in request.services:
        service, _, port = text.partition(":")
        is_port = port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535
        if not (_SERVICE.fullmatch(service) and is_port):
            raise NamesError(f"--service {text!r}: is no Service port: write NAME:NUMBER")
        names.append(namer.neg(namespace, service, int(port)))
    return tuple(names)


def _shared_report(
    namer: Namer, node_ports: tuple[int, ...], groups: tuple[str, ...]
) -> SharedReport:
    made = (*(namer.backend(port) for port in node_ports), *groups)
    backends = made if len(made) > 1 else made[0] if made else UNSET
    return SharedReport(
        instance_groups=namer.instance_group(),
        firewalls=namer.firewall(),
        backend_services=backends,
        health_checks=backends,
        network_endpoint_groups=groups or UNSET,
    )


def _lines(request: Request, report: Report) -> Iterator[str]:
    yield f"Ingress {request.ingress}"
    for scheme, names in ((Scheme.V2, report.v2), (Scheme.V1, report.v1)):
        yield ""
        yield f"{scheme} ({_USED[scheme]})"
        yield from _rows(_frontend_rows(names))
    yield ""
    yield "shared"
    yield from _rows(_shared_rows(request, report.shared))


_USED: Final = {
    Scheme.V2: "finalizer ingress-finalizer-V2",
    Scheme.V1: "finalizer ingress-finalizer, or none",
}


def _frontend_rows(names: FrontendReport) -> Iterator[tuple[str, str]]:
    yield "URL map", names.url_maps
    if names.redirect_url_map is not UNSET:
        yield "redirect map", names.redirect_url_map
    yield "HTTP proxy", names.target_http_proxies
    yield "HTTPS proxy", names.target_https_proxies
    yield "HTTP rule", names.http_forwarding_rule
    yield "HTTPS rule", names.https_forwarding_rule
    yield "address", names.addresses
    yield from (("certificate", name) for name in names.ssl_certificates)


def _shared_rows(request: Request, names: SharedReport) -> Iterator[tuple[str, str]]:
    yield "instance group", names.instance_groups
    yield "firewall rule", names.firewalls
    if names.backend_services is not UNSET:
        made = names.backend_services
        backends = (made,) if isinstance(made, str) else made
        labels = (*(f"port {port}" for port in request.node_ports), *request.services)
        yield from zip(labels, backends, strict=True)


def _rows(rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    return (f"{label:<{_LABEL_WIDTH - 1}} {name}" for label, name in rows)
