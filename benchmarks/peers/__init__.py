"""Other engines on the same market, each in an environment of its own."""
