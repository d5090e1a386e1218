// account.js: the account page.
import assert from "node:assert/strict";
import { email, passwords, second, signIn, username } from "./people.js";
import { agree, base, errorOf, field, isMet, linkTo, look, person, picture, press, says, until } from "./tools.js";

// Profile, addresses, sessions and password.
export async function account(page) {
  // Profile.
  await page.locator("#username").fill("not/allowed");
  await press(page, "Save", "#profile");
  await until(errorOf(page, "username"), "Enter a valid username");
  await page.locator("#username").fill(username);
  await page.locator("#first_name").fill("Amy");
  await press(page, "Save", "#profile");
  await isMet(page, page.locator("#profile .foot .summary"), "Saved.");

  // The index leads to each section. Every live region is in the accessibility tree before it says anything.
  assert.deepEqual(
    await page.locator(".index a").evaluateAll((links) => links.map((link) => link.getAttribute("href"))),
    await page.locator("section").evaluateAll((sections) => sections.map((section) => `#${section.id}`)),
  );
  await page.locator(".index a", { hasText: "API tokens" }).click();
  assert.equal(new URL(page.url()).hash, "#tokens");
  const silent = () => [...document.querySelectorAll("main:not([hidden]) .summary")]
    .filter((one) => !one.closest("[hidden], details") && (getComputedStyle(one).display === "none" || one.role !== "status"));
  assert.equal(await page.evaluate(`(${silent})().length`), 0);

  // A second address, made primary; the first removed.
  await page.locator("#email").fill(email);
  await press(page, "Add", "#emails");
  await isMet(page, page.locator("#emails .foot .summary"), "Your account has this address already.");
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
  const row = (text) => page.locator("#emails .rows > li", { hasText: text });
  // Only what can work is offered: nothing removes the last confirmed address, nor makes an unconfirmed one primary.
  assert.equal(await row(email).getByRole("button").count(), 0);
  await until(row(email), "Your last confirmed address cannot be removed");
  assert.deepEqual(await row(second).getByRole("button").allTextContents(), [`Send confirmation ${second}`, `Remove ${second}`]);
  await linkTo(second);
  await press(page, `Send confirmation ${second}`, "#emails");
  await isMet(page, row(second).locator(".summary"), `An email with a link is on its way to ${second}.`);
  const other = await person();
  await other.goto(base + (await linkTo(second)));
  await press(other, "Confirm");
  await says(other, "Your address is confirmed.");
  await page.reload();
  await until(page.locator("#emails .rows li").nth(1), "Confirmed");
  await press(page, `Make primary ${second}`, "#emails");
  await until(row(second), "Primary");
  await isMet(page, row(second).locator(".summary"), "Saved.");
  await until(row(second), "To remove it, make another address primary first.");
  await look(page, "account");
  await page.evaluate(() => scrollTo(0, 0));
  await picture(page, "account");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "account-dark");
  await page.emulateMedia({ colorScheme: "light" });
  // Asked first. Who thinks again is back where they were, and has lost nothing.
  await press(page, `Remove ${email}`, "#emails");
  await until(page.locator("dialog"), `Remove ${email} from your account?`);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel");
  await look(page, "ask");
  await picture(page, "ask");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), `Remove ${email}`);
  await press(page, `Remove ${email}`, "#emails");
  await agree(page, "from your account?", "Cancel");
  await row(email).waitFor();
  await press(page, `Remove ${email}`, "#emails");
  await agree(page, "from your account?", "Remove");
  await row(email).waitFor({ state: "detached" });
  await isMet(page, page.locator("#emails > .summary"), "Removed.");

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
  await until(page.locator("#sessions .rows li").first(), "This one");
  await until(page.locator("#sessions .rows bdi").first(), "Chrome on Linux");
  assert.match(await page.locator("#sessions .rows bdi").first().getAttribute("title"), /^Mozilla/);
  await press(page, "End all others", "#sessions");
  await agree(page, "Those browsers are signed out at once.", "End all others");
  await isMet(page, page.locator("#sessions > .summary"), "Ended.");
  assert.equal(await page.locator("#end-others:visible").count(), 0, "there are no others");
  assert.equal(await page.locator("#sessions .rows li").count(), 1);
  await other.reload();
  await other.waitForURL(`${base}/platform/login`);
  await page.locator("#tokens .rows button").first().click();
  await agree(page, "Programs that use it lose access at once.", "Revoke");
  await isMet(page, page.locator("#tokens > .summary"), "Revoked.");

  // Change the password: each error, then the change.
  await page.locator("#old_password").fill("wrong");
  await page.locator("#new_password1").fill(passwords[1]);
  await page.locator("#new_password2").fill(passwords[1]);
  await press(page, "Change password", "#password");
  await until(errorOf(page, "old_password"), "entered incorrectly");
  await page.locator("#old_password").fill(passwords[0]);
  await page.locator("#new_password2").fill("other");
  await press(page, "Change password", "#password");
  await until(errorOf(page, "new_password2"), "The two passwords differ.");
  assert.equal(await page.evaluate(() => document.activeElement.id), "new_password2");
  await page.locator("#new_password2").fill(passwords[1]);
  await press(page, "Change password", "#password");
  await isMet(page, page.locator("#password .foot .summary"), "Your password is changed.");
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
}

// The account ends: what it means is told, asked, and told again where one is left.
export async function leave() {
  const page = await person();
  await signIn(page, passwords[2]);
  await page.locator("#own-data summary").click();
  await press(page, "Delete my account");
  await agree(page, "You are signed out everywhere at once.", "Cancel");
  await press(page, "Delete my account");
  await agree(page, "You are signed out everywhere at once.", "Delete my account");
  await page.waitForURL(`${base}/platform/login?done=deleted`);
  await says(page, "Your account will be deleted in seven days.");
}

// What cannot be loaded is tried again; a long list is folded; a slow response is waited for.
export async function lists(page) {
  await page.route("**/platform/api/activity/", (route) => route.fulfill({ status: 429, json: { detail: "…" } }), { times: 1 });
  await page.reload();
  await until(page.locator("#activity .error"), "…");
  await look(page, "retry");
  await press(page, "Try again", "#activity");
  await until(page.locator("#activity .rows"), "Signed in");
  assert.equal(await page.evaluate(() => document.activeElement.closest("section").id), "activity", "the focus is not lost");
  const seen = page.locator("#activity .rows > li:visible");
  assert.equal(await seen.count(), 6, "five and the fold");
  await until(page.locator("#activity summary"), /^Show \d+ more$/);
  await page.locator("#activity summary").click();
  await page.locator("#activity .rows details li:visible", { hasText: "Registered" }).waitFor();
  await look(page, "activity");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: "account-phone.png", fullPage: true });
  await page.setViewportSize({ width: 1000, height: 900 });

  let go;
  const held = new Promise((done) => (go = done));
  await page.route("**/platform/api/sessions/", async (route) => {
    await held;
    await route.continue();
  }, { times: 1 });
  await page.reload();
  await page.locator(".skeleton .card").first().waitFor();
  assert.ok((await page.locator(".skeleton .card").first().boundingBox()).y >= 0, "it is in view on a page that was scrolled");
  assert.equal(await page.locator("section:visible").count(), 0);
  await look(page, "loading");
  await picture(page, "loading");
  go();
  await until(page.locator("#sessions .rows"), "This one");
  assert.equal(await page.locator(".skeleton:visible").count(), 0);

  await page.route("**/api/auth/user/", (route) => route.abort(), { times: 1 });
  await page.reload();
  await until(page.locator(".sections .error"), "The server cannot be reached.");
  await look(page, "unreachable");
  await press(page, "Try again");
  await until(page.locator("#sessions .rows"), "This one");
}

// A named token, shown once.
export async function tokens(page) {
  await page.locator("#token-name").fill("backup");
  await page.locator("#token-days").fill("400");
  await press(page, "Create a token", "#tokens");
  await until(errorOf(page, "token-days"), "Enter a number from 1 to 365.");
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
  await agree(page, "Revoke all tokens?", "Revoke all");
  await says(page, "Revoked.", "#tokens");
}
