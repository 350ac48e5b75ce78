"""What turns source tokens into target tokens; see :class:`mt.translation.contract.Engine`.

An engine is imported when it is needed, so that one without torch never loads it.
"""

from mt.bundle import Bundle
from mt.devices import DeviceName
from mt.text.tokenizer import Tokenizers
from mt.translation.contract import Engine


def load_engine(bundle: Bundle, tokenizers: Tokenizers, device: DeviceName) -> Engine:
    """Load an engine for the model in a bundle.

    Raises:
        BundleError: If weights and config do not belong together.
        ConfigError: If the machine has no such device.
    """
    from mt import hardware  # noqa: PLC0415
    from mt.model.loading import load_model  # noqa: PLC0415
    from mt.translation.engines.torch import TorchEngine  # noqa: PLC0415

    return TorchEngine(load_model(bundle, tokenizers), hardware.choose_device(device))
