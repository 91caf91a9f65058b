"""The page of settings is what `glbc/config.py` says: each with its default, what may be given, and its meaning."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from glbc.config import Config, Section
from tests.support.locks import ROOT
from tests.walls.test_deploy import told

PAGE = ROOT / "docs" / "configuration.md"
HEAD = """# Configuration

Made from `glbc/config.py` by `pytest tests/walls --update-golden`.

One YAML file, given with `--config`; every setting has a default. Only `project` has to be said, there or with `--project`.
An option of the command line wins over the file. What is unknown, of a wrong type, out of range or there twice is refused
before anything starts, with its place and what would be right, and exit code 78. A change counts from the next start.

<!--
```console run
$ echo 'resync_sec: soon' > wrong.yaml
$ echo 'log_format: json' > good.yaml
```
-->
```console run=0,78
$ glbc config --config good.yaml
...
log_format: json
$ glbc config --config wrong.yaml
glbc: wrong.yaml: resync_sec: is 'soon': give seconds from 10 to 86400
```

`glbc config` prints every setting as it would hold, with the same options as `glbc run`. In the cluster the file is the
ConfigMap `glbc-config-…`, made of [deploy/config.yaml](../deploy/config.yaml), which has every setting at its default. A setting
of a section is written below the section's name.
"""


def given(field: msgspec.structs.FieldInfo) -> str:
    (meta,) = field.type.__metadata__
    return str(meta.description).removeprefix("give ")


def rows(section: type[Section], prefix: str = "") -> Iterator[str]:
    """The settings of one section, without those of sections in it."""
    defaults, comments = section(), told(section)
    for field in msgspec.structs.fields(section):
        value: Any = getattr(defaults, field.name)
        if isinstance(value, Section):
            continue
        meaning = " ".join(line.removeprefix("# ") for line in comments[field.name])
        shown = json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        yield f"| `{prefix}{field.name}` | `{shown}` | {given(field)} | {meaning} |"


def page() -> str:
    inner = [
        (f"{field.name}.", f"`{field.name}`", field.type.__doc__, field.type)
        for field in msgspec.structs.fields(Config)
        if isinstance(field.type, type) and issubclass(field.type, Section)
    ]
    sections = [("", "General", "What stands in no section.", Config), *inner]
    text = HEAD
    for prefix, title, about, section in sections:
        table = "\n".join(rows(section, prefix))
        text += f"\n## {title}\n\n{about}\n\n| Setting | Default | Give | Meaning |\n|---|---|---|---|\n{table}\n"
    return text


def test_the_page_is_what_the_code_says(update_golden: bool) -> None:
    if update_golden:
        PAGE.write_text(page())
    assert PAGE.read_text() == page()


def test_every_setting_says_what_may_be_given() -> None:
    lines = [line for line in page().splitlines() if line.startswith("| `")]
    assert lines
    assert [line for line in lines if "" in [cell.strip() for cell in line.split(" | ")]] == []
