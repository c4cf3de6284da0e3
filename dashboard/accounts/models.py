"""The person who signs in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import ASCIIUsernameValidator


class User(AbstractUser):
    """A person with a sign-in. What they may do hangs on their memberships, never on Django's own flags."""

    # Names travel in a header to the sandbox server.
    username_validator = ASCIIUsernameValidator()
