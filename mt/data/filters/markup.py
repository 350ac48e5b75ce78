"""The filter of what web pages and programs leave in a text."""

import re
from dataclasses import dataclass

from mt.data.filters.contract import PairFilter, Reason

_MARKUP = re.compile(
    r"</?[A-Za-z][^<>]*>|<!--|-->"  # HTML and XML
    r"|&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"  # what stands for a character there
    r"|https?://\S+|www\.\S+"
    r"|\{\{|\}\}|\[\[|\]\]"  # templates and links of wikis
)
_SIGNS = "<", "&", "://", "www.", "-->", "{{", "}}", "[[", "]]"
"""Of these each such piece holds one."""


@dataclass(frozen=True)
class Markup(PairFilter):
    """Drops pairs that are more markup than text, or whose sides differ in it.

    Tags and addresses that a translation keeps are no debris.
    """

    max_share: float

    def reason(self, source: str, target: str) -> Reason | None:
        """Tell the first piece that has no counterpart, or the share of markup."""
        sources, targets = _pieces(source), _pieces(target)
        if not sources and not targets:
            return None
        if len(sources) != len(targets):
            return Reason("markup", max(sources, targets, key=len)[-1])
        share = max(len("".join(sources)) / len(source), len("".join(targets)) / len(target))
        return Reason("markup", round(share, 2)) if share > self.max_share else None


def _pieces(text: str) -> list[str]:
    if not any(sign in text for sign in _SIGNS):
        return []
    return _MARKUP.findall(text)
