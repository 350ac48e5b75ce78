"""C++ that is compiled on the machine it runs on, and what all of it shares."""
