"""The live picture in a real browser: it shows what is, by itself, and runs nobody's script.

Skipped, loudly, where no Chromium is installed (Debian: `apt-get install chromium`).
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from fakes.build import ingress, service
from glbc.commands.live import Gallery, page
from glbc.ops.http import Answer, Server
from tests.e2e import browser
from tests.e2e.world import World, world
from tests.support.house import NAMER, House
from tests.support.scenes import busy_house

EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
SHOP = (
    service("default/web", "80->30001"),
    ingress("default/shop", {"shop.example.com": [("/", "web:80")]}, class_name="gce"),
)


@pytest.fixture
def chromium() -> None:
    if not browser.BROWSER:
        pytest.skip(f"NOT TESTED: the page in a browser: none of {browser.NAMES} is installed")


@contextmanager
def served(house: House) -> Iterator[Server]:
    """Serve a house; at each later look it goes on by itself until it is at rest."""
    gallery = Gallery(house.loop.window, NAMER, house.config, house.clock)
    looks = 0

    def state() -> Answer:
        nonlocal looks
        looks += 1
        if looks > 1:
            house.clock.advance(2)
            house.settle(patience=30)
        return gallery.state()

    shown = page()
    server = Server("127.0.0.1:0", {"/": lambda: shown, "/state.json": state})
    server.start()
    try:
        yield server
    finally:
        server.stop()


def text(dom: str) -> str:
    """Return what a person reads of a document: no element, no style, no script."""
    body = re.sub(r"<(script|style)>.*?</\1>", "", dom, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def title(dom: str) -> str:
    found = re.search("<title>(.*?)</title>", dom)
    assert found
    return found[1]


@pytest.mark.usefixtures("chromium")
class TestBrowser:
    def test_it_draws_every_ingress_with_its_chain_and_its_trouble(self) -> None:
        with served(busy_house()) as server:
            seen = browser.dom(server.url, millis=500)
        read = text(seen)
        assert title(seen) == (
            "2 Ingresses have a problem, 1 needs a look, 1 is worked on, 1 is right · glbc"
        )
        for name in ("pay/checkout", "shop/outlet", "blog/web", "shop/sale", "shop/web"):
            assert name in read
        assert "Quota 'URL_MAPS' exceeded" in read
        assert "raise the quota, or delete what is not needed" in read
        assert "is leaving, and is held" in read
        assert "foreign · URL map" in read
        assert "service blog/drafts does not exist" in read
        assert "in flight (create)" in read
        assert seen.count("<path ") > 20  # the lines of the chains

    def test_it_refreshes_itself(self) -> None:
        house = busy_house()
        assert not house.address("shop/sale")
        with served(house) as server:  # the first look is at a house that is not at rest
            seen = browser.dom(server.url, millis=9000)
        assert house.address("shop/sale") in text(seen)
        assert "is worked on" not in title(seen)

    def test_nothing_that_stands_in_the_cluster_becomes_part_of_the_page(self) -> None:
        house = House()
        named = {"kubernetes.io/ingress.global-static-ip-name": EVIL}
        odd = ingress("shop/web", default="web:80", annotations=named)
        house.apply(service("shop/web", "80->30301"), odd)
        house.settle()
        with served(house) as server:
            seen = browser.dom(server.url)
        assert "&lt;script&gt;document.title='owned'&lt;/script&gt;" in seen
        assert seen.count("<script") == 1
        assert "<img" not in seen
        assert "owned" not in title(seen)

    def test_that_nobody_answers_any_more_is_said_and_the_last_word_stays(self) -> None:
        house = busy_house()
        looks = 0
        gallery = Gallery(house.loop.window, NAMER, house.config, house.clock)

        def once() -> Answer:
            nonlocal looks
            looks += 1
            if looks > 1:
                raise ConnectionError("gone")
            return gallery.state()

        server = Server("127.0.0.1:0", {"/": page, "/state.json": once})
        server.start()
        try:
            seen = browser.dom(server.url)
        finally:
            server.stop()
        assert "glbc does not answer" in text(seen)
        assert "pay/checkout" in text(seen)

    def test_hundreds_of_ingresses_are_a_list_with_only_the_trouble_open(self) -> None:
        house = House()
        many = [ingress(f"shop/web-{n:03}", default="web:80") for n in range(120)]
        house.apply(service("shop/web", "80->30301"), *many)
        house.apply(ingress("shop/odd", {"a.example.com": [("/", "nobody:80")]}, default="web:80"))
        house.settle()
        with served(house) as server:
            seen = browser.dom(server.url, millis=500)
        assert seen.count("<details") == 121
        assert len(re.findall(r"<details[^>]* open", seen)) == 1
        assert seen.index("shop/odd") < seen.index("shop/web-000")


def test_the_page_of_a_real_process(tmp_path) -> None:
    with world(tmp_path, *SHOP) as one:
        one.start_glbc()
        address = one.served("default/shop")
        one.until(lambda: _standings(one)["right"] == 1, "the picture shows it right")
        with urlopen(f"http://{one.page}/metrics", timeout=10) as answer:
            told = answer.read().decode()
        assert 'glbc_actions_total{kind="forwardingRules",op="create",result="done"} 1.0' in told
        assert 'glbc_ingresses{state="served"} 1.0' in told
        if not browser.BROWSER:
            pytest.skip("NOT TESTED: the page of a real process in a browser: no Chromium")
        seen = browser.dom(f"http://{one.page}/")
        assert title(seen) == "1 Ingress is right · glbc"
        assert address in text(seen)
        assert "default/shop" in text(seen)
        one.assert_sound()


def test_an_address_that_is_taken_ends_the_start_before_anything_is_written(tmp_path) -> None:
    with world(tmp_path, *SHOP) as one:
        host, _, port = one.page.partition(":")
        with socket.create_server((host, int(port))):
            words = ["--http-address", one.page, *one.glbc_options()]
            done = one.run("glbc", "run", *words)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        (line,) = (said for said in done.stderr.splitlines() if said.startswith("glbc: "))
        assert line.startswith(f"glbc: http.address: {one.page}: cannot listen there")
        assert one.ours() == {}
        assert not one.ingress("default/shop")["metadata"].get("finalizers")
        assert "glbc" not in one.kubectl("get", "configmaps", "-A", "-o", "name")


def test_without_an_address_nothing_listens(tmp_path) -> None:
    with world(tmp_path, *SHOP, config='http: {address: ""}\n') as one:
        one.start("glbc", [*_glbc(one), *one.glbc_options()])
        one.served("default/shop")
        assert " page " not in one.log("glbc")
        one.assert_sound()


def _glbc(one: World) -> list[str]:
    from fakes.stack import BIN  # noqa: PLC0415

    return [str(BIN / "glbc"), "run"]


def _standings(one: World) -> dict[str, int]:
    with urlopen(f"http://{one.page}/state.json", timeout=10) as answer:
        return json.load(answer)["standings"]
