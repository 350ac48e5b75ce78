"""Every test runs with the shapes in the annotations of models, search and loss checked."""

from jaxtyping import install_import_hook

from tests import shapes

install_import_hook(
    ["mt.model", "mt.translation", "mt.training.objective"],
    typechecker=f"{shapes.__name__}.{shapes.check.__name__}",
)
