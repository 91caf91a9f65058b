"""The commands of a page, found, run in order in one shell, and held against what the page says they print.

A fence is run when its info string says so: ```` ```console run ````. In it a line `$ …` is a command (it goes on after a
`\\` and through `> ` lines), and the lines below it are what it prints: each stands in its output, in that order; a line
`...` is for whatever is left out. A command ends with 0, unless the codes are given: `run=0,2,-`, where `-` is not run.
A fence `yaml file=NAME` writes that file. The same in an HTML comment is run and not shown. `<!-- world: NAME -->` says
which world of `tests/docs/worlds.py` the page lives in; without it there are no fakes.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)
WORLD = re.compile(r"^<!-- world: (\S+) -->$", re.MULTILINE)
MARK = "--- page:"
SECONDS = 240  # that a page may take


class Command(NamedTuple):
    """One command of a page."""

    line: int
    text: str
    code: int | None  # None: it is shown, and not run
    prints: tuple[str, ...] = ()


class File(NamedTuple):
    """A file that a page shows, and that the commands after it find."""

    line: int
    name: str
    text: str


class Failure(NamedTuple):
    """What of a page is not so, and where."""

    line: int
    what: str


def world(text: str) -> str:
    """The world that a page lives in, "" for none."""
    found = WORLD.search(text)
    return found[1] if found else ""


def steps(text: str) -> list[Command | File]:
    """What is to be done for a page, in order."""
    return list(_steps(text))


def _steps(text: str) -> Iterator[Command | File]:
    for fence in FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        body = re.sub(rf"^{fence['indent']}", "", fence["text"], flags=re.MULTILINE)
        options = fence["info"].split()[1:]
        for option in options:
            word, _, value = option.partition("=")
            if word == "file":
                yield File(line, value, body)
            elif word == "run":
                yield from _commands(body, line + 1, value)


def _commands(body: str, line: int, codes: str) -> Iterator[Command]:
    found: list[tuple[int, list[str], list[str]]] = []
    for number, text in enumerate(body.splitlines(), start=line):
        if text.startswith("$ "):
            found.append((number, [text[2:]], []))
        elif found and not found[-1][2] and (text.startswith("> ") or _goes_on(found[-1][1][-1])):
            found[-1][1].append(text.removeprefix("> "))
        elif found:
            found[-1][2].append(text)
        else:
            raise ValueError(f"line {number}: a block that is run begins with `$ `")
    wanted = codes.split(",") if codes else ["0"] * len(found)
    for (number, words, prints), code in zip(found, wanted, strict=True):
        yield Command(
            number,
            "\n".join(words),
            None if code == "-" else int(code),
            tuple(filter(None, prints)),
        )


def _goes_on(text: str) -> bool:
    return text.endswith("\\")


def run(
    page: str, directory: Path, environment: Mapping[str, str], seconds: float = SECONDS
) -> list[Failure]:
    """Do all of a page in a directory; return the first thing that is not as the page says, if any."""
    todo = steps(page)
    script = directory / ".page.sh"
    script.write_text("".join(_script(todo)), encoding="utf-8")
    process = subprocess.Popen(
        ["bash", "--norc", str(script)],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    finally:
        _end(process.pid)
    return _judged(todo, output)


def _end(group: int) -> None:
    """End what a page has left running."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _script(todo: list[Command | File]) -> Iterator[str]:
    yield "__code=0\n"
    for number, step in enumerate(todo):
        if isinstance(step, File):
            yield f"mkdir -p $(dirname '{step.name}')\ncat > '{step.name}' <<'{MARK}'\n{step.text}{MARK}\n"
        elif step.code is not None:
            yield (
                f"echo '{MARK} {number}'; (exit $__code)\n{step.text}\n__code=$?\n"
                f"echo; echo '{MARK} {number} '$__code\n[ $__code = {step.code} ] || exit\n"
            )
    yield "kill $(jobs -p) 2> /dev/null; wait\n"


def _judged(todo: list[Command | File], output: str) -> list[Failure]:
    for number, step in enumerate(todo):
        if isinstance(step, File) or step.code is None:
            continue
        head, tail = f"{MARK} {number}\n", rf"^{MARK} {number} (\d+)$"
        _, began, rest = output.partition(head)
        ended = re.search(tail, rest, re.MULTILINE)
        said = rest[: ended.start()] if ended else rest
        if not began or not ended:
            return [Failure(step.line, f"{step.text}\ndid not come to an end\n{said[-2000:]}")]
        if int(ended[1]) != step.code:
            what = f"{step.text}\nexit code {ended[1]}, not {step.code}\n{said[-2000:]}"
            return [Failure(step.line, what)]
        if missing := _missing(step.prints, said.splitlines()):
            return [Failure(step.line, f"{step.text}\ndoes not print: {missing}\n{said[-2000:]}")]
    return []


def _missing(wanted: tuple[str, ...], said: list[str]) -> str:
    """The first wanted line that is not among the lines that were said, in order."""
    rest = iter(line.strip() for line in said)
    return next((one for one in wanted if one != "..." and one.strip() not in rest), "")
