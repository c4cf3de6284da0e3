"""What the team's first page shows: counts, limits, and what needs a person."""
