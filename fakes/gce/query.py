"""The `filter` and `orderBy` parameters of lists.

Both syntaxes of the API reference: `name eq 'regex'` (whole value) and `name = value`,
`field:value`, comparisons, `AND`, `OR`, `NOT`, parentheses; nested fields by dots.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from fakes.gce.errors import ApiError, invalid
from fakes.gce.wire import Json

Predicate = Callable[[Json], bool]
TOKEN: Final = re.compile(
    r"""\s*(?:([()])|("[^"]*"|'[^']*')|(!=|<=|>=|=|<|>|:)|([^\s()=<>:!"']+))"""
)
WORDS: Final = ("eq", "ne")
COMPARISONS: Final = ("!=", "<=", ">=", "=", "<", ">", ":")
OPERATORS: Final = (*COMPARISONS, "(", ")")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _values(body: Any, path: list[str]) -> list[Any]:
    """Return every value at a dotted path; lists on the way fan out."""
    if isinstance(body, list):
        return [found for element in body for found in _values(element, path)]
    if not path:
        return [body]
    if isinstance(body, dict) and path[0] in body:
        return _values(body[path[0]], path[1:])
    return []


def _compare(value: Any, operator: str, wanted: str) -> bool:
    text = _text(value)
    match operator:
        case "eq":
            return re.fullmatch(wanted, text) is not None
        case ":":
            return wanted == "*" or _has(text, wanted)
        case "=":
            return _like(text, wanted)
    try:
        left, right = float(text), float(wanted)
    except ValueError:
        return _order(text, operator, wanted)
    return _order(left, operator, right)


def _order(left: Any, operator: str, right: Any) -> bool:
    return bool(
        {
            "<": left < right,
            ">": left > right,
            "<=": left <= right,
            ">=": left >= right,
        }[operator]
    )


def _like(text: str, wanted: str) -> bool:
    if "*" in wanted:
        return re.fullmatch(".*".join(map(re.escape, wanted.split("*"))), text) is not None
    return text == wanted


def _has(text: str, wanted: str) -> bool:
    if "*" in wanted:
        return _like(text, wanted)
    return wanted.lower() in text.lower()


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens: list[str] = []
        at = 0
        while at < len(source.rstrip()):
            found = TOKEN.match(source, at)
            if found is None:
                raise self.error()
            self.tokens.append(found.group().strip())
            at = found.end()
        self.at = 0

    def error(self) -> ApiError:
        return invalid("filter", self.source, "Invalid list filter expression.")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        if not token:
            raise self.error()
        self.at += 1
        return token

    def expression(self) -> Predicate:
        terms = [self.conjunction()]
        while self.peek() == "OR":
            self.next()
            terms.append(self.conjunction())
        return terms[0] if len(terms) == 1 else lambda body: any(term(body) for term in terms)

    def conjunction(self) -> Predicate:
        terms = [self.term()]
        while self.peek() not in ("", ")", "OR"):
            if self.peek() == "AND":
                self.next()
            terms.append(self.term())
        return terms[0] if len(terms) == 1 else lambda body: all(term(body) for term in terms)

    def term(self) -> Predicate:
        token = self.next()
        if token in ("NOT", "-"):
            inner = self.term()
            return lambda body: not inner(body)
        if token == "(":  # noqa: S105 - a parenthesis
            inside = self.expression()
            if self.next() != ")":
                raise self.error()
            return inside
        return self.comparison(token)

    def comparison(self, name: str) -> Predicate:
        operator = self.next()
        if operator not in (*WORDS, *COMPARISONS):
            raise self.error()
        wanted = self.next()
        if wanted in OPERATORS:
            raise self.error()
        if wanted[0] in "\"'":
            wanted = wanted[1:-1]
        else:  # an unquoted value may hold colons and slashes: a URL, a time
            while self.peek() == ":":
                wanted += self.next() + self.next()
        path = name.strip("\"'").split(".")
        if operator in ("ne", "!="):
            plain = "eq" if operator == "ne" else "="
            return lambda body: not any(_compare(v, plain, wanted) for v in _values(body, path))
        return lambda body: any(_compare(v, operator, wanted) for v in _values(body, path))


@lru_cache(maxsize=1024)
def predicate(source: str) -> Predicate:
    """Compile a filter.

    Raises:
        ApiError: 400, it cannot be read.
    """
    parser = _Parser(source)
    found = parser.expression()
    if parser.peek():
        raise parser.error()
    try:
        found({})
    except re.error:
        raise parser.error() from None
    return found


def sort_key(order: str) -> tuple[Callable[[Json], Any], bool]:
    """Return the sort key of an `orderBy` value and whether to reverse.

    Raises:
        ApiError: 400, it names neither `name` nor `creationTimestamp desc`.
    """
    match order.split():
        case [] | ["name"]:
            return (lambda body: body["name"]), False
        case ["creationTimestamp", "desc"]:
            return (lambda body: (body["creationTimestamp"], body["id"])), True
    raise invalid("orderBy", order, "Only name and creationTimestamp desc are supported.")
