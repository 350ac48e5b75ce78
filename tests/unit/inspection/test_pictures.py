"""Pictures: what they show, and files that other programs open."""

import logging
from xml.etree import ElementTree

import pytest
import torch
from matplotlib.image import imread
from rich.cells import cell_len

from mt.errors import DataError
from mt.inspection.attention import AttentionMap
from mt.inspection.pictures import picture_for_terminal, save_picture

SMALL = AttentionMap(
    ["a", "dog", "</s>"],
    ["ein", "Hund", "</s>"],
    torch.tensor([[0.8, 0.2, 0.0], [0.1, 0.5, 0.4], [0.0, 0.35, 0.65]]),
)


def wide(count, word="Wort"):
    names = [f"{word}{number}" for number in range(count)]
    return AttentionMap(names, names, torch.eye(count))


def test_plain_text_shows_words_and_shades():
    assert picture_for_terminal(SMALL, colour=False).plain.splitlines() == [
        "     ┌ a",
        "     │ ┌ dog",
        "     │ │ ┌ </s>",
        " ein ██░░·",
        "Hund · ▓▓▒▒",
        "</s> · ▒▒██",
        "",
        "attention weight 0 · ░░▒▒▓▓██ 0.80",
    ]


def test_colours_darken_with_the_weight():
    picture = picture_for_terminal(SMALL)
    assert not any(shade in picture.plain for shade in "░▒▓█")
    row = picture.plain.index("Hund") + 5
    spans = {span.start: span.style for span in picture.spans}
    found = [spans[start].bgcolor.number for start in (row, row + 2, row + 4)]
    assert found == [195, 33, 39]


@pytest.mark.parametrize("width", [50, 80, 100])
@pytest.mark.parametrize("word", ["Wort", "非常長", "Donaudampfschifffahrtsgesellschaft"])
def test_no_line_is_wider_than_the_terminal(width, word):
    for colour in (False, True):
        lines = picture_for_terminal(wide(40, word), width, colour).plain.splitlines()
        assert max(map(cell_len, lines)) <= width


def test_fifteen_words_fit_into_one_map_of_80_columns():
    picture = picture_for_terminal(wide(15), 80, colour=False).plain
    assert len(picture.splitlines()) == 15 + 15 + 2


def test_a_wide_sentence_continues_below_and_loses_no_column():
    picture = picture_for_terminal(wide(40), 60, colour=False).plain
    assert [picture.count(f"┌ Wort{number}\n") for number in range(40)] == [1] * 40
    assert picture.count("██") == 40 + 1  # and one in the legend


def test_weights_of_one_value_only_are_drawn():
    attention = AttentionMap(["x"], ["y"], torch.ones(1, 1))
    assert "y ██" in picture_for_terminal(attention, colour=False).plain


ODD = AttentionMap(
    ["$5", "&", "<b>", "$6", "_x^2", "</s>"], ["ж", "é", "\\alpha"], torch.full((3, 6), 1 / 6)
)


@pytest.mark.parametrize("attention", [SMALL, ODD], ids=["small", "odd"])
def test_svg_is_xml_that_holds_the_words_and_is_the_same_twice(tmp_path, attention):
    for name in ("one.svg", "two.svg"):
        save_picture(attention, tmp_path / name)
    root = ElementTree.parse(tmp_path / "one.svg").getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {"".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {*attention.source, *attention.target, "attention weight"} <= texts
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_png_is_a_picture_with_dark_where_the_weight_is(tmp_path):
    save_picture(SMALL, tmp_path / "new" / "map.PNG")
    file = tmp_path / "new" / "map.PNG"
    assert file.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = imread(file, format="png")
    assert min(pixels.shape[:2]) > 100
    assert pixels[..., :3].min() < 0.5
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["map.PNG"]


@pytest.mark.slow
def test_long_sentences_stay_files_of_a_sane_size(tmp_path):
    save_picture(wide(70), tmp_path / "map.png")
    height, width = imread(tmp_path / "map.png").shape[:2]
    assert max(height, width) < 5000


def test_characters_without_a_font_are_one_warning(tmp_path, caplog):
    attention = AttentionMap(["\U0001f9ff\U00012000"], ["\U00012001"], torch.ones(1, 1))
    with caplog.at_level(logging.WARNING):
        save_picture(attention, tmp_path / "map.svg")
        assert caplog.text == ""
        save_picture(attention, tmp_path / "map.png")
    assert len(caplog.records) == 1
    assert "no installed font" in caplog.text


def test_no_window_system_is_asked(tmp_path):
    import sys

    save_picture(SMALL, tmp_path / "map.png")
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize("name", ["map.jpg", "map", "map.svg.txt"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"expected a picture file ending with \.png or \.svg"):
        save_picture(SMALL, tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_an_unwritable_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"map\.png: expected a file to write"):
        save_picture(SMALL, tmp_path / "file" / "map.png")
