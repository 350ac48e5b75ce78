"""The page of ``mt explain`` in a real browser: what a reader sees when he points and presses."""

import pytest
import torch

from mt.inspection import save_page
from mt.inspection.words import merge_words, places_of
from tests import browser as browsers
from tests.explanations import explanation_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (browsers.CHROMIUM and browsers.DRIVER), reason=browsers.MISSING
    ),
]  # fmt: skip

SOURCE, TARGET = ["▁the", "▁do", "g", "▁sleeps"], ["▁der", "▁Hun", "d", "▁schlä", "ft"]
# Shades are written with three digits, weights with four.
CLOSE = {"abs": 2e-3}


@pytest.fixture(scope="module")
def window():
    with browsers.started() as browser:
        yield browser


@pytest.fixture
def browser(window):
    """Give the window; whatever was done in it, it must be silent and stay on its page."""
    yield window
    assert window.said() == []
    assert {address.split(":")[0] for address in window.requests()} <= {"file"}


@pytest.fixture(scope="module")
def told():
    return explanation_of(SOURCE, TARGET)


@pytest.fixture
def page(browser, told, tmp_path):
    save_page(told, tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    return browser


def by_words(told, role="cross", layers=slice(None), heads=slice(None)):
    """Return the weights that a reader should see, joined to words as the library does it."""
    names = {"source": [*SOURCE, "</s>"], "target": [*TARGET, "</s>"], "read": ["<s>", *TARGET]}
    rows, columns = {
        "cross": ("target", "source"), "decoder_self": ("target", "read"),
        "encoder_self": ("source", "source"),
    }[role]  # fmt: skip
    weights = torch.tensor([layer.weights[heads] for layer in told.layers[role][layers]])
    return merge_words(weights.mean(dim=(0, 1)), places_of(names[columns]), places_of(names[rows]))


def active(browser, selector):
    """Wait until something is marked as pointed at: events arrive when the browser has time."""
    browser.wait(f"document.querySelector({selector!r}).matches('.active')")


def point(browser, selector):
    browser.hover(selector)
    active(browser, selector)


def shades(browser, side):
    return browser.run(
        f"return [...document.querySelectorAll('#{side} .word')]"
        ".map(each => Number(each.style.getPropertyValue('--share')))"
    )


def words(browser, side):
    return browser.run(
        f"return [...document.querySelectorAll('#{side} .word')].map(each => each.textContent)"
    )


def drawn(browser):
    """Return the shares of the cells of the map."""
    return torch.tensor(browser.run(
        "return [...document.querySelectorAll('#weights tbody tr')].map(row =>"
        "[...row.querySelectorAll('td')].map(cell =>"
        "Number(cell.style.getPropertyValue('--share'))))"
    ))  # fmt: skip


def same_picture(found, weights):
    torch.testing.assert_close(found, weights / weights.max(), atol=2e-3, rtol=0)


def test_shows_words_and_then_tokens(page):
    assert words(page, "source") == ["the", "dog", "sleeps", "</s>"]
    assert words(page, "target") == ["der", "Hund", "schläft", "</s>"]
    page.run("document.querySelector('[value=tokens]').click()")
    assert words(page, "source") == [*SOURCE, "</s>"]
    assert words(page, "target") == [*TARGET, "</s>"]
    assert page.run("return document.querySelectorAll('#weights tbody tr').length") == 6


def test_pointing_at_a_word_lights_up_what_it_looks_at_both_ways(page, told):
    weights = by_words(told)
    point(page, "#target .word:nth-child(2)")
    assert shades(page, "source") == pytest.approx((weights[1] / weights.max()).tolist(), **CLOSE)
    assert set(shades(page, "target")) == {0}
    best = ["the", "dog", "sleeps", "</s>"][weights[1].argmax()]
    readout = page.run("return document.getElementById('readout').textContent")
    assert readout.startswith(f"“Hund” looked at {best} {round(100 * weights[1].max().item())} %")
    point(page, "#source .word:nth-child(3)")
    column = weights[:, 2] / weights.max()
    assert shades(page, "target") == pytest.approx(column.tolist(), **CLOSE)
    assert page.run("return document.querySelectorAll('#links path').length") == 4
    page.leave()
    page.wait("!document.querySelector('.word.active')")
    assert set(shades(page, "target")) == {0}


def test_the_keyboard_does_what_the_pointer_does(page, told):
    page.run("document.querySelector('#target .word').focus()")
    page.press("Right")
    active(page, "#target .word:nth-child(2)")
    weights = by_words(told)
    assert shades(page, "source") == pytest.approx((weights[1] / weights.max()).tolist(), **CLOSE)
    page.press("Right", "Enter")
    page.wait("document.querySelector('#target .word:nth-child(3)').ariaPressed === 'true'")
    assert page.run(
        "return [...document.querySelectorAll('#target .word')].map(each => each.ariaPressed)"
    ) == ["false", "false", "true", "false"]
    page.run("document.getElementById('weights').focus()")
    page.press("Down", "Right")
    active(page, "#weights tbody tr:nth-child(2) td:nth-of-type(2)")
    readout = page.run("return document.getElementById('readout').textContent")
    assert readout.startswith("“Hund” looked at dog ")


@pytest.mark.parametrize("role", ["cross", "decoder_self", "encoder_self"])
def test_choosing_a_layer_and_a_head_changes_the_map(page, told, role):
    page.select("#role", role)
    same_picture(drawn(page), by_words(told, role))
    page.select("#layer", "1")
    same_picture(drawn(page), by_words(told, role, layers=slice(1, 2)))
    page.select("#head", "2")
    same_picture(drawn(page), by_words(told, role, slice(1, 2), slice(2, 3)))
    page.click("#heads button[title='layer 1, head 2']")
    same_picture(drawn(page), by_words(told, role, slice(0, 1), slice(1, 2)))
    chosen = (
        "return [document.getElementById('layer').value, document.getElementById('head').value]"
    )
    assert page.run(chosen) == ["0", "1"]
    page.select("#layer", "mean")
    same_picture(drawn(page), by_words(told, role, heads=slice(1, 2)))


def test_a_word_shows_its_alternatives_and_each_its_translation(page, told):
    page.click("#target .word:nth-child(3)")
    lead = page.run("return document.getElementById('choices-lead').textContent")
    first, second = told.choices[3:5]
    assert "schläft" in lead
    assert f"{round(100 * first.probability * second.probability)} %" in lead
    rows = page.run(
        "return [...document.querySelectorAll('#alternatives .option')]"
        ".map(each => each.innerText.split('\\n').filter(Boolean).slice(1))"
    )
    labels = ["schläft▁schlä", *(f"other{number}" for number in range(5))]
    assert [row[0] for row in rows] == labels
    assert [row[-1] for row in rows[1:]] == ["10 %", "5 %", "3.3 %", "2.5 %", "2 %"]
    button = "#alternatives li:nth-child(3) button"
    hidden = "return document.querySelector('#alternatives li:nth-child(3) p').hidden"
    assert page.run(hidden)
    page.click(button)
    assert not page.run(hidden)
    assert page.run(f"return document.querySelector('{button}').ariaExpanded") == "true"
    text = "return document.querySelector('#alternatives li:nth-child(3) p').textContent"
    assert page.run(text) == "before other1 after & <i>all</i>"
    page.click(button)
    assert page.run(hidden)
    page.click("#parts button:nth-child(1)")
    assert page.run("return document.querySelector('#parts [aria-pressed=true]').innerText")[
        :6
    ] == ("▁schlä")


def test_scores_stand_beside_their_softmax_with_shapes(page, told):
    page.select("#layer", "1")
    page.select("#head", "0")
    page.click("#learn summary")
    page.wait("document.querySelector('#equation code')")
    shapes = page.run(
        "return [...document.querySelectorAll('#equation code')].map(each => each.textContent)"
    )
    assert shapes == ["[6 × 8]", "[5 × 8]", "[6 × 5]", "[6 × 5]", "[5 × 8]", "[6 × 8]"]
    cells = (
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].map(row =>"
        "[...row.querySelectorAll('td')].map(cell => Number(cell.textContent)))"
    )
    layer = told.layers["cross"][1]
    scores, weights = (torch.tensor(page.run(cells, name)) for name in ("#scores", "#softmax"))
    torch.testing.assert_close(scores, torch.tensor(layer.scores[0]), atol=0.051, rtol=0)
    torch.testing.assert_close(weights, torch.tensor(layer.weights[0]), atol=0.0051, rtol=0)
    assert page.run("return [-0.04, 0.04, -0.06].map(oneDigit)") == ["0.0", "0.0", "-0.1"]
    page.select("#role", "decoder_self")
    assert page.run("return document.querySelectorAll('#scores td.hidden').length") == 15


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
def test_sixty_tokens_are_legible_and_fit(browser, tmp_path, width, dark):
    names = [f"▁Wort{number}" for number in range(59)]
    save_page(explanation_of(names, names, layers=4), tmp_path / "page.html")
    browser.open(tmp_path / "page.html", width=width, dark=dark)
    browser.run("document.getElementById('learn').open = true")
    browser.wait("document.querySelector('#softmax td')")
    assert browser.run("return document.documentElement.scrollWidth") <= width
    sizes = browser.run(
        "return [...document.querySelectorAll('#weights tbody td')].slice(0, 60)"
        ".map(cell => [cell.offsetWidth, cell.offsetHeight])"
    )
    assert len(sizes) == 60
    assert min(map(min, sizes)) >= 13
    labels = browser.run(
        "return [...document.querySelectorAll('#weights th')]"
        ".map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert min(labels) >= 11
    point(browser, "#weights tbody tr:nth-child(40) td:nth-of-type(50)")
    readout = browser.run("return document.getElementById('readout').textContent")
    assert readout.startswith("“Wort39” looked at Wort49 ")
    if width > 1000:
        room, needed = browser.run(
            "const scroll = document.querySelector('#weights').closest('.scroll');"
            "return [scroll.clientWidth, scroll.scrollWidth]"
        )
        assert needed <= room


def contrast(browser, selector):
    """Return how text stands out from its background, as WCAG 2 computes it."""
    return browser.run(
        """
        const element = document.querySelector(arguments[0]);
        const often = {willReadFrequently: true};
        const canvas = document.createElement("canvas").getContext("2d", often);
        const light = (colour) => {
          canvas.fillStyle = colour;
          canvas.fillRect(0, 0, 1, 1);
          const bytes = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
          const parts = bytes.map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
          return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        };
        let ground = element;
        const painted = () => getComputedStyle(ground).backgroundColor;
        while (painted() === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
        const [one, other] = [light(getComputedStyle(element).color), light(painted())];
        return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        """,
        selector,
    )


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_light_and_dark(browser, told, tmp_path, dark):
    save_page(told, tmp_path / "page.html")
    browser.open(tmp_path / "page.html", dark=dark)
    for selector in ("h1", "header p", ".word", ".word.mark", "#choices-lead", ".option .number",
                     "#controls :checked + span", "footer p", "tbody th"):  # fmt: skip
        assert contrast(browser, selector) >= 4.5, selector
    count = browser.run("return document.querySelectorAll('#weights tbody td').length")
    assert count == 16
    for row in range(4):
        for column in range(4):
            cell = f"#weights tbody tr:nth-child({row + 1}) td:nth-of-type({column + 1})"
            assert contrast(browser, cell) >= 4.0, cell


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ((), "This model has no attention"),
        (("decoder_self",), "the translation does not look at the source"),
        (("cross",), None),
    ],
)
def test_what_a_model_does_not_have_is_said_or_left_out(browser, tmp_path, roles, message):
    save_page(explanation_of(SOURCE, TARGET, roles), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    browser.hover("#target .word:nth-child(2)")
    browser.click("#target .word:nth-child(1)")
    assert browser.run("return document.querySelectorAll('#alternatives li').length") == 6
    note = (
        "const note = document.getElementById('unseen'); return note.hidden ? null : note.innerText"
    )
    if message is None:
        assert browser.run(note) is None
    else:
        assert message in browser.run(note)
    assert browser.run("return document.getElementById('map').hidden") == (not roles)
    options = "return [...document.querySelectorAll('#role option')].map(each => each.value)"
    assert browser.run(options) == [*roles]


def test_hostile_words_are_shown_as_they_are(browser, tmp_path):
    hostile = "</script><img/src=x/onerror=alert(1)>&lt;"
    save_page(explanation_of([f"▁{hostile}"], [f"▁{hostile}"]), tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    assert words(browser, "source") == [hostile, "</s>"]
    assert words(browser, "target") == [hostile, "</s>"]
    assert browser.run("return document.images.length") == 0
    assert browser.run("return document.title") == f"{hostile} · explained"
