"""Tables and signatures in each format, whatever names hold."""

import pytest

from mt.evaluation import Score
from mt.evaluation.tables import scores_table, signatures

ROWS = [
    (["a_b|50%", "1,000"], [Score("bleu", 9.994, "s", 9, 10.006), Score("ter", 101.5, "s")]),
    (["c", "7"], [Score("bleu", 30.0, "s"), Score("ter", 7.0, "s", 6.0, 8.0)]),
]


@pytest.mark.parametrize(
    ("form", "separator", "name"),
    [("text", "  ", "a_b|50%"), ("markdown", " | ", r"a_b\|50%"), ("latex", " & ", r"a\_b|50\%")],
)
def test_every_cell_is_in_its_column(form, separator, name):
    lines = scores_table(["set", "lines"], ROWS, form).splitlines()
    rows = [[cell.strip() for cell in line.strip("| \\").split(separator) if cell.strip()]
            for line in lines if "[" in line or "BLEU" in line]  # fmt: skip
    assert rows == [
        ["set", "lines", "BLEU", "TER"],
        [name, "1,000", "9.99 [9.00, 10.01]", "101.50"],
        ["c", "7", "30.00", "7.00 [6.00, 8.00]"],
    ]


def test_latex_is_a_table_of_booktabs():
    lines = scores_table(["set", "lines"], ROWS, "latex").splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{lrrr}", r"\end{tabular}")
    assert [line for line in lines if line.endswith("rule")] == [
        r"\toprule", r"\midrule", r"\bottomrule",
    ]  # fmt: skip


def test_each_signature_is_listed_once():
    named = [("BLEU", "a|b_c"), ("chrF2++", "d"), ("BLEU", "a|b_c")]
    assert signatures(named) == "BLEU     a|b_c\nchrF2++  d"
    assert signatures(named, "markdown") == "- BLEU: `a|b_c`\n- chrF2++: `d`"
    assert signatures(named, "latex") == (
        "{\\footnotesize BLEU: \\texttt{a|b\\_c} \\\\\nchrF2++: \\texttt{d}\\par}"
    )
