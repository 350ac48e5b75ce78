"""What ``--output`` names is the old file or the new one, whichever command writes it."""

import stat

import pytest
from matplotlib.figure import Figure

from mt.inspection import page
from mt.inspection.alignment.aligner import Aligner
from mt.translation import Translator
from tests.tiny import mt, write_corpus, write_untrained

SOURCE, TARGET = ("--source", "test.src"), ("--target", "test.tgt")
COMMANDS = {
    "translate": ("translate", "bundle", "test.src", "--output", "out"),
    "evaluate": ("evaluate", "bundle", *SOURCE, "--reference", "test.tgt", "--output", "out"),
    "align": ("align", "bundle", *SOURCE, *TARGET, "--view", "plain:1", "--output", "out"),
    "page": ("explain", "bundle", "ba", "--output", "out.html"),
    "picture": ("explain", "bundle", "ba", "--output", "out.svg"),
}
LINES = 40
WRITTEN = 3
"""Lines that an interrupted command has written."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"))
    write_untrained(corpus)
    return corpus


@pytest.fixture(params=COMMANDS)
def name(request):
    return request.param


@pytest.fixture
def output(folder, name):
    """An old file that only its owner may read."""
    path = folder / COMMANDS[name][-1]
    path.write_text("old\n", encoding="utf-8")
    path.chmod(0o600)
    yield path
    for each in [*folder.glob("out*"), *folder.glob(".out*")]:
        each.unlink()


def interrupted(iterate):
    """Interrupt what gives one result after the other."""

    def begin(*arguments):
        for number, result in enumerate(iterate(*arguments)):
            if number == WRITTEN:
                raise KeyboardInterrupt
            yield result

    return begin


def interrupt(*_, **__):
    raise KeyboardInterrupt


def half_a_picture(self, path, **_):
    path.write_text("<svg>", encoding="utf-8")
    raise KeyboardInterrupt


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_that_is_replaced_keeps_its_permissions(folder, name, output):
    done = mt(*COMMANDS[name], "--device", "cpu", cwd=folder)
    assert done.returncode == 0, done.stderr
    text = output.read_text(encoding="utf-8")
    assert text != "old\n"
    assert output.suffix or text.count("\n") == LINES
    assert mode(output) == 0o600
    assert list(folder.glob("out*")) == [output]


def test_an_interrupted_command_leaves_the_old_file(folder, name, output, monkeypatch):
    monkeypatch.setattr(Translator, "translate", interrupted(Translator.translate))
    monkeypatch.setattr(Aligner, "align", interrupted(Aligner.align))
    monkeypatch.setattr(page, "page_of", interrupt)
    monkeypatch.setattr(Figure, "savefig", half_a_picture)
    done = mt(*COMMANDS[name], "--device", "cpu", cwd=folder)
    assert done.returncode == 130
    assert output.read_text(encoding="utf-8") == "old\n"
    assert mode(output) == 0o600
    if output.suffix:
        assert [path.name for path in folder.glob(".out*")] == []
    else:
        kept = folder / "out.part"
        assert "what was written so far is in" in done.stderr
        assert len(kept.read_text(encoding="utf-8").split("\n")[:-1]) == WRITTEN
        assert mode(kept) == 0o600
