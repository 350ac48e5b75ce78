"""Models by their address: what stands on another machine is copied here once."""

import hashlib
import tempfile
from pathlib import Path

from datatrove.io import get_datafolder

from mt.bundle import MANIFEST
from mt.errors import BundleError
from mt.files import atomic_directory


def local_model(model: str) -> Path:
    """Return the directory of a model on this machine.

    A bundle at an address such as ``s3://bucket/bundle`` is copied into the system's directory for
    temporary files, under a name that its manifest determines; other processes use the same copy.

    Raises:
        BundleError: If there is no bundle at the address.
    """
    if "://" not in model:
        return Path(model)
    folder = get_datafolder(model)
    try:
        with folder.open(MANIFEST, "rb") as file:
            name = hashlib.sha256(file.read()).hexdigest()[:16]
    except OSError as error:
        raise BundleError(
            f"{model}: expected a bundle, but its {MANIFEST} cannot be read ({error}); give the "
            "address of a directory that holds one"
        ) from None
    path = Path(tempfile.gettempdir()) / f"mt-models-{name}"
    if not path.exists():
        with atomic_directory(path, replace=False) as scratch:
            for file in folder.list_files():
                target = scratch / file
                target.parent.mkdir(parents=True, exist_ok=True)
                folder.get_file(file, str(target))
    return path
