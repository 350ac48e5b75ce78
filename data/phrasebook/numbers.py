"""Cardinal numbers and clock times.

German says the units before the tens and writes one word: ``twenty-three`` is ``dreiundzwanzig``.
It names the half hour by the hour to come: ``half past three`` is ``halb vier``.
"""

from __future__ import annotations

_SMALL = tuple(
    row.split()
    for row in """
    zero       null
    one        eins
    two        zwei
    three      drei
    four       vier
    five       fünf
    six        sechs
    seven      sieben
    eight      acht
    nine       neun
    ten        zehn
    eleven     elf
    twelve     zwölf
    thirteen   dreizehn
    fourteen   vierzehn
    fifteen    fünfzehn
    sixteen    sechzehn
    seventeen  siebzehn
    eighteen   achtzehn
    nineteen   neunzehn
    """.strip().splitlines()
)
_TENS = tuple(
    row.split()
    for row in """
    twenty     zwanzig
    thirty     dreißig
    forty      vierzig
    fifty      fünfzig
    sixty      sechzig
    seventy    siebzig
    eighty     achtzig
    ninety     neunzig
    """.strip().splitlines()
)


def cardinal(number: int) -> tuple[str, str]:
    """Return ``number`` in English and German words.

    Args:
        number: From 0 to 99.

    Raises:
        ValueError: If ``number`` is out of that range.
    """
    if not 0 <= number <= 99:
        raise ValueError(f"number: expected 0 to 99, but got {number}")
    if number < 20:
        return _SMALL[number][0], _SMALL[number][1]
    english, german = _TENS[number // 10 - 2]
    unit = number % 10
    if unit == 0:
        return english, german
    before = "ein" if unit == 1 else _SMALL[unit][1]
    return f"{english}-{_SMALL[unit][0]}", f"{before}und{german}"


def clock(hour: int, half: bool) -> tuple[str, str]:
    """Return a clock time, annotated for :meth:`phrasebook.words.Fixed.parse`.

    Args:
        hour: From 1 to 12.
        half: Whether it is half past.
    """
    english, german = cardinal(hour)
    if half:
        coming = cardinal(hour % 12 + 1)[1]
        return f"half/2 past/3 {english}/3", f"halb/2 {coming}/3"
    return f"{english}/2 o'clock/3", f"{'ein' if hour == 1 else german}/2 Uhr/3"
