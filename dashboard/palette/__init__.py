"""The command palette: everything of a team, found by a few letters."""
