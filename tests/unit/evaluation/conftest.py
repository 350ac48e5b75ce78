import random

import pytest


@pytest.fixture(scope="session")
def rivals():
    """Make two translations and two sets of references of 70 lines, some of them blank."""
    source = random.Random(7)
    words = [f"{start}{end}" for start in ("ba", "ke", "li", "so") for end in ("", "n", "rt")]
    first = [" ".join(source.choices(words, k=source.randint(1, 25))) + "." for _ in range(70)]
    second = [" ".join(source.sample(line.split(), k=len(line.split()))) for line in first]

    def spoilt(share):
        return [" ".join(w for w in line.split() if source.random() > share) for line in first]

    first[11] = second[11] = ""
    return spoilt(0.2), spoilt(0.25), [first, second]
