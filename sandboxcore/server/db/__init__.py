"""What sandboxd keeps: tables, sessions, migrations."""
