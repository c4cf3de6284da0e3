"""Every write to the database, each in one function with ``actor=`` and one transaction."""
