#!/usr/bin/env python3
"""Run YAML scenarios against an auth server, record transcripts, or compare with expected ones.

  replay.py --base-url http://127.0.0.1:8700 --smtp-port 8725 --profile open --out DIR [scenario.yaml ...]
  replay.py --base-url ... --smtp-port ... --profile open --compare DIR [scenario.yaml ...]

The server under test must deliver its mail to 127.0.0.1:SMTP_PORT, where this program listens.
README.md describes a scenario.  Needs: requests, PyYAML, aiosmtpd.
"""
import argparse
import base64
import copy
import email
import email.policy
import glob
import json
import os
import re
import sys
import time
from http.cookiejar import DefaultCookiePolicy

import requests
import yaml
from aiosmtpd.controller import Controller

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT_HEADERS = [
    "Content-Type", "Allow", "WWW-Authenticate", "Vary", "Location", "Content-Language",
    "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials",
    "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy",
]
TOKEN = re.compile(r"\binv-[0-9a-f]{40}-\d{8}\b")
STAMP = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
CONFIRM_KEY = r"(?:confirm-email/|[?&]key=)([-:.\w]+)"
RESET_UID = r"uid=([^&\s\"]+)"
RESET_TOKEN = r"[?&;]token=([^&\s\"]+)"
NAMED_PATTERNS = {"confirm-key": CONFIRM_KEY, "reset-uid": RESET_UID, "reset-token": RESET_TOKEN}
USER_ID_KEYS, ROW_ID_KEYS = ("pk", "user"), ("id",)


class Sink:
    """SMTP server that keeps what it gets."""

    def __init__(self):
        self.box = []

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = message.get_body(preferencelist=("plain", "html"))
        self.box.append(
            {
                "to": sorted(envelope.rcpt_tos),
                "from": envelope.mail_from,
                "subject": str(message["Subject"]),
                "text": part.get_content() if part else "",
            }
        )
        return "250 OK"


class Missing(Exception):
    pass


class Run:
    def __init__(self, scenario, args, sink):
        self.scenario, self.args, self.sink = scenario, args, sink
        self.base = args.base_url.rstrip("/")
        self.vars = {"BASE": self.base}
        self.secrets = {}      # literal value -> placeholder
        self.ids = {}
        self.steps = []
        self.mail_seen = len(sink.box)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Connection"] = "close"  # some servers leave a body behind a HEAD answer
        self.http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    # ---- variables -------------------------------------------------------------------------------
    def look(self, name):
        if name not in self.vars:
            raise Missing(name)
        return self.vars[name]

    def fill(self, value):
        if isinstance(value, str):
            whole = re.fullmatch(r"\$\{([\w.-]+)\}", value)
            if whole:
                return self.look(whole.group(1))
            repeated = re.fullmatch(r"\$\{(.+)\*(\d+)\}(.*)", value, re.S)
            if repeated:
                return repeated.group(1) * int(repeated.group(2)) + repeated.group(3)
            return re.sub(r"\$\{([\w.-]+)\}", lambda m: str(self.look(m.group(1))), value)
        if isinstance(value, list):
            return [self.fill(v) for v in value]
        if isinstance(value, dict):
            return {k: self.fill(v) for k, v in value.items()}
        return value

    def keep(self, name, value, secret=True):
        self.vars[name] = value
        if secret and isinstance(value, str) and len(value) >= 8:
            self.secrets.setdefault(value, f"<{name}>")

    # ---- normalising -----------------------------------------------------------------------------
    def clean_text(self, text):
        text = text.replace(self.base, "<BASE>").replace(self.base.split("://", 1)[1], "<HOST>")
        for literal in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(literal, self.secrets[literal])
        text = TOKEN.sub("<TOKEN>", text)
        return STAMP.sub("<DATETIME>", text)

    def symbol(self, kind, number):
        known = self.ids.setdefault(kind, {})
        return f"<{kind}#{known.setdefault(number, len(known) + 1)}>"

    def clean(self, value, key=None):
        if isinstance(value, dict):
            return {k: self.clean(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.clean(v) for v in value]
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            if key in USER_ID_KEYS:
                return self.symbol("user", value)
            if key in ROW_ID_KEYS:
                return self.symbol("row", value)
            return value
        if isinstance(value, str):
            if key == "key" and 50 <= len(value) <= 100 and re.fullmatch(r"[!-~]+", value):
                return "<TOKEN>"
            return self.clean_text(value)
        return value

    # ---- one request -----------------------------------------------------------------------------
    def auth_parts(self, spec):
        """-> (headers, cookies)"""
        if not spec or spec == "none":
            return {}, {}
        kind, _, who = spec.partition(":")
        if kind == "raw":
            return {"Authorization": self.fill(who)}, {}
        if kind == "token":
            return {"Authorization": f"Token {self.look(who + '.token')}"}, {}
        if kind == "bearer":
            return {"Authorization": f"Bearer {self.look(who + '.token')}"}, {}
        if kind == "basic":
            pair = f"{self.look(who + '.username')}:{self.look(who + '.password')}"
            return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}, {}
        if kind.startswith("session"):
            cookies = {"sessionid": self.look(who + ".sid")}
            headers = {}
            if kind != "session-bare":
                cookies["csrftoken"] = self.look(who + ".csrf")
            if kind == "session":
                headers["X-CSRFToken"] = self.look(who + ".csrf")
            elif kind == "session-badcsrf":
                headers["X-CSRFToken"] = "x" * 32
            return headers, cookies
        raise SystemExit(f"unknown auth {spec!r}")

    def send(self, step):
        headers, cookies = self.auth_parts(step.get("auth"))
        cookies.update(self.fill(step.get("cookies", {})))
        headers.update({k: str(self.fill(v)) for k, v in step.get("headers", {}).items()})
        kwargs, kind = {}, None
        if "json" in step:
            kwargs["data"] = json.dumps(self.fill(step["json"])).encode()
            kind = "application/json"
        elif "form" in step:
            kwargs["data"] = self.fill(step["form"])
            kind = "application/x-www-form-urlencoded"
        elif "multipart" in step:
            kwargs["files"] = {k: (None, str(v)) for k, v in self.fill(step["multipart"]).items()}
            kind = "multipart/form-data"
        elif "body" in step:
            kwargs["data"] = self.fill(step["body"]).encode()
        if "content_type" in step:
            kind = step["content_type"]
        if kind and "files" not in kwargs:
            headers["Content-Type"] = kind
        if cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in cookies.items())
        path = self.fill(step["path"])
        response = self.http.request(
            step.get("method", "GET"), self.base + path, headers=headers, allow_redirects=False, timeout=60, **kwargs
        )
        return response, kind

    def cookies_of(self, response):
        out = {}
        for line in response.raw.headers.getlist("Set-Cookie"):
            first, *attrs = [p.strip() for p in line.split(";")]
            name, _, value = first.partition("=")
            flags = {}
            for attr in attrs:
                k, _, v = attr.partition("=")
                flags[k.lower()] = True if not v else ("<date>" if k.lower() == "expires" else v)
            out[name] = {"value": value, "flags": flags}
        return out

    def wait_mail(self, count, patience):
        end = time.time() + patience
        while time.time() < end and len(self.sink.box) - self.mail_seen < count:
            time.sleep(0.05)

    def play(self, step):
        time.sleep(step.get("pause", 0))
        response, kind = self.send(step)
        cookies = self.cookies_of(response)
        raw = response.content
        try:
            body, shape = json.loads(raw), "json"
        except ValueError:
            body, shape = raw.decode("utf-8", "replace")[:300], ("text" if raw else "empty")
        # captures come before cleaning so that their values are masked in this very step
        for name, source in step.get("capture", {}).items():
            where, _, what = source.partition(":")
            try:
                if where == "json":
                    value = body
                    for bit in what.split("."):
                        value = value[int(bit)] if isinstance(value, list) else value[bit]
                elif where == "cookie":
                    value = cookies[what]["value"]
                else:
                    value = response.headers[what]
            except (KeyError, IndexError, TypeError, ValueError):
                continue
            self.keep(name, value)
        wanted = step.get("mail")
        if wanted is not None:
            self.wait_mail(wanted.get("count", 1), self.args.mail_wait)
        elif step.get("no_mail"):
            self.wait_mail(1, 0.3)
        mails = self.sink.box[self.mail_seen:]
        self.mail_seen = len(self.sink.box)
        if wanted:
            for name, pattern in wanted.get("capture", {}).items():
                for mail in mails:
                    hit = re.search(NAMED_PATTERNS.get(pattern, pattern), mail["text"])
                    if hit:
                        self.keep(name, hit.group(1))
        entry = {
            "id": step["id"],
            "request": {
                "method": step.get("method", "GET"),
                "path": step["path"],
                "auth": step.get("auth", "none"),
                "content_type": kind,
                "headers": step.get("headers", {}),
                "body": next((step[k] for k in ("json", "form", "multipart", "body") if k in step), None),
            },
            "response": {
                "status": response.status_code,
                "headers": {
                    h: self.clean_text(response.headers[h]) for h in KEPT_HEADERS if h in response.headers
                },
                "cookies": {
                    n: {**c["flags"], "cleared": c["value"] in ("", '""')} for n, c in sorted(cookies.items())
                },
                "shape": shape,
                "body": self.clean(body) if shape == "json" else self.clean_text(body),
            },
            "mails": [
                {"to": m["to"], "subject": m["subject"], "text": self.clean_text(m["text"])} for m in mails
            ],
        }
        for name, pattern in step.get("matches", {}).items():
            entry.setdefault("claims", {})[f"{name} ~ {pattern}"] = bool(
                re.fullmatch(pattern, str(self.vars.get(name)))
            )
        if "equal" in step:
            one, two = (self.vars.get(n) for n in step["equal"])
            entry.setdefault("claims", {})[" == ".join(step["equal"])] = one is not None and one == two
        if step.get("note"):
            entry["note"] = step["note"]
        return entry

    # ---- a whole scenario ------------------------------------------------------------------------
    def prologue(self):
        """Register (unless the user is said to exist) and log in each user of `users`."""
        for who, spec in self.scenario.get("users", {}).items():
            spec = self.fill(spec)
            for field in ("username", "password", "email"):
                if field in spec:
                    self.keep(f"{who}.{field}", spec[field], secret=False)
            if not spec.get("exists"):
                body = {
                    "username": spec["username"],
                    "password1": spec["password"],
                    "password2": spec["password"],
                }
                if spec.get("email"):
                    body["email"] = spec["email"]
                reply = self.http.post(self.base + "/api/auth/registration/", json=body, timeout=60)
                if reply.status_code not in (201, 204, 500):
                    print(f"  ! setup: registering {who} gave {reply.status_code}: {reply.text[:200]}")
            if spec.get("login", True):
                body = {"username": spec["username"], "password": spec["password"]}
                reply = self.http.post(self.base + "/api/auth/login/", json=body, timeout=60)
                if reply.status_code != 200:
                    print(f"  ! setup: login of {who} gave {reply.status_code}: {reply.text[:200]}")
                    continue
                self.keep(f"{who}.token", reply.json().get("key"))
                cookies = self.cookies_of(reply)
                for name, var in (("sessionid", "sid"), ("csrftoken", "csrf")):
                    if name in cookies:
                        self.keep(f"{who}.{var}", cookies[name]["value"])
                me = self.http.get(
                    self.base + "/api/auth/user/",
                    headers={"Authorization": f"Token {self.vars[who + '.token']}"},
                    timeout=60,
                )
                self.keep(f"{who}.pk", me.json().get("pk"), secret=False)
                self.symbol("user", self.vars[f"{who}.pk"])
        time.sleep(0.1)
        self.mail_seen = len(self.sink.box)

    def go(self):
        self.prologue()
        for number, step in enumerate(self.scenario["steps"], 1):
            step = dict(step)
            step.setdefault("id", f"{number:02d}")
            try:
                self.steps.append(self.play(step))
            except Missing as name:
                self.steps.append({"id": step["id"], "error": f"variable {name} was never captured"})
            except requests.RequestException as problem:
                self.steps.append({"id": step["id"], "error": f"request failed: {type(problem).__name__}"})
        return {
            "scenario": self.scenario["name"],
            "profile": self.args.profile,
            "about": self.scenario.get("about", ""),
            "steps": self.steps,
        }


# ---- comparing ---------------------------------------------------------------------------------------
def drop(body, path):
    bits = path.split(".")
    for bit in bits[:-1]:
        try:
            body = body[int(bit)] if isinstance(body, list) else body[bit]
        except (KeyError, IndexError, TypeError, ValueError):
            return
    if isinstance(body, dict):
        body.pop(bits[-1], None)


def methods(text):
    return sorted(p.strip() for p in (text or "").split(",") if p.strip())


def differences(step, old, new):
    if "error" in old or "error" in new:
        return [] if old == new else [f"error: {new.get('error') or 'none'} (recorded: {old.get('error') or 'none'})"]
    level = step.get("compare", "exact")
    if level == "none":
        return []
    a, b, out = old["response"], new["response"], []
    if a["status"] != b["status"]:
        out.append(f"status {b['status']}, recorded {a['status']}")
    if level == "exact":
        if a["shape"] != b["shape"]:
            out.append(f"body is {b['shape']}, recorded {a['shape']}")
        elif a["shape"] == "json":
            x, y = copy.deepcopy(a["body"]), copy.deepcopy(b["body"])
            for path in step.get("ignore", []):
                drop(x, path)
                drop(y, path)
            if x != y:
                out.append("body " + json.dumps(y, ensure_ascii=False, sort_keys=True))
                out.append("want " + json.dumps(x, ensure_ascii=False, sort_keys=True))
    if level in ("exact", "keys"):
        if level == "keys":
            tops = [sorted(r["body"]) if isinstance(r["body"], dict) else r["shape"] for r in (a, b)]
            if tops[0] != tops[1]:
                out.append(f"top-level keys {tops[1]}, recorded {tops[0]}")
        kinds = [r["headers"].get("Content-Type", "").split(";")[0] for r in (a, b)]
        if kinds[0] != kinds[1]:
            out.append(f"content type {kinds[1]!r}, recorded {kinds[0]!r}")
    for what in step.get("check", []):
        if what == "cookies" and step.get("lenient_check"):
            continue
        if what == "cookies":
            flat = [
                {
                    n: {k: v for k, v in c.items() if k not in ("expires", "samesite", "secure")}
                    for n, c in r["cookies"].items()
                    if n in ("sessionid", "csrftoken")
                }
                for r in (a, b)
            ]
            if flat[0] != flat[1]:
                out += [f"cookies {flat[1]}", f"   want {flat[0]}"]
        elif what == "Allow":
            if methods(a["headers"].get("Allow")) != methods(b["headers"].get("Allow")):
                out.append(f"Allow {b['headers'].get('Allow')!r}, recorded {a['headers'].get('Allow')!r}")
        elif a["headers"].get(what) != b["headers"].get(what):
            out.append(f"{what} {b['headers'].get(what)!r}, recorded {a['headers'].get(what)!r}")
    if old.get("claims") != new.get("claims"):
        out.append(f"claims {new.get('claims')}, recorded {old.get('claims')}")
    if "mail" in step or step.get("no_mail"):
        got = [[m["to"], m["subject"]] for m in new["mails"]]
        want = [[m["to"], m["subject"]] for m in old["mails"]]
        if got != want:
            out.append(f"mails {got}, recorded {want}")
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--base-url", required=True)
    ap.add_argument("--smtp-port", type=int, required=True)
    ap.add_argument("--smtp-host", default="127.0.0.1")
    ap.add_argument("--profile", required=True)
    ap.add_argument("--out", help="write transcripts here")
    ap.add_argument("--compare", help="directory of recorded transcripts")
    ap.add_argument("--mail-wait", type=float, default=5.0, help="seconds to wait for an expected mail")
    ap.add_argument("--only", help="comma-separated scenario names")
    ap.add_argument("--strict", action="store_true", help="ignore the `lenient` marks of the steps")
    ap.add_argument("--show-lenient", action="store_true", help="print the differences that were let pass")
    ap.add_argument("--quiet", action="store_true", help="print only failing steps and totals")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    if not args.out and not args.compare:
        ap.error("give --out or --compare (or both)")
    sink = Sink()
    controller = Controller(sink, hostname=args.smtp_host, port=args.smtp_port, ready_timeout=20)
    controller.start()
    passed = failed = allowed = played = 0
    try:
        files = args.files or sorted(glob.glob(os.path.join(HERE, "scenarios", "*.yaml")))
        for name in files:
            with open(name, encoding="utf-8") as handle:
                scenario = yaml.safe_load(handle)
            if args.profile not in scenario["profiles"]:
                continue
            if args.only and scenario["name"] not in args.only.split(","):
                continue
            transcript = Run(scenario, args, sink).go()
            played += len(transcript["steps"])
            broken = [s for s in transcript["steps"] if "error" in s]
            if args.out:
                os.makedirs(args.out, exist_ok=True)
                with open(os.path.join(args.out, scenario["name"] + ".json"), "w", encoding="utf-8") as handle:
                    json.dump(transcript, handle, indent=1, ensure_ascii=False, sort_keys=True)
                    handle.write("\n")
                for s in broken:
                    print(f"  ! {scenario['name']}/{s['id']}: {s['error']}")
            if args.compare:
                path = os.path.join(args.compare, scenario["name"] + ".json")
                with open(path, encoding="utf-8") as handle:
                    recorded = {s["id"]: s for s in json.load(handle)["steps"]}
                good = bad = soft = 0
                for number, (step, new) in enumerate(zip(scenario["steps"], transcript["steps"]), 1):
                    old = recorded.get(new["id"])
                    diff = ["no recorded step of this id"] if old is None else differences(step, old, new)
                    if diff and step.get("lenient") and not args.strict and "error" not in new:
                        good, soft = good + 1, soft + 1
                        if args.show_lenient:
                            print(f"allowed {scenario['name']}/{new['id']} ({step['lenient']})")
                            for line in diff:
                                print(f"       {line}")
                    elif diff:
                        bad += 1
                        print(f"FAIL {scenario['name']}/{new['id']}  {step.get('method', 'GET')} {step['path']}")
                        for line in diff:
                            print(f"       {line}")
                    else:
                        good += 1
                passed, failed, allowed = passed + good, failed + bad, allowed + soft
                if not args.quiet:
                    print(f"{scenario['name']}: {good} passed ({soft} of them by leniency), {bad} failed")
    finally:
        controller.stop()
    if args.compare:
        if allowed:
            print(f"({allowed} of the passed steps differ from the original where a step allows it)")
        print(f"{passed} passed, {failed} failed")
        sys.exit(1 if failed or not passed else 0)
    print(f"{played} steps recorded for profile {args.profile}")


if __name__ == "__main__":
    main()
