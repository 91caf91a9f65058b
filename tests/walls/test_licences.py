"""Whose work is used, and on what terms: every distribution of the locks says a licence that is allowed.

`docs/licences.md` is made of the same. It is what each distribution says of itself.
"""

import re
from importlib import metadata
from typing import Final

import pytest

from tests.support.locks import BUILD, DEV, ROOT, RUN, pins

PAGE = ROOT / "docs" / "licences.md"
# SPDX identifiers; each lets anybody use, change and pass on, in exchange for the notice.
ALLOWED: Final = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSD",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
}
# Whoever changes a file of these has to publish that file; glbc changes none, and copies none.
EXCEPTIONS: Final = {
    "certifi": ("MPL-2.0", "the list of certificate authorities; used as it is"),
    "hypothesis": ("MPL-2.0", "only tests use it; not in the artefact or the image"),
    "pathspec": ("MPL-2.0", "only the build and mypy use it; not in the artefact or the image"),
}
# Other spellings: of the free field, and of the classifiers of those who fill in nothing else.
SPOKEN: Final = {
    "2-Clause BSD License": "BSD-2-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


def said(name: str) -> str:
    """The licence of an installed distribution as an SPDX expression, as far as it says so."""
    of = metadata.metadata(name)
    classifiers = [
        one.rpartition(" :: ")[2]
        for one in of.get_all("Classifier") or ()
        if one.startswith("License :: ")
    ]
    text = of.get("License-Expression") or of.get("License") or " AND ".join(classifiers)
    return re.sub(r".+?(?= (?:OR|AND) |\Z)", lambda one: SPOKEN.get(one[0].strip(), one[0]), text)


def allowed(expression: str) -> bool:
    choices = expression.split(" OR ")
    return any(all(one.strip() in ALLOWED for one in choice.split(" AND ")) for choice in choices)


HERE = {name: pin for name, pin in pins(DEV).items() if pin.here}
SECTIONS = (
    ("What glbc runs with", pins(RUN).keys()),
    ("What it is built with", pins(BUILD).keys()),
    ("What only development needs", pins(DEV).keys() - pins(RUN).keys() - pins(BUILD).keys()),
)


def page() -> str:
    lines = [
        "# Licences",
        "",
        "Made from the locks and the metadata of what is installed, by `pytest tests/walls --update-golden`.",
        "",
        "Every distribution of the locks at its release, with the licence that it says it has. A licence that is not among",
        "the permissive ones, or not told, is refused by a test, unless it is an exception with a reason, as below. What a",
        "binary wheel carries inside is not looked into.",
    ]
    for title, names in SECTIONS:
        lines += ["", f"## {title}", "", "| Distribution | Release | Licence |", "|---|---|---|"]
        for name in sorted(names & HERE.keys()):
            _, why = EXCEPTIONS.get(name, ("", ""))
            note = f": {why}" if why else ""
            lines.append(f"| {name} | {HERE[name].version} | {said(name)}{note} |")
    elsewhere = sorted(pins(DEV).keys() - HERE.keys())
    lines += ["", f"Not needed on Linux, and not looked at: {', '.join(elsewhere)}.", ""]
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(HERE))
def test_a_distribution_says_a_licence_that_is_allowed(name: str) -> None:
    if name in EXCEPTIONS:
        assert said(name) == EXCEPTIONS[name][0]
    else:
        assert allowed(said(name)), said(name)


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        pytest.param("MIT AND BSD-3-Clause", True, id="two that are allowed"),
        pytest.param("MIT OR GPL-2.0-only", True, id="one may be chosen"),
        pytest.param("MIT AND GPL-2.0-only", False, id="both hold"),
        pytest.param("", False, id="nothing is said"),
    ],
)
def test_a_licence_is_judged_by_its_expression(expression: str, verdict: bool) -> None:
    assert allowed(expression) is verdict


def test_an_exception_is_of_something_that_is_used_and_not_allowed_anyhow() -> None:
    assert EXCEPTIONS.keys() <= HERE.keys()
    assert not [name for name, (licence, _) in EXCEPTIONS.items() if allowed(licence)]


def test_the_page_is_what_is_installed(update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(page())
    assert PAGE.read_text() == page()
