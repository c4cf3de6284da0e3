"""The web console: people, teams, roles, pages. It reaches sandboxes only through ``sandboxcore``'s client."""
