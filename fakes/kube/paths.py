"""The JSON paths that printer columns use: `.spec.x`, `.a[0]`, `.conditions[?(@.type=="Ready")].status`."""

import re
from typing import Any, Final

_STEP: Final = re.compile(
    r"""\.(?P<field>[A-Za-z0-9_-]+(?:\\\.[A-Za-z0-9_-]+)*)
      | \['(?P<quoted>[^']+)'\]
      | \[(?P<index>-?\d+|\*)\]
      | \[\?\(@\.(?P<key>[A-Za-z0-9_.-]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]
    """,
    re.VERBOSE,
)


def first_at(obj: Any, path: str) -> Any:
    """Return what stands at a path, the first where there are several, None where nothing does."""
    here = [obj]
    for step in _STEP.finditer(path):
        below: list[Any] = []
        for value in here:
            below += _below(value, step)
        here = below
    return here[0] if here else None


def _below(value: Any, step: re.Match[str]) -> list[Any]:
    name = step["field"] or step["quoted"]
    if name is not None:
        name = name.replace("\\.", ".")
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if step["key"] is not None:
        return [one for one in value if str(first_at(one, f".{step['key']}")) == step["value"]]
    if step["index"] == "*":
        return value
    index = int(step["index"])
    return [value[index]] if -len(value) <= index < len(value) else []
