"""Tables are read as the text they are, and what does not fit together is told."""

import re

import pytest

from mt.data.corpora import CsvConfig, Pair, TsvConfig
from mt.errors import DataError

WORDS = [
    "None", "null", "N/A", "NA", "nan", "NULL", "#N/A", "True", "007", "1.50", "1e5", "-0", " a ",
]  # fmt: skip


def read(tmp_path, kind, text, **options):
    path = tmp_path / "table"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(kind(path=path, **options).pairs())


def refused(tmp_path, kind, text, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(tmp_path, kind, text, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


NAMED = {"source": "en", "target": "de"}


@pytest.mark.parametrize(("kind", "separator"), [(TsvConfig, "\t"), (CsvConfig, ",")])
def test_words_and_numbers_stay_as_they_stand(tmp_path, kind, separator):
    text = "".join(f"{word}{separator}x\r\n" for word in ["en", *WORDS])
    assert read(tmp_path, kind, text, source="en", target="x") == [(word, "x") for word in WORDS]


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        (CsvConfig, 'en,de\n"a, b","c ""d"""\n', NAMED),
        (CsvConfig, 'de,id,en\n"c ""d""",7,"a, b"\n', NAMED),
        (CsvConfig, 'en;de\n"a, b";"c ""d"""\n', NAMED | {"separator": ";"}),
        (CsvConfig, '1,"c ""d""","a, b"\n', {"source": 3, "target": 2}),
        (CsvConfig, '\n\nx,y\n\n"a, b","c ""d"""\n', {"source": 1, "target": 2, "header": True}),
        (TsvConfig, 'a, b\tc "d"\n', {}),
        (TsvConfig, 'en\tde\na, b\tc "d"\n', NAMED),
        (TsvConfig, 'en\tde\na, b\tc "d"\n', {"header": True}),
        (TsvConfig, 'x\tc "d"\ta, b', {"source": 3, "target": 2}),
        (TsvConfig, 'a, b ||| c "d"\n', {"separator": " ||| "}),
    ],
)
def test_columns_are_chosen_by_name_or_number(tmp_path, kind, text, options):
    assert read(tmp_path, kind, text, **options) == [("a, b", 'c "d"')]


def test_a_quote_in_a_table_with_tabs_swallows_no_line(tmp_path):
    assert read(tmp_path, TsvConfig, '"a\tb\nc\t"d\n') == [('"a', "b"), ("c", '"d')]


def test_a_cell_in_quotes_may_hold_lines(tmp_path):
    text = 'en,de\n"a\nb","c\r\nd"\ne\u2028,f\n'
    assert read(tmp_path, CsvConfig, text, **NAMED) == [("a b", "c d"), ("e\u2028", "f")]


@pytest.mark.parametrize(
    ("kind", "text", "options", "message"),
    [
        (CsvConfig, "en;de\na;b\n", NAMED, "set separator .* not ','"),
        (CsvConfig, "Hello,Hallo\n", NAMED, "expected a column en, .* holds Hello, Hallo; name"),
        (CsvConfig, "ende,Text\n", NAMED, "did you mean `ende`"),
        (TsvConfig, "a b\n", {}, r"expected a column 2, but the first line has 1; .*'\\t'"),
        (TsvConfig, "a\tb\nc\n", {}, "expected 2 columns as in the first line, but line 2 has 1"),
        (TsvConfig, "a\tb\nc\td\te\n", {}, "but line 2 has 3; check what separates"),
        (TsvConfig, "en\tde\nA dog\tEin Hund\n", {}, "en and de look like names .* header to true"),
        (TsvConfig, "", {}, "expected rows, but found none"),
        (CsvConfig, 'en,de\n"a",b\n"c,d\ne,f\n', NAMED, "row that begins in line 3 unexpected end"),
        (CsvConfig, 'en,de\na,b\n"c,d\n"e",f\n', NAMED, "row that begins in line 3 ',' expected"),
    ],
)
def test_what_does_not_fit_together_is_told(tmp_path, kind, text, options, message):
    assert re.search(message, refused(tmp_path, kind, text, **options))


def test_the_first_line_may_be_left_out_too(tmp_path):
    text = b"\xff\tx\na\tb\nc\td\n"
    assert read(tmp_path, TsvConfig, text, on_error="skip") == [("a", "b"), ("c", "d")]


def test_a_first_line_of_short_words_may_be_a_pair(tmp_path):
    assert read(tmp_path, TsvConfig, "hi\tja\n", header=False) == [("hi", "ja")]


@pytest.mark.parametrize(
    "broken", [b'"c,d\n', b'"c"d,e\n', b'"' + b"x" * 200_000 + b",\n", b"one\n", b"g,\xff\n"]
)
def test_reading_goes_on_behind_the_line_of_a_broken_row(tmp_path, caplog, broken):
    good = [Pair(f"e{number}", f"f{number}") for number in range(30)]
    text = b"en,de\na,b\n" + broken + "".join(f"{e},{f}\n" for e, f in good).encode()
    found = read(tmp_path, CsvConfig, text, on_error="skip", **NAMED)
    assert found == [Pair("a", "b"), *good]
    first, last = caplog.messages
    assert "line 3" in first
    assert last == f"{tmp_path}/table: 1 left out, as they cannot be read; listed above"
