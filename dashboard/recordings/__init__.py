"""Recordings of terminals: written beside the shells, whoever looks, and played back."""
