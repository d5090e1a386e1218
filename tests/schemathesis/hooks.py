"""What Schemathesis cannot know from the document: accounts, and which refusals are in order.

Accounts are made through the API itself, for each operation its own. With every case Hypothesis draws its luck: the
security alternative the case goes out by, and whether a well-formed case gets what no document can give, such as the
right password, the caller's own row, or a key out of a mail. So a failure repeats and shrinks.

Failures that are none stand in exceptions.toml. Nothing else is ever let through, and an exception that excuses
nothing is not noticed here: keep the file short.
"""

import base64
import collections
import functools
import itertools
import os
import re
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

import requests
import schemathesis
from hypothesis import strategies as st

API = os.environ["API"] + "/api/auth"
MAILS = Path(os.environ["MAILS"])
REPORT = Path(os.environ["REPORT"])
EXAMPLES = int(os.environ["EXAMPLES"])
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "exceptions.toml").read_text())["exception"]
assert all(status < 500 for exception in EXCEPTIONS for status in exception["statuses"])

PASSWORD = "Zebra-Quartz-77"
OTHER_PASSWORD = "Quartz-Zebra-78"

# After these, what is known of the account is no longer so.
SPENDS = {
    "auth_emails_remove_create",
    "auth_logout_create",
    "auth_logout_retrieve",
    "auth_password_change_create",
    "auth_password_reset_confirm_create",
    "auth_registration_verify_email_create",
    "auth_user_partial_update",
    "auth_user_update",
}

# There is no provider to sign in through, so there is nothing to disconnect.
NEVER_SUCCEEDS = {"auth_social_disconnect_create"}

numbers = itertools.count(1)


SCHEMES = {"tokenAuth": "Token", "basicAuth": "Basic", "cookieAuth": "Session", None: "nobody"}


class Luck(NamedTuple):
    alternative: int
    """Modulo the number of security alternatives, of which no operation has more than four."""
    informed: int
    """0: not at all; 1: by the members in `members`; 2, 3: wholly."""
    members: int


LUCK = st.builds(Luck, st.integers(0, 11), st.integers(0, 3), st.integers(0, 255))


class Account(NamedTuple):
    username: str
    email: str
    pk: int
    address_id: int
    token: str
    session: str
    csrf: str


def fresh_name() -> str:
    return f"stranger{next(numbers)}"


def post(path: str, body: dict) -> requests.Response:
    response = requests.post(f"{API}/{path}", json=body, timeout=30)
    response.raise_for_status()
    return response


def register() -> Account:
    username = fresh_name()
    email = f"{username}@example.com"
    made = post("registration/", {"username": username, "email": email, "password1": PASSWORD, "password2": PASSWORD})
    token = made.json()["key"]
    listed = requests.get(f"{API}/emails/", headers={"Authorization": f"Token {token}"}, timeout=30).json()
    (row,) = listed["results"]
    cookies = made.cookies
    return Account(username, email, row["user"], row["id"], token, cookies["sessionid"], cookies["csrftoken"])


def mailed(email: str, pattern: str) -> re.Match[str]:
    """What the latest such mail says. A mail leaves the outbox a moment after the response."""
    for _ in range(300):
        with MAILS.open("rb") as file:
            file.seek(max(0, MAILS.stat().st_size - 65536))
            mails = file.read().decode(errors="replace").split("-" * 72)
        for mail in reversed(mails):
            if f"To: {email}\n" in mail and (found := re.search(pattern, mail)):
                return found
        time.sleep(0.02)
    raise TimeoutError(f"no mail to {email} has {pattern}")


def confirmation(account: Account) -> dict:
    post("registration/resend-email/", {"email": account.email})
    return {"key": mailed(account.email, r"/confirm-email/([^/\s]+)/")[1]}


def reset_link(account: Account) -> dict:
    post("password/reset/", {"email": account.email})
    found = mailed(account.email, r"set-password\?uid=([^&\s]+)&token=(\S+)")
    return {"uid": found[1], "token": found[2]}


def passwords(*names: str) -> dict:
    return dict.fromkeys(names, OTHER_PASSWORD)


KNOWLEDGE = {
    "auth_emails_create": lambda account: {"user": account.pk, "email": f"{fresh_name()}@example.com"},
    "auth_login_create": lambda account: {"username": account.username, "password": PASSWORD},
    "auth_password_change_create": lambda account: passwords("new_password1", "new_password2"),
    "auth_password_reset_create": lambda account: {"email": account.email},
    "auth_password_reset_confirm_create": lambda account: (
        reset_link(account) | passwords("new_password1", "new_password2")
    ),
    "auth_registration_create": lambda account: {"username": fresh_name()} | passwords("password1", "password2"),
    "auth_registration_resend_email_create": lambda account: {"email": account.email},
    "auth_registration_verify_email_create": confirmation,
    "auth_user_partial_update": lambda account: {"username": fresh_name()},
    "auth_user_update": lambda account: {"username": fresh_name()},
}

accounts: dict[str, Account] = {}
lucks: dict[str, Luck] = {}
cases: collections.Counter[str] = collections.Counter()
examples: collections.Counter[str] = collections.Counter()
successes: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
excused: collections.Counter[str] = collections.Counter()


def operation_id(case) -> str:
    return case.operation.definition.raw["operationId"]


def phase(case) -> str:
    return "" if case.meta is None else case.meta.phase.name.value


def is_stateful(case) -> bool:
    return phase(case) == "stateful"


def purpose(case) -> str:
    """A chain of calls keeps one account; otherwise each operation has its own."""
    return "stateful" if is_stateful(case) else operation_id(case)


def account_for(case) -> Account:
    if purpose(case) not in accounts:
        accounts[purpose(case)] = register()
    return accounts[purpose(case)]


def remember(case, luck: Luck):
    lucks[case.id] = luck
    return case


@schemathesis.hook
def flatmap_case(context, case):
    return LUCK.map(functools.partial(remember, case))


class Credentials(requests.auth.AuthBase):
    """Written into the request itself: to Schemathesis, a cookie that the document does not name is malformed data."""

    account: Account
    scheme: str | None

    def __call__(self, request):
        for name in ("Authorization", "Cookie"):
            request.headers.pop(name, None)
        if self.scheme == "tokenAuth":
            request.headers["Authorization"] = f"Token {self.account.token}"
        elif self.scheme == "basicAuth":
            pair = base64.b64encode(f"{self.account.username}:{PASSWORD}".encode()).decode()
            request.headers["Authorization"] = f"Basic {pair}"
        elif self.scheme == "cookieAuth":
            request.headers["Cookie"] = f"sessionid={self.account.session}; csrftoken={self.account.csrf}"
            request.headers["X-CSRFToken"] = self.account.csrf
        return request


# Left out by Schemathesis where a case is about credentials that are missing or malformed.
credentials = Credentials()
schemathesis.auth.set_from_requests(credentials)


def inform(case, luck: Luck) -> None:
    """All of the knowledge, or some members of it, or none."""
    if case.path.startswith("/api/auth/emails/{id}/"):
        # In a chain, the row that an earlier call answered with.
        if luck.informed > 1 and not is_stateful(case):
            case.path_parameters["id"] = account_for(case).address_id
    elif operation_id(case) in KNOWLEDGE and isinstance(case.body, dict) and luck.informed:
        known = KNOWLEDGE[operation_id(case)](account_for(case))
        told = {key: known[key] for bit, key in enumerate(known) if luck.informed > 1 or luck.members >> bit & 1}
        case.body = case.body | told


@schemathesis.hook
def before_call(context, case, kwargs):
    cases[operation_id(case)] += 1
    examples[operation_id(case)] += phase(case) == "fuzzing"
    # The coverage phase draws nothing; its cases take turns.
    luck = lucks.get(case.id, Luck(cases[operation_id(case)], informed=2, members=0))
    alternatives = [next(iter(names), None) for names in case.operation.definition.raw["security"]]
    credentials.account = account_for(case)
    credentials.scheme = alternatives[luck.alternative % len(alternatives)]
    if case.meta is not None and case.meta.generation.mode.is_positive:
        inform(case, luck)


@schemathesis.hook
def after_call(context, case, response):
    is_success = response.status_code < 300 and response.request.method == case.operation.method.upper()
    if is_success:
        sent = response.request.headers
        authorization = sent.get("Authorization", "").split(" ")[0]
        successes[operation_id(case)][authorization or ("Session" if "Cookie" in sent else "nobody")] += 1
    if is_success and operation_id(case) in SPENDS:
        accounts.pop(purpose(case), None)


@schemathesis.check
class everything_was_tried:
    """At the end, every operation has had its examples, and has succeeded by every security alternative it offers."""

    def after_response(self, ctx, response, case):
        self.schema = case.operation.schema

    def after_run(self, ctx):
        missing, lines = [], []
        for result in self.schema.get_all_operations():
            raw = result.ok().definition.raw
            name = raw["operationId"]
            schemes = [SCHEMES[next(iter(names), None)] for names in raw["security"]]
            seen = ", ".join(f"{scheme} {successes[name][scheme]}" for scheme in schemes)
            lines.append(f"{name:38} {cases[name]:5} cases, {examples[name]} of them drawn; successes: {seen}")
            if examples[name] < EXAMPLES:
                missing.append(f"{name} {EXAMPLES} times")
            if name not in NEVER_SUCCEEDS:
                missing += [f"{name} by {scheme}" for scheme in schemes if not successes[name][scheme]]
        lines += [f"excused {count:6}: {reason}" for reason, count in excused.most_common()]
        lines.append(f"{cases.total()} cases, {EXAMPLES} or more drawn for each operation")
        REPORT.write_text("\n".join(lines) + "\n")
        assert not missing, "never tried, or never with success: " + ", ".join(missing)


def messages(response) -> list[str]:
    """Every text in an error response."""
    if isinstance(response, dict):
        return [message for value in response.values() for message in messages(value)]
    if isinstance(response, list):
        return [message for value in response for message in messages(value)]
    return [str(response)]


def at_fault(case) -> set[str | None]:
    """The parameters and fields that a malformed case got wrong."""
    data = case.meta.phase.data
    return {mutation.parameter for mutation in data.mutations} or {data.parameter} - {None} or set(case.query)


def applies(exception: dict, failure, case, response) -> bool:
    if exception["failure"] != type(failure).__name__ or response.status_code not in exception["statuses"]:
        return False
    if "operations" in exception and operation_id(case) not in exception["operations"]:
        return False
    if "sent_as" in exception and case.media_type not in exception["sent_as"]:
        return False
    if "says" in exception and not all(
        any(re.fullmatch(text, message) for text in exception["says"]) for message in messages(response.json())
    ):
        return False
    if "violates" in exception:
        found = re.findall(r"violates (.*)", failure.message)
        if not found or not all(any(re.fullmatch(text, line) for text in exception["violates"]) for line in found):
            return False
    if "at" in exception and list(failure.instance_path) != [exception["at"]]:
        return False
    if "response" in exception and not all(
        re.fullmatch(text, response.json()[name]) for name, text in exception["response"].items()
    ):
        return False
    return "only_wrong" not in exception or at_fault(case) <= set(exception["only_wrong"])


@schemathesis.hook
def filter_failure(context, failure, case, response):
    for exception in EXCEPTIONS:
        if applies(exception, failure, case, response):
            excused[exception["reason"]] += 1
            return False
    return True
