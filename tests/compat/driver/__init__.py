"""Runs inside an environment that holds one release of ``langsmith`` and nothing of this project.

``python -m tests.compat.driver sync`` (or ``async``) calls every public method of that release's sandbox client against
the server, and prints one JSON line a method. It takes the endpoint and the key from ``LANGSMITH_ENDPOINT`` and
``LANGSMITH_API_KEY``, and from ``COMPAT_SMALL_KEY`` the key of a workspace whose limits are small. Standard library and
``langsmith`` only.
"""
