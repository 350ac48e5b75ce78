"""The engine in C++: several times as fast as that of torch, for models of the usual kinds."""

import logging
from collections.abc import Callable, Sequence
from ctypes import c_int
from functools import partial

from mt.bundle import Bundle
from mt.data.lengths import group_by_length
from mt.devices import EnginePrecision
from mt.errors import BundleError, ConfigError
from mt.model.attention.config import BilinearConfig, DotConfig
from mt.model.positions.config import RotaryConfig, SinusoidalConfig
from mt.processor import count_threads
from mt.text.tokenizer import END, START, Tokenizers
from mt.translation.config import BeamConfig, SearchConfig
from mt.translation.contract import NEVER, Hypothesis, Pending
from mt.translation.engines.ctranslate2.conversion import ACTIVATIONS, name_variables
from mt.translation.engines.native.library import NativeTranslator, Search, Shape, load_library
from mt.translation.engines.native.workers import Workers
from mt.translation.engines.weights import StoredTransformer, read_transformer

log = logging.getLogger(__name__)

BATCH_TOKENS = 320
"""Source tokens times hypotheses, and one more, that a thread translates at once: few enough for
what is remembered of them to stay in a processor's cache; measured, see docs/experiments.md."""
SCORED_TOKENS = 2048
"""Pairs times their source and their target tokens that a thread scores at once."""


class NativeEngine:
    """Searches batches of sentences of similar length, each in one thread; see :class:`Engine`."""

    def __init__(
        self,
        translator: NativeTranslator,
        threads: int,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            translator: The model.
            threads: Batches that are translated at once.
            prepare: Done before the first of them, while text is read, and what it raises is raised
                there; ``None``: nothing is.
        """
        self._translator = translator
        self._workers = Workers(threads)

        def prepared(_: Sequence[int]) -> list[None]:
            if prepare is not None:
                prepare()
            return [None]

        self._prepared = self._workers.submit(prepared, [[0]])

    def submit(
        self, sources: Sequence[Sequence[int]], config: SearchConfig, best: int = 1
    ) -> Pending:
        """Begin to translate sentences; see :meth:`Engine.submit`.

        Raises:
            ConfigError: If the search is one of torch alone.
        """
        if config.torch_only:
            raise ConfigError(
                f"search: expected one that the native engine can do, but found {config.kind}: "
                f"{config.torch_only}; choose the torch engine"
            )
        beam = config if isinstance(config, BeamConfig) else BeamConfig(size=1)
        search = Search(
            beam.size,
            min(best, beam.size),
            config.no_repeat_ngram,
            beam.length_norm == "gnmt",
            beam.length_penalty,
        )
        translator, prepared = self._translator, self._prepared  # not the engine: its threads end

        def translate(group: Sequence[int]) -> list[list[Hypothesis]]:
            prepared()
            read = [sources[index] for index in group]
            shortest = [config.shortest(len(source)) for source in read]
            longest = [config.longest(len(source)) for source in read]
            found = translator.translate(search, read, shortest, longest)
            return [[Hypothesis(*each) for each in pool] for pool in found]

        lengths = [len(source) + 1 for source in sources]
        groups = list(group_by_length(lengths, budget=BATCH_TOKENS // (beam.size + 1)))
        return self._workers.submit(translate, groups)

    def score(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Score given translations, all tokens being candidates; see :meth:`Engine.score`."""
        translator = self._translator

        def score(group: Sequence[int]) -> list[list[float]]:
            return translator.score(*([side[i] for i in group] for side in (sources, targets)))

        lengths = ([len(tokens) + 1 for tokens in side] for side in (sources, targets))
        groups = list(group_by_length(*lengths, budget=SCORED_TOKENS))
        return self._workers.submit(score, groups)()


def load_native_engine(
    bundle: Bundle,
    tokenizers: Tokenizers,
    precision: EnginePrecision = "auto",
    shortlist: bytes | None = None,
) -> NativeEngine:
    """Load the model in a bundle, with a thread for each processor.

    Args:
        bundle: Holds a model that :func:`why_not_native` says nothing of.
        tokenizers: Those of the bundle.
        precision: The numbers that are multiplied.
        shortlist: As :meth:`Lexicon.write` wrote it; ``None``: all tokens are candidates.

    Raises:
        BundleError: If weights and config do not belong together.
    """
    if precision == "bfloat16":
        log.warning("precision: the native engine does not multiply in bfloat16, and takes int8")
    stored = read_transformer(bundle, tokenizers)
    translator = make_translator(stored, integers=precision != "float32")
    prepare = None
    if shortlist is not None:
        prepare = partial(translator.use_shortlist, shortlist, *stored.vocabularies)
    return NativeEngine(translator, count_threads(), prepare)


def make_translator(stored: StoredTransformer, *, integers: bool) -> NativeTranslator:
    """Load a model.

    Args:
        stored: A model of which :func:`why_not_native` says nothing.
        integers: Multiply 8-bit integers, not float32.

    Raises:
        BundleError: If weights and config do not belong together, or weights are no numbers.
    """
    config, weights, (source, target), longest, where = stored
    sizes = len(source), len(target)
    # A table of sinusoids is made in C++ in a tenth of the time.
    tabulated = 1 if isinstance(config.positions, SinusoidalConfig) else longest
    variables = name_variables(config, weights, sizes, tabulated, where)
    numbers = {name: each.data for name, each in variables.items() if each.shape}
    scaled = (config.dim // config.heads) ** -0.5
    scales = (
        1.0 if isinstance(each.score, DotConfig | BilinearConfig) else scaled
        for each in (config.self_attention, config.cross_attention)
    )
    shape = Shape(
        config.dim,
        config.heads,
        config.feed_forward,
        config.encoder_layers,
        config.decoder_layers,
        *sizes,
        longest,
        ACTIVATIONS[config.activation],
        config.norm == "pre",
        isinstance(config.positions, SinusoidalConfig),
        isinstance(config.positions, RotaryConfig),
        integers,
        *scales,
        START,
        END,
        (c_int * 3)(*sorted(NEVER)),
    )
    library = load_library()
    assert library is not None, "see `why_unavailable`"
    try:
        return NativeTranslator(library, shape, numbers)
    except ValueError as error:
        raise BundleError(
            f"{where}: expected weights that are finite numbers, but found others in {error}; "
            "choose an earlier checkpoint of the training"
        ) from None
