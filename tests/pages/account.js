// account.js: the account page.
import assert from "node:assert/strict";
import { email, passwords, second, signIn, username } from "./people.js";
import { base, errorOf, field, linkTo, look, person, picture, press, says, until } from "./tools.js";

// Profile, addresses, sessions and password.
export async function account(page) {
  // Profile.
  await page.locator("#username").fill("not/allowed");
  await press(page, "Save", "#profile");
  await until(errorOf(page, "username"), "Enter a valid username");
  await page.locator("#username").fill(username);
  await page.locator("#first_name").fill("Amy");
  await press(page, "Save", "#profile");
  await says(page, "Saved.", "#profile");

  // A second address, made primary; the first removed.
  await page.locator("#email").fill("no address");
  await press(page, "Add", "#emails");
  await until(errorOf(page, "email"), "Enter a valid email address.");
  await page.locator("#email").fill(second);
  // As in a session that was opened long ago: the server asks for the password, and the page goes on with it.
  const old = { detail: "…" };
  const needed = { "WWW-Authenticate": 'Session error="insufficient_user_authentication", max_age=600' };
  await page.route("**/api/auth/emails/", (route) => route.fulfill({ status: 403, json: old, headers: needed }), { times: 1 });
  await page.route("**/platform/api/reauthenticate/", (route) => route.fulfill({ json: { recent: false, password: true } }), { times: 1 });
  await press(page, "Add", "#emails");
  await look(page, "prove");
  await field(page, "Password", "dialog").fill("wrong");
  await press(page, "Continue", "dialog");
  await until(page.locator("#prove-password-error"), "entered incorrectly");
  await field(page, "Password", "dialog").fill(passwords[0]);
  await page.keyboard.press("Enter");
  await says(page, `An email with a link is on its way to ${second}.`, "#emails");
  await press(page, `Make primary ${second}`, "#emails");
  await page.locator("#emails .summary.bad").waitFor();
  const other = await person();
  await other.goto(base + (await linkTo(second)));
  await press(other, "Confirm");
  await says(other, "Your address is confirmed.");
  await page.reload();
  await until(page.locator("#emails .rows li").nth(1), "Confirmed");
  await press(page, `Make primary ${second}`, "#emails");
  await until(page.locator("#emails .rows li", { hasText: second }), "Primary");
  await look(page, "account");
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, "account");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "account-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await press(page, `Remove ${email}`, "#emails");
  await page.locator("#emails .rows li", { hasText: email }).waitFor({ state: "detached" });

  // Another browser's session is seen here, ended here, and dead there.
  await signIn(other, passwords[0]);
  // A token is a program's: no sign-in of these pages made one.
  await until(page.locator("#tokens .rows"), "No API tokens yet.");
  const login = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username, password: passwords[0] }) };
  assert.equal((await fetch(`${base}/api/auth/login/`, login)).status, 200);
  await page.reload();
  await until(page.locator("#sessions .rows"), "This one");
  const before = await page.locator("#sessions .rows li").count();
  assert.ok(before >= 2);
  await press(page, "End all others", "#sessions");
  await says(page, "Ended.", "#sessions");
  assert.equal(await page.locator("#sessions .rows li").count(), 1);
  await other.reload();
  await other.waitForURL(`${base}/platform/login`);
  await page.locator("#tokens .rows button").first().click();
  await says(page, "Revoked.", "#tokens");

  // Change the password: each error, then the change.
  await page.locator("#old_password").fill("wrong");
  await page.locator("#new_password1").fill(passwords[1]);
  await page.locator("#new_password2").fill(passwords[1]);
  await press(page, "Change password", "#password");
  await until(errorOf(page, "old_password"), "entered incorrectly");
  await page.locator("#old_password").fill(passwords[0]);
  await page.locator("#new_password2").fill("other");
  await press(page, "Change password", "#password");
  await until(errorOf(page, "new_password2"), "match");
  await page.locator("#new_password2").fill(passwords[1]);
  await press(page, "Change password", "#password");
  await says(page, "Your password is changed.", "#password");
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
}

// A named token, shown once.
export async function tokens(page) {
  await page.locator("#token-name").fill("backup");
  await page.locator("#token-days").fill("400");
  await press(page, "Create a token", "#tokens");
  await until(errorOf(page, "token-days"), "between 1 and 365");
  await page.locator("#token-days").fill("30");
  await press(page, "Create a token", "#tokens");
  await says(page, "Created.", "#tokens");
  const headers = { Authorization: `Token ${await page.locator("#token-key").textContent()}` };
  assert.equal((await fetch(`${base}/api/auth/user/`, { headers })).status, 200);
  await look(page, "token");
  await page.reload();
  await until(page.locator("#tokens .rows"), "backup");
  assert.equal(await page.locator("#new-token:visible").count(), 0);
  await press(page, "Revoke all", "#tokens");
  await says(page, "Revoked.", "#tokens");
}
