"""sandboxd: the server that speaks the sandbox API, keeps what is wanted and reaches sandboxes through shims."""
