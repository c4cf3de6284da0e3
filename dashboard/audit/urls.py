"""Addresses below ``/t/<team>/activity/``."""

from dashboard.audit.activity import ACTIVITY
from dashboard.lists.urls import list_urls

urlpatterns = list_urls(ACTIVITY, "")
