"""Views of commands."""
