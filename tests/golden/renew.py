"""Write golden files anew, after a change that is meant to change what they hold.

    python -m tests.golden.renew [help] [bundle] [loss_curve]

Without a name: the help texts and the loss curve. A bundle is frozen to hold what the CHANGELOG
promises of old ones, and is renewed only by name. They prove nothing but that nothing changed:
read the difference before it is committed, and say why in the commit.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # as in the tests, before torch is loaded

from tests.golden import test_frozen_bundle, test_help, test_loss_curve

RENEW = {
    "help": test_help.renew,
    "bundle": test_frozen_bundle.renew,
    "loss_curve": test_loss_curve.renew,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or ["help", "loss_curve"]:
        RENEW[name]()
