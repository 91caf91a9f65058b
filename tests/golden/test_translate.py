"""What an Ingress becomes: each `*.in.yaml` against its `*.graph.yaml`."""

from pathlib import Path

import pytest

from tests.golden import cases

FILES = sorted(cases.HERE.glob("*.in.yaml"))


@pytest.mark.parametrize(
    "given", [pytest.param(path, id=path.name.removesuffix(".in.yaml")) for path in FILES]
)
def test_objects_become_the_graph(given: Path, update_golden: bool) -> None:
    golden = given.with_name(given.name.replace(".in.yaml", ".graph.yaml"))
    text = cases.as_text(*cases.translated(given))
    if update_golden:
        golden.write_text(text)
    assert golden.read_text() == text


def test_no_graph_is_left_without_its_objects() -> None:
    graphs = {path.name.removesuffix(".graph.yaml") for path in cases.HERE.glob("*.graph.yaml")}
    assert {path.name.removesuffix(".in.yaml") for path in FILES} == graphs
