"""Commands and files: from HTTP and WebSocket to a sandbox's shim and back."""
