"""What each example of deploy/ becomes, against `examples/NAME.graph.yaml`."""

from pathlib import Path

import pytest

from tests.golden import cases, examples

NAMED = [pytest.param(path, id=path.stem) for path in examples.EXAMPLES]


@pytest.mark.parametrize("given", NAMED)
def test_an_example_becomes_the_graph(given: Path, update_golden: bool) -> None:
    golden = examples.GOLDEN / f"{given.stem}.graph.yaml"
    text = cases.as_text(examples.translated(given), examples.about(given))
    if update_golden:
        golden.write_text(text)
    assert golden.read_text() == text


@pytest.mark.parametrize("given", NAMED)
def test_an_example_has_nothing_to_complain_of(given: Path) -> None:
    assert examples.translated(given).findings == ()


def test_no_graph_is_left_without_its_example() -> None:
    graphs = {path.name.removesuffix(".graph.yaml") for path in examples.GOLDEN.glob("*")}
    assert {path.stem for path in examples.EXAMPLES} == graphs


def test_the_node_ports_of_all_examples_are_given_and_differ() -> None:
    services = [
        one for path in examples.EXAMPLES for one in examples.read(path) if one["kind"] == "Service"
    ]
    ports = [port.get("nodePort") for one in services for port in one["spec"]["ports"]]
    assert None not in ports
    assert len(set(ports)) == len(ports)


def test_the_readme_tells_of_every_example() -> None:
    told = (examples.DEPLOY / "examples" / "README.md").read_text()
    assert [path.name for path in examples.EXAMPLES if f"`{path.name}`" not in told] == []
