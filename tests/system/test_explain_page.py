"""The page of ``mt explain`` in a real browser: what a reader sees when he points and presses."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.expected_conditions import presence_of_element_located
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from mt.inspection.attention import merge_words
from mt.inspection.explanation import Alternative
from mt.inspection.page import save_page
from mt.text.words import word_ranges
from tests.explanations import explanation_of
from tests.golden.test_frozen_bundle import BUNDLE
from tests.tiny import mt

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="no chromium and chromedriver: apt-get install chromium chromium-driver",
    ),
]

SOURCE, TARGET = ["▁the", "▁do", "g", "▁sleeps"], ["▁der", "▁Hun", "d", "▁schlä", "ft"]
# Shades are written with three digits, weights with four.
CLOSE = {"abs": 2e-3}


@pytest.fixture(scope="module")
def window():
    """Start a browser without a window; as both paths are given, Selenium downloads nothing."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--hide-scrollbars", "--disable-sync",
        "--disable-background-networking", "--disable-component-update",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost")  # none stands between two programs of one machine
        with webdriver.Chrome(options, webdriver.ChromeService(DRIVER)) as browser:
            yield browser


@pytest.fixture
def browser(window):
    """Give the browser; whatever was done in it, it must be silent and stay on its page."""
    window.get_log("performance")
    yield window
    assert window.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in window.get_log("performance")]
    requests = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert {address.split(":")[0] for address in requests} == {"file"}


@pytest.fixture
def show(browser, tmp_path):
    """Give a function that opens the page of an explanation."""

    def show(explanation, width=1280, dark=False, model=None):
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        leave(browser)  # what lies under a resting pointer would light up by itself
        save_page(explanation, tmp_path / "page.html", model)
        browser.get((tmp_path / "page.html").as_uri())
        return browser

    return show


@pytest.fixture(scope="module")
def explanation():
    return explanation_of(SOURCE, TARGET)


@pytest.fixture
def page(show, explanation):
    return show(explanation)


def by_words(explanation, role="cross", layers=slice(None), heads=slice(None)):
    """Return the weights that a reader should see, joined to words as the library does it."""
    names = {"source": [*SOURCE, "</s>"], "target": [*TARGET, "</s>"], "read": ["<s>", *TARGET]}
    rows, columns = {
        "cross": ("target", "source"), "decoder_self": ("target", "read"),
        "encoder_self": ("source", "source"),
    }[role]  # fmt: skip
    weights = torch.tensor([layer.weights[heads] for layer in explanation.layers[role][layers]])
    return merge_words(
        weights.mean(dim=(0, 1)), word_ranges(names[columns]), word_ranges(names[rows])
    )


def wait(page, condition, message):
    return WebDriverWait(page, timeout=20, poll_frequency=0.02).until(condition, message)


def find(page, selector):
    """Wait for an element: what follows an event may be drawn a moment later."""
    return wait(page, presence_of_element_located((By.CSS_SELECTOR, selector)), selector)


def find_all(page, selector):
    return page.find_elements(By.CSS_SELECTOR, selector)


def texts(page, selector):
    return [element.text for element in find_all(page, selector)]


def point(page, selector):
    element = find(page, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    ActionChains(page, duration=0).move_to_element(element).perform()


def touch(page, selector):
    element = find(page, selector)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    finger = ActionBuilder(page, mouse=PointerInput("touch", "finger"), duration=0)
    finger.pointer_action.move_to(element).pointer_down().pointer_up()
    finger.perform()


def leave(page):
    chain = ActionChains(page, duration=0)
    chain.w3c_actions.pointer_action.move_to_location(2, 2)
    chain.perform()


def choose(page, selector, value):
    Select(find(page, selector)).select_by_value(value)


def shades(page, selector):
    return page.execute_script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".map(each => Number(each.style.getPropertyValue('--share')))",
        selector,
    )


def assert_map(page, weights):
    """Compare the shades of the map with shares of the largest weight."""
    expected = (weights / weights.max()).flatten().tolist()
    assert shades(page, "#weights tbody td") == pytest.approx(expected, **CLOSE)


def test_shows_words_and_then_tokens(page):
    assert texts(page, "#source .word") == ["the", "dog", "sleeps", "</s>"]
    assert texts(page, "#target .word") == ["der", "Hund", "schläft", "</s>"]
    page.execute_script("document.querySelector('[value=tokens]').click()")
    assert texts(page, "#source .word") == [*SOURCE, "</s>"]
    assert texts(page, "#target .word") == [*TARGET, "</s>"]
    assert len(find_all(page, "#weights tbody tr")) == 6


def test_pointing_at_a_word_lights_up_what_it_looks_at_both_ways(page, explanation):
    weights = by_words(explanation)
    shares = weights / weights.max()
    point(page, "#target .word:nth-child(2)")
    find(page, "#target .word:nth-child(2).active")
    assert shades(page, "#source .word") == pytest.approx(shares[1].tolist(), **CLOSE)
    assert set(shades(page, "#target .word")) == {0}
    best = ["the", "dog", "sleeps", "</s>"][weights[1].argmax()]
    assert find(page, "#readout").text.startswith(
        f"“Hund” attends to {best} {round(100 * weights[1].max().item())} %"
    )
    point(page, "#source .word:nth-child(3)")
    find(page, "#source .word:nth-child(3).active")
    assert shades(page, "#target .word") == pytest.approx(shares[:, 2].tolist(), **CLOSE)
    assert len(find_all(page, "#links path")) == 4
    leave(page)
    wait(page, lambda _: not find_all(page, ".word.active"), "no word is pointed at")
    assert set(shades(page, "#target .word")) == {0}


def test_a_touched_word_stays_lit_up(show, explanation):
    page = show(explanation, 390)
    for selector in ("#target .word:nth-child(2)", "#source .word:nth-child(3)",
                     "#target .word:nth-child(1)"):  # fmt: skip
        touch(page, selector)
        find(page, f"{selector}.active")
        name = find(page, selector).text
        wait(page, lambda page, name=name: f"“{name}”" in find(page, "#readout").text, name)
        assert len(find_all(page, ".word.active")) == 1
        box = page.execute_script(
            "const {top, bottom} = document.querySelector('#readout').getBoundingClientRect();"
            "return [top, bottom, innerHeight]"
        )
        assert 0 <= box[0] < box[1] <= box[2]
    touch(page, "#weights tbody tr:nth-child(2) td:nth-of-type(2)")
    find(page, "#weights tbody tr:nth-child(2) td:nth-of-type(2).active")
    assert find(page, "#readout").text.startswith("“Hund” attends to dog ")


def test_the_keyboard_does_what_the_pointer_does(page, explanation):
    weights = by_words(explanation)
    find(page, "#target .word").send_keys(Keys.ARROW_RIGHT)
    find(page, "#target .word:nth-child(2).active")
    expected = (weights[1] / weights.max()).tolist()
    assert shades(page, "#source .word") == pytest.approx(expected, **CLOSE)
    page.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ENTER)
    find(page, "#target .word:nth-child(3)[aria-pressed=true]")
    assert len(find_all(page, "#target [aria-pressed=true]")) == 1
    find(page, "#weights").send_keys(Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    find(page, "#weights tbody tr:nth-child(2) td:nth-of-type(2).active")
    assert find(page, "#readout").text.startswith("“Hund” attends to dog ")


@pytest.mark.parametrize("role", ["cross", "decoder_self", "encoder_self"])
def test_choosing_a_layer_and_a_head_changes_the_map(page, explanation, role):
    choose(page, "#role", role)
    assert_map(page, by_words(explanation, role))
    choose(page, "#layer", "1")
    assert_map(page, by_words(explanation, role, layers=slice(1, 2)))
    choose(page, "#head", "2")
    assert_map(page, by_words(explanation, role, slice(1, 2), slice(2, 3)))
    find(page, "#heads [title='layer 1, head 2']").click()
    find(page, "#heads [title='layer 1, head 2'][aria-pressed=true]")
    assert_map(page, by_words(explanation, role, slice(0, 1), slice(1, 2)))
    assert Select(find(page, "#layer")).first_selected_option.text == "layer 1"
    assert Select(find(page, "#head")).first_selected_option.text == "head 2"
    choose(page, "#layer", "mean")
    assert_map(page, by_words(explanation, role, heads=slice(1, 2)))


def test_a_word_shows_its_alternatives_and_each_its_translation(page, explanation):
    find(page, "#target .word:nth-child(3)").click()
    find(page, "#target .word:nth-child(3)[aria-pressed=true]")
    first, second = explanation.choices[3:5]
    share = f"{round(100 * first.probability * second.probability)} %"
    assert f"gave schläft a probability of {share}" in find(page, "#choices-lead").text
    rows = [text.splitlines() for text in texts(page, "#alternatives .option")]
    labels = ["schläft", *(f"other{number}" for number in range(5))]
    assert [row[1] for row in rows] == labels
    assert [row[-1] for row in rows[1:]] == ["10 %", "5 %", "3.3 %", "2.5 %", "2 %"]
    button, text = (find(page, f"#alternatives li:nth-child(3) {tag}") for tag in ("button", "p"))
    assert not text.is_displayed()
    button.click()
    find(page, "#alternatives li:nth-child(3) [aria-expanded=true]")
    assert text.text == "before other1 after & <i>all</i>"
    button.click()
    find(page, "#alternatives li:nth-child(3) [aria-expanded=false]")
    assert not text.is_displayed()
    find(page, "#tokens button:nth-child(2)").click()
    assert find(page, "#tokens button:nth-child(2)[aria-pressed=true]").text.startswith("ft")


def test_alternatives_are_shown_within_their_words(show, explanation):
    found = [
        ("▁Ha", "der", " Ha", "t. Er", "Hat.", "Ha"),
        ("en", "der Kindergart", "en", " ist", "Kindergarten", "en"),
        ("e", "der alt", "e", "r Mann", "alter", "e"),
        ("▁", "der", " ", "einen Hund", "▁einen", "▁"),
        ("ung", "Dampfschifffahrt", "ung", "sgesellschaft", "…fschifffahrtungsgesellschaf…", "ung"),
        ("<0xE2>", "", "", "der Mann", "<0xE2>", "<0xE2>"),
        ("</s>", "der", "", "", "</s>the end", "</s>"),
    ]  # fmt: skip
    alternatives = [
        Alternative(token, 0.1 / (n + 1), *parts) for n, (token, *parts, _, _) in enumerate(found)
    ]
    choices = [replace(choice, alternatives=alternatives) for choice in explanation.choices]
    page = show(replace(explanation, choices=choices))
    find(page, "#target .word:nth-child(3)").click()
    for number, token in enumerate(["schlä", "ft"], start=1):
        find(page, f"#tokens button:nth-child({number})").click()
        assert texts(page, "#alternatives .label") == [
            "schläft",
            *(whole for *_, whole, _ in found),
        ]
        assert texts(page, "#alternatives .label mark") == [token, *(mark for *_, mark in found)]


def test_a_word_spelt_in_bytes_is_shown_whole(show):
    page = show(explanation_of(["▁a"], ["▁b", "<0xC3>", "<0xA4>"]))
    find(page, "#target .word:nth-child(1)").click()
    find(page, "#tokens button:nth-child(2)").click()
    assert texts(page, ".written mark") == ["bä"]


def test_signs_are_explained_where_they_are_shown(show):
    page = show(explanation_of(["▁a"], ["▁b", "<0xC3>", "<0xA4>"]))
    signs = ["</s> is the end mark", "begins with ▁", "<0xE2> is one byte"]
    for unit, count in (("words", 1), ("tokens", 3)):
        page.execute_script(f"document.querySelector('[value={unit}]').click()")
        note = find(page, "#units-note").text
        assert [sign in note for sign in signs] == [n < count for n in range(3)]
    assert "each layer has several heads" in find(page, "#heads-note").text


def test_the_heading_names_the_model(browser, tmp_path):
    path = tmp_path / "page.html"
    done = mt("explain", BUNDLE, "The dog sleeps.", "--output", path, "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    browser.get(path.as_uri())
    assert find(browser, "h1").text == "A translation by bundle (xx → yy)"


def test_scores_stand_beside_their_softmax_with_shapes(page, explanation):
    choose(page, "#layer", "1")
    choose(page, "#head", "0")
    find(page, "#learn summary").click()
    find(page, "#softmax td")
    shapes = ["[6 × 8]", "[5 × 8]", "[6 × 5]", "[6 × 5]", "[5 × 8]", "[6 × 8]"]
    assert texts(page, "#equation code") == shapes
    layer = explanation.layers["cross"][1]
    for selector, expected, rounding in (
        ("#scores tbody tr", layer.scores[0], 0.051),
        ("#softmax tbody tr", layer.weights[0], 0.0051),
    ):
        cells = [list(map(float, row.split()[1:])) for row in texts(page, selector)]
        torch.testing.assert_close(
            torch.tensor(cells), torch.tensor(expected), atol=rounding, rtol=0
        )
    signs = page.execute_script("return [-0.04, 0.04, -0.06].map(oneDigit)")
    assert signs == ["0.0", "0.0", "-0.1"]
    choose(page, "#role", "decoder_self")
    assert len(find_all(page, "#scores td.hidden")) == 15


@pytest.mark.parametrize("width", [1280, 390])
def test_sixty_tokens_are_legible_and_fit(show, width):
    names = [f"▁Wort{number}" for number in range(59)]
    page = show(explanation_of(names, names, layers=4), width)
    find(page, "#learn summary").click()
    find(page, "#softmax td")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    sizes = page.execute_script(
        "return [...document.querySelectorAll('#weights tbody td')]"
        ".map(cell => Math.min(cell.offsetWidth, cell.offsetHeight))"
    )
    assert len(sizes) == 60 * 60
    assert min(sizes) >= 13
    labels = page.execute_script(
        "return [...document.querySelectorAll('#weights th')]"
        ".map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert len(labels) == 2 * 60
    assert min(labels) >= 11
    point(page, "#weights tbody tr:nth-child(40) td:nth-of-type(50)")
    find(page, "#weights tbody tr:nth-child(40) td:nth-of-type(50).active")
    assert find(page, "#readout").text.startswith("“Wort39” attends to Wort49 ")
    if width > 1000:
        room, needed = page.execute_script(
            "const scroll = document.querySelector('#weights').closest('.scroll');"
            "return [scroll.clientWidth, scroll.scrollWidth]"
        )
        assert needed <= room


def drawn_links(page):
    """Return the words that each link ties, by their boxes, and how many words it runs through.

    A word is named by its side and its number; a link that ends at the box of none ties ``None``.
    """
    found = page.execute_script(
        """
        const words = ["source", "target"].flatMap((side) =>
          [...document.querySelectorAll(`#${side} .word`)].map((word, index) =>
            ({word: `${side} ${index}`, box: word.getBoundingClientRect()})));
        const within = (point, {box}, margin) =>
          point.x > box.left - margin && point.x < box.right + margin &&
          point.y > box.top - margin && point.y < box.bottom + margin;
        return [...document.querySelectorAll("#links path")].map((path) => {
          const length = path.getTotalLength();
          const points = [...Array(101).keys()].map((part) =>
            path.getPointAtLength((length * part) / 100).matrixTransform(path.getScreenCTM()));
          const ends = [points[0], points[100]].map((point) =>
            words.filter((each) => within(point, each, 0.6)).map(({word}) => word));
          const crossed = words.filter((each) => points.some((point) => within(point, each, -0.6)));
          return [ends, crossed.length];
        });
        """
    )
    return [
        (tuple(end[0] if len(end) == 1 else None for end in ends), crossed)
        for ends, crossed in found
    ]


def names_of(words, count):
    return [f"▁{words[index % len(words)]}" for index in range(count)]


LATIN, ARABIC = ("a", "Donaudampfschiff", "word"), ("كتاب", "في", "المدرسة")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(
    ("source", "target", "layouts"),
    [
        (names_of(LATIN, 2), names_of(LATIN, 1), {1280: "rows", 390: "rows"}),
        (names_of(LATIN, 6), names_of(LATIN, 7), {1280: "rows", 390: "columns"}),
        (names_of(ARABIC, 3), names_of(LATIN, 6), {1280: "rows", 390: "columns"}),
        (names_of(LATIN, 28), names_of(LATIN, 12), {1280: "columns", 390: "columns"}),
        (names_of(ARABIC, 10), names_of(LATIN, 24), {1280: "columns", 390: "columns"}),
        (["▁" + 200 * "long"], ["▁no"], {1280: "columns", 390: "columns"}),
    ],
    ids=["short", "medium", "short, right to left", "long", "long, right to left", "one word"],
)
def test_links_end_at_their_words_and_run_through_none(show, source, target, layouts, width):
    explanation = explanation_of(source, target)
    page = show(explanation, width)
    assert layouts[width] in find(page, "#layout").get_attribute("class").split()
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    for role, (query, key) in {
        "cross": ("target", "source"), "decoder_self": ("target", "read"),
        "encoder_self": ("source", "source"),
    }.items():  # fmt: skip
        choose(page, "#role", role)
        layers = explanation.layers[role]
        weights = torch.tensor([layer.weights for layer in layers]).mean(dim=(0, 1))
        # Written and read tokens are the same words on the page, but for the start mark.
        name = {"read": lambda j: f"target {j - 1}"}.get(key, lambda j, key=key: f"{key} {j}")
        pairs = {
            (f"{query} {i}", name(j))
            for i, j in (weights > 0.15 * weights.max()).nonzero().tolist()
        }
        pairs = {(one, other) for one, other in pairs if other not in (one, "target -1")}
        links = drawn_links(page)
        assert sorted(ends for ends, _ in links) == sorted(pairs)
        assert {crossed for _, crossed in links} == {0}


def test_a_page_without_links_keeps_its_words_in_lines(show):
    page = show(explanation_of(names_of(LATIN, 30), names_of(LATIN, 30), roles=()), 390)
    assert find(page, "#layout").get_attribute("class") == ""
    tops = [word.location["y"] for word in find_all(page, "#target .word")]
    assert len(tops) > len(set(tops)) > 1


def test_links_follow_the_width_of_the_window(show):
    page = show(explanation_of(names_of(LATIN, 6), names_of(LATIN, 6)), 1280)
    assert find(page, "#layout").get_attribute("class") == "rows"
    size = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    find(page, "#layout.columns")
    assert all(None not in ends and not crossed for ends, crossed in drawn_links(page))


def luminances(page, selector):
    """Return the relative luminance of each text and of its background, as WCAG 2 defines it."""
    return page.execute_script(
        """
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
        return [...document.querySelectorAll(arguments[0])].map((element) => {
          let ground = element;
          const painted = () => getComputedStyle(ground).backgroundColor;
          while (painted() === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
          return [light(getComputedStyle(element).color), light(painted())];
        });
        """,
        selector,
    )


def contrasts(page, selector):
    """Return how each text stands out from its background, as WCAG 2 computes it."""
    return [(max(pair) + 0.05) / (min(pair) + 0.05) for pair in luminances(page, selector)]


@pytest.mark.parametrize("dark", [False, True])
def test_text_stands_out_in_light_and_dark(show, explanation, dark):
    page = show(explanation, dark=dark)
    for selector in ("h1", "header p", ".word", ".word.mark", "#choices-lead", ".option .number",
                     "#controls :checked + span", "footer p", "tbody th"):  # fmt: skip
        assert min(contrasts(page, selector)) >= 4.5, selector
    cells = contrasts(page, "#weights tbody td")
    assert len(cells) == 16
    assert min(cells) >= 4.0


def test_words_and_shades_agree_in_light_and_dark(show, explanation):
    page = show(explanation)
    for scheme, word in (("light", "darker"), ("dark", "brighter")):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        said = find(page, "#map-lead").text
        assert [each for each in ("darker", "brighter") if each in said] == [word]
        assert said.endswith(f"The {word} a cell, the larger the weight.")
        grounds = [ground for _, ground in luminances(page, "#weights tbody td")]
        ordered = sorted(zip(shades(page, "#weights tbody td"), grounds, strict=True))
        shares, by_share = zip(*ordered, strict=True)
        assert shares[0] < 0.5 < shares[-1]
        assert [*by_share] == sorted(by_share, reverse=word == "darker")


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ((), "This model has no attention"),
        (("decoder_self",), "the translation does not attend to the source"),
        (("cross",), ""),
    ],
)
def test_what_a_model_does_not_have_is_said_or_left_out(show, roles, message):
    page = show(explanation_of(SOURCE, TARGET, roles))
    point(page, "#target .word:nth-child(2)")
    find(page, "#target .word:nth-child(1)").click()
    find(page, "#target .word:nth-child(1)[aria-pressed=true]")
    assert len(find_all(page, "#alternatives li")) == 6
    note = find(page, "#missing")
    assert note.is_displayed() == bool(message)
    assert message in note.text
    for selector in ("#map", "#heads-note"):
        assert find(page, selector).is_displayed() == bool(roles)
    options = [each.get_attribute("value") for each in find_all(page, "#role option")]
    assert options == [*roles]


def test_hostile_words_are_shown_as_they_are(show):
    hostile = "</script><img/src=x/onerror=alert(1)>&lt;"
    page = show(explanation_of([f"▁{hostile}"], [f"▁{hostile}"]), model=hostile)
    assert find(page, "h1").text == f"A translation by {hostile}"
    assert texts(page, "#source .word") == [hostile, "</s>"]
    assert texts(page, "#target .word") == [hostile, "</s>"]
    assert find_all(page, "img") == []
    assert page.title == f"{hostile} · explained"
