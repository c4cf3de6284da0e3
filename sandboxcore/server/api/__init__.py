"""Routes, one file a resource, each thin: read the request, call a service, show the answer."""
