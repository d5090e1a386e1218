// Takes the generated client through an account's life, with mails that arrive by SMTP.
//
// Says on which port it takes mails; is told where the server answers.

import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";

import { simpleParser, type ParsedMail } from "mailparser";
import createClient from "openapi-fetch";
import { SMTPServer } from "smtp-server";

import type { paths } from "./schema.js";

const username = "amy";
const email = "amy@example.com";
const password = "Zebra-Quartz-77";
const newPassword = "Quartz-Zebra-78";

let deliver: (mail: ParsedMail) => void;
const delivered = new Promise<ParsedMail>((resolve) => (deliver = resolve));
const sink = new SMTPServer({
  authOptional: true,
  disabledCommands: ["STARTTLS"],
  onData(stream, _session, done) {
    simpleParser(stream).then((mail) => (deliver(mail), done()), done);
  },
});
sink.listen(0, "127.0.0.1");
await once(sink.server, "listening");
console.log((sink.server.address() as AddressInfo).port);

const input = createInterface(process.stdin);
const [baseUrl] = (await once(input, "line")) as [string];
input.close();

const anonymous = createClient<paths>({ baseUrl });
const withToken = (key: string) => createClient<paths>({ baseUrl, headers: { Authorization: `Token ${key}` } });

console.log("register");
const registered = await anonymous.POST("/api/auth/registration/", {
  body: { username, email, password1: password, password2: password },
});
assert.equal(registered.response.status, 201);
assert.ok(registered.data?.key);

console.log("confirm by mail");
const mail = await delivered;
assert.equal(mail.subject, "[InvenTree] Please Confirm Your Email Address");
const key = /\/confirm-email\/([^/\s]+)\//.exec(mail.text ?? "")?.[1];
assert.ok(key, "the mail has no link");
const confirmed = await anonymous.POST("/api/auth/registration/verify-email/", { body: { key } });
assert.equal(confirmed.response.status, 200);
assert.equal(confirmed.data?.detail, "ok");

console.log("log in");
const loggedIn = await anonymous.POST("/api/auth/login/", { body: { username, password } });
assert.equal(loggedIn.response.status, 200);
// The document gives this answer no schema, so the generated type has none either.
const token = (loggedIn.data as unknown as { key: string }).key;
const amy = withToken(token);

console.log("list addresses");
const listed = await amy.GET("/api/auth/emails/", { params: { query: { limit: 10 } } });
assert.equal(listed.response.status, 200);
assert.equal(listed.data?.count, 1);
const [address] = listed.data.results ?? [];
assert.equal(address?.email, email);
assert.equal(address.verified, true);
assert.equal(address.primary, true);

console.log("change password");
const changed = await amy.POST("/api/auth/password/change/", {
  body: { new_password1: newPassword, new_password2: newPassword },
});
assert.equal(changed.response.status, 200);
assert.equal(changed.data?.detail, "New password has been saved.");
const oldPassword = await anonymous.POST("/api/auth/login/", { body: { username, password } });
assert.equal(oldPassword.response.status, 400);

console.log("log out");
const loggedOut = await amy.POST("/api/auth/logout/");
assert.equal(loggedOut.response.status, 200);
const afterwards = await amy.GET("/api/auth/user/");
assert.equal(afterwards.response.status, 401);

await new Promise<void>((resolve) => sink.close(() => resolve()));
