"""The page as text: nothing in a sentence can get out of its place, nothing comes from outside."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from mt.errors import DataError
from mt.inspection.page import json_for_script, page_of, save_page
from tests.explanations import explanation_of

HOSTILE = "</script><script>alert(1)</script><!--<b>&amp;\"'\u2028\\u003c${}$data"


class Elements(HTMLParser):
    """Every element of a page, with its attributes and the text of scripts and styles."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):  # noqa: ARG002 - as the parser calls it
        self.found.append(("", {}, []))

    def handle_data(self, data):
        if self.found:
            self.found[-1][2].append(data)

    def of(self, tag):
        return [(given, "".join(text)) for name, given, text in self.found if name == tag]


def data_of(page):
    (data,) = (text for given, text in Elements(page).of("script") if "id" in given)
    return json.loads(data)


def test_the_page_holds_the_explanation():
    explanation = explanation_of(["▁a", "▁do", "g"], ["▁ein", "▁Hund"])
    data = data_of(page_of(explanation))
    assert data["axes"]["source"] == {
        "tokens": ["▁a", "▁do", "g", "</s>"], "words": ["a", "dog", "</s>"], "sizes": [1, 2, 1],
    }  # fmt: skip
    for role, layers in explanation.layers.items():
        for layer, again in zip(layers, data["layers"][role], strict=True):
            for kind, scale in data["scale"].items():
                for head, matrix in zip(getattr(layer, kind), again[kind], strict=True):
                    for row, numbers in zip(head, matrix, strict=True):
                        assert numbers == [x if x is None else round(x * scale) for x in row]


def test_hostile_text_stays_text():
    explanation = explanation_of([f"▁{HOSTILE}"], [f"▁{HOSTILE}", "▁x"])
    page = page_of(explanation)
    tags = [tag for tag, *_ in Elements(page).found]
    assert tags == [
        tag for tag, *_ in Elements(page_of(explanation_of(["▁a"], ["▁b", "▁x"]))).found
    ]
    assert data_of(page)["text"] == explanation.text
    assert HOSTILE in data_of(page)["axes"]["target"]["tokens"][0].replace("\ufffd", "\u2028")
    assert "<script>alert" not in page
    (title,) = (text for _, text in Elements(page).of("title"))
    assert title.startswith(explanation.text)


@pytest.mark.parametrize(
    "text", [HOSTILE, "</SCRIPT >", "<!--<script>", "]]>", "\u2029", "ä\U0001f600"]
)
def test_json_survives_and_holds_nothing_that_ends_it(text):
    written = json_for_script({"text": text})
    assert json.loads(written) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(written)


def test_the_policy_names_what_may_run_and_nothing_else():
    elements = Elements(page_of(explanation_of(["▁a"], ["▁b"])))
    (policy,) = (
        given["content"] for given, _ in elements.of("meta")
        if given.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip

    def digest(text):
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    ((_, style),) = elements.of("style")
    (script,) = (text for given, text in elements.of("script") if not given)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest(style)}'",
        f"script-src 'sha256-{digest(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_nothing_refers_outside():
    page = page_of(explanation_of(["▁a"], ["▁b"]))
    assert {*re.findall(r"https?://[^\"'\s]+", page)} == {"http://www.w3.org/2000/svg"}
    for _, given, _ in Elements(page).found:
        assert not {"src", "href", "srcset", "action", "style"} & set(given)
        assert not [name for name in given if name.startswith("on")]


def test_sixty_tokens_stay_below_two_megabytes():
    explanation = explanation_of(["▁abc"] * 60, ["▁abcd"] * 60, layers=4)
    assert len(page_of(explanation).encode()) < 2e6


def test_a_file_is_complete_or_refused(tmp_path):
    explanation = explanation_of(["▁a"], ["▁b"])
    save_page(explanation, tmp_path / "new" / "page.html")
    assert (tmp_path / "new" / "page.html").read_text(encoding="utf-8") == page_of(explanation)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"page\.html: expected a file to write"):
        save_page(explanation, tmp_path / "file" / "page.html")
