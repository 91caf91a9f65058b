"""Which protocols a front end speaks, at which address, and whether HTTP redirects."""

from typing import Final

import msgspec

from glbc.config import Config
from glbc.model.compute import UrlRedirect
from glbc.model.finding import Finding, Severity
from glbc.model.keys import GLOBAL, Kind, ResourceKey
from glbc.model.loadbalancer import Address, SslPolicy
from glbc.model.views import Hints, Ingress, Snapshot
from glbc.translate import annotations
from glbc.translate.lower import FrontEndKeys
from glbc.translate.reasons import Reason
from glbc.translate.tls import Secured

# What the API takes as redirectResponseCode of urlMaps.defaultUrlRedirect.
CODES: Final = frozenset(
    {
        "MOVED_PERMANENTLY_DEFAULT",
        "FOUND",
        "SEE_OTHER",
        "TEMPORARY_REDIRECT",
        "PERMANENT_REDIRECT",
    }
)


FEEDING: Final = frozenset(
    # What the decisions here rest on: while one of these was never listed, nothing is decided.
    {
        Kind.FORWARDING_RULE,
        Kind.ADDRESS,
        Kind.TARGET_HTTP_PROXY,
        Kind.TARGET_HTTPS_PROXY,
        Kind.SSL_CERTIFICATE,
        Kind.URL_MAP,
    }
)


class Front(msgspec.Struct, frozen=True, kw_only=True):
    """What is served, and how."""

    http: bool = True
    redirect: str | None = None  # response code, "" for the API's default; None: no redirect
    address: Address | None = None  # None: whatever the cloud gives
    ssl_policy: SslPolicy = SslPolicy()
    kept: frozenset[ResourceKey] = frozenset()  # parts that are left as they are
    findings: tuple[Finding, ...] = ()


def front_of(
    ingress: Ingress,
    keys: FrontEndKeys,
    secured: Secured,
    world: tuple[Snapshot, Hints],
    config: Config,
) -> Front:
    """Return how an Ingress is served in front of its URL map.

    HTTP is served unless the annotation says no. HTTPS is served as soon as there is a certificate.
    With both, they share one address, which is reserved (as upstream does), unless the user names
    a static one. A named address that does not exist is never replaced by another.
    """
    snapshot, hints = world
    http = annotations.flag(ingress.metadata, annotations.ALLOW_HTTP, default=True)
    findings: list[Finding] = []
    kept: set[ResourceKey] = {keys.address}
    https = bool(secured.certificates)
    opened = bool(hints.rules.get(keys.https_rule))  # one under way is not open yet
    if secured.asked and not https:
        # Nothing to serve HTTPS with: what serves it, if anything does, is left alone.
        kept |= {keys.https_proxy, keys.https_rule}
    if not http and https and not opened:
        # HTTP is not taken away before HTTPS is open.
        kept |= {keys.http_proxy, keys.http_rule}
    redirects_now = hints.http_proxies.get(keys.http_proxy) == keys.redirect_map is not None
    if redirects_now and not https:
        # HTTP stops to redirect first: until then HTTPS is not taken away.
        kept |= {keys.https_proxy, keys.https_rule}
    redirect = None
    if http and https:
        redirect = _redirect(ingress, keys, (snapshot, hints), config, findings)
    if not opened and _may_stay_closed(keys, secured, hints, redirects_now):
        redirect = None  # nobody is sent to a port that is not open
    ports = [port for port, on in (("80-80", http), ("443-443", https)) if on]
    address = _static(ingress, keys, hints, ports, findings)
    if address is None:
        address = _managed(keys, hints, both=https and (http or keys.http_rule in hints.rules))
        if address is not None:
            kept.discard(address.key)
    if address is not None and not address.exists and not address.ours:
        kept |= {keys.http_rule, keys.https_rule}
    if FEEDING & hints.unlisted:
        kept |= set(keys.all())  # what is there is not known: nothing is decided
    return Front(
        http=http,
        redirect=redirect,
        address=address,
        ssl_policy=_ssl_policy(ingress, keys, (snapshot, hints), findings),
        kept=frozenset(kept),
        findings=tuple(findings),
    )


def _may_stay_closed(
    keys: FrontEndKeys, secured: Secured, hints: Hints, redirects_now: bool
) -> bool:
    """Tell whether HTTPS, which is not open yet, may not open soon: HTTP must not rely on it."""
    needed = {keys.https_proxy, keys.https_rule, keys.address, *secured.certificates}
    if needed & hints.refused:
        return True
    return not redirects_now and keys.http_rule in hints.rules


def _managed(keys: FrontEndKeys, hints: Hints, *, both: bool) -> Address | None:
    """Return the managed address: it has the IP of a rule that serves already, if there is one.

    With one protocol there is none, unless it is reserved already: then it stays in use.
    """
    live = hints.rules.get(keys.http_rule) or hints.rules.get(keys.https_rule) or ""
    reserved = hints.addresses.get(keys.address.name, "")
    if not both:
        usable = reserved and live in {"", reserved}
        return Address(key=keys.address, ip=reserved, exists=True, ours=True) if usable else None
    for name, ip in sorted(hints.addresses.items()):
        if ip == live and name != keys.address.name and not reserved:
            # Somebody's own address has served so far: it cannot be reserved twice.
            other = msgspec.structs.replace(keys.address, name=name)
            return Address(key=other, ip=ip, exists=True, ours=False)
    return Address(key=keys.address, ip=reserved or live, exists=bool(reserved), ours=True)


def _static(
    ingress: Ingress,
    keys: FrontEndKeys,
    hints: Hints,
    ports: list[str],
    findings: list[Finding],
) -> Address | None:
    """Return the address that the user names, or None. Says so where it cannot be used."""
    name = annotations.text(ingress.metadata, annotations.STATIC_IP)
    regional = annotations.text(ingress.metadata, annotations.REGIONAL_STATIC_IP)
    if not name and not regional:
        return None
    key = ResourceKey(keys.address.project, Kind.ADDRESS, GLOBAL, name or regional)
    ip = hints.addresses.get(name, "")
    if regional:
        findings.append(
            Finding(
                ingress.ref,
                Reason.STATIC_ADDRESS_NOT_USABLE,
                f"metadata.annotations[{annotations.REGIONAL_STATIC_IP}]",
                f"address {regional} is regional, and this load balancer is global; "
                "no address is used instead",
                f"reserve a global address and name it in {annotations.STATIC_IP}",
                Severity.ERROR,
            )
        )
        return Address(key=key, ip="", exists=False, ours=False)
    if not ip:
        findings.append(
            Finding(
                ingress.ref,
                Reason.STATIC_ADDRESS_NOT_USABLE,
                f"metadata.annotations[{annotations.STATIC_IP}]",
                f"there is no global address {name}; no other one is used instead",
                f"gcloud compute addresses create {name} --global",
                Severity.ERROR,
            )
        )
    mine = {keys.http_rule, keys.https_rule}
    taken = [who for at, port, who in hints.listeners if at == ip and port in ports]
    if others := sorted(set(taken) - mine):
        findings.append(
            Finding(
                ingress.ref,
                Reason.STATIC_ADDRESS_NOT_USABLE,
                f"metadata.annotations[{annotations.STATIC_IP}]",
                f"address {name} is in use by {others[0]}; no other one is used instead",
                "name another address, or free this one",
                Severity.ERROR,
            )
        )
        ip = ""
    return Address(key=key, ip=ip, exists=bool(ip), ours=False)


def _redirect(
    ingress: Ingress,
    keys: FrontEndKeys,
    world: tuple[Snapshot, Hints],
    config: Config,
    findings: list[Finding],
) -> str | None:
    """Return the response code of the redirect to HTTPS, or None.

    A FrontendConfig decides where it says something; else the configuration does. One that does not
    exist leaves things as they are.
    """
    snapshot, hints = world
    name = annotations.text(ingress.metadata, annotations.FRONTEND_CONFIG)
    field = f"metadata.annotations[{annotations.FRONTEND_CONFIG}]"
    code: str | None = None if config.https_redirect == "explicit" else ""
    if name:
        found = snapshot.frontend_configs.get(f"{ingress.metadata.namespace}/{name}")
        if found is None:
            problem = f"there is no FrontendConfig {ingress.metadata.namespace}/{name}"
            findings.append(
                Finding(
                    ingress.ref,
                    Reason.FRONTEND_CONFIG_NOT_FOUND,
                    field,
                    f"{problem}; a redirect stays as it is",
                    "create it, or take the annotation out",
                )
            )
            live = hints.http_proxies.get(keys.http_proxy)
            if live is not None:
                code = _live_code(live, hints) if live == keys.redirect_map else None
        elif found.spec is not None and found.spec.redirect_to_https is not None:
            said = found.spec.redirect_to_https
            code = said.response_code_name if said.enabled else None
            if code and code not in CODES:
                problem = f"FrontendConfig {name}: response code {code} does not exist"
                hint = f"use one of {', '.join(sorted(CODES))}"
                findings.append(
                    Finding(
                        ingress.ref, Reason.BAD_REDIRECT, field, f"{problem}; 301 is used", hint
                    )
                )
                code = ""
    if code is not None and keys.redirect_map is None:
        findings.append(
            Finding(
                ingress.ref,
                Reason.REDIRECT_UNSUPPORTED,
                field if name else "spec.tls",
                "an Ingress with v1 names has no redirect map: HTTP is served, not redirected",
                "make the Ingress anew to get v2 names",
                Severity.NOTE,
            )
        )
        return None
    return code


def _live_code(redirect_map: ResourceKey, hints: Hints) -> str:
    """Return the response code that a redirect has now; "" for the API's default."""
    there = hints.url_maps.get(redirect_map)
    if there is None or not isinstance(there.default_url_redirect, UrlRedirect):
        return ""
    return there.default_url_redirect.redirect_response_code or ""


def _ssl_policy(
    ingress: Ingress,
    keys: FrontEndKeys,
    world: tuple[Snapshot, Hints],
    findings: list[Finding],
) -> SslPolicy:
    """Return what a FrontendConfig asks of the SSL policy.

    Absent means that nobody asks, "" asks for none. While the FrontendConfig or the policy does not
    exist, the one that holds now stays.
    """
    snapshot, hints = world
    name = annotations.text(ingress.metadata, annotations.FRONTEND_CONFIG)
    if not name:
        return SslPolicy()
    source = f"frontendconfig {ingress.metadata.namespace}/{name} spec.sslPolicy"
    stays = SslPolicy(key=hints.proxy_policies.get(keys.https_proxy), source=source)
    found = snapshot.frontend_configs.get(f"{ingress.metadata.namespace}/{name}")
    if found is None:
        return stays if stays.key else SslPolicy()
    policy = found.spec.ssl_policy if found.spec else None
    if not policy:
        return SslPolicy() if policy is None else SslPolicy(source=source)
    known = hints.policies.get(Kind.SSL_POLICY)
    if known is not None and policy not in known:
        project = keys.https_proxy.project
        findings.append(
            Finding(
                ingress.ref,
                Reason.SSL_POLICY_NOT_FOUND,
                f"metadata.annotations[{annotations.FRONTEND_CONFIG}]",
                f"FrontendConfig {name}: there is no SSL policy {policy} in project {project}; "
                "the one that holds now stays",
                "create it, or name one that exists",
            )
        )
        return stays if stays.key else SslPolicy()
    key = ResourceKey(keys.https_proxy.project, Kind.SSL_POLICY, GLOBAL, policy)
    return SslPolicy(key=key, source=source)
