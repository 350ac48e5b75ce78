"""A score that another laboratory can reproduce: a value, its interval and its signature."""

from dataclasses import dataclass
from typing import Literal

StringMetricName = Literal["bleu", "chrf", "chrf++", "ter"]
"""How the words or characters of hypotheses are compared with those of references.

``bleu``: matching word n-grams, in words that sacreBLEU splits itself (Papineni et al. 2002).
``chrf``: F2 of matching character n-grams, kinder to inflected languages (Popović 2015).
``chrf++``: likewise, of words and pairs of words as well (Popović 2017).
``ter``: edits per 100 reference words (Snover et al. 2006).
"""

MetricName = Literal[StringMetricName, "comet"]
"""How hypotheses are compared with references.

``comet``: what a neural network that also reads the source says of them, times 100 (Rei et al.
2020).
"""

TokenizerName = Literal[
    "13a",
    "intl",
    "zh",
    "ja-mecab",
    "ko-mecab",
    "char",
    "flores101",
    "flores200",
    "spBLEU-1K",
    "none",
]
"""How sacreBLEU splits text into the words that ``bleu`` counts.

``13a``: at spaces and punctuation as mteval-v13a does, the default. ``intl``: likewise, with the
punctuation of all scripts. ``zh``: between Chinese characters too. ``ja-mecab``, ``ko-mecab``: into
Japanese or Korean morphemes, by a package of its own. ``char``: into characters. ``flores101``,
``flores200``, ``spBLEU-1K``: into pieces of a multilingual SentencePiece model, which sacreBLEU
downloads. ``none``: at spaces, for text that is split already.
"""

_NAMES: dict[MetricName, str] = {
    "bleu": "BLEU",
    "chrf": "chrF2",
    "chrf++": "chrF2++",
    "ter": "TER",
    "comet": "COMET",
}


def higher_is_better(metric: MetricName) -> bool:
    """Say whether more is better: TER alone counts errors."""
    return metric != "ter"


@dataclass(frozen=True)
class Score:
    """A measured value that carries what is needed to measure it again.

    Attributes:
        metric: What was measured.
        value: From 0 to 100; TER may exceed 100, COMET both ends.
        signature: Settings and version of the measurement, in sacreBLEU's notation.
        low: Lower end of the 95 % interval of a bootstrap over lines; ``None`` without one.
        high: Upper end.
    """

    metric: MetricName
    value: float
    signature: str
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """The metric as sacreBLEU prints it."""
        return _NAMES[self.metric]

    @property
    def number(self) -> str:
        """The value, and its interval if there is one, with two digits after the point."""
        interval = "" if self.low is None else f" [{self.low:.2f}, {self.high:.2f}]"
        return f"{self.value:.2f}{interval}"

    def __str__(self) -> str:
        return f"{self.name} {self.number} · {self.signature}"

    def to_json(self) -> dict[str, float | str | None]:
        """Return the fields for a JSON file, values unrounded."""
        return {
            "score": self.value,
            "signature": self.signature,
            "low": self.low,
            "high": self.high,
        }
