"""Names of devices and precisions, as recipes and options spell them; :mod:`mt.hardware` uses them.

They stand apart because recipes are read without torch.
"""

from typing import Literal

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16"]
