import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mt.text.tags import Tag, put_tag, take_tag
from mt.text.tokenizer import TokenizerConfig
from mt.text.tokenizer_training import train_tokenizers

TAGS = ("<2de>", ">>fr<<", "<bt>", '[a,"b]')
LINES = [f"{chr(97 + n % 20)}{chr(97 + n // 20)} {'abcdefgh'[n % 8 :]}" for n in range(200)]


@pytest.mark.parametrize("text", [*TAGS, "__de__", "<domain:law>"])
def test_tags_stand_between_punctuation(text):
    assert TypeAdapter(Tag).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "<", "de", "<de", "<a b>", "<ä>", "the", "<\n>", "<>\n"])
def test_what_may_be_a_word_is_no_tag(text):
    with pytest.raises(ValidationError):
        TypeAdapter(Tag).validate_python(text)


@given(st.sampled_from([None, *TAGS]), st.text(max_size=20))
def test_what_was_put_is_taken(tag, text):
    if tag is not None or take_tag(text, TAGS)[0] is None:
        assert take_tag(put_tag(tag, text), TAGS) == (tag, text)


def test_only_known_tags_at_the_start_are_taken():
    assert take_tag("<2xx> a", TAGS) == (None, "<2xx> a")
    assert take_tag("a <2de> b", TAGS) == (None, "a <2de> b")
    assert take_tag("<2de>a", TAGS) == (None, "<2de>a")
    assert take_tag("<2de>", TAGS) == ("<2de>", "")


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def config(request):
    return TokenizerConfig(size=305, algorithm=request.param)


def test_a_tag_is_one_token_whatever_is_learnt(config, tmp_path):
    pairs = [(put_tag(TAGS[n % 2], line), line) for n, line in enumerate(LINES)]
    tokenizer = train_tokenizers(config, pairs, 1, tmp_path, TAGS).source
    assert set(tokenizer.tags) == set(TAGS)
    plain = tokenizer.encode(LINES[:20])
    for tag in TAGS:
        for line, tokens in zip(LINES, plain, strict=False):
            [[first, *rest]] = tokenizer.encode([put_tag(tag, line)])
            assert tokenizer.tokens([first]) == [f"▁{tag}"]
            assert rest == tokens
            assert tokenizer.decode([[first, *rest]]) == [put_tag(tag, line)]


def test_nothing_is_learnt_from_tags(config, tmp_path):
    plain = zip(LINES, LINES, strict=True)
    tagged = zip([put_tag("<2de>", line) for line in LINES], LINES, strict=True)
    prints = {
        train_tokenizers(config, pairs, 1, tmp_path / "t", ["<2de>"]).fingerprint
        for pairs in (plain, tagged)
    }
    assert len(prints) == 1


def test_without_tags_there_are_none(config, tmp_path):
    tokenizers = train_tokenizers(config, zip(LINES, LINES, strict=True), 1, tmp_path)
    assert tokenizers.source.tags == ()
    [tokens] = tokenizers.source.encode(["<2de> a"])
    assert len(tokens) > 5
