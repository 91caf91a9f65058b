"""Names are ingress-gce's, byte for byte; each row is a worked example of it or an edge of its rules."""

import pytest

from glbc.naming import (
    COLLECTIONS,
    FINALIZER_V1,
    FINALIZER_V2,
    FrontendNames,
    Identity,
    Namer,
    Parsed,
    Role,
    Scheme,
    certificate_hash,
    content_hash,
    finalizer_of,
    is_valid_name,
    path_matcher,
    scheme_of,
    trim_fields,
)

UID = "c90a6bd2f1e34567"
KUBE_SYSTEM = "0a1b2c3d-1111-2222-3333-444455556666"
NAMER = Namer(UID, KUBE_SYSTEM, f"{UID}-fw")
LEGACY = Namer("", KUBE_SYSTEM)
UID1 = Namer("uid1", "kubesystem-uid1")  # the cluster of upstream's own tables
WORKED = Namer("16f2a1b3c4d5e6f7", "6d1f3c1e-7a55-4a3f-9d0a-2f4c7f0b9a11")
DIGITS = "0123456789" * 5
CRT = b"test123"
CRT_HASH = "ecd71870d1963316"


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        pytest.param(f"k8s-ig--{UID}", NAMER.instance_group(), id="group ends in the uid"),
        pytest.param("port30080", NAMER.named_port(30080), id="named port holds the node port"),
        pytest.param(f"k8s-be-30080--{UID}", NAMER.backend(30080), id="backend ends in the uid"),
        pytest.param(
            f"k8s-fw-l7--{UID}-fw", NAMER.firewall(), id="firewall uses the firewall name"
        ),
        pytest.param(
            "k8s-fw-l7--uid1", UID1.firewall(), id="firewall without its own name uses the uid"
        ),
        pytest.param(
            "k8s-fw-l7--a--b", Namer("u", "", "a--b").firewall(), id="firewall name is not a uid"
        ),
        pytest.param(
            "k8s-fw-l7--" + "x" * 58 + "0",
            Namer("u", "", "x" * 70).firewall(),
            id="firewall is cut without counting its prefix",
        ),
        pytest.param("k8s-ig", LEGACY.instance_group(), id="legacy group has no suffix"),
        pytest.param("k8s-be-30080", LEGACY.backend(30080), id="legacy backend has no suffix"),
        pytest.param("k8s-fw-l7", LEGACY.firewall(), id="legacy firewall has no suffix"),
        pytest.param("k8s-be-80--uid1", UID1.backend(80), id="backend of a short uid"),
        pytest.param(
            "k8s-be-8080--" + "x" * 49 + "0",
            Namer("x" * 100, "").backend(8080),
            id="backend of an endless uid is cut to 63",
        ),
    ],
)
def test_shared_names(expected: str, made: str) -> None:
    assert expected == made


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        pytest.param(
            "k8s1-c90a6bd2-default-web-80-9710d9e6", NAMER.neg("default", "web", 80), id="plain"
        ),
        pytest.param(
            "k8s1-c90a6bd2-default-web-80-a18c61-9710d9e6",
            NAMER.neg("default", "web", 80, "subnet-b"),
            id="another subnet adds its hash and keeps the other",
        ),
        pytest.param(
            "k8s1-c90a6bd2-e-default-web-80-9710d9e6",
            NAMER.neg_regional_external_backend("default", "web", 80),
            id="regional external backend",
        ),
        pytest.param(
            "k8s1-c90a6bd2-kube-system-default-http-backend-80-8934345b",
            NAMER.neg("kube-system", "default-http-backend", 80),
            id="the default backend is an ordinary Service",
        ),
        pytest.param(
            "k8s1--default-web-80-d7f42f69",
            LEGACY.neg("default", "web", 80),
            id="legacy group has an empty uid",
        ),
        pytest.param(
            "k8s1-16f2a1b3-shop-front-80-574984b4",
            WORKED.neg("shop", "front", 80),
            id="worked example",
        ),
        pytest.param(
            "k8s1-16f2a1b3-e-shop-front-80-574984b4",
            WORKED.neg_regional_external_backend("shop", "front", 80),
            id="worked example, regional external",
        ),
    ],
)
def test_endpoint_group_names(expected: str, made: str) -> None:
    assert expected == made


@pytest.mark.parametrize(
    ("namespace", "service", "port", "expected"),
    [
        pytest.param("namespace", "name", 80, "namespace-name-80-5104b449", id="short"),
        pytest.param(
            DIGITS[:10],
            DIGITS[:10],
            1234567890,
            "0123456789-0123456789-1234567890-ed141b14",
            id="all fits",
        ),
        pytest.param(
            DIGITS,
            "0",
            0,
            "0123456789012345678901234567890123456-0--72142e04",
            id="a long namespace trims the port to nothing",
        ),
        pytest.param(
            DIGITS,
            DIGITS,
            0,
            "0123456789012345678-0123456789012345678--9129e3d2",
            id="both long",
        ),
        pytest.param(
            DIGITS,
            DIGITS[:40],
            2147483647,
            "0123456789012345678-0123456789012345-214-ed1f2a2f",
            id="all long",
        ),
    ],
)
def test_endpoint_group_words_are_trimmed(
    namespace: str, service: str, port: int, expected: str
) -> None:
    made = Namer("0123456789abcdef", "").neg(namespace, service, port)
    assert f"k8s1-01234567-{expected}" == made
    assert len(made) <= 63


def _v1(words: str) -> list[str]:
    return [f"k8s-{kind}-{words}" for kind in ("um", "tp", "tps", "fw", "fws")]


def _frontend(names: FrontendNames) -> list[str]:
    return [
        names.url_map,
        names.http_proxy,
        names.https_proxy,
        names.http_rule,
        names.https_rule,
    ]


V1_48 = f"{DIGITS[:24]}-{DIGITS[:24]}--"
V1_49 = f"{DIGITS[:24]}-{DIGITS[:25]}--"


@pytest.mark.parametrize(
    ("namer", "key", "load_balancer", "expected", "certificate"),
    [
        pytest.param(
            NAMER,
            ("default", "web"),
            f"default-web--{UID}",
            _v1(f"default-web--{UID}"),
            f"k8s-ssl-06b36afec7d7b4a3-{CRT_HASH}--{UID}",
            id="plain",
        ),
        pytest.param(
            LEGACY,
            ("default", "web"),
            "default-web",
            _v1("default-web"),
            f"k8s-ssl-e6940d8d168a384f-{CRT_HASH}",
            id="without a uid there is no suffix",
        ),
        pytest.param(
            WORKED,
            ("shop", "web"),
            "shop-web--16f2a1b3c4d5e6f7",
            _v1("shop-web--16f2a1b3c4d5e6f7"),
            f"k8s-ssl-ae3a847c1922ac6d-{CRT_HASH}--16f2a1b3c4d5e6f7",
            id="worked example",
        ),
        pytest.param(
            UID1,
            ("namespace", "name"),
            "namespace-name--uid1",
            _v1("namespace-name--uid1"),
            f"k8s-ssl-9a60a5272f6eee97-{CRT_HASH}--uid1",
            id="short uid",
        ),
        pytest.param(
            UID1,
            (DIGITS[:23], DIGITS[:24]),
            f"{DIGITS[:23]}-{DIGITS[:24]}--uid1",
            _v1(f"{DIGITS[:23]}-{DIGITS[:24]}--uid1"),
            f"k8s-ssl-4169c63684f5e4cd-{CRT_HASH}--uid1",
            id="62 characters are kept",
        ),
        pytest.param(
            UID1,
            (DIGITS[:24], DIGITS[:24]),
            f"{V1_48}uid1",
            [
                f"k8s-um-{V1_48}uid1",
                f"k8s-tp-{V1_48}uid1",
                f"k8s-tps-{V1_48}uid0",
                f"k8s-fw-{V1_48}uid1",
                f"k8s-fws-{V1_48}uid0",
            ],
            f"k8s-ssl-c7616cb0f76c2df2-{CRT_HASH}--uid1",
            id="of 63 characters the last becomes 0",
        ),
        pytest.param(
            UID1,
            (DIGITS[:24], DIGITS[:25]),
            f"{V1_49}uid1",
            [
                f"k8s-um-{V1_49}uid0",
                f"k8s-tp-{V1_49}uid0",
                f"k8s-tps-{V1_49}ui0",
                f"k8s-fw-{V1_49}uid0",
                f"k8s-fws-{V1_49}ui0",
            ],
            f"k8s-ssl-537beba3a874a029-{CRT_HASH}--uid1",
            id="64 characters lose two",
        ),
        pytest.param(
            UID1,
            (DIGITS, "0"),
            f"{DIGITS}-0--uid1",
            [
                f"k8s-um-{DIGITS}-0--u0",
                f"k8s-tp-{DIGITS}-0--u0",
                f"k8s-tps-{DIGITS}-0--0",
                f"k8s-fw-{DIGITS}-0--u0",
                f"k8s-fws-{DIGITS}-0--0",
            ],
            f"k8s-ssl-92bdb5e4d378b3ce-{CRT_HASH}--uid1",
            id="long namespace",
        ),
        pytest.param(
            UID1,
            (DIGITS, DIGITS),
            f"{DIGITS}-{DIGITS[:11]}0",
            [
                f"k8s-um-{DIGITS}-01230",
                f"k8s-tp-{DIGITS}-01230",
                f"k8s-tps-{DIGITS}-0120",
                f"k8s-fw-{DIGITS}-01230",
                f"k8s-fws-{DIGITS}-0120",
            ],
            f"k8s-ssl-a04f7492b36aeb20-{CRT_HASH}--uid1",
            id="of 50 + 50 characters the uid disappears",
        ),
        pytest.param(
            UID1,
            ("ns", "web--uid1"),
            "ns-web--uid1",
            _v1("ns-web--uid1"),
            f"{UID1.frontend(Scheme.V1, 'ns', 'web').certificate_prefix}-{CRT_HASH}--uid1",
            id="a name that ends in the uid gets no second one",
        ),
        pytest.param(
            UID1,
            ("ns", "web--uid2"),
            "ns-web--uid2--uid1",
            _v1("ns-web--uid2--uid1"),
            None,
            id="a name that ends in another uid gets ours",
        ),
    ],
)
def test_v1_front_ends(
    namer: Namer,
    key: tuple[str, str],
    load_balancer: str,
    expected: list[str],
    certificate: str | None,
) -> None:
    names = namer.frontend(Scheme.V1, *key)
    assert load_balancer == names.load_balancer
    assert expected == _frontend(names)
    assert names.http_rule == names.address
    assert names.redirect_map is None
    if certificate:
        assert certificate == namer.certificate(Scheme.V1, *key, CRT)


EVEN = f"{DIGITS[:18]}-{DIGITS[:18]}"


@pytest.mark.parametrize(
    ("namer", "key", "load_balancer", "certificate"),
    [
        pytest.param(
            NAMER,
            ("default", "web"),
            "0svcwfuc-default-web-fnjlgl1w",
            "qzc30l6kfqxy5kq4",
            id="plain",
        ),
        pytest.param(
            WORKED,
            ("shop", "web"),
            "aer32pk4-shop-web-jkv47h8u",
            "bof1kkx3pzpdw31t",
            id="worked example",
        ),
        pytest.param(
            UID1,
            ("namespace", "name"),
            "7kpbhpki-namespace-name-uhmwf5xi",
            "fvix6gj3ge1emsdj",
            id="upstream's cluster",
        ),
        pytest.param(
            UID1,
            (DIGITS[:23], DIGITS[:24]),
            f"7kpbhpki-{EVEN}-hg17g9tx",
            "ktiggo5yie4uh72b",
            id="47 characters are trimmed evenly",
        ),
        pytest.param(
            UID1,
            (DIGITS[:24], DIGITS[:24]),
            f"7kpbhpki-{EVEN}-o0dahbae",
            "kk38dnbt6k8zrg76",
            id="equal words keep apart by the hash",
        ),
        pytest.param(
            UID1,
            (DIGITS[:24], DIGITS[:25]),
            f"7kpbhpki-{EVEN}-sxo4pxda",
            "n2b7ixc007o1ddma",
            id="49 characters",
        ),
        pytest.param(
            UID1,
            (DIGITS, "0"),
            f"7kpbhpki-{DIGITS[:36]}--v8ajgbg3",
            "m6a592dazogk94ra",
            id="a short name is trimmed to nothing",
        ),
        pytest.param(
            UID1,
            ("0", DIGITS),
            f"7kpbhpki-0-{DIGITS[:35]}-fyhus2f6",
            "a33x986k79kbu0me",
            id="a short namespace keeps what rounding leaves over",
        ),
        pytest.param(
            UID1,
            (DIGITS, DIGITS),
            f"7kpbhpki-{EVEN}-69z4wrm0",
            "5pu4c55s4c47rr9e",
            id="50 + 50 characters",
        ),
        pytest.param(
            UID1,
            ("namespace", "test.name"),
            "7kpbhpki-namespace-test.name-j4wkfxzl",
            "2w95dxzgz98fxgw5",
            id="a dot stays, and is refused by the gate",
        ),
    ],
)
def test_v2_front_ends(
    namer: Namer, key: tuple[str, str], load_balancer: str, certificate: str
) -> None:
    names = namer.frontend(Scheme.V2, *key)
    assert load_balancer == names.load_balancer
    assert [f"k8s2-{kind}-{load_balancer}" for kind in ("um", "tp", "ts", "fr", "fs")] == _frontend(
        names
    )
    assert f"k8s2-rm-{load_balancer}" == names.redirect_map
    assert f"k8s2-fr-{load_balancer}" == names.address
    cluster = load_balancer[:8]
    assert f"k8s2-cr-{cluster}-{certificate}-{CRT_HASH}" == namer.certificate(Scheme.V2, *key, CRT)
    assert ("." not in load_balancer) == is_valid_name(names.url_map)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        pytest.param("", "", id="empty stays empty"),
        pytest.param("cluster-uid", "cluster-uid", id="a single dash is no delimiter"),
        pytest.param("--", "", id="only a delimiter is empty"),
        pytest.param("--my-uid", "my-uid", id="leading delimiter"),
        pytest.param("xxx--yyyyy", "yyyyy", id="the last part counts"),
        pytest.param("xxx--yyyyy--zzz--abc", "abc", id="the last of many"),
        pytest.param("xxx---abc", "-abc", id="three dashes split from the left"),
    ],
)
def test_of_a_uid_the_last_part_counts(given: str, kept: str) -> None:
    assert kept == Namer(given, "").cluster_uid


@pytest.mark.parametrize(
    ("limit", "fields", "expected"),
    [
        pytest.param(100, (DIGITS,), (DIGITS,), id="short enough"),
        pytest.param(100, (DIGITS, DIGITS), (DIGITS, DIGITS), id="exactly enough"),
        pytest.param(50, (DIGITS, DIGITS), (DIGITS[:25], DIGITS[:25]), id="halved"),
        pytest.param(10, (DIGITS,) * 3, ("0123", "012", "012"), id="the first takes the rest"),
        pytest.param(3, (DIGITS,) * 3, ("0", "0", "0"), id="one each"),
        pytest.param(1, (DIGITS, "0"), ("0", ""), id="the short one vanishes"),
        pytest.param(5, (DIGITS, "0"), ("01234", ""), id="the short one vanishes first"),
        pytest.param(0, (DIGITS, "0"), (DIGITS, "0"), id="no limit, no change"),
    ],
)
def test_trim_fields(limit: int, fields: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert expected == trim_fields(limit, fields)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        pytest.param("*", "host3389dae361af79b04c9c8e7057f60cc6", id="catch-all"),
        pytest.param("a.example.com", "hostfd7093adaa663688ce5f4e060a1830ca", id="host a"),
        pytest.param("b.example.com", "host386f51195d5b0f9c91ce0535aa0a80c9", id="host b"),
    ],
)
def test_path_matcher(host: str, expected: str) -> None:
    assert expected == path_matcher(host)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        pytest.param("", False, id="empty"),
        pytest.param("2testname", False, id="starts with a digit"),
        pytest.param("test.name", False, id="dot"),
        pytest.param("testName", False, id="capital"),
        pytest.param("test-name-", False, id="trailing dash"),
        pytest.param("test-name-123243", True, id="plain"),
        pytest.param("a", True, id="one letter"),
        pytest.param("a" * 63, True, id="63 characters"),
        pytest.param("a" * 64, False, id="64 characters"),
        pytest.param("name\n", False, id="newline at the end"),
    ],
)
def test_validity_gate(name: str, valid: bool) -> None:
    assert valid == is_valid_name(name)


def test_hashes() -> None:
    assert certificate_hash(CRT) == CRT_HASH
    assert content_hash(KUBE_SYSTEM, 8) == "0svcwfuc"


@pytest.mark.parametrize(
    ("finalizers", "scheme"),
    [
        pytest.param([], None, id="none: not decided yet"),
        pytest.param(["example.com/other"], None, id="a stranger's finalizer decides nothing"),
        pytest.param([FINALIZER_V1], Scheme.V1, id="v1"),
        pytest.param([FINALIZER_V2], Scheme.V2, id="v2"),
        pytest.param([FINALIZER_V1, FINALIZER_V2], Scheme.V2, id="both: v2 wins"),
    ],
)
def test_finalizers_record_the_scheme(finalizers: list[str], scheme: Scheme | None) -> None:
    assert scheme == scheme_of(finalizers)
    if scheme:
        assert scheme == scheme_of([finalizer_of(scheme)])


LB2 = "0svcwfuc-default-web-fnjlgl1w"
CERT2 = "qzc30l6kfqxy5kq4"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            f"k8s-ig--{UID}", Parsed(role=Role.INSTANCE_GROUP, identity=Identity.FULL), id="group"
        ),
        pytest.param(
            f"k8s-be-30080--{UID}",
            Parsed(role=Role.IG_BACKEND, identity=Identity.FULL, node_port=30080),
            id="backend",
        ),
        pytest.param(
            f"k8s-fw-l7--{UID}-fw",
            Parsed(role=Role.FIREWALL, identity=Identity.FULL),
            id="firewall",
        ),
        pytest.param(
            f"k8s-fw-l7--{UID}", Parsed(role=Role.FIREWALL), id="firewall of another firewall name"
        ),
        pytest.param(
            f"k8s-tps-default-web--{UID}",
            Parsed(
                role=Role.HTTPS_PROXY,
                scheme=Scheme.V1,
                identity=Identity.FULL,
                load_balancer=f"default-web--{UID}",
            ),
            id="v1 proxy",
        ),
        pytest.param(
            f"k8s-ssl-06b36afec7d7b4a3-8010bfcee1842b2a--{UID}",
            Parsed(
                role=Role.CERTIFICATE,
                scheme=Scheme.V1,
                identity=Identity.FULL,
                load_balancer_hash="06b36afec7d7b4a3",
                certificate_hash="8010bfcee1842b2a",
            ),
            id="v1 certificate",
        ),
        pytest.param(
            f"k8s-ssl-1-default-web--{UID}",
            Parsed(
                role=Role.LEGACY_CERTIFICATE,
                scheme=Scheme.V1,
                identity=Identity.FULL,
                load_balancer=f"1-default-web--{UID}",
            ),
            id="legacy certificate",
        ),
        pytest.param(
            f"k8s2-fs-{LB2}",
            Parsed(
                role=Role.HTTPS_RULE,
                scheme=Scheme.V2,
                identity=Identity.FULL,
                load_balancer=LB2,
                namespace="default",
                name="web",
            ),
            id="v2 rule tells its Ingress",
        ),
        pytest.param(
            f"k8s2-cr-0svcwfuc-{CERT2}-8010bfcee1842b2a",
            Parsed(
                role=Role.CERTIFICATE,
                scheme=Scheme.V2,
                identity=Identity.FULL,
                load_balancer_hash=CERT2,
                certificate_hash="8010bfcee1842b2a",
            ),
            id="v2 certificate",
        ),
        pytest.param(
            "k8s1-c90a6bd2-default-web-80-9710d9e6",
            Parsed(
                role=Role.NEG,
                identity=Identity.PARTIAL,
                namespace="default",
                name="web",
                service_port=80,
            ),
            id="endpoint group tells its Service, of the uid only 8 characters",
        ),
        pytest.param(
            "k8s1-c90a6bd2-default-web-80-a18c61-9710d9e6",
            Parsed(
                role=Role.NEG,
                identity=Identity.PARTIAL,
                namespace="default",
                name="web",
                service_port=80,
            ),
            id="endpoint group of another subnet",
        ),
        pytest.param(
            "k8s1-c90a6bd2-e-default-web-80-9710d9e6",
            Parsed(
                role=Role.REGIONAL_EXTERNAL_BACKEND,
                identity=Identity.PARTIAL,
                namespace="default",
                name="web",
                service_port=80,
            ),
            id="regional external backend",
        ),
        pytest.param(
            "k8s1-c90a6bd2-default-web-80-00000000",
            Parsed(role=Role.NEG, identity=Identity.PARTIAL),
            id="endpoint group with a hash that is not its own tells nothing more",
        ),
        pytest.param(
            "k8s1-deadbeef-default-web-80-9710d9e6", Parsed(role=Role.NEG), id="a neighbour's group"
        ),
        pytest.param(
            "k8s-um-default-web",
            Parsed(role=Role.URL_MAP, scheme=Scheme.V1, load_balancer="default-web"),
            id="a legacy name proves nothing",
        ),
        pytest.param(
            f"k8s-be-80--{UID[:10]}",
            Parsed(role=Role.IG_BACKEND, node_port=80),
            id="a piece of the uid in a name that was not cut is another cluster's",
        ),
        pytest.param(
            f"k8s-um-{DIGITS[:41]}--{UID[:12]}0",
            Parsed(
                role=Role.URL_MAP,
                scheme=Scheme.V1,
                identity=Identity.PARTIAL,
                cut=True,
                load_balancer=f"{DIGITS[:41]}--{UID[:12]}",
            ),
            id="a cut name hints at a cluster",
        ),
        pytest.param(
            f"k8s-um-{DIGITS[:49]}--{UID[:4]}0",
            Parsed(
                role=Role.URL_MAP,
                scheme=Scheme.V1,
                cut=True,
                load_balancer=f"{DIGITS[:49]}--{UID[:4]}",
            ),
            id="four characters of a uid are no hint",
        ),
        pytest.param(
            "k8s2-um-aaaaaaaa-default-web-fnjlgl1w",
            Parsed(
                role=Role.URL_MAP, scheme=Scheme.V2, load_balancer="aaaaaaaa-default-web-fnjlgl1w"
            ),
            id="a neighbour's v2 map",
        ),
        pytest.param(
            "k8s2-um-0svcwfuc-default-web-00000000",
            Parsed(
                role=Role.URL_MAP,
                scheme=Scheme.V2,
                identity=Identity.PARTIAL,
                load_balancer="0svcwfuc-default-web-00000000",
            ),
            id="our cluster's hash but no Ingress's: made by somebody else",
        ),
        pytest.param("", None, id="empty"),
        pytest.param("my-own-map", None, id="a person's"),
        pytest.param(f"k8s-be-port80--{UID}", None, id="backend without a number"),
        pytest.param("k8s-um-" + "a" * 56, None, id="63 characters that were not cut by us"),
        pytest.param(f"k8s-um-a.b--{UID}", None, id="a name that nothing can bear"),
        pytest.param("k8s2-0svcwfuc-default-web-fnjlgl1w", None, id="a Service's own balancer"),
        pytest.param("k8s2-tcp-0svcwfuc-default-web-fnjlgl1w", None, id="a Service's rule"),
    ],
)
def test_parse(name: str, expected: Parsed | None) -> None:
    assert expected == NAMER.parse(name)


@pytest.mark.parametrize(
    "name",
    [
        "k8s-ig",
        "k8s-be-30080",
        "k8s-fw-l7",
        "k8s-um-default-web",
        "k8s1--default-web-80-d7f42f69",
        f"k8s-be-80--{UID}",
    ],
)
def test_without_a_uid_no_name_proves_identity(name: str) -> None:
    parsed = LEGACY.parse(name)
    assert parsed is not None
    assert parsed.identity is Identity.NONE


def test_without_a_kube_system_uid_no_v2_name_proves_identity() -> None:
    blank = Namer(UID, "")
    parsed = blank.parse(blank.frontend(Scheme.V2, "default", "web").url_map)
    assert parsed is not None
    assert parsed.identity is Identity.NONE


def test_each_role_stands_in_a_collection() -> None:
    assert set(Role) == set(COLLECTIONS)
    assert Parsed(role=Role.HTTP_RULE).collections == {"forwardingRules", "addresses"}
