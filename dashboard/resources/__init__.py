"""Templates and sandboxes: list, create, look at, delete; all of it by the API."""
