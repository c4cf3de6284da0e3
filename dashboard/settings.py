"""Settings of the console. Everything that an operator may change is an environment variable declared here."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from dashboard.environment import Environment, database

BASE_DIR = Path(__file__).resolve().parent.parent
ENVIRONMENT = Environment(os.environ)

STATE_DIR = ENVIRONMENT.path(
    "CONSOLE_STATE_DIR",
    BASE_DIR / "var",
    "Folder of the console's own files: database, secret key, collected static files.",
    shown="var",
)
DEBUG = ENVIRONMENT.flag(
    "CONSOLE_DEBUG", False, "Django's debug pages. They show settings and source: never on a shared machine."
)
CONSOLE_HOST = ENVIRONMENT.text("CONSOLE_HOST", "127.0.0.1", "Address on which the console listens.")
CONSOLE_PORT = ENVIRONMENT.number("CONSOLE_PORT", 8000, "Port on which the console listens.", low=1, high=65535)
CONSOLE_URL = ENVIRONMENT.text(
    "CONSOLE_URL",
    f"http://127.0.0.1:{CONSOLE_PORT}",
    "Where people open the console. With https:// cookies are sent over TLS only.",
).rstrip("/")
ALLOWED_HOSTS = ENVIRONMENT.words(
    "CONSOLE_ALLOWED_HOSTS",
    "127.0.0.1,localhost",
    "Host names under which the console answers, separated by commas.",
)
SECRET_KEY_FILE, SECRET_KEY = ENVIRONMENT.secret_file(
    "CONSOLE_SECRET_KEY_FILE",
    STATE_DIR / "console-secret-key",
    "File with the key that signs sessions and encrypts stored API keys; `manage.py bootstrap` makes it.",
    shown="`$CONSOLE_STATE_DIR/console-secret-key`",
)
DATABASE_URL = ENVIRONMENT.text(
    "CONSOLE_DATABASE_URL",
    f"sqlite:///{STATE_DIR}/console.sqlite3",
    "Database: `sqlite:///path` or `postgresql://user:password@host/name`.",
)
RECORDINGS_DIR = ENVIRONMENT.path(
    "CONSOLE_RECORDINGS_DIR",
    STATE_DIR / "recordings",
    "Folder of the recordings of terminals.",
    shown="`$CONSOLE_STATE_DIR/recordings`",
)
RECORDINGS_MAX_BYTES = ENVIRONMENT.number(
    "CONSOLE_RECORDINGS_MAX_BYTES",
    10 * 1024**3,
    "Bytes that all recordings together may have; then the oldest are deleted.",
    low=1024**2,
    high=2**60,
)
ENVIRONMENT.refuse_unknown()

_https = urlsplit(CONSOLE_URL).scheme == "https"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "channels",
    "csp",
    "django_htmx",
    "dashboard.accounts",
    "dashboard.teams",
    "dashboard.audit",
    "dashboard.lists",
    "dashboard.live",
    "dashboard.resources",
    "dashboard.commands",
    "dashboard.terminals",
    "dashboard.recordings",
]

# Every one of these runs on the event loop: one that could not would move each request to a thread.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "dashboard.static_files.StaticFilesMiddleware",
    # Pages and fragments. Against what compression may give away of a page's secrets, Django
    # adds a random number of bytes to each answer and masks the token of forms anew in each.
    "dashboard.compression.CompressionMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.htmx.HtmxRedirectMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "dashboard.live.middleware.LiveMiddleware",
]

ROOT_URLCONF = "dashboard.urls"
ASGI_APPLICATION = "dashboard.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [("django.template.loaders.cached.Loader", ["django.template.loaders.filesystem.Loader"])],
            "builtins": [
                "dashboard.templatetags.commands",
                "dashboard.templatetags.console",
                "dashboard.templatetags.figures",
                "dashboard.templatetags.snippets",
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

DATABASES = {"default": database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "dashboard.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "dashboard.accounts.forms.LoginForm",
    "change_password": "dashboard.accounts.forms.ChangePasswordForm",
}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = "console_session"
SESSION_COOKIE_SECURE = _https
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = "console_csrf"
CSRF_COOKIE_SECURE = _https
CSRF_COOKIE_HTTPONLY = True
CSRF_TRUSTED_ORIGINS = [CONSOLE_URL]
CSRF_FAILURE_VIEW = "dashboard.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        # The kit draws check marks and arrows as SVG data in its style sheet.
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        # 'self' covers WebSockets of the same host and port.
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
# Apps of others bring assets that no page here uses.
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "dashboard.static_files.StaticFilesStorage"},
}

# A form's body; files never pass through the console's forms.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 200

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

CHANNEL_LAYERS: dict[str, object] = {}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # A refused form or an unknown page is no news; what fails on our side is.
        "django.request": {"level": "ERROR"},
        # One line a request of the SDK's client would drown the console's own.
        "httpx": {"level": "WARNING"},
    },
}
