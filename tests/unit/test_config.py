"""A configuration is whole and right, or it is refused in one line that says where and why."""

from typing import Any

import msgspec
import pytest

from glbc.config import Config, ConfigError, KubeConfig, parse

EXAMPLE = """
project: my-project
network: projects/host/global/networks/shared
cloud:
  endpoint: http://127.0.0.1:8080
  anonymous: true
  workers: 4
kube:
  context: test
node_port_ranges: ["30000-32767", "8080"]
node_tags: [gke-node]
debounce_sec: 0
log_format: json
"""


def test_the_defaults_need_no_file() -> None:
    config = parse("", "defaults")
    assert Config() == config
    assert config.network == "default"
    assert config.cloud.endpoint == "https://compute.googleapis.com"
    assert config.cloud.workers == 32
    assert config.health_check_source_ranges == ("130.211.0.0/22", "35.191.0.0/16")
    assert config.new_ingress_scheme == "v2"


def test_a_file_sets_what_it_names_and_nothing_else() -> None:
    config = parse(EXAMPLE, "glbc.yaml")
    assert config.project == "my-project"
    assert config.cloud.workers == 4
    assert config.cloud.anonymous
    assert config.cloud.call_timeout_sec == 60
    assert config.kube == KubeConfig(context="test")
    assert config.node_port_ranges == ("30000-32767", "8080")
    assert config.debounce_sec == 0.0
    assert config.resync_sec == 600


def test_the_page_is_for_this_machine_alone_unless_somebody_says_else() -> None:
    assert parse("", "defaults").http.address == "127.0.0.1:8081"
    for address in ("", "0.0.0.0:8081", "[::1]:0"):
        text = f"http: {{address: '{address}'}}"
        assert parse(text, "glbc.yaml").http.address == address


def test_overrides_win_over_the_file() -> None:
    given = {"cloud.workers": 8, "project": "other", "kube.kubeconfig": "/tmp/k"}  # noqa: S108
    config = parse(EXAMPLE, "glbc.yaml", given)
    assert (config.cloud.workers, config.project) == (8, "other")
    assert config.cloud.endpoint == "http://127.0.0.1:8080"
    assert config.kube == KubeConfig(kubeconfig="/tmp/k", context="test")  # noqa: S108


def test_an_override_that_is_none_was_not_given() -> None:
    assert parse(EXAMPLE, "glbc.yaml") == parse(EXAMPLE, "glbc.yaml", {"project": None})


def test_an_empty_section_holds_the_defaults() -> None:
    assert Config() == parse("cloud:\nkube:\n", "glbc.yaml")


def test_the_tree_is_frozen() -> None:
    config: Any = parse("", "defaults")
    with pytest.raises(AttributeError):
        config.project = "x"
    assert hash(config) == hash(Config())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "cloud: {workers: 500}",
            "c.yaml: cloud.workers: is 500: give a whole number from 1 to 256",
            id="out of range",
        ),
        pytest.param(
            "cloud: {workers: many}",
            "c.yaml: cloud.workers: is 'many': give a whole number from 1 to 256",
            id="wrong type",
        ),
        pytest.param(
            "resync_sec: true",
            "c.yaml: resync_sec: is True: give seconds from 10 to 86400",
            id="true is no number",
        ),
        pytest.param(
            "project: null", "c.yaml: project: is empty: give a Google Cloud project id", id="null"
        ),
        pytest.param(
            "cloud: {worker: 5}",
            "c.yaml: cloud.worker: unknown setting: write workers",
            id="a slip of the pen names its neighbour",
        ),
        pytest.param(
            "kube: {zzz: 5}",
            "c.yaml: kube.zzz: unknown setting: remove it; known are kubeconfig, context",
            id="unknown",
        ),
        pytest.param(
            "1: 2",
            "c.yaml: 1: unknown setting: remove it; known are "
            + ", ".join(Config.__struct_fields__),
            id="a key that is no text",
        ),
        pytest.param(
            "cloud: {endpoint: 'https://x/'}",
            "c.yaml: cloud.endpoint: is 'https://x/': give an http or https URL without a slash at its end",
            id="endpoint with a slash at its end",
        ),
        pytest.param(
            "cloud: {endpoint: compute.googleapis.com}",
            "c.yaml: cloud.endpoint: is 'compute.googleapis.com': "
            "give an http or https URL without a slash at its end",
            id="endpoint without a scheme",
        ),
        *(
            pytest.param(
                f"http: {{address: '{address}'}}",
                f"c.yaml: http.address: is '{address}': "
                'give IP:PORT such as 127.0.0.1:8081, port 0 for a free one, or "" for none',
                id=why,
            )
            for address, why in (
                (":8081", "an address of nowhere"),
                ("localhost:8081", "a name may be anything"),
                ("127.0.0.1", "no port"),
                ("127.0.0.1:70000", "no such port"),
                ("127.0.0.256:80", "no such address"),
                ("[::z]:80", "no such address of IPv6"),
            )
        ),
        pytest.param(
            "cloud: fast", "c.yaml: cloud: is 'fast': give a section with settings", id="no section"
        ),
        pytest.param("[1, 2]", "c.yaml: is [1, 2]: give a section with settings", id="a list"),
        pytest.param(
            "node_port_ranges: ['32767-30000']",
            "c.yaml: node_port_ranges: is ['32767-30000']: "
            "give a list of ports or ranges within 1-65535, low end first",
            id="range backwards",
        ),
        pytest.param(
            "node_port_ranges: []",
            "c.yaml: node_port_ranges: is []: "
            "give a list of ports or ranges within 1-65535, low end first",
            id="no range would open every port",
        ),
        pytest.param(
            "node_port_ranges: [30000-70000]",
            "c.yaml: node_port_ranges: is ['30000-70000']: "
            "give a list of ports or ranges within 1-65535, low end first",
            id="port too high",
        ),
        pytest.param(
            "health_check_source_ranges: [10.0.0.1/8]",
            "c.yaml: health_check_source_ranges: is ['10.0.0.1/8']: "
            "give a list of address ranges such as 130.211.0.0/22",
            id="address range with host bits",
        ),
        pytest.param(
            "health_check_source_ranges: ['10']",
            "c.yaml: health_check_source_ranges: is ['10']: "
            "give a list of address ranges such as 130.211.0.0/22",
            id="no address range",
        ),
        pytest.param(
            "default_backend_service: http-backend",
            "c.yaml: default_backend_service: is 'http-backend': give namespace/name, or \"\" for none",
            id="service without namespace",
        ),
        pytest.param(
            "health_check_path: healthz",
            "c.yaml: health_check_path: is 'healthz': give a path that begins with a slash",
            id="relative path",
        ),
        pytest.param(
            "network: a/b",
            "c.yaml: network: is 'a/b': give a name, or projects/PROJECT/global/networks/NAME",
            id="network path",
        ),
        pytest.param(
            "new_ingress_scheme: v3",
            "c.yaml: new_ingress_scheme: is 'v3': give v1 or v2",
            id="unknown scheme",
        ),
        pytest.param(
            "resync_sec: 9",
            "c.yaml: resync_sec: is 9: give seconds from 10 to 86400",
            id="resync too often",
        ),
        pytest.param(
            "debounce_sec: .nan",
            "c.yaml: debounce_sec: is nan: give seconds from 0 to 60",
            id="not a number",
        ),
        pytest.param(
            "debounce_sec: 5",
            "c.yaml: debounce_max_sec: is 1.0: give no less than debounce_sec (5.0)",
            id="a burst ends before its quiet",
        ),
        pytest.param(
            "lease: {retry_sec: 10}",
            "c.yaml: lease.retry_sec: is 10: give less than lease.renew_deadline_sec (10)",
            id="a leader that hardly ever renews",
        ),
        pytest.param(
            "lease: {duration_sec: 10}",
            "c.yaml: lease.renew_deadline_sec: is 10: give less than lease.duration_sec (10)",
            id="a leader that writes when another may",
        ),
        pytest.param(
            "lease: {name: Glbc}",
            "c.yaml: lease.name: is 'Glbc': give a name of a-z, 0-9 and dashes",
            id="a name that no object can bear",
        ),
        pytest.param(
            "cluster_uid: ABC",
            "c.yaml: cluster_uid: is 'ABC': give what resource names end in: a-z, 0-9 and dashes",
            id="uid that no name can bear",
        ),
        pytest.param(
            "a: 1\na: 2",
            "c.yaml: line 2, column 1: not YAML: key 'a' is there twice: mend it",
            id="key twice",
        ),
        pytest.param(
            "a: [1",
            "c.yaml: line 1, column 6: not YAML: expected ',' or ']', but got '<stream end>': mend it",
            id="not YAML",
        ),
        pytest.param(
            "a: 2001-99-99",
            "c.yaml: not YAML: month must be in 1..12: mend it",
            id="a date that is none",
        ),
        pytest.param(
            "a: !!python/name:os.system x",
            "c.yaml: line 1, column 4: not YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/name:os.system': mend it",
            id="no code",
        ),
        pytest.param(
            f"ingress_class: [{'x' * 80}]",
            f"c.yaml: ingress_class: is ['{'x' * 55}...: give text",
            id="a long value is cut",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.yaml")
    assert message == str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param(
            {"cloud.workers": 0},
            "command line: cloud.workers: is 0: give a whole number from 1 to 256",
            id="out of range",
        ),
        pytest.param(
            {"cloud.speed": 1},
            "command line: cloud.speed: unknown setting: remove it; known are "
            "endpoint, anonymous, workers, operation_timeout_sec, call_timeout_sec, reads_per_min, "
            "writes_per_min, endpoints_per_min, waits_per_min",
            id="unknown",
        ),
    ],
)
def test_a_mistaken_override_is_the_command_lines(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(EXAMPLE, "c.yaml", overrides)
    assert message == str(caught.value)


def test_every_setting_says_what_may_be_given() -> None:
    def leaves(kind: type[msgspec.Struct]) -> list[Any]:
        types = [field.type for field in msgspec.structs.fields(kind)]
        return [leaf for one in types for leaf in (leaves(one) if isinstance(one, type) else [one])]

    assert all(leaf.__metadata__[0].description for leaf in leaves(Config))
