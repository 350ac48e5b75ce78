"""Each filter on pairs as people meet them: damage has its reason, and good text stays."""

import pytest

from mt.data.filters.config import (
    CopiesConfig,
    EncodingConfig,
    LanguageConfig,
    LengthConfig,
    LengthRatioConfig,
    LettersConfig,
    MarkupConfig,
    NumbersConfig,
    RepetitionConfig,
    ScriptConfig,
)
from mt.data.filters.contract import Reason
from mt.data.filters.length import Blank, visible_length
from mt.data.filters.scripts import scripts_of

GOOD = [
    ("en", "zh", "The weather is nice today.", "今天天气很好。"),
    ("en", "zh", "Click Settings.", "点击设置。"),
    ("en", "ja", "OK.", "オッケー。"),
    ("en", "ja", "I have 3 cats.", "私は猫を３匹飼っています。"),
    ("en", "ko", "Where do you live?", "어디에 사세요?"),
    ("en", "hi", "What is your name?", "आपका नाम क्या है?"),
    ("en", "th", "Thank you very much.", "ขอบคุณมากครับ"),
    ("en", "ar", "The year was 1985.", "كان العام ١٩٨٥."),
    ("en", "ru", "Windows 11 is here.", "Windows 11 уже здесь."),
    ("sr-Latn", "sr-Cyrl", "Dobar dan.", "Добар дан."),
    ("de", "en", "Das kostet 1.000,50 €.", "That costs €1,000.50."),
    (
        "de",
        "fr",
        "Er sagte: „Komm nach Hause!“",
        "Il a dit\u00a0: «\u00a0Rentre chez toi\u00a0!\u00a0»",
    ),
    ("fr", "de", "«\u00a0C’est décidé\u00a0», dit-il.", "„Es ist entschieden“, sagte er."),
    ("fr", "en", "LE PRIX DE LA LIBERTÉ\u00a0!", "THE PRICE OF FREEDOM!"),
    ("pt", "en", "“Amanhã”, disse ela. “MANHÃ?”", "“Tomorrow,” she said. “MORNING?”"),
    ("sv", "en", "Det är på Å.", "It is on the stream."),
    ("de", "en", "OK.", "OK."),
    ("de", "en", "Tom!", "Tom!"),
    ("de", "en", "New York", "New York"),
    ("de", "en", "Der 1. Mai 2024.", "May 1, 2024."),
    ("de", "en", "Um 15:30 Uhr.", "At 3:30 p.m."),
    ("de", "en", "Zwei Hunde.", "2 dogs."),
    ("de", "en", "Es ist 7 Uhr.", "It is seven o'clock."),
    ("en", "de", "See https://example.org for more.", "Mehr unter https://example.org."),
    ("en", "de", "Press <b>Save</b> now.", "Jetzt <b>Sichern</b> drücken."),
    ("en", "de", "R&D at AT&T, a < b", "F&E bei AT&T, a < b"),
    ("en", "de", "No, no, no, no!", "Nein, nein, nein, nein!"),
    ("en", "de", "I can't.", "Das kann ich leider nicht."),
    ("en", "de", "Well...", "Tja..."),
    ("en", "vi", "I love Vietnam.", "Tôi yêu Việt Nam."),
    ("en", "de", "He said: “Привет”.", "Er sagte: „Привет“."),
    ("xx", "yy", "bamo tiru", "ξενος κοσμος"),
]

KINDS = [
    CopiesConfig, EncodingConfig, LanguageConfig, LengthConfig, LengthRatioConfig, LettersConfig,
    MarkupConfig, NumbersConfig, RepetitionConfig, ScriptConfig,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind().kind)
def test_good_pairs_stay(kind):
    for source, target, *pair in GOOD:
        assert kind().build(source, target).reasons([tuple(pair)]) == [None], pair


BAD = [
    # What a wrong encoding leaves, in the scripts it is seen in.
    (EncodingConfig(), "Für dich.", "FÃ¼r dich.", "broken encoding", "Ã¼"),
    (EncodingConfig(), "It’s late.", "Itâ€™s late.", "broken encoding", "â€™"),
    (EncodingConfig(), "Dzień", "DzieÅ„", "broken encoding", "Å„"),
    (EncodingConfig(), "Привет", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "broken encoding", "ÐŸÑ€"),
    (EncodingConfig(), "日本", "æ—¥æœ¬", "broken encoding", "æ—¥æœ¬"),
    (EncodingConfig(), "Caf\ufffd", "Cafe", "broken encoding", "U+FFFD"),
    (EncodingConfig(), "a\x00b", "ab", "broken encoding", "U+0000"),
    (EncodingConfig(), "a", "list \uf0b7 item", "broken encoding", "U+F0B7"),
    (MarkupConfig(), "Hello <br/> world", "Hallo Welt", "markup", "<br/>"),
    (MarkupConfig(), "Tom & Ann", "Tom &amp; Ann", "markup", "&amp;"),
    (MarkupConfig(), "More at https://example.org/a", "Mehr", "markup", "https://example.org/a"),
    (MarkupConfig(), "<a href='x'>No</a>", "<a href='y'>Ja</a>", "markup", 0.89),
    (MarkupConfig(), "{{stub}}", "Ein Stummel", "markup", "}}"),
    (LengthConfig(max_words=3), "a b c", "a b c d", "too long", "4 words"),
    (LengthConfig(min_words=2), "a", "a b", "too short", "1 words"),
    (LengthConfig(max_characters=5), "abcdef", "a", "too long", "6 characters"),
    (LengthRatioConfig(), "a" * 75, "b c" + "d" * 12, "length ratio", 3.54),
    (LengthRatioConfig(slack=0), "今天天气", "a b", "length ratio", 4.0),
    (LettersConfig(), "12:30 3-1 (0)", "Half past twelve", "few letters", 0.0),
    (LettersConfig(), "A ⋯ 17 § 4", "Absatz", "few letters", 0.17),
    (ScriptConfig(), "Good morning", "Доброе утро", "foreign script", 0.0),
    (ScriptConfig(min_share=0.6), "a", "ab Доб", "foreign script", 0.4),
    (CopiesConfig(), "Click here to go on.", "Click  HERE to go on.", "copied", 16),
    (RepetitionConfig(), "Hello", "Ha" + "a" * 10, "repetitive", "a" * 11),
    (RepetitionConfig(), "Chapter 1", "1" + "." * 40, "repetitive", "." * 11),
    (RepetitionConfig(), "Yes", "the cat " * 4, "repetitive", 0.25),
    (NumbersConfig(), "In 1985 it rained.", "1986 regnete es.", "other numbers", 1.0),
    (NumbersConfig(), "Pages 12, 13 and 14", "Seiten 12 und 99", "other numbers", 0.6),
    (NumbersConfig(), "٣٤", "56", "other numbers", 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("config", "source", "target", "name", "measure"), BAD)
def test_damage_has_its_reason_on_either_side(config, source, target, name, measure):
    here, there = config.build("de", "de"), config.build("de", "de")
    assert here.reasons([(source, target)]) == [Reason(name, measure)]
    [reason] = there.reasons([(target, source)])
    assert reason.name == name


@pytest.mark.parametrize(
    ("source", "target", "side"), [("", "a", "source"), ("a", " \u00a0\t", "target")]
)
def test_a_blank_side(source, target, side):
    assert Blank().reasons([("a", "b"), (source, target)]) == [None, Reason("blank", side)]


def test_a_script_is_asked_of_each_side_by_its_language():
    script = ScriptConfig().build("ru", "ja")
    pairs = [("Доброе утро", "おはよう"), ("おはよう", "Доброе утро"), ("Утро", "Good morning")]
    assert [reason and reason.measure for reason in script.reasons(pairs)] == [None, 0.0, 0.0]


@pytest.mark.parametrize(
    ("tag", "scripts"),
    [
        ("de", "Latn"), ("pt-BR", "Latn"), ("ZH-Hant-TW", "Hani"), ("sr", "Cyrl Latn"),
        ("eng_Latn", "Latn"), ("sr-latn", "Latn"), ("ja", "Hani Hira Kana"), ("xx", ""),
    ],
)  # fmt: skip
def test_languages_have_their_scripts(tag, scripts):
    assert scripts_of(tag) == tuple(scripts.split())


def test_wide_characters_count_twice_as_unicode_says():
    import unicodedata

    for character in "aé€„ж中あカ한ｱＡ。　𠀀":
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        assert visible_length(character) == width, character


class TestLanguage:
    DE = "Ich habe heute leider keine Zeit für dich."
    EN = "I am afraid that I have no time for you today."
    NL = "Ik heb vandaag helaas geen tijd voor jou."

    def test_another_language_is_named(self):
        language = LanguageConfig().build("de-AT", "en")
        pairs = [(self.DE, self.EN), (self.EN, self.DE), (self.DE, self.NL)]
        kept, swapped, other = language.reasons(pairs)
        assert kept is None
        assert (swapped.name, other.name) == ("other language", "other language")
        assert swapped.measure.startswith("en ")
        assert other.measure.startswith("nl ")

    def test_short_text_and_unknown_languages_are_let_through(self):
        assert LanguageConfig().build("xx", "yy").reasons([(self.DE, self.EN)]) == [None]
        assert LanguageConfig().build("en", "en").reasons([("Guten Morgen!", "Hi")]) == [None]
        longer = LanguageConfig(min_characters=100).build("fr", "fr")
        assert longer.reasons([(self.DE, self.EN)]) == [None]

    def test_a_missing_package_is_named(self, monkeypatch):
        import sys

        from mt.data.filters.language import load_identifier
        from mt.errors import ConfigError

        monkeypatch.setitem(sys.modules, "py3langid.langid", None)
        with pytest.raises(
            ConfigError, match=r"^filters: .*py3langid.*pip install 'mt\[language\]'"
        ):
            load_identifier.__wrapped__()  # as in a process that has not loaded it
