"""The second listener: what programs inside sandboxes serve, for browsers and programs outside."""
