"""An explanation as one page that a browser opens from disk.

The page is complete in itself: style, script and data stand in it, and its policy lets it load
nothing else, from anywhere.
"""

import html
import json
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from mt import pages
from mt.inspection.explanation import SCORE_DIGITS, WEIGHT_DIGITS, Explanation, Layer
from mt.pages import policy_digest

_SCRIPTS = (
    "numbers.js", "matrix.js", "sentence.js",
    "state.js", "links.js", "choices.js", "map.js", "lesson.js", "start.js",
)  # fmt: skip
"""In the order in which they need each other."""

_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end a script element, or a line of an old script, spelt as JSON spells it."""


def save_page(explanation: Explanation, path: Path, model: str | None = None) -> None:
    """Write an explanation as an HTML page that is complete or absent.

    Args:
        explanation: What to show.
        path: Where.
        model: What translated, for the heading.

    Raises:
        DataError: If the file cannot be written.
    """
    pages.save_page(path, page_of(explanation, model))


def page_of(explanation: Explanation, model: str | None = None) -> str:
    """Write an explanation as the text of an HTML page.

    Words of a sentence reach the page as JSON alone, where no character can end it; the script
    puts them in as text, never as HTML. The policy names style and script by their SHA-256, so that
    a browser would run nothing else in any case.
    """
    style = _resource("style.css")
    script = "\n".join(map(_resource, _SCRIPTS))
    return Template(_resource("page.html")).substitute(
        title=html.escape(explanation.text),
        heading="A translation" + (f" by {html.escape(model)}" if model else " explained"),
        style_digest=policy_digest(style),
        script_digest=policy_digest(script),
        style=style,
        script=script,
        data=json_for_script(_plain(explanation)),
    )


def json_for_script(data: object) -> str:
    """Write data as JSON that may stand inside a script element, whatever its strings hold."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


def _plain(explanation: Explanation) -> dict[str, Any]:
    """Turn an explanation into what JSON knows; fractions become whole numbers, which are short."""
    return {
        "text": explanation.text,
        "scale": {"weights": 10**WEIGHT_DIGITS, "scores": 10**SCORE_DIGITS},
        "axes": {
            name: vars(axis)
            for name, axis in (
                ("source", explanation.source),
                ("target", explanation.target),
                ("read", explanation.read),
            )
        },
        "choices": [
            {**vars(choice), "alternatives": [vars(each) for each in choice.alternatives]}
            for choice in explanation.choices
        ],
        "layers": {
            role: [_layer(layer) for layer in layers] for role, layers in explanation.layers.items()
        },
    }


def _layer(layer: Layer) -> dict[str, Any]:
    weights, scores = 10**WEIGHT_DIGITS, 10**SCORE_DIGITS
    return {
        "weights": [[[round(each * weights) for each in row] for row in head]
                    for head in layer.weights],
        "scores": [[[None if each is None else round(each * scores) for each in row]
                    for row in head] for head in layer.scores],
        "dims": layer.dims._asdict(),
    }  # fmt: skip


def _resource(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
