"""InvenTree's own Python package against this server: with a password, with a token, and with wrong ones."""

import sys

import requests
from inventree.api import InvenTreeAPI

PASSWORD = "Zebra-Quartz-77"
base = sys.argv[1]

registered = requests.post(
    f"{base}/api/auth/registration/",
    json={"username": "amy", "password1": PASSWORD, "password2": PASSWORD},
)
assert registered.status_code == 201, registered.text

# With a password: it asks for a token of its own name, and uses that from then on.
api = InvenTreeAPI(base, username="amy", password=PASSWORD, token_name="walk")
assert api.connected and api.api_version == 291, api.server_details
assert api.token.startswith("inv-"), api.token
assert api.get("/user/me/")["username"] == "amy"
assert api.get("/user/roles/")["username"] == "amy"
assert [row["name"] for row in api.get("/user/tokens/")["results"]] == ["walk", ""]

# With that token alone.
again = InvenTreeAPI(base, token=api.token)
assert again.username == "amy"
assert again.get("/auth/user/")["username"] == "amy"

# With a password in each request.
plain = InvenTreeAPI(base, username="amy", password=PASSWORD, use_token_auth=False)
assert plain.get("/user/me/")["pk"] == again.get("/user/me/")["pk"]

for wrong in [{"username": "amy", "password": "wrong"}, {"token": "inv-no"}]:
    try:
        InvenTreeAPI(base, **wrong)
    except ConnectionError:
        continue
    raise AssertionError(f"connected with {wrong}")

# Revoked, the token opens nothing any more.
api.post("/auth/logout/", {})
try:
    InvenTreeAPI(base, token=api.token)
except ConnectionError:
    print("inventree: password, token, Basic, wrong and revoked credentials")
else:
    raise AssertionError("connected with a revoked token")
