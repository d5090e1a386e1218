"""A Django site behind the proxy, with remote users and REST framework configured as InvenTree does: what matters is who
it takes a request for. `site.py PORT FOLDER` serves it by wsgiref, which reads `Remote_User` as `Remote-User`."""

import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import django
from django.conf import settings

port, folder = int(sys.argv[1]), Path(sys.argv[2])

settings.configure(
    DEBUG=False,
    SECRET_KEY="a key of a test",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    CSRF_TRUSTED_ORIGINS=["https://inventree.example.com:" + sys.argv[3]],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "rest_framework",
        "rest_framework.authtoken",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        __name__ + ".RemoteUser",
    ],
    AUTHENTICATION_BACKENDS=[
        "django.contrib.auth.backends.RemoteUserBackend",
        "django.contrib.auth.backends.ModelBackend",
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework.authentication.TokenAuthentication",
            "rest_framework.authentication.BasicAuthentication",
            "rest_framework.authentication.SessionAuthentication",
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)
django.setup()

from django.contrib.auth.middleware import PersistentRemoteUserMiddleware  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path, re_path  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class RemoteUser(PersistentRemoteUserMiddleware):
    # INVENTREE_REMOTE_LOGIN_HEADER
    header = "HTTP_REMOTE_USER"


class Part(APIView):
    def get(self, request):
        told = ["REMOTE_USER", "REMOTE_EMAIL", "REMOTE_NAME", "REMOTE_GROUPS", "AUTHORIZATION", "COOKIE"]
        return Response({
            "user": request.user.get_username(),
            "path": request.get_full_path(),
            **{name.lower(): request.META.get("HTTP_" + name) for name in told},
        })

    def post(self, request):
        return Response({"user": request.user.get_username(), "made": request.data.get("name")}, status=201)

    delete = put = post


urlpatterns = [
    path("api/part/", Part.as_view()),
    path("web/", lambda request: HttpResponse(f"<p>Hello {request.user.get_username()}</p>")),
    path("static/open.css", lambda request: HttpResponse("a { b: c }", content_type="text/css")),
    re_path("^", lambda request: HttpResponse("the site has no such page", status=404)),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
make_server("127.0.0.1", port, get_wsgi_application(), Server, Quiet).serve_forever()
