"""`glbc config`: what is printed is a configuration file, and says what would hold."""

from pathlib import Path

import pytest

from glbc import cli
from glbc.config import CloudConfig, Config, GuardsConfig, parse


def test_options_go_before_the_file_and_the_file_before_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "glbc.yaml"
    file.write_text("project: in-the-file\nresync_sec: 30\ncloud: {workers: 4}\n")
    assert cli.main(["config", "--config", str(file), "--project", "given", "--read-only"]) == 0
    told = parse(capsys.readouterr().out, "printed")
    assert told == Config(
        project="given",
        resync_sec=30,
        cloud=CloudConfig(workers=4),
        guards=GuardsConfig(read_only=True),
    )


def test_a_mistake_is_told_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "glbc.yaml"
    file.write_text("resync: 30\n")
    assert cli.main(["config", "--config", str(file)]) == 78
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "resync: unknown setting: write resync_sec" in printed.err
