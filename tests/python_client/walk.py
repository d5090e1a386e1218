"""Takes the generated client through an account's life, with mails that arrive by SMTP.

Says on which port it takes mails; is told where the server listens.
"""

import asyncio
import email
import json
import re
import sys
from email.message import EmailMessage
from email.policy import default
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session
from client.api.auth import (
    auth_emails_list,
    auth_login_create,
    auth_logout_create,
    auth_password_change_create,
    auth_registration_create,
    auth_registration_verify_email_create,
    auth_user_retrieve,
)
from client.client import AuthenticatedClient, Client
from client.models import Login, PasswordChange, Register, VerifyEmail
from client.types import UNSET

USERNAME = "amy"
EMAIL = "amy@example.com"
PASSWORD = "Zebra-Quartz-77"
NEW_PASSWORD = "Quartz-Zebra-78"


class Sink:
    def __init__(self) -> None:
        self.mails: asyncio.Queue[EmailMessage] = asyncio.Queue()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self.mails.put_nowait(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"


async def walk(base_url: str, sink: Sink) -> None:
    def anonymous() -> AuthenticatedClient:
        # To this generator, a call that may be made without credentials needs them; its plain client makes it all the
        # same. A new one each time: it keeps its cookies, and a session would ask for its CSRF token.
        return cast(AuthenticatedClient, Client(base_url))

    print("register")
    register = Register(username=USERNAME, email=EMAIL, password1=PASSWORD, password2=PASSWORD)
    registered = await auth_registration_create.asyncio_detailed(client=anonymous(), body=register)
    assert registered.status_code == 201, registered
    assert registered.parsed is not None and registered.parsed.key is not UNSET

    print("confirm by mail")
    mail = await sink.mails.get()
    assert mail["Subject"] == "[InvenTree] Please Confirm Your Email Address"
    body = mail.get_body(("plain",))
    assert body is not None
    link = re.search(r"/confirm-email/([^/\s]+)/", body.get_content())
    assert link is not None, "the mail has no link"
    verify = VerifyEmail(key=link[1])
    confirmed = await auth_registration_verify_email_create.asyncio_detailed(client=anonymous(), body=verify)
    assert confirmed.status_code == 200, confirmed
    assert confirmed.parsed is not None and confirmed.parsed.detail == "ok"

    print("log in")
    login = Login(username=USERNAME, password=PASSWORD)
    logged_in = await auth_login_create.asyncio_detailed(client=anonymous(), body=login)
    assert logged_in.status_code == 200, logged_in
    # The document gives this response no schema, so the generated type has none either.
    amy = AuthenticatedClient(base_url, token=json.loads(logged_in.content)["key"], prefix="Token")

    print("list addresses")
    listed = await auth_emails_list.asyncio_detailed(client=amy, limit=10)
    assert listed.status_code == 200, listed
    assert listed.parsed is not None and listed.parsed.count == 1 and listed.parsed.results
    (address,) = listed.parsed.results
    assert (address.email, address.verified, address.primary) == (EMAIL, True, True)

    print("change password")
    change = PasswordChange(new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    changed = await auth_password_change_create.asyncio_detailed(client=amy, body=change)
    assert changed.status_code == 200, changed
    assert changed.parsed is not None and changed.parsed.detail == "New password has been saved."
    old_password = await auth_login_create.asyncio_detailed(client=anonymous(), body=login)
    assert old_password.status_code == 400, old_password

    print("log out")
    logged_out = await auth_logout_create.asyncio_detailed(client=amy)
    assert logged_out.status_code == 200, logged_out
    afterwards = await auth_user_retrieve.asyncio_detailed(client=amy)
    assert afterwards.status_code == 401, afterwards


async def main() -> None:
    sink = Sink()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await walk((await asyncio.to_thread(sys.stdin.readline)).strip(), sink)
    server.close()


asyncio.run(main())
