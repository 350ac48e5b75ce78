import pytest

from mt.data.fetch import fetch
from mt.errors import DataError

NAMES = [
    f"{part}.{language}"
    for part in ("train", "val", "test_2016_flickr")
    for language in ("en", "de")
]


class FakeHub:
    """Serves two pairs a split, and remembers what it was asked for."""

    def __init__(self, **changes):
        self.asked = []
        self.changes = changes

    def __call__(self, corpus):
        self.asked.append((corpus.path, corpus.split, corpus.source, corpus.target))
        answer = self.changes.get(corpus.split, [("A dog.\u2028", "Ein Hund."), ("", "Blühe!")])
        if isinstance(answer, Exception):
            raise answer
        return iter(answer)


def test_fetching_writes_two_files_a_split(tmp_path):
    hub = FakeHub()
    paths = fetch("multi30k", tmp_path / "multi30k", read=hub)
    assert [path.name for path in paths] == NAMES
    assert sorted(path.name for path in (tmp_path / "multi30k").iterdir()) == sorted(NAMES)
    assert [split for _, split, *_ in hub.asked] == ["train", "validation", "test"]
    assert hub.asked[0] == ("bentrevett/multi30k", "train", "en", "de")
    assert (tmp_path / "multi30k/val.en").read_bytes() == "A dog.\u2028\n\n".encode()
    assert (tmp_path / "multi30k/val.de").read_bytes() == "Ein Hund.\nBlühe!\n".encode()


def test_what_is_there_is_left_alone(tmp_path):
    for name in NAMES[:4]:
        (tmp_path / name).write_text("mine")
    hub = FakeHub()
    assert len(fetch("multi30k", tmp_path, read=hub)) == 6
    assert [split for _, split, *_ in hub.asked] == ["test"]
    assert (tmp_path / "train.en").read_text() == "mine"
    fetch("multi30k", tmp_path, read=hub)
    assert len(hub.asked) == 1, "nothing is missing: nobody is asked"


def test_offline_it_tells_which_files_to_put_where(tmp_path):
    hub = FakeHub(train=DataError("bentrevett/multi30k: the hub cannot be reached; connect"))
    with pytest.raises(DataError) as caught:
        fetch("multi30k", tmp_path, read=hub)
    message = str(caught.value)
    assert message.startswith("bentrevett/multi30k: the hub cannot be reached")
    assert f"or put {', '.join(NAMES)} into {tmp_path} by hand" in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", ["a\nb", "a\r\n", "a\rb"])
def test_a_sentence_with_a_line_break_is_refused(tmp_path, line):
    hub = FakeHub(train=[("fine", "gut"), ("fine", line)])
    with pytest.raises(DataError, match="split train, column de: .* row 2 holds one"):
        fetch("multi30k", tmp_path, read=hub)


@pytest.mark.parametrize(("name", "advice"), [("multi30", "did you mean"), ("wmt", "known are")])
def test_an_unknown_corpus_is_answered_with_the_known(tmp_path, name, advice):
    with pytest.raises(DataError, match=f"^{name}: .*{advice} .*multi30k"):
        fetch(name, tmp_path, read=FakeHub())
