import itertools
import logging
import random
import threading
from itertools import islice

import pytest
import torch
from pydantic import ValidationError

from mt.errors import ConfigError
from mt.model.config import TransformerConfig
from mt.translation.config import BeamConfig, GreedyConfig, TranslationConfig
from mt.translation.constrained_decoding import CommonConstraints
from mt.translation.constraints import ConstrainedLine
from mt.translation.contract import Hypothesis, Translation
from mt.translation.engines.torch import TorchEngine
from mt.translation.remarks import runs_on
from mt.translation.translator import Translator

LONGEST = 30
PAIR = "xx", "yy"
SEARCH = BeamConfig(size=3, length_penalty=0.5)
GREEDY = GreedyConfig()


def texts(translations):
    return [translation.text for translation in translations]


class Backwards:
    """An engine that turns the tokens around, and remembers what it was given."""

    def __init__(self):
        self.seen = []
        self.configs = []

    def submit(self, sources, config, best=1):
        self.seen += [list(source) for source in sources]
        self.configs.append(config)
        found = [
            [
                Hypothesis(tuple(source[::-1]), -1.0, config.score(-1.0, len(source) + 1)),
                Hypothesis(tuple(source), -2.0, config.score(-2.0, len(source) + 1)),
            ][:best]
            for source in sources
        ]
        return lambda: found


@pytest.fixture
def engine():
    return Backwards()


@pytest.fixture
def translator(engine, tokenizers):
    config = TranslationConfig(search=SEARCH)
    return Translator(engine, tokenizers, config, max_tokens=LONGEST, languages=PAIR)


@pytest.fixture
def expect(tokenizers):
    """Say what the engine makes of a line that is not cut."""

    def expect(line):
        [tokens] = tokenizers.source.encode([line])
        return tokenizers.target.decode([tokens[::-1]])[0]

    return expect


def lines_of(words, number):
    generator = random.Random(number)
    return [" ".join(generator.choices(words, k=generator.randint(1, 5))) for _ in range(number)]


def test_lines_come_out_in_order(translator, engine, words, expect):
    lines = lines_of(words, 300)
    assert texts(translator.translate(iter(lines))) == [expect(line) for line in lines]
    assert set(engine.configs) == {SEARCH}


def test_a_call_says_how_it_is_translated(translator, engine, words, tokenizers):
    [line] = lines_of(words, 1)
    [tokens] = tokenizers.source.encode([line])
    asked = TranslationConfig(search=BeamConfig(size=2, length_penalty=0.0), alternatives=1)
    [found] = translator.translate([line], asked)
    assert engine.configs == [asked.search]
    names = tuple(tokenizers.target.tokens(tokens))
    other = Translation(line, names, log_probability=-2.0, score=-2.0)
    backwards = tokenizers.target.decode([tokens[::-1]])[0]
    assert found == Translation(backwards, names[::-1], -1.0, -1.0, (other,))
    assert str(found) == backwards
    assert translator.translate_all([line])[0].alternatives == ()
    assert engine.configs[1] == SEARCH


def test_capitals_are_translated_as_small_letters(translator, engine, words, expect, tokenizers):
    line, shout = " ".join(words[:3]), " ".join(words[:3]).upper()
    title = shout[0] + line[1:]
    found = texts(translator.translate_all([f"{line}. {shout}!", shout, "A.B@C.DE"]))
    [known] = {line, title} & set(tokenizers.source.decode(engine.seen))
    assert found[0].split() == [*expect(f"{line}.").split(), *expect(f"{known}!").upper().split()]
    assert found[1:] == [expect(known).upper(), "A.B@C.DE"]
    kept = translator.translate_all([shout], translator.config.changed(truecase=False))
    assert texts(kept) == [expect(shout)]


def test_capitals_stay_where_a_prefix_is_asked_for(translator, engine, words, tokenizers):
    shout = " ".join(words[:3]).upper()
    translator._begin(
        [ConstrainedLine(shout, prefix=shout)], translator.config, CommonConstraints()
    )
    assert tokenizers.source.decode(engine.seen) == [shout]


def test_a_line_in_parts_is_scored_as_a_whole(translator, words):
    [line] = translator.translate_all([" ".join(words[:40])], TranslationConfig(search=GREEDY))
    [first] = translator.translate_all([words[0]], TranslationConfig(search=GREEDY))
    assert first.score == pytest.approx(-1 / (len(first.tokens) + 1))
    parts = -line.log_probability  # each has one nat
    assert parts > 2
    assert line.score == pytest.approx(-parts / (len(line.tokens) + parts))
    assert line.alternatives == ()


def test_more_alternatives_than_the_beam_holds_are_refused():
    for config, kept in (({"search": GREEDY}, 1), ({"search": BeamConfig(size=3)}, 3)):
        with pytest.raises(ValidationError, match=f"expected fewer than the {kept} hypotheses"):
            TranslationConfig(**config, alternatives=kept)
        assert TranslationConfig(**config, alternatives=kept - 1).alternatives == kept - 1


def test_another_beam_is_validated_and_keeps_the_length_penalty():
    config = TranslationConfig(search=SEARCH, alternatives=2)
    assert config.with_beam(7).search == BeamConfig(size=7, length_penalty=0.5)
    assert TranslationConfig(search=GREEDY).with_beam(2).search == BeamConfig(size=2)
    with pytest.raises(ConfigError, match="greater than 0"):
        config.with_beam(0)
    with pytest.raises(ConfigError, match="alternatives: expected fewer than the 2"):
        config.with_beam(2)


@pytest.mark.parametrize("item", [None, float("nan"), 3, b"abcd"])
def test_what_is_no_text_is_named(translator, words, item):
    message = f"item 1 is {item!r} \\({type(item).__name__}\\)"
    for translate in (translator.translate_all, lambda lines: list(translator.translate(lines))):
        with pytest.raises(TypeError, match=message):
            translate([words[0], item])


def test_one_string_is_refused_at_once(translator, words):
    for translate in (translator.translate_all, translator.translate):
        with pytest.raises(TypeError, match="one string; put it in a list"):
            translate(words[0])


def test_no_lines_make_no_lines(translator):
    assert list(translator.translate([])) == []
    assert translator.translate_all([]) == []


BLANKS = ["", " ", "\t", "  \u3000 ", "\u00a0", "\r", "\u2028", "\x0c"]


def test_blank_lines_stay_blank_and_never_reach_the_engine(translator, engine, words, expect):
    first, last = lines_of(words, 2)
    found = texts(translator.translate([*BLANKS, first, *BLANKS, last, *BLANKS]))
    blank = [""] * len(BLANKS)
    assert found == [*blank, expect(first), *blank, expect(last), *blank]
    assert len(engine.seen) == 2


def test_blank_lines_alone_are_no_work(translator, engine):
    assert texts(translator.translate(BLANKS)) == [""] * len(BLANKS)
    assert not engine.seen


def test_what_surrounds_a_line_does_not_matter(translator, words):
    [line] = lines_of(words, 1)
    one, other = translator.translate_all([line, f" \t{line}\r "])
    assert one == other


def test_a_line_too_long_is_cut_translated_in_parts_and_joined(
    translator, engine, words, expect, caplog
):
    sentences = [" ".join(words[place : place + 4]) + "," for place in range(0, 40, 4)]
    long, short = " ".join(sentences), words[0]
    with caplog.at_level(logging.WARNING, logger="mt"):
        found = texts(translator.translate([short, long, short]))
    assert found[0] == found[2] == expect(short)
    assert all(0 < len(source) < LONGEST for source in engine.seen)
    assert len(engine.seen) > 3
    parts = translator.tokenizers.target.decode(engine.seen[1:-1])
    assert " ".join(parts) == long
    assert found[1] == " ".join(expect(part) for part in parts)
    assert caplog.messages == [
        f"1 line (2): a sentence is longer than the {LONGEST} tokens the model was trained for; it "
        "was translated in parts"
    ]


def test_the_end_mark_counts_in_the_length(translator, engine, words, tokenizers, caplog):
    line = ""
    for word in words:
        [tokens] = tokenizers.source.encode([f"{line} {word}".strip()])
        if len(tokens) >= LONGEST:
            break
        line = f"{line} {word}".strip()
    with caplog.at_level(logging.WARNING, logger="mt"):
        list(translator.translate([line]))
        assert not caplog.records
        assert len(engine.seen) == 1
        list(translator.translate([f"{line} {line}"]))
        assert len(caplog.records) == 1
    assert max(map(len, engine.seen)) < LONGEST


def test_invisible_parts_of_a_long_line_never_reach_the_engine(translator, engine, words, caplog):
    line = " ".join(words[:20]) + "\u200b" * 3000 + " ".join(words[20:40])
    with caplog.at_level(logging.ERROR):
        translator.translate_all([line])
    assert engine.seen
    assert all(engine.seen)


def test_no_translation_holds_a_line_break(tokenizers):
    class Breaking:
        def submit(self, sources, *_):
            [tokens] = tokenizers.target.encode(["abcd"])
            newline = next(
                token
                for token in range(tokenizers.target.size)
                if tokenizers.target.tokens([token]) == ["<0x0A>"]
            )
            return lambda: [[Hypothesis((newline, *tokens, newline), 0.0, 0.0)] for _ in sources]

    translator = Translator(
        Breaking(), tokenizers, TranslationConfig(), max_tokens=LONGEST, languages=PAIR
    )
    found = texts(translator.translate_all(["abcd", "ab\ncd", "ab\u2028cd"]))
    assert len(found) == 3
    assert all(len(line.splitlines()) == 1 for line in found)


def test_a_line_is_translated_sentence_by_sentence(translator, engine, words, expect):
    one, two = f"{words[0]} {words[1]}.", f"{words[2]}!"
    [found] = texts(translator.translate([f" {one}  {two}\t42. "]))
    assert found == f"{expect(one)}  {expect(two)} 42."  # a tab is a blank like others
    assert len(engine.seen) == 2
    whole = TranslationConfig(search=SEARCH, split_sentences=False)
    assert texts(translator.translate([f"{one} {two}"], whole)) == [expect(f"{one} {two}")]


def test_gaps_are_those_of_the_target_language(translator, expect):
    line, sentences = "你好。再见。", ["你好。", "再见。"]
    first, second = map(expect, sentences)
    for languages, gap in ((("zh", "de"), " "), (("zh", "ja"), "")):
        translator.languages = languages
        assert texts(translator.translate([line])) == [f"{first}{gap}{second}"]


COPIED = ["42", "...", "🙂🙂🙂", "https://example.org/a?b=c", "3.5 % (7)", "me@example.org"]


def test_what_holds_no_word_is_copied(translator, engine, words, expect):
    line = f"{words[0]} 42"
    found = list(translator.translate([*COPIED, line]))
    assert texts(found) == [*COPIED, expect(line)]
    assert all(each == Translation(text) for each, text in zip(found, COPIED, strict=False))
    assert len(engine.seen) == 1
    assert texts(translator.translate(["4\u20282\x0b"])) == ["4 2"]


def test_alternatives_of_a_line_of_sentences_are_the_best_combinations(tokenizers, words):
    class Several:
        """Gives three translations of each sentence, of different scores."""

        def submit(self, sources, _, best=1):
            drops = [random.Random(source[0]).sample(range(1, 9), 3) for source in sources]
            return lambda: [
                [
                    Hypothesis((*source[:number], *source), -drop, -drop)
                    for number, drop in enumerate(sorted(each)[:best])
                ]
                for source, each in zip(sources, drops, strict=True)
            ]

    config = TranslationConfig(search=BeamConfig(size=4), alternatives=2)
    translator = Translator(Several(), tokenizers, config, LONGEST, PAIR)
    sentences = [f"{word}." for word in words[:3]]
    parts = [translator.translate_all([sentence])[0] for sentence in sentences]
    each = [[part, *part.alternatives] for part in parts]
    combinations = sorted(
        itertools.product(*each), key=lambda found: -sum(one.score for one in found)
    )
    [found] = translator.translate_all([" ".join(sentences)])
    several = [found, *found.alternatives]
    assert len(several) == 3
    for whole, combination in zip(several, combinations, strict=False):
        assert whole.text == " ".join(one.text for one in combination)
        assert whole.log_probability == sum(one.log_probability for one in combination)
        length = len(whole.tokens) + 3
        assert whole.score == pytest.approx(whole.log_probability / length)


def test_alternatives_of_the_same_text_are_one(tokenizers, words):
    class Spelling:
        """Writes a word as the tokenizer does, another word, and the first one in bytes."""

        def submit(self, sources, *_):
            vocabulary = tokenizers.target.vocabulary
            other = tokenizers.target.encode([words[1]])[0]
            letters = [vocabulary.index(f"<0x{ord(letter):02X}>") for letter in words[0]]
            spellings = enumerate((sources[0], other, [vocabulary.index("▁"), *letters]))
            return lambda: [[Hypothesis(tuple(each), -rank, -rank) for rank, each in spellings]]

    config = TranslationConfig(search=BeamConfig(size=3), alternatives=2)
    translator = Translator(Spelling(), tokenizers, config, LONGEST, PAIR)
    [found] = translator.translate_all(words[:1])
    assert texts([found, *found.alternatives]) == words[:2]
    assert found.score == 0


def test_what_runs_on_is_searched_again_and_told(tokenizers, words, caplog):
    class Stuttering:
        """Repeats the first token of some sentences unless that is forbidden."""

        def submit(self, sources, config, _):
            def write(source):
                again = source[0] % 2 and not config.no_repeat_ngram
                return [Hypothesis((source[0],) * 9 if again else tuple(source), -1.0, -1.0)]

            return lambda: [write(source) for source in sources]

    translator = Translator(Stuttering(), tokenizers, TranslationConfig(), LONGEST, PAIR)
    lines = words[:12]
    assert texts(translator.translate(lines)) == lines
    odd = [
        str(number)
        for number, [tokens] in enumerate(map(tokenizers.source.encode, zip(lines)), start=1)
        if tokens[0] % 2
    ]
    assert 0 < len(odd) <= 10
    [told] = caplog.messages
    assert told.startswith(f"{len(odd)} lines ({', '.join(odd)}): the translation did not end or")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ([4, 5, 6], [7, 8, 9], False),
        ([4] * 3, [7] * 28, True),  # the limit: 3 x 3 + 20 tokens, the end included
        ([4] * 30, [7] * 12, False),  # the source repeats, too
        (list(range(30)), [1, 2, *[7] * 8, 3], True),
        (list(range(30)), [1, 2, *[7] * 7, 3], False),
        (list(range(30)), [1, *[7, 8] * 4, 3], True),
        (list(range(30)), [1, *[7, 8, 9] * 3, 3], False),
        (list(range(30)), [1, *[7, 8, 9] * 4], True),
        (list(range(30)), [*range(9), 7, 8] * 4, False),  # a sentence that is said four times
    ],
)
def test_what_runs_on(source, target, expected):
    assert runs_on(source, target) is expected


def test_an_empty_translation_is_told(tokenizers, words, caplog):
    class Silent:
        def submit(self, sources, *_):
            [blank] = tokenizers.target.encode(["a b"])
            blank = [token for token in blank if tokenizers.target.tokens([token]) == ["▁"]]
            return lambda: [[Hypothesis(tuple(blank), 0.0, 0.0)] for _ in sources]

    translator = Translator(Silent(), tokenizers, TranslationConfig(), LONGEST, PAIR)
    assert texts(translator.translate(["", words[0], "42"])) == ["", "", "42"]
    assert caplog.messages == ["1 line (2): the translation is empty, though the line is not"]


def test_a_reader_that_fails_does_so_after_its_earlier_lines(translator, words, expect):
    lines = lines_of(words, 7)

    def broken():
        yield from lines
        raise OSError("the disk is gone")

    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        for translation in translator.translate(broken()):
            found.append(translation.text)  # noqa: PERF401 - a list comprehension would lose them
    assert found == [expect(line) for line in lines]


def test_a_slow_reader_gets_early_answers(translator, words, expect):
    lines, answered = lines_of(words, 4), threading.Event()

    def conversation():
        for line in lines:
            yield line
            assert answered.wait(10), "no answer came before the next question"
            answered.clear()

    for line, found in zip(lines, translator.translate(conversation()), strict=True):
        assert found.text == expect(line)
        answered.set()


def test_an_endless_stream_is_translated_as_it_comes(translator, words, expect):
    def endless():
        while True:
            yield words[0]

    stream = translator.translate(endless())
    assert texts(islice(stream, 5000)) == [expect(words[0])] * 5000
    stream.close()


def test_translations_do_not_depend_on_their_company(tokenizers, words):
    torch.manual_seed(1)
    shape = {"dim": 16, "heads": 2, "feed_forward": 16, "encoder_layers": 1, "decoder_layers": 1}
    model = TransformerConfig(**shape).build(tokenizers.source.size, tokenizers.target.size)
    engine = TorchEngine(model.double(), torch.device("cpu"))
    translator = Translator(
        engine,
        tokenizers,
        TranslationConfig(search=BeamConfig(size=2)),
        max_tokens=12,
        languages=PAIR,
    )
    lines = ["", *lines_of(words, 2), " ".join(words[:5])]
    together = list(translator.translate(lines))
    assert together == [translator.translate_all([line])[0] for line in lines]
    assert len(set(texts(together))) > 2
