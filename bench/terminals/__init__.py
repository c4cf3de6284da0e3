"""Measurements of the console's terminals: many at once, floods that nobody reads, and beside other web terminals."""
