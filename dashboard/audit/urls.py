"""Addresses below ``/t/<team>/activity/``."""

from django.urls import path

from dashboard.audit import views

urlpatterns = [path("", views.activity, name="activity")]
