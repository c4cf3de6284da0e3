"""Pages that follow what happens: one stream of events a team, one socket a page to hear of it."""
