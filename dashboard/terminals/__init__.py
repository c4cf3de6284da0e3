"""Terminals: a page, a model of the shells that people opened, and the socket between a page and its shell."""
