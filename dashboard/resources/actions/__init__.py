"""Every write about resources: one call of the API as the person, one row in the activity.

All raise ``SandboxClientError`` where the API refuses; then nothing is recorded.
"""
