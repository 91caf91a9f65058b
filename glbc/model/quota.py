"""Quotas of a project: how many resources of a kind there may be."""

from collections.abc import Mapping
from typing import Final

import msgspec

from glbc.model.keys import Kind

METRICS: Final[Mapping[str, str]] = {
    # Of what each counts for; a metric that a project's quotas do not have limits nothing. Groups count for their
    # region, and an address in use for whoever gave it: neither is among a project's quotas.
    Kind.HEALTH_CHECK: "HEALTH_CHECKS",
    Kind.BACKEND_SERVICE: "BACKEND_SERVICES",
    Kind.URL_MAP: "URL_MAPS",
    Kind.TARGET_HTTP_PROXY: "TARGET_HTTP_PROXIES",
    Kind.TARGET_HTTPS_PROXY: "TARGET_HTTPS_PROXIES",
    Kind.SSL_CERTIFICATE: "SSL_CERTIFICATES",
    Kind.FORWARDING_RULE: "FORWARDING_RULES",
    Kind.ADDRESS: "STATIC_ADDRESSES",
    Kind.FIREWALL: "FIREWALLS",
    Kind.NETWORK_ENDPOINT_GROUP: "NETWORK_ENDPOINT_GROUPS",
}


class Quota(msgspec.Struct, frozen=True):
    """One of `projects.get`'s `quotas`."""

    metric: str
    limit: float  # resources
    usage: float  # resources
