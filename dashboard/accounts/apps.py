"""The app's registration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and sign-in."""

    name = "dashboard.accounts"
    label = "accounts"
