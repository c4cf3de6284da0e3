"""Measurements of the whole product on this machine: `make bench`."""
