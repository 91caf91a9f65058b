"""pathType to URL map paths, exactly as ingress-gce (reference: translation rules, path conversion)."""

from typing import Final

EXACT: Final = "Exact"
PREFIX: Final = "Prefix"
IMPLEMENTATION_SPECIFIC: Final = "ImplementationSpecific"


class BadPathError(ValueError):
    """The path cannot be served; `str()` says what is wrong, `hint` what to write instead."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def paths_of(path: str | None, path_type: str | None) -> tuple[str, ...]:
    """Return the URL map paths that one Ingress path stands for, in upstream's order.

    Raises:
        BadPathError: the path type refuses the path, or the URL map would.
    """
    path = path or ""
    match path_type or IMPLEMENTATION_SPECIFIC:
        case "ImplementationSpecific":
            return (_written(path or "/*"),)
        case "Exact":
            return (_literal(path, EXACT),)
        case "Prefix":
            literal = _literal(path, PREFIX)
            if literal == "/":
                return ("/*",)
            stem = literal.removesuffix("/")
            return (stem, f"{stem}/*")
        case other:
            hint = f"use {EXACT}, {PREFIX} or {IMPLEMENTATION_SPECIFIC}"
            raise BadPathError(f"path type {other!r} does not exist", hint)


def _literal(path: str, path_type: str) -> str:
    if not path:
        raise BadPathError(
            f"an {path_type} path cannot be empty", "write a path that begins with /"
        )
    if "*" in path:
        raise BadPathError(
            f"a wildcard means nothing in the {path_type} path {path!r}",
            f"take the * out, or use {IMPLEMENTATION_SPECIFIC}",
        )
    return _written(path)


def _written(path: str) -> str:
    """Refuse what a URL map refuses (API: urlMaps.pathMatchers[].pathRules[].paths)."""
    if not path.startswith("/"):
        raise BadPathError(f"the path {path!r} does not begin with /", f"write /{path}")
    if "?" in path or "#" in path:
        raise BadPathError(
            f"the path {path!r} contains ? or #", "take it out: only the path itself is matched"
        )
    if "*" in path and (path.count("*") > 1 or not path.endswith("/*")):
        raise BadPathError(
            f"the path {path!r} has a * that is not the last character after a /",
            "a wildcard stands at the end only: /foo/*",
        )
    return path
