"""A BackendConfig's `cdn` to Cloud CDN's policy, with upstream's defaults for what it leaves out."""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from glbc.model import compute
from glbc.model.configs import CacheKeyBlock, CdnBlock, NegativeCachingRow, SignedUrlKeyRow
from glbc.model.private import Private
from glbc.translate.credentials import Credentials
from glbc.translate.headers import name_problems
from glbc.translate.reasons import BadConfigError, Reason

ALL_STATIC: Final = "CACHE_ALL_STATIC"
ORIGIN: Final = "USE_ORIGIN_HEADERS"
MODES: Final = frozenset({ALL_STATIC, ORIGIN, "FORCE_CACHE_ALL"})
# Seconds, where the BackendConfig says nothing (reference: cdn).
CLIENT_TTL: Final = 3600
DEFAULT_TTL: Final = 3600
MAX_TTL: Final = 86400
SERVE_WHILE_STALE: Final = 86400
SIGNED_MAX_AGE: Final = 0
MOST_KEYS: Final = 3  # of one backend service (API: addSignedUrlKey)
MOST_BYPASS: Final = 5  # API: cdnPolicy.bypassCacheOnRequestHeaders
YEAR: Final = 31_622_400  # seconds (API: cdnPolicy.clientTtl, defaultTtl, maxTtl)
MOST_STALE: Final = 604_800  # seconds (API: cdnPolicy.serveWhileStale)
MOST_AGE: Final = 2**63 - 1  # seconds (API: cdnPolicy.signedUrlCacheMaxAgeSec, an int64)
MOST_NEGATIVE: Final = 1800  # seconds (API: cdnPolicy.negativeCachingPolicy[].ttl)
# API: cdnPolicy.negativeCachingPolicy[].code
CODES: Final = frozenset({300, 301, 302, 307, 308, 404, 405, 410, 421, 451, 501})
WHOLE_KEY: Final = CacheKeyBlock(
    include_host=True, include_protocol=True, include_query_string=True
)
KEY: Final = re.compile(rb"[-_A-Za-z0-9]{22}(==)?")  # 128 bits (API: SignedUrlKey.keyValue)
KEY_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")  # API: SignedUrlKey.keyName
DIGEST: Final = 16  # hex digits of a key's sha256 that our record keeps


class Cdn(msgspec.Struct, frozen=True):
    """What is asked of Cloud CDN."""

    enabled: bool | UnsetType = UNSET
    policy: compute.CdnPolicy | UnsetType = UNSET
    keys: tuple[compute.SignedUrlKey, ...] | UnsetType = UNSET


def cdn_secrets(block: CdnBlock | None) -> Iterator[str]:
    """Yield the names of the Secrets that hold keys for signed URLs."""
    if block and block.enabled:
        yield from (row.secret_name for row in block.signed_url_keys or () if row.secret_name)


def cdn_of(block: CdnBlock | None, credentials: Credentials) -> Cdn:
    """Return what is asked; switched off, nothing else of it matters.

    Raises:
        BadConfigError: a key's Secret cannot be used, or the block contradicts itself.
    """
    if block is None:
        return Cdn()
    if not block.enabled:
        return Cdn(enabled=False)
    _check(block)
    mode = block.cache_mode or ALL_STATIC
    negative = block.negative_caching is not False
    return Cdn(
        enabled=True,
        policy=compute.CdnPolicy(
            cache_mode=mode,
            cache_key_policy=_cache_key(block.cache_policy or WHOLE_KEY),
            client_ttl=UNSET if mode == ORIGIN else _or(block.client_ttl, CLIENT_TTL),
            default_ttl=UNSET if mode == ORIGIN else _or(block.default_ttl, DEFAULT_TTL),
            max_ttl=_or(block.max_ttl, MAX_TTL) if mode == ALL_STATIC else UNSET,
            negative_caching=negative,
            negative_caching_policy=tuple(
                sorted(
                    compute.NegativeCaching(code=row.code, ttl=row.ttl)
                    for row in block.negative_caching_policy
                )
            )
            if negative and block.negative_caching_policy
            else UNSET,
            request_coalescing=block.request_coalescing is not False,
            serve_while_stale=_or(block.serve_while_stale, SERVE_WHILE_STALE),
            signed_url_cache_max_age_sec=_or(block.signed_url_cache_max_age_sec, SIGNED_MAX_AGE),
            bypass_cache_on_request_headers=tuple(
                compute.BypassHeader(header_name=row.header_name)
                for row in block.bypass_cache_on_request_headers
            )
            if block.bypass_cache_on_request_headers
            else UNSET,
        ),
        keys=tuple(_key(row, credentials) for row in block.signed_url_keys)
        if block.signed_url_keys
        else UNSET,
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _cache_key(block: CacheKeyBlock) -> compute.CacheKeyPolicy:
    """Return what makes two requests the same; lists count only where the query string does."""
    lists = block.include_query_string
    return compute.CacheKeyPolicy(
        include_host=block.include_host,
        include_protocol=block.include_protocol,
        include_query_string=block.include_query_string,
        query_string_blacklist=(lists and block.query_string_blacklist) or UNSET,
        query_string_whitelist=(lists and block.query_string_whitelist) or UNSET,
    )


def _key(row: SignedUrlKeyRow, credentials: Credentials) -> compute.SignedUrlKey:
    """Return a key; line ends behind it are none of it: `base64 > FILE` writes one.

    Raises:
        BadConfigError: its Secret cannot be used, or it is no key.
    """
    value = row.key_value or Private(b"")
    if row.secret_name:
        value = credentials.value(row.secret_name, "key_value")
    text = value.reveal().strip()
    if not KEY.fullmatch(text):
        problem = f"key {row.key_name}: its value is not 128 bits in base64url"
        hint = "make one with: head -c 16 /dev/urandom | base64 | tr +/ -_"
        raise BadConfigError(Reason.BAD_BACKEND_CONFIG, f"spec.cdn.signedUrlKeys: {problem}", hint)
    digest = hashlib.sha256(text).hexdigest()[:DIGEST]
    return compute.SignedUrlKey(key_name=row.key_name, key_value=Private(text), digest=digest)


def _check(block: CdnBlock) -> None:
    """Refuse what Compute Engine would refuse."""
    problem = next(_problems(block), None)
    if problem:
        raise BadConfigError(Reason.BAD_BACKEND_CONFIG, f"spec.cdn.{problem}", "correct it")


def _problems(block: CdnBlock) -> Iterator[str]:
    if block.cache_mode and block.cache_mode not in MODES:
        yield f"cacheMode: {block.cache_mode!r} is none of {', '.join(sorted(MODES))}"
    cache = block.cache_policy
    if cache and cache.query_string_blacklist and cache.query_string_whitelist:
        yield "cachePolicy: queryStringBlacklist and queryStringWhitelist exclude each other"
    yield from _key_problems(block.signed_url_keys or ())
    bypass = block.bypass_cache_on_request_headers or ()
    if len(bypass) > MOST_BYPASS:
        yield f"bypassCacheOnRequestHeaders: {len(bypass)} headers, {MOST_BYPASS} are the most"
    for header in bypass:
        for problem in name_problems(header.header_name):
            yield f"bypassCacheOnRequestHeaders: {problem}"
    for field, value, most in (
        ("clientTtl", block.client_ttl, YEAR),
        ("defaultTtl", block.default_ttl, YEAR),
        ("maxTtl", block.max_ttl, YEAR),
        ("serveWhileStale", block.serve_while_stale, MOST_STALE),
        ("signedUrlCacheMaxAgeSec", block.signed_url_cache_max_age_sec, MOST_AGE),
    ):
        if value is not None and not 0 <= value <= most:
            yield f"{field}: {value} is not within 0–{most}"
    yield from _negative_problems(block.negative_caching_policy or ())
    if (block.cache_mode or ALL_STATIC) == ALL_STATIC:
        default, most = _or(block.default_ttl, DEFAULT_TTL), _or(block.max_ttl, MAX_TTL)
        client = _or(block.client_ttl, CLIENT_TTL)
        if default > most or client > most:
            yield f"maxTtl: {most} is less than defaultTtl {default} or clientTtl {client}"


def _negative_problems(rows: tuple[NegativeCachingRow, ...]) -> Iterator[str]:
    codes = [row.code for row in rows]
    if len(set(codes)) < len(codes):
        yield "negativeCachingPolicy: every code stands there once"
    for row in rows:
        if row.code not in CODES:
            allowed = ", ".join(map(str, sorted(CODES)))
            yield f"negativeCachingPolicy: code {row.code} is none of {allowed}"
        if not 0 <= row.ttl <= MOST_NEGATIVE:
            yield f"negativeCachingPolicy: ttl {row.ttl} is not within 0–{MOST_NEGATIVE}"


def _key_problems(rows: tuple[SignedUrlKeyRow, ...]) -> Iterator[str]:
    names = [row.key_name for row in rows]
    if len(rows) > MOST_KEYS:
        yield f"signedUrlKeys: {len(rows)} keys, {MOST_KEYS} are the most"
    if len(set(names)) < len(names) or not all(names):
        yield "signedUrlKeys: every key needs a name of its own"
    for name in names:
        if name and not KEY_NAME.fullmatch(name):
            yield (
                f"signedUrlKeys: keyName {name!r} is not of 1–63 lower-case letters, digits and "
                "dashes, a letter first and no dash last"
            )
    if not all(row.secret_name or row.key_value for row in rows):
        yield "signedUrlKeys: every key needs a keyValue or a secretName"
