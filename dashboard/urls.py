"""Every address of the console. What belongs to a team lies below ``/t/<team>/``."""

from django.urls import include, path

from dashboard import views
from dashboard.palette.views import palette
from dashboard.terminals.sharing import terminal_shared

handler400 = "dashboard.errors.bad_request"
handler403 = "dashboard.errors.forbidden"
handler404 = "dashboard.errors.not_found"
handler500 = "dashboard.errors.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("accounts/", include("dashboard.accounts.urls")),
    path("t/<slug:team>/palette", palette, name="palette"),
    path("t/<slug:team>/", include("dashboard.resources.urls")),
    path("t/<slug:team>/sandboxes/", include("dashboard.resources.sandbox_urls")),
    path("t/<slug:team>/runs/", include("dashboard.lists.run_urls")),
    path("t/<slug:team>/recordings/", include("dashboard.recordings.urls")),
    path("t/<slug:team>/activity/", include("dashboard.audit.urls")),
    path("t/<slug:team>/team/", include("dashboard.teams.urls")),
    path("t/<slug:team>/sandboxes/<str:name>/", include("dashboard.commands.urls")),
    path("t/<slug:team>/sandboxes/<str:name>/", include("dashboard.terminals.urls")),
    path("shared/<str:token>/", terminal_shared, name="terminal_shared"),
]
