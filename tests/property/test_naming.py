"""What must hold of every name, not only of the worked examples."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from glbc.naming import (
    FrontendNames,
    Identity,
    Namer,
    Role,
    Scheme,
    certificate_hash,
    is_valid_name,
)

WORD = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
# Repeated words, because short ones alone would never meet the limits.
LABEL = WORD | st.builds(
    lambda word, length: (word * 63)[:length].rstrip("-") or "a", WORD, st.integers(1, 63)
)
KEY = st.tuples(LABEL, LABEL)
UID = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
KUBE_SYSTEM = st.uuids().map(str)
NAMER = st.builds(Namer, UID, KUBE_SYSTEM, st.just("") | UID)
PORT = st.integers(1, 65535)
FIELDS = {
    "url_map": Role.URL_MAP,
    "redirect_map": Role.REDIRECT_MAP,
    "http_proxy": Role.HTTP_PROXY,
    "https_proxy": Role.HTTPS_PROXY,
    "http_rule": Role.HTTP_RULE,
    "https_rule": Role.HTTPS_RULE,
}


def _resources(names: FrontendNames) -> dict[str, str]:
    made = msgspec.structs.asdict(names)
    return {field: made[field] for field in FIELDS if made[field] is not None}


@given(NAMER, KEY, st.binary())
def test_v2_names_are_always_valid(namer: Namer, key: tuple[str, str], crt: bytes) -> None:
    made = _resources(namer.frontend(Scheme.V2, *key))
    made["certificate"] = namer.certificate(Scheme.V2, *key, crt)
    assert {field: name for field, name in made.items() if not is_valid_name(name)} == {}


@given(NAMER, KEY, KEY)
def test_distinct_ingresses_get_distinct_v2_names(
    namer: Namer, one: tuple[str, str], other: tuple[str, str]
) -> None:
    names = [_resources(namer.frontend(Scheme.V2, *key)).values() for key in (one, other)]
    assert (one == other) == (not set(names[0]).isdisjoint(names[1]))


@given(KEY, KUBE_SYSTEM, KUBE_SYSTEM)
def test_distinct_clusters_get_distinct_v2_names(
    key: tuple[str, str], one: str, other: str
) -> None:
    names = [_resources(Namer("", uid).frontend(Scheme.V2, *key)).values() for uid in (one, other)]
    assert (one == other) == (not set(names[0]).isdisjoint(names[1]))


@given(st.builds(Namer, st.just("") | LABEL, KUBE_SYSTEM), KEY, st.binary(), PORT)
def test_other_names_are_never_too_long(
    namer: Namer, key: tuple[str, str], crt: bytes, port: int
) -> None:
    made = [
        *_resources(namer.frontend(Scheme.V1, *key)).values(),
        namer.certificate(Scheme.V1, *key, crt),
        namer.instance_group(),
        namer.backend(port),
        namer.neg(*key, port),
        namer.neg(*key, port, "some-subnet"),
        namer.neg_regional_external_backend(*key, port),
    ]
    assert [name for name in made if len(name) > 63] == []


@given(NAMER, KEY, st.sampled_from(Scheme))
def test_a_front_end_is_read_back(namer: Namer, key: tuple[str, str], scheme: Scheme) -> None:
    names = namer.frontend(scheme, *key)
    for field, name in _resources(names).items():
        parsed = namer.parse(name)
        assert parsed is not None
        assert (FIELDS[field], scheme) == (parsed.role, parsed.scheme)
        assert names.load_balancer.startswith(parsed.load_balancer)
        assert parsed.cut or names.load_balancer == parsed.load_balancer
        assert parsed.cut == (len(name) > 62 and scheme is Scheme.V1)
        assert parsed.cut or parsed.identity is Identity.FULL
        assert (parsed.namespace, parsed.name) in (("", ""), key)


@given(NAMER, KEY)
def test_a_short_v2_name_tells_its_ingress(namer: Namer, key: tuple[str, str]) -> None:
    parsed = namer.parse(namer.frontend(Scheme.V2, *key).url_map)
    assert parsed is not None
    assert (sum(map(len, key)) <= 36) == ((parsed.namespace, parsed.name) == key)


@given(NAMER, KEY, st.sampled_from(Scheme), st.binary())
def test_a_certificate_is_read_back(
    namer: Namer, key: tuple[str, str], scheme: Scheme, crt: bytes
) -> None:
    parsed = namer.parse(namer.certificate(scheme, *key, crt))
    assert parsed is not None
    assert (Role.CERTIFICATE, scheme, Identity.FULL) == (
        parsed.role,
        parsed.scheme,
        parsed.identity,
    )
    assert certificate_hash(crt) == parsed.certificate_hash
    assert namer.frontend(scheme, *key).certificate_prefix.endswith(parsed.load_balancer_hash)


@given(NAMER, KEY, PORT, st.sampled_from(("", "subnet-b")))
def test_a_backend_is_read_back(namer: Namer, key: tuple[str, str], port: int, subnet: str) -> None:
    backend = namer.parse(namer.backend(port))
    assert backend is not None
    assert (Role.IG_BACKEND, port, Identity.FULL) == (
        backend.role,
        backend.node_port,
        backend.identity,
    )
    for name, role, room in (
        (namer.neg(*key, port, subnet), Role.NEG, 31 if subnet else 38),
        (namer.neg_regional_external_backend(*key, port), Role.REGIONAL_EXTERNAL_BACKEND, 36),
    ):
        parsed = namer.parse(name)
        assert parsed is not None
        assert parsed.identity is Identity.PARTIAL
        if sum(map(len, key)) + len(str(port)) <= room:
            assert (role, *key, port) == (
                parsed.role,
                parsed.namespace,
                parsed.name,
                parsed.service_port,
            )


@given(NAMER)
def test_what_the_cluster_has_one_of_is_read_back(namer: Namer) -> None:
    for name, role in (
        (namer.instance_group(), Role.INSTANCE_GROUP),
        (namer.firewall(), Role.FIREWALL),
    ):
        parsed = namer.parse(name)
        assert parsed is not None
        assert (role, Identity.FULL) == (parsed.role, parsed.identity)


@given(NAMER, NAMER, KEY, PORT, st.binary())
def test_a_neighbours_name_never_proves_our_identity(
    ours: Namer, theirs: Namer, key: tuple[str, str], port: int, crt: bytes
) -> None:
    for scheme in Scheme:
        for name in (
            *_resources(theirs.frontend(scheme, *key)).values(),
            theirs.certificate(scheme, *key, crt),
            theirs.backend(port),
            theirs.instance_group(),
            theirs.neg(*key, port),
        ):
            parsed = ours.parse(name)
            same = theirs == ours or {theirs.cluster_uid, theirs.kube_system_uid} & {
                ours.cluster_uid,
                ours.kube_system_uid,
            }
            assert same or parsed is None or parsed.identity is not Identity.FULL


PIECE = st.sampled_from(
    ("um", "tp", "fw", "l7", "be", "ssl", "cr", "ig", "e", "80", "0", "", "A.b")
)
LIKENESS = st.builds(
    lambda head, dash, pieces: dash.join((head, *pieces)),
    st.sampled_from(("k8s", "k8s1", "k8s2", "k8s-um", "k8s-be", "k8s-fw-l7", "k8s1-")),
    st.sampled_from(("-", "--")),
    st.lists(PIECE | LABEL | UID, max_size=6),
)


@given(
    st.builds(Namer, st.text(), st.text(st.characters(codec="utf-8")), st.text()),
    st.text() | LIKENESS,
)
def test_parse_takes_any_text(namer: Namer, name: str) -> None:
    parsed = namer.parse(name)
    assert parsed is None or is_valid_name(name)
