"""What a page points to is there: files, headings, tests by name, and the numbers of the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from glbc.cli import app
from glbc.config import Config
from glbc.kube.secrets import AGAIN_SEC
from glbc.translate import cdn, headers, limits, probes, tls
from tests.support.locks import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)")
TEST = re.compile(r"`(?:tests/)?([\w/]+\.py)::([\w:]+)`")
PLACE = re.compile(r"`((?:glbc|fakes|tests|deploy|docs)/[\w./-]*\w/?)`")
CALL = re.compile(r"\bglbc (run|plan|explain|graph|gc|names|config)\b([^`\n#]*)")
VERBS = typer.main.get_command(app).commands
INDEX = ROOT / "docs" / "README.md"


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def headings(path: Path) -> set[str]:
    """The anchors of a page, as they are made of its headings."""
    found = re.findall(r"^#+ (.*)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in found}


def named_in(path: Path) -> Iterator[str]:
    for node in ast.parse(text_of(path)).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        yield from (f"{prefix}{one.name}" for one in inner if isinstance(one, ast.FunctionDef))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_link_leads_somewhere(path: Path) -> None:
    broken = []
    for where, anchor in LINK.findall(text_of(path)):
        there = (path.parent / where).resolve() if where else path
        if not there.exists() or (anchor and anchor not in headings(there)):
            broken.append(f"{where}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_test_and_a_place_that_a_page_names_are_there(path: Path) -> None:
    text = text_of(path)
    missing = [
        f"{file}::{test}"
        for file, test in TEST.findall(text)
        if not (ROOT / "tests" / file).exists() or test not in named_in(ROOT / "tests" / file)
    ]
    missing += [place for place in PLACE.findall(text) if not (ROOT / place).exists()]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_an_option_that_a_page_gives_to_a_verb_is_one_of_that_verb(path: Path) -> None:
    wrong = []
    for verb, rest in CALL.findall(text_of(path)):
        known = {one for param in VERBS[verb].params for one in param.opts} | {"--help"}
        wrong += [
            f"glbc {verb} {option}"
            for option in re.findall(r"(?<!\S)-{1,2}[a-z][\w-]*", rest)
            if option not in known
        ]
    assert wrong == []


def test_the_index_has_every_page() -> None:
    pages = {name(path) for path in PAGES if path.parent == ROOT / "docs"} - {name(INDEX)}
    linked = {f"docs/{where}" for where, _ in LINK.findall(text_of(INDEX))}
    assert pages - linked == set()


CONFIG = Config()
NUMBERS = [
    f"| size of one URL map | {limits.MOST_BYTES // 1024} KiB |",
    f"| certificates of one Ingress | {limits.MOST_CERTIFICATES} |",
    f"| certificates of one chain | {limits.MOST_IN_CHAIN} |",
    f"| an RSA key | {tls.LEAST_RSA_BITS} bits at least",
    f"| nodes of one zone | {CONFIG.max_instances_per_group} ",
    f"| custom headers of each direction | {headers.MOST} |",
    f"| keys for signed URLs of one backend | {cdn.MOST_KEYS} |",
    f"| times of a health check | 1 to {probes.MOST_SEC} seconds",
    f"`parked_retry_sec` ({CONFIG.parked_retry_sec} s)",
    f"| {CONFIG.cloud.reads_per_min} reads, {CONFIG.cloud.writes_per_min} writes",
    f"{CONFIG.cloud.waits_per_min} waits a minute",
    f"| {CONFIG.debounce_sec:g} s of quiet, at most {CONFIG.debounce_max_sec:g} s",
    f"| seen within {CONFIG.resync_sec} s (`resync_sec`)",
    f"| seen within {AGAIN_SEC:g} s; a TLS Secret",
    f"| at most {CONFIG.health_interval_sec} s old (`health_interval_sec`)",
    f"{CONFIG.health_reads_per_min} reads a minute do (`health_reads_per_min`)",
    f"| within {CONFIG.lease.duration_sec} s and {CONFIG.lease.retry_sec:g} s of the other",
]


@pytest.mark.parametrize("said", NUMBERS)
def test_the_page_of_limits_says_the_numbers_of_the_code(said: str) -> None:
    assert said in text_of(ROOT / "docs" / "limits.md")
