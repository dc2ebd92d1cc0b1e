"""XForms made HTML without harm, and within bounds. Part 9, 4 and 8."""

from __future__ import annotations

import time

import pytest
from lxml import html

from kobo_sync.station.browser.markup import markdown
from kobo_sync.station.browser.transform import Untransformable, address_of, browser_form

XFORM = """<h:html xmlns="http://www.w3.org/2002/xforms" xmlns:h="http://www.w3.org/1999/xhtml"
 xmlns:jr="http://openrosa.org/javarosa" xmlns:orx="http://openrosa.org/xforms"><h:head><h:title>T</h:title><model>
<itext><translation lang="Français (fr)" default="true()"><text id="q"><value>{fr}</value></text></translation>
<translation lang="العربية (ar)"><text id="q"><value>{ar}</value></text></translation></itext>
<instance><data id="d" version="1"><q/><meta><instanceID/></meta></data></instance>{more}
<bind nodeset="/data/q" type="string"/></model></h:head>
<h:body><input ref="/data/q"><label ref="jr:itext('q')"/></input></h:body></h:html>"""


def xform(fr: str = "Nom", ar: str = "الاسم", more: str = "") -> bytes:
    return XFORM.format(fr=fr, ar=ar, more=more).encode()


def labels(form: str) -> list[str]:
    return [
        html.tostring(each, encoding="unicode")
        for each in html.fromstring(form).xpath('//*[contains(@class, "question-label")]')
    ]


def test_languages_get_their_tags_and_directions() -> None:
    made = browser_form(xform(), {})
    assert (made.languages, made.default_language) == (("fr", "ar"), "fr")
    options = html.fromstring(made.form).xpath("//select[@id='form-languages']/option")
    assert [(each.get("value"), each.get("data-dir"), each.text) for each in options] == [
        ("fr", "ltr", "Français"),
        ("ar", "rtl", "العربية"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a &amp; b &lt; c", "a &amp; b &lt; c"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("&lt;img src=x onerror=alert(1)&gt; *x*", "&lt;img src=x onerror=alert(1)&gt; <em>x</em>"),
        ("&lt;span style='color:red'&gt;r&lt;/span&gt;", '<span style="color:red">r</span>'),
        ("&lt;span style='a' onclick='alert(1)'&gt;r&lt;/span&gt;", '<span style="a">r</span>'),
        ("[x](javascript:alert(1))", "[x](javascript:alert(1))"),
        ('[x](http://a/" onclick="b)', 'href="http://a/%22'),
        ("**b** _e_ # non", "<strong>b</strong> <em>e</em> # non"),
        ("&amp;lt;b&amp;gt;", "&amp;lt;b&amp;gt;"),
    ],
)
def test_a_label_is_text_with_a_little_markdown_and_never_a_script(text: str, expected: str) -> None:
    (french, _) = labels(browser_form(xform(text), {}).form)
    assert expected in french
    assert not html.fromstring(french).xpath("//@onclick | //@onerror | //script | //img")


def test_markdown_as_enketo_renders_it() -> None:
    assert markdown("## Titre ##\nsuite", {}) == "<h2>Titre </h2>suite"
    assert markdown("- a\n- b", {}) == "<ul><li>a</li><li>b</li></ul>"
    assert markdown("un\n\ndeux", {}) == "<p>un</p>deux"
    assert markdown("a\n1. x\n2. y", {}) == "a<ol><li>x</li><li>y</li></ol>"
    assert markdown("2 \\* 3 \\_ 4", {}) == "2 * 3 _ 4"
    assert markdown("[page](jr://images/a.png)", {"a.png": "/f/u/media/a.png?v=1"}).startswith(
        '<a href="/f/u/media/a.png?v=1"'
    )


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("jr://images/é a.png", "/m/1"),
        ("jr://images/autre.png", "jr://images/autre.png"),
        ("javascript:alert(1)", "#"),
        (" JavaScript:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("https://a.example/", "https://a.example/"),
    ],
)
def test_where_media_are_served(source: str, address: str) -> None:
    assert address_of(source, {"é a.png": "/m/1"}) == address


BOMB = (
    b'<!DOCTYPE a [<!ENTITY b "'
    + b"x" * 1000
    + b'"><!ENTITY c "'
    + b"&b;" * 1000
    + b'">]><a>'
    + b"&c;" * 1000
    + b"</a>"
)
OUTSIDE = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + xform("&b;")


@pytest.mark.parametrize(
    "content", [BOMB, OUTSIDE, b"", b"<a/>", b"<a>", b"\xff\xfe", b"<a>" * 5000 + b"</a>" * 5000, b" " * 20_000_001]
)
def test_what_is_no_form_is_refused_and_nothing_is_fetched(content: bytes) -> None:
    with pytest.raises(Untransformable):
        browser_form(content, {})


def test_a_model_without_an_instance_id_gets_one() -> None:
    made = browser_form(xform().replace(b"<meta><instanceID/></meta>", b""), {})
    assert "instanceID" in made.model
    assert browser_form(xform(), {}).model.count("instanceID") == 1


def test_a_list_outside_points_to_where_it_is_served() -> None:
    made = browser_form(
        xform(more='<instance id="z" src="jr://file-csv/zones.csv"/>'), {"zones.csv": "/f/u/media/zones.csv?v=1"}
    )
    assert 'src="/f/u/media/zones.csv?v=1"' in made.model


def test_two_thousand_questions_are_made_in_seconds() -> None:
    """Work per question does not grow with their number."""

    def form_of(n: int) -> bytes:
        questions = "".join(f'<input ref="/data/q{i}"><label ref="jr:itext(\'q\')"/></input>' for i in range(n))
        binds = "".join(f'<bind nodeset="/data/q{i}" type="string" relevant="/data/q = {i}"/>' for i in range(n))
        nodes = "".join(f"<q{i}/>" for i in range(n))
        text = xform().decode().replace("<q/>", f"<q/>{nodes}").replace("<bind", f"{binds}<bind", 1)
        return text.replace("</h:body>", f"{questions}</h:body>").encode()

    def seconds(n: int) -> float:
        began = time.process_time()
        made = browser_form(form_of(n), {})
        assert made.form.count('class="question ') >= n
        return time.process_time() - began

    seconds(10)
    few = min(seconds(200) for _ in range(3))
    assert seconds(2000) < 40 * few  # ten times the questions
