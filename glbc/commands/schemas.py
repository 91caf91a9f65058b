"""The page on what the commands print for programs, `docs/output.md`, made of the structs that print it."""

from collections.abc import Iterator
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

import msgspec

from glbc.commands.names import Report
from glbc.plan import output

TOP: Final = (
    ("glbc plan -o json", output.PlanOut),
    ("glbc explain NAMESPACE/NAME -o json", output.ExplanationOut),
    ("glbc explain URL -o json", output.RequestOut),
    ("glbc graph -o json", output.GraphOut),
    ("glbc gc -o json", output.CollectedOut),
    ("glbc names -o json", Report),
)
HEAD: Final = """# Output for programs

Made from `glbc/plan/output.py` and `glbc/commands/names.py` by `pytest tests/walls --update-golden`.

`-o json` prints one JSON object on stdout; what goes wrong is one line on stderr, `glbc: object: what is wrong: what
to do`. Members are added, never changed and never taken away: skip those that you do not know. Text for people
(`message`, `hint`, `said`, `state`) may be worded anew at any time; match on `reason`, a code of
[reasons.md](reasons.md). Colours are for terminals only, and `NO_COLOR` turns them off.

Exit codes: 0 done, and for `plan` nothing to do; 1 an error; 2 `plan` found something to do, or `gc` something that is left; 78 the configuration is
wrong. With `plan --from`, a manifest that cannot be used is told on stderr, the rest is planned, and the exit code is 1.
"""
WORDS: Final = {str: "text", int: "number", float: "number", bool: "true or false", Any: "any"}


def page() -> str:
    """Return the whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield HEAD.rstrip()
    structs: dict[str, type[msgspec.Struct]] = {}
    for command, top in TOP:
        yield from ("", f"## `{command}`", "")
        yield from _table(top)
        _collect(top, structs)
    for _, top in TOP:
        structs.pop(_named(top))
    for name in sorted(structs):
        yield from (
            "",
            f"## {name}",
            "",
            (structs[name].__doc__ or "").strip().partition("\n")[0],
            "",
        )
        yield from _table(structs[name])


def _table(struct: type[msgspec.Struct]) -> Iterator[str]:
    yield "| Member | Type | Meaning |"
    yield "|---|---|---|"
    for field in msgspec.structs.fields(struct):
        kind, meaning = _told(field.type)
        if not field.required:
            meaning = f"{meaning}; left out when there is none".removeprefix("; ")
        yield f"| `{field.encode_name}` | {kind} | {meaning} |"


def _told(annotation: Any) -> tuple[str, str]:
    """Return a type in words, and what is said of it."""
    meanings = [one.description for one in getattr(annotation, "__metadata__", ())]
    kind, inner = _words(_bare(annotation))
    return kind, "; ".join(meanings) or inner


def _words(kind: Any) -> tuple[str, str]:
    if get_origin(kind) is tuple:
        name, meaning = _told(get_args(kind)[0])
        return f"list of {name}", meaning
    if get_origin(kind) in {Union, UnionType}:
        parts = [one for one in get_args(kind) if one is not msgspec.UnsetType]
        told = ["null" if one is type(None) else _told(one)[0] for one in parts]
        return " or ".join(told), ""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return f"[{_named(kind)}](#{_named(kind).lower()})", (kind.__doc__ or "").partition("\n")[0]
    return WORDS[kind], ""


def _named(struct: type[msgspec.Struct]) -> str:
    return struct.__name__.removesuffix("Out").removesuffix("Report") or struct.__name__


def _collect(kind: Any, found: dict[str, type[msgspec.Struct]]) -> None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if _named(kind) not in found:
            found[_named(kind)] = kind
            for field in msgspec.structs.fields(kind):
                _collect(field.type, found)
    else:
        for part in get_args(_bare(kind)):
            _collect(part, found)


def _bare(annotation: Any) -> Any:
    """Return a type without what is said of it."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
