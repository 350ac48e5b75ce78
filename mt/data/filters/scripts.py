"""The scripts that languages are written in, by the names of ISO 15924."""

_LANGUAGES = {
    "Arab": "acm acq aeb ajp apc ar arb ars ary arz azb ckb fa ks pbt pes prs ps sd ug ur",
    "Armn": "hy",
    "Beng": "as bn mni",
    "Cyrl": "av az ba be bg ce cv kk ky mhr mk mn os ru sah sr tg tk tt tyv udm uk uz",
    "Deva": "awa bho doi hi hne kok ks mag mai mr ne sa sd",
    "Ethi": "am ti",
    "Geor": "ka",
    "Grek": "el",
    "Gujr": "gu",
    "Guru": "pa",
    "Hang": "ko",
    "Hani": "ja ko lzh nan wuu yue zh",
    "Hebr": "he yi",
    "Hira": "ja",
    "Kana": "ja",
    "Khmr": "km",
    "Knda": "kn",
    "Laoo": "lo",
    "Latn": (
        "af ak an ast ay az bm br bs ca ceb co cs cy da de dsb ee en eo es et eu ff fi fil fo fr "
        "fy ga gd gl gn ha hr hsb ht hu ia id ig is it jv kaa kl ku kmr la lb lg li ln lt lv mg mi "
        "ms mt nb nds nl nn no ny oc om pap pl pt qu rm rn ro rw sc se sk sl sm sn so sq sr ss st "
        "su sv sw szl tk tl tn to tr ts ty uz vec vi wa wo xh yo za zu"
    ),
    "Mlym": "ml",
    "Mong": "mn",
    "Mymr": "my shn",
    "Orya": "or",
    "Sinh": "si",
    "Taml": "ta",
    "Telu": "te",
    "Thaa": "dv",
    "Thai": "th",
    "Tibt": "bo dz",
}
"""Languages by script; one that is written in several stands at each."""

_MIXED = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}
"""Names for the scripts that are used together in one language."""

_KNOWN = {*_LANGUAGES, *_MIXED}


def scripts_of(tag: str) -> tuple[str, ...]:
    """Return the scripts of a language; none if it is not known, as nothing can be said then.

    Args:
        tag: As in ``de``, ``pt-BR`` or ``sr-Latn``; a script that it names is the only one.
    """
    language, *parts = tag.replace("_", "-").split("-")
    named = next((part.title() for part in parts if part.title() in _KNOWN), None)
    if named:
        return _MIXED.get(named, (named,))
    return tuple(script for script, tags in _LANGUAGES.items() if language.lower() in tags.split())
