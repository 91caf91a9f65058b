"""What is refused of what a backend service does with requests: Cloud CDN, IAP, headers, affinity.

Ranges are those of the discovery document; the grammar of custom headers is that of the page on
custom headers in backend services.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from fakes.gce.cloud import Cloud
from fakes.gce.draft import Draft
from fakes.gce.errors import ApiError, invalid, required
from fakes.gce.rules_backends import NAME, within
from fakes.gce.wire import Json

CDN: Final = "resource.cdnPolicy"
YEAR_SEC: Final = 31_622_400
CDN_LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    # field of cdnPolicy -> seconds
    "clientTtl": (0, YEAR_SEC),
    "defaultTtl": (0, YEAR_SEC),
    "maxTtl": (0, YEAR_SEC),
    "serveWhileStale": (0, 604_800),
    "signedUrlCacheMaxAgeSec": (0, 2**63 - 1),
}
NEGATIVE_TTL: Final = (0, 1800)  # seconds
NEGATIVE_CODES: Final = (300, 301, 302, 307, 308, 404, 405, 410, 421, 451, 501)
COOKIE_TTL: Final = (0, 1_209_600)  # seconds: two weeks
SIGNING_KEY: Final = re.compile(r"[-_A-Za-z0-9]{22}(?:==)?")  # 128 bits as base64url
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 7230
VALUE: Final = re.compile(r"[\t\x20-\x7e]*")  # RFC 7230 without its obsolete forms
HEADERS: Final = ("customRequestHeaders", "customResponseHeaders")
NO_HEADERS: Final = frozenset(
    {
        "x-user-ip",
        "cdn-loop",
        # hop by hop
        "keep-alive",
        "transfer-encoding",
        "te",
        "connection",
        "trailer",
        "upgrade",
    }
)
NO_PREFIXES: Final = ("x-google", "x-goog-", "x-gfe", "x-amz-")


def affinity(_cloud: Cloud, draft: Draft) -> None:
    """Check how long the cookie of a session lives."""
    ttl = draft.body.get("affinityCookieTtlSec", 0)
    within("resource.affinityCookieTtlSec", ttl, COOKIE_TTL)


def one_gate(_cloud: Cloud, draft: Draft) -> None:
    """Refuse a cache in front of what is only for those who are let in."""
    body = draft.body
    if body.get("enableCDN") and body.get("iap", {}).get("enabled"):
        why = "Cloud CDN and IAP cannot both be enabled on a backend service."
        raise invalid("resource.enableCDN", "true", why)


def cdn_policy(cloud: Cloud, draft: Draft) -> None:
    """Check seconds, lists that exclude each other, and how long they are."""
    policy = draft.body.get("cdnPolicy", {})
    for name, limits in CDN_LIMITS.items():
        if name in policy:
            within(f"{CDN}.{name}", int(policy[name]), limits)
    default, most = policy.get("defaultTtl", 0), policy.get("maxTtl")
    if most is not None and default > most:
        raise invalid(f"{CDN}.defaultTtl", default, "Must be less than or equal to maxTtl.")
    key = policy.get("cacheKeyPolicy", {})
    if key.get("queryStringWhitelist") and key.get("queryStringBlacklist"):
        why = "Only one of queryStringWhitelist and queryStringBlacklist may be specified."
        raise invalid(f"{CDN}.cacheKeyPolicy", "", why)
    _bypass(policy.get("bypassCacheOnRequestHeaders", ()), cloud.limits.bypass_headers)
    _negative(policy)


def _bypass(rows: Iterable[Json], limit: int | None) -> None:
    where = f"{CDN}.bypassCacheOnRequestHeaders"
    names = [row.get("headerName", "") for row in rows]
    if limit is not None and len(names) > limit:
        raise invalid(where, len(names), f"Maximum of {limit} headers allowed.")
    for i, name in enumerate(names):
        if not TOKEN.fullmatch(name):
            raise invalid(f"{where}[{i}].headerName", name, "Not a valid header name.")


def _negative(policy: Json) -> None:
    rows = policy.get("negativeCachingPolicy", ())
    if rows and not policy.get("negativeCaching"):
        why = "negativeCaching must be enabled."
        raise invalid(f"{CDN}.negativeCachingPolicy", "", why)
    seen: set[int] = set()
    for i, row in enumerate(rows):
        where = f"{CDN}.negativeCachingPolicy[{i}]"
        code = row.get("code", 0)
        if code not in NEGATIVE_CODES:
            allowed = ", ".join(map(str, NEGATIVE_CODES))
            raise invalid(f"{where}.code", code, f"Must be one of [{allowed}]")
        if code in seen:
            raise invalid(f"{where}.code", code, "Duplicate status code.")
        seen.add(code)
        within(f"{where}.ttl", row.get("ttl", 0), NEGATIVE_TTL)


def custom_headers(cloud: Cloud, draft: Draft) -> None:
    """Check the headers that are added to requests and answers."""
    limit = cloud.limits.custom_headers
    for name in HEADERS:
        rows = draft.body.get(name, ())
        if limit is not None and len(rows) > limit:
            raise invalid(f"resource.{name}", len(rows), f"Maximum of {limit} headers allowed.")
        seen: set[str] = set()
        for i, row in enumerate(rows):
            seen.add(_header(f"resource.{name}[{i}]", row, seen))


def _header(where: str, row: str, seen: set[str]) -> str:
    """Return the name of a header in lower case."""
    name, colon, value = row.partition(":")
    if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
        raise invalid(where, row, "Must be in the format 'header-name:header-value'.")
    name = name.lower()
    if name in NO_HEADERS or name.startswith(NO_PREFIXES):
        raise invalid(where, row, "The header is reserved.")
    if name in seen:
        raise invalid(where, row, "Duplicate header name.")
    return name


def signed_url_key(cloud: Cloud, asked: Json, keys: Mapping[str, str]) -> None:
    """Check a key for signed URLs that is to be added to those there are.

    Raises:
        ApiError: name or value is wrong, or it would be one too many.
    """
    for field in ("keyName", "keyValue"):
        if not asked.get(field):
            raise required(field)
    name = asked["keyName"]
    if not NAME.fullmatch(name):
        raise invalid("keyName", name, f"Must be a match of regex '(?:{NAME.pattern})'")
    if name in keys:
        raise invalid("keyName", name, "A key of this name already exists.")
    limit = cloud.limits.signed_url_keys
    if limit is not None and len(keys) >= limit:
        raise invalid("keyName", name, f"Maximum of {limit} signed URL keys allowed.")
    if not SIGNING_KEY.fullmatch(asked["keyValue"]):
        # a secret is not told in a message
        why = "The key must be a base64url encoded value of 128 bits."
        raise ApiError(400, "invalid", f"Invalid value for field 'keyValue'. {why}")
