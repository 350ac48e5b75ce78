"""Models to and from other programs; importing this package loads none of theirs."""
