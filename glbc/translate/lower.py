"""LoadBalancer and Backend to resources: the bodies that ingress-gce sends, field for field."""

import json
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import UNSET

from glbc.config import Config
from glbc.model import codec, compute
from glbc.model.asked import Asked, laid_over
from glbc.model.finding import ObjectRef
from glbc.model.graph import Resource, wanted
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.loadbalancer import Backend, FrontendNames, LoadBalancer, WarmUp
from glbc.model.record import with_record
from glbc.naming import Namer, path_matcher

CHECK_BLOCKS: Final = {
    # type of a health check -> its own block
    "HTTP": "http_health_check",
    "HTTPS": "https_health_check",
    "HTTP2": "http2_health_check",
}
REDIRECT_CODE: Final = "defaultUrlRedirect.redirectResponseCode"
NOTHING: Final = Asked(source="")


def backend_description(backend: Backend) -> str:
    """Return upstream's record of a backend, as Go's json.Marshal writes it (`&` escaped)."""
    port = f"&ServiceBackendPort{{Name:{backend.port_name},Number:{backend.port_number},}}"
    features = [
        *(["HTTP2"] if backend.protocol == "HTTP2" else []),
        *(["NEG"] if backend.endpoints else []),
        *(["SecurityPolicy"] if backend.asked and backend.asked.has_policy_block else []),
    ]  # sorted; left out when empty
    record: dict[str, object] = {
        "kubernetes.io/service-name": f"{backend.service.namespace}/{backend.service.name}",
        "kubernetes.io/service-port": port,
        **({"x-features": features} if features else {}),
    }
    text = json.dumps(record, separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def frontend_description(owner: ObjectRef) -> str:
    """Return upstream's record on proxies and forwarding rules (with the blank)."""
    return f'{{"kubernetes.io/ingress-name": "{owner.namespace}/{owner.name}"}}'


def backend_resources(
    key: ResourceKey,
    backend: Backend,
    groups: Iterable[ResourceKey] | None,
    users: Iterable[ObjectRef],
    *,
    balancing: str,
    namer: Namer,
) -> Iterator[Resource]:
    """Yield the health check and the backend service of one Service port.

    Args:
        key: of the backend service; the health check is called the same.
        backend: what it serves.
        groups: the groups that get its traffic, of instances or of endpoints; None leaves them
            as they are.
        users: the Ingresses that want it.
        balancing: the mode that live backends of these groups have, "" when there are none: all
            backends of a shared group must agree (API: backendServices.backends[].balancingMode).
        namer: names the port.
    """
    users = list(users)
    check = ResourceKey(key.project, Kind.HEALTH_CHECK, GLOBAL, key.name)
    yield _check(check, backend, users)
    entries = tuple(
        _entry(group, balancing, straight=backend.endpoints is not None)
        for group in sorted(groups or ())
    )
    asked = backend.asked or NOTHING
    enforced = asked.of_service()
    service = compute.BackendService(
        description=with_record(backend_description(backend), enforced),
        protocol=backend.protocol,
        port=backend.node_port or UNSET,
        port_name=namer.named_port(backend.node_port),
        health_checks=(Ref(check),),
        backends=UNSET if groups is None else entries,
        log_config=compute.LogConfig(enable=True, sample_rate=1.0),
    )
    yield wanted(
        key,
        laid_over(service, asked.service),
        origin={
            "port_name": str(backend.service),
            "protocol": backend.protocol_origin or backend.origin,
        },
        enforced=enforced,
        wanted_by=users,
    )


def _entry(group: ResourceKey, balancing: str, *, straight: bool) -> compute.Backend:
    """Return a group as a backend service takes it."""
    if straight:
        return compute.Backend(
            group=Ref(group),
            balancing_mode="RATE",
            max_rate_per_endpoint=1.0,
            capacity_scaler=1.0,
        )
    if balancing == "UTILIZATION":
        return compute.Backend(group=Ref(group), balancing_mode=balancing)
    return compute.Backend(group=Ref(group), balancing_mode="RATE", max_rate_per_instance=1.0)


def _check(key: ResourceKey, backend: Backend, users: list[ObjectRef]) -> Resource:
    """Return the health check: of the pods' probe or our defaults, a BackendConfig put on top."""
    own = backend.check
    asked = _fitted(backend.asked or NOTHING, own.check_interval_sec, own.timeout_sec)
    wished = laid_over(
        compute.HealthCheck(
            type=backend.protocol,
            check_interval_sec=own.check_interval_sec,
            timeout_sec=own.timeout_sec,
            healthy_threshold=own.healthy_threshold,
            unhealthy_threshold=own.unhealthy_threshold,
        ),
        asked.check,
    )
    block = CHECK_BLOCKS[str(wished.type)]
    enforced = asked.of_check(codec.wire_name(key.kind, block))
    probe = compute.HttpCheck(
        port=UNSET if backend.endpoints else backend.node_port,
        port_specification="USE_SERVING_PORT" if backend.endpoints else UNSET,
        request_path=own.path,
        host=own.host or UNSET,
    )
    return wanted(
        key,
        msgspec.structs.replace(
            wished,
            description=with_record(own.description, enforced),
            **{block: laid_over(probe, asked.probe)},
        ),
        origin=_check_origin(backend, block),
        enforced=enforced,
        wanted_by=users,
    )


def _check_origin(backend: Backend, block: str) -> dict[str, str]:
    """Return where each field of a health check comes from; its block has the node port as well."""
    inside = (str(backend.service), backend.check.origin_of("path"))
    return {
        **{field: text for field, text in backend.check.origin if field not in {"path", "host"}},
        "type": backend.protocol_origin or backend.origin,
        block: ", ".join(filter(None, inside)),
    }


def _fitted(asked: Asked, interval: int, timeout: int) -> Asked:
    """Ask also for what makes an interval and a timeout fit: a probe ends before the next begins."""
    check = asked.check
    if check.check_interval_sec is not UNSET and check.timeout_sec is UNSET:
        if check.check_interval_sec < timeout:
            check = msgspec.structs.replace(check, timeout_sec=check.check_interval_sec)
    elif check.timeout_sec is not UNSET and check.check_interval_sec is UNSET:
        longer = max(check.timeout_sec, interval)
        if longer > interval:
            check = msgspec.structs.replace(check, check_interval_sec=longer)
    return msgspec.structs.replace(asked, check=check)


class FrontEndKeys(msgspec.Struct, frozen=True):
    """Everything that may exist under the names of one Ingress, certificates apart."""

    url_map: ResourceKey
    http_proxy: ResourceKey
    https_proxy: ResourceKey
    http_rule: ResourceKey
    https_rule: ResourceKey
    address: ResourceKey
    redirect_map: ResourceKey | None = None  # None: the scheme has no such name (v1)

    @classmethod
    def of(cls, names: FrontendNames, config: Config) -> "FrontEndKeys":
        """Return the keys that go with the names."""

        def key(kind: Kind, name: str) -> ResourceKey:
            return ResourceKey(config.project, kind, GLOBAL, name)

        return cls(
            url_map=key(Kind.URL_MAP, names.url_map),
            http_proxy=key(Kind.TARGET_HTTP_PROXY, names.http_proxy),
            https_proxy=key(Kind.TARGET_HTTPS_PROXY, names.https_proxy),
            http_rule=key(Kind.FORWARDING_RULE, names.http_rule),
            https_rule=key(Kind.FORWARDING_RULE, names.https_rule),
            address=key(Kind.ADDRESS, names.address),
            redirect_map=key(Kind.URL_MAP, names.redirect_map) if names.redirect_map else None,
        )

    def all(self) -> tuple[ResourceKey, ...]:
        """Return every key that there is."""
        return tuple(key for key in msgspec.structs.astuple(self) if key is not None)


def frontend_resources(balancer: LoadBalancer, config: Config) -> Iterator[Resource]:
    """Yield the URL map, and for each protocol the proxy and the forwarding rule."""
    keys = FrontEndKeys.of(balancer.names, config)
    owner, default = balancer.owner, Ref(balancer.default)
    rules = f"{owner} spec.rules"
    hosts = [(host, path_matcher(host.name)) for host in balancer.hosts]
    warm_rules, warm_matchers = _warm_up(balancer.warm_up)
    yield wanted(
        keys.url_map,
        compute.UrlMap(
            default_service=default,
            host_rules=tuple(
                compute.HostRule(hosts=(host.name,), path_matcher=matcher)
                for host, matcher in hosts
            )
            + warm_rules,
            path_matchers=tuple(
                compute.PathMatcher(
                    name=matcher,
                    default_service=default,
                    path_rules=tuple(
                        compute.PathRule(paths=(route.path,), service=Ref(route.backend))
                        for route in host.routes
                    ),
                )
                for host, matcher in hosts
            )
            + warm_matchers,
        ),
        origin={
            "default_service": f"{owner} spec.defaultBackend",
            "host_rules": rules,
            "path_matchers": rules,
        },
        wanted_by=(owner,),
    )
    if balancer.address is not None and balancer.address.ours:
        ip = balancer.address.ip
        yield wanted(
            balancer.address.key,
            compute.Address(address=ip or UNSET),
            origin={"address": str(owner)} if ip else {},
            wanted_by=(owner,),
        )
    served = keys.url_map
    if balancer.redirect is not None and keys.redirect_map is not None:
        served = keys.redirect_map
        enforced = {REDIRECT_CODE: str(owner)} if balancer.redirect else {}
        yield wanted(
            served,
            compute.UrlMap(
                description=with_record("", enforced) or UNSET,
                default_url_redirect=compute.UrlRedirect(
                    https_redirect=True, redirect_response_code=balancer.redirect or UNSET
                ),
            ),
            enforced=enforced,
            origin={"default_url_redirect": str(owner)},
            wanted_by=(owner,),
        )
    described = frontend_description(owner)
    if balancer.http:
        yield wanted(
            keys.http_proxy,
            compute.TargetHttpProxy(description=described, url_map=Ref(served)),
            origin={"url_map": str(owner)},
            wanted_by=(owner,),
        )
        yield _rule(keys.http_rule, keys.http_proxy, "80-80", balancer)
    if balancer.certificates:
        policy = balancer.ssl_policy
        enforced = {"sslPolicy": policy.source} if policy.source else {}
        yield wanted(
            keys.https_proxy,
            compute.TargetHttpsProxy(
                description=with_record(described, enforced),
                url_map=Ref(keys.url_map),
                ssl_certificates=tuple(Ref(key) for key in balancer.certificates),
                ssl_policy=Ref(policy.key) if policy.key else UNSET,
            ),
            enforced=enforced,
            origin={"url_map": str(owner), "ssl_certificates": f"{owner} spec.tls"},
            wanted_by=(owner,),
        )
        yield _rule(keys.https_rule, keys.https_proxy, "443-443", balancer)


def _warm_up(
    warm_up: WarmUp | None,
) -> tuple[tuple[compute.HostRule, ...], tuple[compute.PathMatcher, ...]]:
    """Return the rule of a host that leads to nothing but what is to be probed."""
    if warm_up is None:
        return (), ()
    matcher = f"warm{warm_up.host.partition('.')[0]}"
    first, *others = warm_up.backends
    paths = tuple(
        compute.PathRule(paths=(f"/{backend.name}",), service=Ref(backend)) for backend in others
    )
    rule = compute.HostRule(hosts=(warm_up.host,), path_matcher=matcher)
    leads = compute.PathMatcher(name=matcher, default_service=Ref(first), path_rules=paths)
    return (rule,), (leads,)


def _rule(key: ResourceKey, proxy: ResourceKey, ports: str, balancer: LoadBalancer) -> Resource:
    owner, address = balancer.owner, balancer.address
    return wanted(
        key,
        compute.ForwardingRule(
            description=frontend_description(owner),
            ip_address=(address.ip or UNSET) if address else UNSET,
            ip_protocol="TCP",
            port_range=ports,
            target=Ref(proxy),
            address=Ref(address.key) if address else UNSET,
        ),
        origin={
            "target": str(owner),
            "port_range": str(owner),
            **({"ip_address": str(address.key)} if address and address.ip else {}),
        },
        wanted_by=(owner,),
    )
