"""Runtimes: what makes sandboxes. ``base`` is the contract, ``registry`` finds one by its name."""
