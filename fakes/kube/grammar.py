"""The grammars of names, labels and ports, with the sentences the server explains them in."""

import re
from typing import Final

SUBDOMAIN_RE: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
LABEL_RE: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
OLD_LABEL_RE: Final = r"[a-z]([-a-z0-9]*[a-z0-9])?"
QUALIFIED_RE: Final = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
VALUE_RE: Final = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
WILDCARD_RE: Final = r"\*\." + SUBDOMAIN_RE

SUBDOMAIN: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{SUBDOMAIN_RE}')"
)
LABEL: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    f"for validation is '{LABEL_RE}')"
)
OLD_LABEL: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', "
    f"regex used for validation is '{OLD_LABEL_RE}')"
)
WILDCARD: Final = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which "
    "must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric "
    f"character (e.g. '*.example.com', regex used for validation is '{WILDCARD_RE}')"
)
QUALIFIED: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{QUALIFIED_RE}')"
)
VALUE: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    f"'12345', regex used for validation is '{VALUE_RE}')"
)
PORT: Final = "must be between 1 and 65535, inclusive"


def _match(regex: str, text: str, limit: int, sentence: str) -> list[str]:
    wrong = [f"must be no more than {limit} bytes"] if len(text) > limit else []
    return wrong if re.fullmatch(regex, text) else [*wrong, sentence]


def subdomain(text: str) -> list[str]:
    """Return what is wrong with a DNS-1123 subdomain."""
    return _match(SUBDOMAIN_RE, text, 253, SUBDOMAIN)


def label(text: str) -> list[str]:
    """Return what is wrong with a DNS-1123 label."""
    return _match(LABEL_RE, text, 63, LABEL)


def old_label(text: str) -> list[str]:
    """Return what is wrong with a DNS-1035 label, as Services are named."""
    return _match(OLD_LABEL_RE, text, 63, OLD_LABEL)


def path_segment(text: str) -> list[str]:
    """Return what is wrong with a name that only has to fit into a URL, as Roles are named."""
    if text in {".", ".."}:
        return [f"may not be '{text}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in text]


def wildcard(text: str) -> list[str]:
    """Return what is wrong with `*.example.com`."""
    return _match(WILDCARD_RE, text, 253, WILDCARD)


def qualified(text: str) -> list[str]:
    """Return what is wrong with a label's key: an optional domain, then a name."""
    prefix, slash, name = text.rpartition("/")
    wrong = []
    if slash:
        wrong += (
            [f"prefix part {one}" for one in subdomain(prefix)]
            if prefix
            else ["prefix part must be non-empty"]
        )
    if not name:
        return [*wrong, "name part must be non-empty"]
    return wrong + _match(QUALIFIED_RE, name, 63, QUALIFIED)


def value(text: str) -> list[str]:
    """Return what is wrong with a label's value."""
    return _match(VALUE_RE, text, 63, VALUE)


def port(number: int) -> list[str]:
    """Return what is wrong with a port number."""
    return [] if 1 <= number <= 65535 else [PORT]


def port_name(text: str) -> list[str]:
    """Return what is wrong with a port's name."""
    wrong = []
    if len(text) > 15:
        wrong.append("must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]+", text):
        wrong.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", text):
        wrong.append("must contain at least one letter (a-z)")
    if "--" in text:
        wrong.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        wrong.append("must not begin or end with a hyphen")
    return wrong
