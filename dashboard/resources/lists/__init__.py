"""The lists of resources: each declares what it shows, and where its rows come from."""
