"""Test sets that sacreBLEU knows by name, and downloads."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mt.errors import DataError, did_you_mean
from mt.evaluation.metrics import sacrebleu_test_sets
from mt.evaluation.score import TokenizerName
from mt.lines import read_lines

_TOKENIZERS: dict[str, TokenizerName] = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
"""What sacreBLEU chooses for the target language of a test set that it knows."""


@dataclass(frozen=True)
class KnownTestSet:
    """A source with its references."""

    source: list[str]
    references: list[list[str]]
    tokenizer: TokenizerName
    """For BLEU."""


def known_test_set(name: str) -> KnownTestSet:
    """Read a test set of sacreBLEU, which downloads it when it is first asked for.

    Args:
        name: Its name and languages, as in ``wmt14:en-de``.

    Raises:
        DataError: If there is none of this name, or it cannot be downloaded.
    """
    test_sets = sacrebleu_test_sets()
    known, _, languages = name.partition(":")
    if known not in test_sets:
        raise DataError(
            f"--test-set {name}: expected a test set of sacreBLEU, as in wmt14:en-de, but there is "
            f"none of this name; {did_you_mean(known, test_sets) or 'see sacrebleu --list'}"
        )
    dataset = test_sets[known]
    if languages not in dataset.langpairs:
        raise DataError(
            f"--test-set {name}: expected languages of {known} behind a colon, but got "
            f"{languages or 'none'}; it has {', '.join(dataset.langpairs)}"
        )
    with _named_where_offline(name):
        source = dataset.get_source_file(languages)
        references = dataset.get_reference_files(languages)
    return KnownTestSet(
        list(read_lines(Path(source))),
        [list(read_lines(Path(each))) for each in references],
        _TOKENIZERS.get(languages.split("-")[1], "13a"),
    )


@contextmanager
def _named_where_offline(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, SystemExit) as error:  # it exits where a checksum is wrong
        raise DataError(
            f"--test-set {name}: expected sacreBLEU to download it, but it cannot ({error}); "
            "connect to the internet, or give --reference"
        ) from None
