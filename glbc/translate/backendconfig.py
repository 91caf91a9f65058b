"""BackendConfig to what is asked of a backend: which one is meant, whether it is valid, what it says.

A BackendConfig that is named and cannot be used makes its backend unresolved: what serves goes on
as it is, with the settings that it has. Fields and defaults are upstream's (reference: CRDs).
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from glbc.model import compute
from glbc.model.asked import Asked
from glbc.model.configs import (
    BackendConfig,
    BackendConfigSpec,
    HealthCheckBlock,
    IapBlock,
    SecurityPolicyBlock,
)
from glbc.model.keys import GLOBAL, Kind, Ref, ResourceKey
from glbc.model.private import Private
from glbc.model.view import Meta
from glbc.model.views import Hints, ServicePort, Snapshot
from glbc.translate import annotations
from glbc.translate.cdn import cdn_of, cdn_secrets
from glbc.translate.credentials import Credentials
from glbc.translate.headers import problems as header_problems
from glbc.translate.reasons import BadConfigError, Reason

AFFINITIES: Final = frozenset({"NONE", "CLIENT_IP", "GENERATED_COOKIE"})
CHECK_TYPES: Final = frozenset({"HTTP", "HTTPS", "HTTP2"})
SECONDS: Final = (1, 300)  # of a health check
THRESHOLD: Final = (1, 10)


class _Named(msgspec.Struct):
    """The annotation's grammar."""

    default: str = ""
    ports: dict[str, str] = {}


def names_in(meta: Meta) -> frozenset[str]:
    """Return every BackendConfig (`namespace/name`) that a Service names; none where it is unreadable."""
    try:
        named = _named(meta)
    except BadConfigError:
        return frozenset()
    if named is None:
        return frozenset()
    return frozenset(
        f"{meta.namespace}/{one}" for one in (named.default, *named.ports.values()) if one
    )


def credential_names(config: BackendConfig | None) -> frozenset[str]:
    """Return the Secrets (`namespace/name`) that a BackendConfig names."""
    spec = config.spec if config else None
    if config is None or spec is None:
        return frozenset()
    names = set(cdn_secrets(spec.cdn))
    if spec.iap and spec.iap.enabled and (given := spec.iap.oauthclient_credentials):
        names.add(given.secret_name or "")
    return frozenset(f"{config.metadata.namespace}/{name}" for name in names if name)


def asked_of(
    meta: Meta, port: ServicePort, snapshot: Snapshot, hints: Hints, project: str
) -> Asked | None:
    """Return what the BackendConfig of a Service port asks; None when none is named for it.

    Args:
        meta: of the Service.
        port: of the Service.
        snapshot: has the BackendConfigs, and the Secrets that they name.
        hints: say which security policies there are.
        project: of the security policies.

    Raises:
        BadConfigError: it is named, and cannot be used.
    """
    named = _named(meta)
    if named is None:
        return None
    name = named.ports.get(port.name) if port.name else None
    name = name or named.ports.get(str(port.port)) or named.default
    if not name:
        return None
    where = f"{meta.namespace}/{name}"
    config = snapshot.backend_configs.get(where)
    if config is None:
        raise BadConfigError(
            Reason.BACKEND_CONFIG_NOT_FOUND,
            f"there is no BackendConfig {where}",
            "create it, or take its name out of the annotation",
        )
    credentials = Credentials(snapshot, meta.namespace)
    try:
        problems = list(_problems(config.spec or BackendConfigSpec()))
        asked = _read(config, credentials, project)
    except BadConfigError as bad:
        message = f"BackendConfig {where}: {bad}"
        raise BadConfigError(bad.reason, message, bad.hint) from None
    if problems:
        message = f"BackendConfig {where}: {'; '.join(problems)}"
        raise BadConfigError(Reason.BAD_BACKEND_CONFIG, message, "correct it")
    policy = asked.service.security_policy
    known = hints.policies.get(Kind.SECURITY_POLICY)
    if isinstance(policy, Ref) and known is not None and policy.to.name not in known:
        raise BadConfigError(
            Reason.SECURITY_POLICY_NOT_FOUND,
            f"BackendConfig {where}: spec.securityPolicy: there is no policy {policy.to.name} "
            f"in project {project}",
            "create it, or name one that exists",
        )
    return asked


def _named(meta: Meta) -> _Named | None:
    """Return what the annotation names; None where there is no annotation.

    Raises:
        BadConfigError: it is not the JSON that it has to be, or it names nothing.
    """
    key = annotations.first(meta, annotations.BACKEND_CONFIG, annotations.BETA_BACKEND_CONFIG)
    if not key:
        return None
    try:
        named = msgspec.json.decode(annotations.text(meta, key), type=_Named)
    except (msgspec.MsgspecError, RecursionError):
        named = _Named()
    if not named.default and not any(named.ports.values()):
        raise BadConfigError(
            Reason.BAD_BACKEND_CONFIG,
            f"service {meta.namespace}/{meta.name}: annotation {key} names no BackendConfig",
            'write {"default": "NAME"} or {"ports": {"PORT": "NAME"}}',
        )
    return named


def _read(config: BackendConfig, credentials: Credentials, project: str) -> Asked:
    """Return what a BackendConfig says; what it leaves out stays UNSET."""
    spec = config.spec or BackendConfigSpec()
    cdn = cdn_of(spec.cdn, credentials)
    affinity, check = spec.session_affinity, spec.health_check or HealthCheckBlock()
    service = compute.BackendService(
        timeout_sec=_given(spec.timeout_sec),
        connection_draining=compute.ConnectionDraining(
            draining_timeout_sec=spec.connection_draining.draining_timeout_sec
        )
        if spec.connection_draining
        else UNSET,
        session_affinity=_given(affinity.affinity_type) if affinity else UNSET,
        affinity_cookie_ttl_sec=_said(affinity.affinity_cookie_ttl_sec) if affinity else UNSET,
        custom_request_headers=_headers(spec.custom_request_headers),
        custom_response_headers=_headers(spec.custom_response_headers),
        log_config=_logging(spec),
        iap=_iap(spec.iap, credentials),
        security_policy=_policy(spec.security_policy, project),
        enable_cdn=cdn.enabled,
        cdn_policy=cdn.policy,
        signed_url_keys=cdn.keys,
    )
    interval, timeout = check.check_interval_sec, check.timeout_sec
    return Asked(
        source=f"backendconfig {config.metadata.namespace}/{config.metadata.name}",
        service=service,
        no_policy=spec.security_policy is not None and not spec.security_policy.name,
        has_policy_block=spec.security_policy is not None,
        check=compute.HealthCheck(
            type=_given(check.type),
            check_interval_sec=_given(interval),
            timeout_sec=_given(timeout),
            healthy_threshold=_given(check.healthy_threshold),
            unhealthy_threshold=_given(check.unhealthy_threshold),
        ),
        probe=compute.HttpCheck(
            port=_given(check.port),
            port_specification="USE_FIXED_PORT" if check.port else UNSET,
            request_path=_given(check.request_path),
        ),
    )


def _given(value: Any) -> Any:
    """Return a value, UNSET where it is absent or says nothing ("", 0)."""
    return value or UNSET


def _said(value: Any) -> Any:
    return UNSET if value is None else value


def _headers(block: Any) -> tuple[str, ...] | UnsetType:
    return UNSET if block is None else tuple(block.headers or ())


def _logging(spec: BackendConfigSpec) -> compute.LogConfig | UnsetType:
    if spec.logging is None:
        return UNSET
    if not spec.logging.enable:
        return compute.LogConfig(enable=False, sample_rate=0.0)
    return compute.LogConfig(enable=True, sample_rate=_said(spec.logging.sample_rate))


def _policy(block: SecurityPolicyBlock | None, project: str) -> Ref | UnsetType:
    if block is None or not block.name:
        return UNSET
    return Ref(ResourceKey(project, Kind.SECURITY_POLICY, GLOBAL, block.name.rpartition("/")[2]))


def _iap(block: IapBlock | None, credentials: Credentials) -> compute.Iap | UnsetType:
    """Return what is asked of IAP; switched off, nothing else of it matters."""
    if block is None:
        return UNSET
    given = block.oauthclient_credentials
    if not block.enabled or given is None:
        return compute.Iap(enabled=block.enabled)
    client, secret = (given.client_id or "").encode(), given.client_secret or Private(b"")
    if given.secret_name:
        client = credentials.value(given.secret_name, "client_id").reveal()
        secret = credentials.value(given.secret_name, "client_secret")
    return compute.Iap(
        enabled=True,
        oauth2_client_id=client.decode(),
        oauth2_client_secret=secret,
        oauth2_client_secret_sha256=hashlib.sha256(secret.reveal()).hexdigest(),
    )


def _problems(spec: BackendConfigSpec) -> Iterator[str]:
    """Yield what Compute Engine would refuse; the field first."""
    if spec.iap and spec.iap.enabled and spec.cdn and spec.cdn.enabled:
        yield "spec.iap and spec.cdn: both cannot be enabled at the same time"
    affinity = spec.session_affinity
    if affinity and affinity.affinity_type and affinity.affinity_type not in AFFINITIES:
        allowed = ", ".join(sorted(AFFINITIES))
        yield f"spec.sessionAffinity.affinityType: {affinity.affinity_type!r} is none of {allowed}"
    logging, draining = spec.logging, spec.connection_draining
    limits: Mapping[str, tuple[float | None, tuple[float, float]]] = {
        "timeoutSec": (spec.timeout_sec, (0, 2**31 - 1)),
        "sessionAffinity.affinityCookieTtlSec": (
            affinity.affinity_cookie_ttl_sec if affinity else None,
            (0, 86400),
        ),
        "logging.sampleRate": (logging.sample_rate if logging else None, (0, 1)),
        "connectionDraining.drainingTimeoutSec": (
            draining.draining_timeout_sec if draining else None,
            (0, 3600),
        ),
        **_check_limits(spec.health_check),
    }
    for field, (value, (low, high)) in limits.items():
        if value is not None and not low <= value <= high:
            yield f"spec.{field}: {value} is not within {low}–{high}"
    yield from _check_problems(spec.health_check or HealthCheckBlock())
    for field, headers in (
        ("customRequestHeaders", spec.custom_request_headers),
        ("customResponseHeaders", spec.custom_response_headers),
    ):
        found = header_problems((headers and headers.headers) or ())
        yield from (f"spec.{field}.headers: {problem}" for problem in found)


def _check_limits(
    check: HealthCheckBlock | None,
) -> dict[str, tuple[float | None, tuple[float, float]]]:
    check = check or HealthCheckBlock()
    return {
        "healthCheck.checkIntervalSec": (check.check_interval_sec, SECONDS),
        "healthCheck.timeoutSec": (check.timeout_sec, SECONDS),
        "healthCheck.healthyThreshold": (check.healthy_threshold, THRESHOLD),
        "healthCheck.unhealthyThreshold": (check.unhealthy_threshold, THRESHOLD),
        "healthCheck.port": (check.port, (1, 65535)),
    }


def _check_problems(check: HealthCheckBlock) -> Iterator[str]:
    if check.type and check.type not in CHECK_TYPES:
        allowed = ", ".join(sorted(CHECK_TYPES))
        yield f"spec.healthCheck.type: {check.type!r} is none of {allowed}"
    if check.request_path and not check.request_path.startswith("/"):
        yield f"spec.healthCheck.requestPath: {check.request_path!r} does not begin with /"
    interval, timeout = check.check_interval_sec, check.timeout_sec
    if interval and timeout and timeout > interval:
        yield f"spec.healthCheck.timeoutSec: {timeout} is more than checkIntervalSec {interval}"
