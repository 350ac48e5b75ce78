"""Text out of the files of test sets, as sacreBLEU takes it where it can."""

import gzip
import io

import pytest
from sacrebleu.dataset.fake_sgml import FakeSGMLDataset
from sacrebleu.dataset.wmt_xml import WMTXMLDataset

from mt.errors import DataError
from mt.evaluation.texts import read_side

SGML = """<refset setid="newstest" srclang="en" trglang="de">
<doc sysid="ref" docid="one" genre="news" origlang="en">
<p>
<seg id="1">Ein  Mann fährt Rad.</seg>
<seg id="2"></seg>
</p>
</doc>
<doc sysid="ref" docid="two" genre="news" origlang="de">
<hl>
<seg id="1"> A < B & C</seg>
</hl>
</doc>
</refset>
"""
XML = """<?xml version='1.0' encoding='utf-8'?>
<dataset id="wmt"><collection id="general">
<doc origlang="en" id="a" domain="news">
<src lang="en"><p><seg id="1">One.</seg><seg id="2">Two &amp; three.</seg></p>
<p><seg id="10">Ten.</seg><seg id="3">Four.</seg></p></src>
<ref lang="de" translator="A"><p><seg id="1">Eins.</seg><seg id="2">Zwei &amp; drei.</seg></p>
<p><seg id="10">Zehn.</seg></p></ref>
<ref lang="de" translator="B"><p><seg id="1">Eins!</seg><seg id="10">Zehn!</seg></p></ref>
<hyp system="X" language="de"><p><seg id="1">X 1</seg><seg id="2">X 2</seg>
<seg id="3">X 3</seg><seg id="10">X
 10</seg></p></hyp>
</doc>
<doc origlang="en" id="b" testsuite="t"><src lang="en"><seg id="1">No.</seg></src></doc>
</collection></dataset>
"""


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_sgml_gives_the_lines_that_sacrebleu_makes_of_it(tmp_path):
    file = write(tmp_path / "ref.sgm", SGML)
    FakeSGMLDataset("x", langpairs={})._convert_format(str(file), str(tmp_path / "out"))
    expected = (tmp_path / "out").read_text(encoding="utf-8").split("\n")[:-1]
    assert read_side(file, "reference") == expected == ["Ein Mann fährt Rad.", "", "A < B & C"]
    escaped = write(tmp_path / "src.sgml", SGML.replace("< B &", "&lt; B &amp;amp;"))
    assert read_side(escaped, "source") == [*expected[:2], "A < B &amp; C"]


def test_references_of_several_translators_in_sgml_are_told_apart(tmp_path):
    two = SGML.replace('sysid="ref" docid="two"', 'sysid="other" docid="two"')
    file = write(tmp_path / "ref.sgm", two)
    assert read_side(tmp_path / "ref.sgm:other", "reference") == ["A < B & C"]
    with pytest.raises(DataError, match=r"expected one source, but it holds sys, other; name"):
        read_side(write(file, two.replace('"ref"', '"sys"')), "source")


def test_xml_gives_the_segments_that_sacrebleu_takes(tmp_path):
    file = write(tmp_path / "wmt.xml", XML)
    expected = WMTXMLDataset._unwrap_wmt21_or_later(io.BytesIO(XML.encode()))

    def clean(name):
        return [WMTXMLDataset._clean(line) for line in expected[name]]

    assert read_side(file, "source") == clean("src") == ["One.", "Two & three.", "Ten."]
    for name in ("A", "ref:A"):
        assert read_side(tmp_path / f"wmt.xml:{name}", "reference") == clean("ref:A")
    assert (
        read_side(tmp_path / "wmt.xml:B", "reference") == clean("ref:B") == ["Eins!", "", "Zehn!"]
    )
    assert read_side(file, "hypothesis") == clean("X") == ["X 1", "X 2", "X 10"]
    with pytest.raises(
        DataError, match="expected one reference, but it holds src, ref:A, ref:B, X"
    ):
        read_side(file, "reference")
    with pytest.raises(DataError, match="one reference called C"):
        read_side(tmp_path / "wmt.xml:C", "reference")


@pytest.mark.parametrize(
    "damage", [("</collection>", ""), ('seg id="1"', "seg"), ('id="1"', 'id="a"')]
)
def test_damaged_xml_is_refused(tmp_path, damage):
    file = write(tmp_path / "wmt.xml", XML.replace(*damage))
    with pytest.raises(DataError, match=r"wmt.xml: expected XML of WMT .* but it is damaged"):
        read_side(file, "source")


def test_columns_by_number_and_by_name(tmp_path):
    (tmp_path / "t.tsv.gz").write_bytes(gzip.compress(b"id\tde\n1\tJa. \n2\t\n"))
    assert read_side(tmp_path / "t.tsv.gz:de", "reference") == ["Ja. ", ""]
    assert read_side(tmp_path / "t.tsv.gz:2", "reference") == ["de", "Ja. ", ""]
    for name, message in (("3", "line 1 holds 2"), ("0", "line 1 holds 2"), ("en", "holds id, de")):
        with pytest.raises(DataError, match=message):
            read_side(tmp_path / f"t.tsv.gz:{name}", "reference")


def test_fields_of_json_lines(tmp_path):
    write(tmp_path / "t.jsonl", '{"de": "Ja\\nNein", "x": {"en": "Yes"}}\n\n{"x": {"en": "No"}}\n')
    assert read_side(tmp_path / "t.jsonl:x.en", "source") == ["Yes", "No"]
    with pytest.raises(DataError, match="with a text de in every line, but line 3 holds none"):
        read_side(tmp_path / "t.jsonl:de", "source")


def test_plain_text_is_left_as_it_is(tmp_path):
    lines = ["<doc> 1:2 ", "", "<seg-fault>", "a\tb"]
    assert read_side(write(tmp_path / "a:2", "\n".join(lines)), "reference") == lines
    lines = ["<b>Ein</b>", "<seg id=1>"]
    assert read_side(write(tmp_path / "a", "\n".join(lines)), "reference") == lines
    tags = '<tmx><tu><tuv xml:lang="de"><seg>Ja</seg></tuv></tu></tmx>'
    assert read_side(write(tmp_path / "t.tmx", tags), "reference") == [tags]
    with pytest.raises(DataError, match="nowhere:2: expected a text file"):
        read_side(tmp_path / "nowhere:2", "reference")
