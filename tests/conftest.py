"""Every test runs on one thread; shapes in annotations of most rooms are checked."""

import os

from jaxtyping import install_import_hook

# Before torch is loaded: workers beside each other, each with a thread for every core, would spend
# most of their time waiting for their own threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests import shapes

install_import_hook(
    ["mt.data", "mt.kernels", "mt.model", "mt.translation", "mt.training.objective"],
    typechecker=f"{shapes.__name__}.{shapes.check.__name__}",
)
