"""Addresses below ``/t/<team>/team/``."""

from django.urls import path

from dashboard.teams import views

urlpatterns = [
    path("", views.team, name="team"),
    path("members/new", views.member_new, name="member_new"),
    path("members/<int:member>/role", views.member_role, name="member_role"),
    path("members/<int:member>/remove", views.member_remove, name="member_remove"),
]
