"""Selectors over labels, as workloads and Services use them."""

from collections.abc import Callable, Mapping
from typing import Any, Final

Labels = Mapping[str, str]

_OPERATORS: Final[Mapping[str, Callable[[str | None, list[str]], bool]]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


def fits(wanted: Labels, labels: Labels | None) -> bool:
    """Tell whether labels have all that a plain selector wants."""
    return wanted.items() <= (labels or {}).items()


def selects(selector: Mapping[str, Any], labels: Labels | None) -> bool:
    """Tell whether a selector with matchLabels and matchExpressions selects labels."""
    have = labels or {}
    return fits(selector.get("matchLabels") or {}, have) and all(
        _OPERATORS[one["operator"]](have.get(one["key"]), one.get("values") or [])
        for one in selector.get("matchExpressions") or ()
    )
