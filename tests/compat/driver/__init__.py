"""Runs inside an environment that holds one release of ``langsmith`` and nothing of this project.

``python -m tests.compat.driver sync`` (or ``async``) takes the endpoint and the key from ``LANGSMITH_ENDPOINT`` and
``LANGSMITH_API_KEY``, calls every public method of that release's sandbox client against the server, and prints
one JSON line a method. Standard library and ``langsmith`` only.
"""
