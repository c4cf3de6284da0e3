"""The person who signs in."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.db import models


class User(AbstractUser):
    """A person with a sign-in. What they may do hangs on their memberships, never on Django's own flags."""

    # Plain ASCII: names travel in a header to the sandbox server.
    username = models.CharField(
        "user name",
        max_length=150,
        unique=True,
        validators=[ASCIIUsernameValidator()],
        error_messages={"unique": "There is a person of that user name already."},
    )
