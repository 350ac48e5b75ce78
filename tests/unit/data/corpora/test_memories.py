"""Translation memories: TMX, XLIFF and PO."""

import os
from pathlib import Path

import pytest

from mt.data.corpora import Pair, PoConfig, TmxConfig, XliffConfig, open_corpus
from mt.data.corpora.languages import closest
from mt.errors import DataError

SHARED = os.environ.get("MT_SHARED_DATA")
shared = pytest.mark.skipif(SHARED is None, reason="needs the corpora that MT_SHARED_DATA names")


@pytest.mark.parametrize(
    ("wanted", "tags", "found"),
    [
        ("en", ["de", "en"], "en"),
        ("en", ["de", "EN-us"], "EN-us"),
        ("en", ["en-US", "en"], "en"),
        ("en-GB", ["en-US", "en_gb"], "en_gb"),
        ("en-GB", ["en-US", "en"], "en"),
        ("en-GB", ["en-US"], "en-US"),
        ("pt", ["pt-PT", "pt-BR"], "pt-BR"),
        ("zh-Hant-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"),
        ("es", ["es-419"], "es-419"),
        ("en", ["eng", "e", "de-en"], None),
        ("en", [], None),
    ],
)
def test_the_closest_language(wanted, tags, found):
    assert closest(wanted, tags) == closest(wanted, tags[::-1]) == found


def write_tmx(path: Path, units: str, encoding: str = "UTF-8", **options) -> TmxConfig:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<tmx version="1.4"><header/><body>\n{units}'
        "</body></tmx>\n"
    )
    (path / "a.tmx").write_bytes(text.encode(encoding))
    return TmxConfig(path=path / "a.tmx", **({"source": "en", "target": "de"} | options))


def unit(**variants: str) -> str:
    inner = "".join(
        f'<tuv xml:lang="{tag.replace("_", "-")}"><prop>x</prop><seg>{text}</seg></tuv>'
        for tag, text in variants.items()
    )
    return f"<tu><note>n</note>{inner}</tu>\n"


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        ("  a\n\t b  ", "a b"),
        ("a<bpt i='1'>&lt;b></bpt>b<ept i='1'>&lt;/b></ept>c", "abc"),
        ("a <ph x='1'>&lt;img alt=<sub>picture</sub>/></ph>b<it pos='end'>i</it><ut>u</ut>", "a b"),
        ("the <hi type='term'>big <ph/>word</hi>.", "the big word."),
        ("a<!-- comment -->b<?pi c?>c<![CDATA[<d>]]>", "abc<d>"),
        ("1\u00a0%\u202f? &amp; &#x2028;x", "1\u00a0%\u202f? & \u2028x"),
    ],
)  # fmt: skip
def test_a_segment_is_its_text(tmp_path, segment, text):
    assert list(write_tmx(tmp_path, unit(en=segment, de="x")).pairs()) == [(text, "x")]


@pytest.mark.parametrize(
    "encoding", ["UTF-16", "ISO-8859-1", "windows-1251", "Shift_JIS", "GB18030", "KOI8-R"]
)
def test_whatever_encoding_it_declares(tmp_path, encoding):
    text = {"ISO-8859-1": "Größe", "Shift_JIS": "日本語", "GB18030": "汉语"}.get(encoding, "Собака")
    assert list(write_tmx(tmp_path, unit(en="x", de=text), encoding).pairs()) == [("x", text)]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_xml_in_utf_16_needs_no_mark(tmp_path, codec):
    corpus = write_tmx(tmp_path, unit(en="x", de="y"), "UTF-16")
    corpus.path.write_bytes(corpus.path.read_bytes().decode("utf-16").encode(codec))
    assert list(corpus.pairs()) == [("x", "y")]


def test_of_many_languages_two_are_taken_and_the_rest_is_counted(tmp_path, caplog):
    units = [
        unit(de="a", en="b", fr="c"), unit(fr="d", en="e"), unit(de="f", fr="g"),
        unit(EN="h", de="i"),
    ]  # fmt: skip
    corpus = write_tmx(tmp_path, "".join(units))
    assert list(corpus.pairs()) == [("b", "a"), ("h", "i")]
    assert caplog.messages == [f"{corpus.path}: 2 units without en and de left out"]
    french = corpus.model_copy(update={"source": "fr", "target": "en"})
    assert list(french.pairs()) == [("c", "b"), ("d", "e")]


def test_one_text_never_serves_both_sides(tmp_path):
    corpus = write_tmx(tmp_path, unit(en="a", fr="b"), source="en-GB", target="en-US")
    with pytest.raises(
        DataError, match="expected text in en-GB and en-US, but it holds en, fr; set"
    ):
        list(corpus.pairs())


def test_varieties_of_a_language_are_told(tmp_path, caplog):
    units = unit(en="a", pt_PT="b", pt_BR="c") + unit(en="d", pt_PT="e")
    corpus = write_tmx(tmp_path, units, target="pt")
    assert list(corpus.pairs()) == [("a", "c"), ("d", "e")]
    [told] = caplog.messages
    assert "pt is taken from what is marked as pt-BR, pt-PT; set target to one of them" in told
    caplog.clear()
    exact = corpus.model_copy(update={"target": "pt-PT"})
    assert list(exact.pairs()) == [("a", "b"), ("d", "e")]
    assert caplog.messages == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs a peak that exec resets")
def test_a_large_memory_takes_no_more_room_than_a_small_one(tmp_path):
    import subprocess
    import sys

    program = r"""
import re, sys
from pathlib import Path
from mt.data.corpora import TmxConfig
corpus = TmxConfig(path=sys.argv[1], source="en", target="de")
count = sum(1 for _ in corpus.pairs())
print(count, re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
"""
    peaks = []
    for count in (2_000, 60_000):
        text = unit(en="A sentence of some words, " * 3, de="ein Satz aus Worten, " * 3)
        write_tmx(tmp_path, text * count)
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "a.tmx")],
            cwd=Path(__file__).parents[4], capture_output=True, text=True, check=True,
        )  # fmt: skip
        read, peak = map(int, done.stdout.split())
        assert read == count
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 4_000  # kB, where the file grew by 18,000


XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en-US"
 trgLang="de"><file id="f"><group id="g"><unit id="u"><notes><note>n</note></notes>
<segment><source>Hello <pc id="1">big</pc> <ph id="2"/>world</source><target>Hallo <pc id="1">große
</pc> Welt</target></segment><ignorable><source> </source></ignorable>
<segment state="initial"><source>New</source><target>New</target></segment>
<segment><source>None</source></segment></unit></group></file></xliff>"""
XLIFF_1 = """<?xml version="1.0"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
<file source-language="de" target-language="en" original="a">
<header><note>n</note></header><body><group><trans-unit id="1">
<source>Hallo <g id="1">große</g>
<x id="2"/>Welt</source><target state="final">
Hello <bpt id="1">&lt;b></bpt>big<ept id="1">&lt;/b></ept> world</target>
<alt-trans><source>Nein</source><target>No</target></alt-trans></trans-unit></group>
<trans-unit id="2"><source>Neu</source><target state="needs-translation">Neu</target></trans-unit>
<trans-unit id="3"><source>Leer</source><target></target></trans-unit></body></file></xliff>"""


@pytest.mark.parametrize("text", [XLIFF_1, XLIFF_2], ids=["1.2", "2.0"])
@pytest.mark.parametrize("swapped", [False, True])
def test_xliff_gives_what_is_translated_in_either_direction(tmp_path, caplog, text, swapped):
    (tmp_path / "a.xlf").write_text(text)
    languages = ("de", "en") if swapped else ("en", "de")
    corpus = open_corpus([tmp_path / "a.xlf"], *languages)
    pair = Pair("Hello big world", "Hallo große Welt")
    assert list(corpus.pairs()) == [Pair(*pair[::-1]) if swapped else pair]
    [told] = caplog.messages
    assert told.endswith("2 units without a translation left out")


def test_xliff_in_other_languages_is_told(tmp_path):
    (tmp_path / "a.xlf").write_text(XLIFF_2)
    with pytest.raises(DataError, match="expected .* en → fr, but it holds en-US → de; set"):
        list(XliffConfig(path=tmp_path / "a.xlf", source="en", target="fr").pairs())


PO = r"""# Translators
msgid ""
msgstr ""
"Language: ru\n"
"Content-Type: text/plain; charset=%s\n"
"Plural-Forms: nplurals=3; plural=(n%%10==1 && n%%100!=11 ? 0 :"
" n%%10>=2 && n%%10<=4 && (n%%100<10 || n%%100>=20) ? 1 : 2);\n"

#: main.c:1
msgid "Open \"%%s\""
msgstr "Открыть \"%%s\""

#, c-format
msgctxt "menu"
msgid ""
"Two\n"
"lines\t\\n\n"
msgstr "Две\n"
"строки\t\\n\n"
msgid "%%d file"
msgid_plural "%%d files"
msgstr[0] "%%d файл"
msgstr[1] "%%d файла"
msgstr[2] "%%d файлов"

#, fuzzy, c-format
#| msgid "Before"
msgid "Close"
msgstr "Открыть"

msgid "Untranslated"
msgstr ""

#, fuzzy
#~ msgid "Old"
#~ msgstr "Старый"
#~ msgid "Older"
#~ msgstr "Старее"

msgid "End"
msgstr "Конец"
"""
MESSAGES = [
    ('Open "%s"', 'Открыть "%s"'), ("Two lines\t\\n", "Две строки\t\\n"), ("%d file", "%d файл"),
    ("%d files", "%d файлов"), ("End", "Конец"),
]  # fmt: skip


@pytest.mark.parametrize("encoding", ["UTF-8", "KOI8-R"])
def test_a_catalogue_gives_its_messages(tmp_path, caplog, encoding):
    (tmp_path / "a.po").write_bytes((PO % encoding).encode(encoding))
    assert list(open_corpus([tmp_path / "a.po"], "en", "ru").pairs()) == MESSAGES
    assert caplog.messages == [
        f"{tmp_path}/a.po: messages left out: 1 fuzzy, 2 obsolete, 1 untranslated"
    ]
    swapped = open_corpus([tmp_path / "a.po"], "ru", "en")
    assert list(swapped.pairs()) == [pair[::-1] for pair in MESSAGES]


@pytest.mark.parametrize(("charset", "message"), [
    ("hex", "expected the name of an encoding, but found hex"), ("klingon", "but found klingon"),
    ("ascii", r"line \d+ holds byte"), ("cp1252", "expected cp1252"),
])  # fmt: skip
def test_a_catalogue_that_is_not_in_its_encoding_is_told(tmp_path, charset, message):
    text = (PO % charset).encode("utf-8" if charset != "ascii" else "koi8-r")
    (tmp_path / "a.po").write_bytes(text)
    with pytest.raises(DataError, match=message) as caught:
        list(open_corpus([tmp_path / "a.po"], "en", "ru").pairs())
    assert "\n" not in str(caught.value)


def test_a_catalogue_of_another_language_is_told(tmp_path, caplog):
    corpus = PoConfig(path=tmp_path / "a.po", source="en", target="fr")
    corpus.path.write_text(PO % "UTF-8", encoding="utf-8")
    with pytest.raises(DataError, match="expected translations into fr or en, but found ru; set"):
        list(corpus.pairs())
    corpus.path.write_text('msgid ""\nmsgstr "X: y\\n"\n\nmsgid "a"\nmsgstr "b"\n')
    assert list(corpus.pairs()) == [("a", "b")]
    assert "found none; the translations are taken for fr" in caplog.text


def test_the_one_of_six_forms_is_the_singular(tmp_path):
    rule = "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5"
    forms = "".join(f'msgstr[{form}] "{form}"\n' for form in range(6))
    (tmp_path / "a.po").write_text(
        f'msgid ""\nmsgstr "Language: ar\\nPlural-Forms: nplurals=6; plural={rule};\\n"\n'
        f'msgid "one"\nmsgid_plural "many"\n{forms}'
    )
    assert list(open_corpus([tmp_path / "a.po"], "en", "ar").pairs()) == [
        ("one", "1"),
        ("many", "5"),
    ]


@shared
@pytest.mark.parametrize(
    ("name", "target", "last"),
    [("tico19.en-fr.tmx", "fr", 3071), ("tico19.en-es-419.tmx", "es", 3071)],
)
def test_memories_of_the_world(name, target, last, caplog):
    corpus = open_corpus([Path(SHARED) / "tmx" / name], "en", target)
    pairs = list(corpus.pairs())
    assert len(pairs) == last
    assert pairs[0].source == "about how long have these symptoms been going on?"
    assert all(pair.source and pair.target for pair in pairs)
    assert not caplog.messages


@shared
@pytest.mark.parametrize(
    ("folder", "languages"), [("tatoeba_deen", ("de", "en")), ("small_parallel_enja", ("en", "ja"))]
)
def test_texts_of_the_world(folder, languages):
    folder = Path(SHARED) / folder
    files = [folder / f"dev.{language}" for language in languages]
    both = open_corpus(files, *languages)
    pairs = list(both.pairs())
    assert len(pairs) == files[0].read_bytes().count(b"\n") > 100
    named = open_corpus([folder], *languages)
    with pytest.raises(DataError, match="it holds dev, train; set name"):
        named.check()
    assert list(named.model_copy(update={"name": "dev"}).pairs()) == pairs
    assert sum(1 for _ in named.model_copy(update={"name": "*"}).pairs()) > len(pairs)
