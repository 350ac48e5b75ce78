"""Names of devices, precisions, engines and formats, as recipes and options spell them.

They stand apart because recipes are read without torch, and options without recipes.
"""

from typing import Literal

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
EngineName = Literal["auto", "native", "ctranslate2", "torch"]
"""What computes translations; ``auto``: on a CPU the first that can compute the model there."""
EnginePrecision = Literal["auto", "int8", "bfloat16", "float32"]
"""The numbers an engine multiplies: int8 on the native engine and CTranslate2, bfloat16 on that of
torch; ``auto``: int8 where the engine and the processor are made for it, else float32."""
ShortlistUse = Literal["auto", "always", "never"]
"""When a lexical shortlist is used; ``auto``: if it was measured to cost hardly any BLEU."""
OutputFormat = Literal["text", "jsonl", "tsv"]
"""``text``: one translation a line. ``jsonl``: one JSON object a line, whatever was asked for.
``tsv``: one hypothesis a line, with the number of its source line and its rank."""
RecordFormat = Literal["text", "tsv", "jsonl", "parquet"]
"""A record of a file: a line of plain text, a line of columns, a JSON object a line, or a row."""
ExportFormat = Literal["ctranslate2", "argos", "huggingface", "onnx"]
"""``ctranslate2``: a directory for CTranslate2, with the SentencePiece models. ``argos``: a package
that Argos Translate and LibreTranslate install. ``huggingface``: a directory for transformers.
``onnx``: two graphs for any runtime of ONNX, with the SentencePiece models."""
