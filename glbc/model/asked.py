"""What a user asks of a backend beyond our defaults: partial specs, every set field enforced.

The paths of what is set are what the resource's record lists, so that a later removal clears
exactly that.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET

from glbc.model.codec import signed_key_path
from glbc.model.compute import BackendService, HealthCheck, HttpCheck

BLOCKS: Final[Mapping[str, str]] = {
    # field of the backend service -> the block of a BackendConfig that it comes from
    "timeoutSec": "timeoutSec",
    "connectionDraining": "connectionDraining",
    "sessionAffinity": "sessionAffinity",
    "affinityCookieTtlSec": "sessionAffinity",
    "customRequestHeaders": "customRequestHeaders",
    "customResponseHeaders": "customResponseHeaders",
    "logConfig": "logging",
    "securityPolicy": "securityPolicy",
    "iap": "iap",
    "enableCDN": "cdn",
    "cdnPolicy": "cdn",
    "signedUrlKeys": "cdn",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What one BackendConfig says."""

    source: str  # who says it, `backendconfig shop/api`
    service: BackendService = BackendService()
    no_policy: bool = False  # the security policy is asked to be none
    has_policy_block: bool = False  # upstream notes it among the backend's features
    check: HealthCheck = HealthCheck()  # without the block of its type
    probe: HttpCheck = HttpCheck()  # that block, whatever the type

    @property
    def says_how_to_check(self) -> bool:
        """Tell whether anything is asked of the health check."""
        return self.check != HealthCheck() or self.probe != HttpCheck()

    def of_service(self) -> Mapping[str, str]:
        """Return the enforced paths of the backend service, each with who asks for it."""
        paths = [*_paths(self.service), *(["securityPolicy"] if self.no_policy else [])]
        return {
            path: f"{self.source} spec.{BLOCKS[path.partition('.')[0]]}" for path in sorted(paths)
        }

    def of_check(self, block: str) -> Mapping[str, str]:
        """Return the enforced paths of the health check; `block` is its type's on the wire."""
        paths = [*_paths(self.check), *(f"{block}.{path}" for path in _paths(self.probe))]
        return dict.fromkeys(sorted(paths), f"{self.source} spec.healthCheck")


def _paths(spec: Any) -> Iterator[str]:
    """Yield the dotted path on the wire of everything that is set."""
    for field in msgspec.structs.fields(spec):
        value = getattr(spec, field.name)
        if field.name == "signed_url_keys" and value is not UNSET:
            yield from (signed_key_path(key.key_name, key.digest) for key in value)
        elif isinstance(value, msgspec.Struct):
            yield from (f"{field.encode_name}.{path}" for path in _paths(value))
        elif value is not UNSET:
            yield field.encode_name


def laid_over(base: Any, top: Any) -> Any:
    """Return `base` with what is set in `top` put on it, struct by struct."""
    over = {}
    for name in top.__struct_fields__:
        value, below = getattr(top, name), getattr(base, name)
        if isinstance(value, msgspec.Struct) and isinstance(below, msgspec.Struct):
            over[name] = laid_over(below, value)
        elif value is not UNSET:
            over[name] = value
    return msgspec.structs.replace(base, **over) if over else base
