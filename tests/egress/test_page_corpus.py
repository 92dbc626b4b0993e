"""Pages of the corpus that lead a browser to where it must not go."""

import pytest

from tests.support.rig_farm import RigFarm
from tests.support.rig_session import INSIDE, METADATA, Rig

SECRET_PAGE = f"http://{INSIDE}/secret"
DOCTYPE = "<!doctype html><meta charset=utf-8>"


@pytest.mark.parametrize("status", [302, 308])
def test_25_a_redirect_to_the_inside_is_forbidden(rig: Rig, farm: RigFarm, status: int) -> None:
    url = rig.origins.redirect(f"public.test/25-{status}", SECRET_PAGE, status)
    watch = rig.watch()
    ended = farm.capture(url, kind="screenshot")
    assert ended.code == "target_forbidden", ended.message
    assert ended.job.artifacts == ()
    assert ended.told(INSIDE) == []
    assert {hit.path for hit in watch.hits()} == {f"/25-{status}"}
    assert watch.leaks() == set()


def test_26_a_chain_of_redirects_to_loopback_is_forbidden(rig: Rig, farm: RigFarm) -> None:
    second = rig.origins.redirect("other.test/26", "http://127.0.0.1:8088/secret")
    first = rig.origins.redirect("public.test/26", second)
    watch = rig.watch()
    ended = farm.capture(first, kind="screenshot")
    assert ended.code == "target_forbidden", ended.message
    assert [hit.host for hit in watch.hits()] == ["public.test", "other.test"]
    assert watch.leaks() == set()


@pytest.mark.parametrize("target", [SECRET_PAGE, "http://localhost:8088/secret"])
def test_27_a_refresh_to_the_inside_is_forbidden(rig: Rig, farm: RigFarm, target: str) -> None:
    page = f'{DOCTYPE}<meta http-equiv=refresh content="0;url={target}"><p>Soon'
    url = rig.origins.put("public.test/27", page)
    watch = rig.watch()
    # So late that the browser has gone where it is sent.
    ended = farm.capture(url, wait_for_timeout=1000)
    assert ended.code == "target_forbidden", ended.message
    assert ended.told() == []
    assert watch.leaks() == set()


WAYS = {
    "at-once": f'location = "{SECRET_PAGE}"',
    "once-loaded": f'onload = () => {{ location.replace("{SECRET_PAGE}"); }}',
    "later": f'setTimeout(() => {{ open("{SECRET_PAGE}", "_self"); }}, 200)',
    "by-a-form": f'document.write(`<form id=f method=post action="{SECRET_PAGE}">`); f.submit()',
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_28_a_script_that_goes_inside_shows_nothing_of_it(
    rig: Rig, farm: RigFarm, way: str
) -> None:
    url = rig.origins.put("public.test/28", f"{DOCTYPE}<p>Before<script>{way}</script>")
    watch = rig.watch()
    for wait_for_timeout in (0, 600):
        ended = farm.capture(url, wait_for_timeout=wait_for_timeout)
        assert ended.code in {"succeeded", "target_forbidden"}, ended.message
        if ended.code == "succeeded":
            assert ended.report["final_url"] == url
        assert ended.told() == []
    assert watch.leaks() == set()


FORTY = "".join(
    f'<img src="http://{INSIDE}/v/{n}.png"><link rel=stylesheet href="http://{INSIDE}/v/{n}.css">'
    f'<iframe src="http://{METADATA}/v/{n}.html"></iframe>'
    f'<video src="http://127.0.0.1:8088/v/{n}.mp4"></video>'
    f'<object data="http://localhost:8088/v/{n}.html"></object>'
    for n in range(8)
)


def test_30_a_page_with_forty_things_of_the_inside_is_had_without_them(
    rig: Rig, farm: RigFarm
) -> None:
    url = rig.origins.put("public.test/30", f"{DOCTYPE}<title>Thirty</title>{FORTY}<p>Here")
    watch = rig.watch()
    ended = farm.capture(url, kind="screenshot")
    assert ended.report["title"] == "Thirty"
    assert ended.report["blocked_requests"] >= 40
    assert watch.leaks() == set()
    assert {hit.host for hit in watch.hits()} <= {"public.test"}


@pytest.mark.parametrize(
    "target",
    [f"http://{METADATA}/latest/meta-data/", "http://127.0.0.1:8088/", "http://inside.test/"],
)
def test_31_a_script_gets_no_answer_of_the_inside(rig: Rig, farm: RigFarm, target: str) -> None:
    script = f"""
        const show = (text) => {{ document.getElementById("out").textContent = text; }};
        fetch("{target}").then((answer) => answer.text()).then(show, () => show("refused"));
    """
    url = rig.origins.put("public.test/31", f"{DOCTYPE}<pre id=out></pre><script>{script}</script>")
    watch = rig.watch()
    ended = farm.capture(url, wait_for_function="document.getElementById('out').textContent")
    assert ended.code == "succeeded", ended.message
    assert ended.told() == []
    assert watch.leaks() == set()


def test_32_no_socket_is_opened_to_the_inside(rig: Rig, farm: RigFarm) -> None:
    watch = rig.watch()
    ended = farm.capture("http://public.test/sockets.html", wait_for_timeout=1000)
    assert ended.report["title"] == "Sockets"
    assert {"/worker.js", "/shared.js"} <= watch.paths()
    assert watch.leaks() == set()
    assert {hit.host for hit in watch.hits()} == {"public.test"}


@pytest.mark.parametrize(
    "target",
    ["file:///etc/passwd", "file://localhost/etc/passwd", "data:text/html,x", "chrome://version"],
)
def test_43_a_redirect_to_a_local_scheme_is_an_error(rig: Rig, farm: RigFarm, target: str) -> None:
    url = rig.origins.redirect("public.test/43", target)
    ended = farm.capture(url)
    assert ended.code in {"connection_failed", "target_forbidden"}, ended.message
    assert ended.told() == []


FRAMES = """<style>body, iframe, embed { margin: 0; border: 0 }</style>
    <iframe src=file:///etc/passwd></iframe>
    <object data=file:///etc/passwd></object>
    <embed src=file:///etc/passwd>
    <base href=file:///etc/>
    <iframe src=passwd></iframe>
"""
SCRIPTS = {
    "fetch": """<p id=out>Waiting</p><script>
        const show = (text) => { out.textContent = text; };
        fetch("file:///etc/passwd").then((answer) => answer.text()).then(show, () => show("no"));
    </script>""",
    "unc-path": r"<iframe src='\\localhost\etc\passwd'></iframe>",
    "location": "<p>Before<script>location = 'file:///etc/passwd'</script>",
    "refresh": '<meta http-equiv=refresh content="0;url=file:///etc/passwd"><p>Before',
}


@pytest.mark.parametrize("corpus_number", [44, 47])
def test_44_47_local_files_in_frames_leave_a_page_white(
    rig: Rig, farm: RigFarm, corpus_number: int
) -> None:
    """What is in a frame shows in a picture alone; ``test_rig`` has one where it does."""
    page = DOCTYPE + FRAMES
    url = rig.origins.put("public.test/44", page)
    source = url if corpus_number == 44 else page
    ended = farm.capture(source, kind="screenshot", wait_for_timeout=300)
    assert ended.code == "succeeded", ended.message
    assert ended.colours == 1


@pytest.mark.parametrize("page", SCRIPTS.values(), ids=SCRIPTS)
def test_44_a_page_of_the_web_gets_no_local_file(rig: Rig, farm: RigFarm, page: str) -> None:
    url = rig.origins.put("public.test/44", DOCTYPE + page)
    watch = rig.watch()
    ended = farm.capture(url, wait_for_timeout=300)
    assert ended.code == "succeeded", ended.message
    assert ended.told() == []
    assert watch.leaks() == set()


@pytest.mark.parametrize("page", SCRIPTS.values(), ids=SCRIPTS)
def test_47_a_page_of_the_callers_own_gets_no_local_file(
    rig: Rig, farm: RigFarm, page: str
) -> None:
    watch = rig.watch()
    ended = farm.capture(DOCTYPE + page, wait_for_timeout=300)
    assert ended.code == "succeeded", ended.message
    assert ended.told() == []
    assert watch.leaks() == set()


def test_47_a_page_of_the_callers_own_gets_nothing_of_the_inside(rig: Rig, farm: RigFarm) -> None:
    watch = rig.watch()
    ended = farm.capture(f"{DOCTYPE}<title>Own</title>{FORTY}", kind="screenshot")
    assert ended.report["title"] == "Own"
    assert ended.report["blocked_requests"] >= 40
    assert watch.leaks() == set()
    assert watch.hits() == ()
