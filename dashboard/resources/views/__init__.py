"""Views of templates and sandboxes."""
