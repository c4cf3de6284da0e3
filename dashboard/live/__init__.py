"""Pages that follow what happens: one stream of events a team from the sandbox server, one socket a page to hear of it."""
