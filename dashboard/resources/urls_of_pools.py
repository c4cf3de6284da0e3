"""Addresses of pools, below ``/t/<team>/pools/``."""

from django.urls import path

from dashboard.lists.urls import list_urls
from dashboard.resources.lists.pools import POOLS
from dashboard.resources.views import pool, pool_delete, pool_new, pool_scale, rename

urlpatterns = [
    *list_urls(POOLS, ""),
    path("new", pool_new.pool_new, name="pool_new"),
    path("<str:name>/", pool.pool, name="pool"),
    path("<str:name>/scale", pool_scale.pool_scale, name="pool_scale"),
    path("<str:name>/rename", rename.pool_rename, name="pool_rename"),
    path("<str:name>/delete", pool_delete.pool_delete, name="pool_delete"),
]
