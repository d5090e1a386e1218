// entering.js: registered, confirmed, signed in, forgotten, refused.
import assert from "node:assert/strict";
import { email, passwords, second, signIn, username } from "./people.js";
import { base, errorOf, field, isMet, linkTo, look, person, picture, press, says, until } from "./tools.js";

// Each error of a field, then the account and its confirmation.
export async function register(page) {
  await page.goto(`${base}/`);
  await page.waitForURL(`${base}/platform/login`);
  await look(page, "sign-in");
  await picture(page, "sign-in");
  await page.getByRole("link", { name: "Create an account" }).click();
  await press(page, "Create account");
  await until(errorOf(page, "username"), /may not be blank|required/);
  await until(errorOf(page, "password1"), /may not be blank|required/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "username", "focus is on the first bad field");
  await field(page, "User name").fill("no spaces!");
  await page.locator("#email").fill("no address");
  await page.locator("#password1").fill("amyamy1");
  await page.locator("#password2").fill("other");
  await press(page, "Create account");
  await until(errorOf(page, "password2"), "The two passwords differ.");
  await page.locator("#password2").fill("amyamy1");
  await press(page, "Create account");
  await until(errorOf(page, "username"), "Enter a valid username");
  await until(errorOf(page, "email"), "Enter a valid email address.");
  await until(errorOf(page, "password1"), "too short");
  await look(page, "register");
  await picture(page, "register-errors", true);
  await field(page, "User name").fill(username);
  await page.locator("#email").fill(email);
  await page.locator("#password1").fill(passwords[0]);
  await strengths(page);
  await page.locator("#password2").fill(passwords[0]);
  await press(page, "Create account");
  await page.waitForURL(`${base}/platform/`);
  await says(page, "Welcome!");

  // Confirm: looking changes nothing, the button does, and only once.
  const confirm = await linkTo(email);
  assert.equal((await fetch(base + confirm)).status, 200);
  assert.equal((await fetch(base + confirm, { method: "HEAD" })).status, 200);
  await page.goto(base + confirm);
  await look(page, "confirm");
  await picture(page, "confirm");
  await press(page, "Confirm");
  await says(page, "Your address is confirmed.");
  // Once is enough, and a link that is no good says so at once.
  await page.goto(base + confirm);
  await isMet(page, page.locator(".summary"), "Your address is confirmed.");
  assert.equal(await page.locator("form:not(.language):visible").count(), 0);
  for (const bad of ["/accounts/confirm-email/no-such-key/", "/accounts/confirm-email/100%/"]) {
    await page.goto(base + bad);
    await isMet(page, page.locator(".summary.bad"), "has expired or has already been used");
    assert.equal(await page.locator("form:not(.language):visible").count(), 0);
  }
  await look(page, "dead-link");

  // Sign out and in.
  await page.goto(`${base}/platform/`);
  await until(page.locator("#emails .rows"), "Confirmed");
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
  await field(page, "User name or e-mail address").fill(username);
  await field(page, "Password").fill("wrong");
  await press(page, "Sign in");
  await says(page, "The user name or the password is wrong.");
  await press(page, "Show Password");
  assert.equal(await page.locator("#password").getAttribute("type"), "text");
  await signIn(page, passwords[0]);
}

// The server's own judgement while a password is typed.
async function strengths(page) {
  const unmet = page.locator("#password1-rules li:not(.met)");
  await page.locator("#password1").fill("");
  assert.equal(await unmet.count(), 4, "nothing is promised of nothing");
  for (const [password, word, rules] of [
    ["Zq7", "very weak", ["has 8 characters or more: not yet"]],
    ["sunshine", "very weak", ["is not a common or leaked one: not yet"]],
    ["8236459127", "very weak", ["is not digits alone: not yet"]],
    ["example77", "very weak", ["is not like your name or address: not yet"]],
    [passwords[0], "strong", []],
  ]) {
    await page.locator("#password1").fill(password);
    await page.waitForResponse("**/platform/api/strength/");
    await until(page.locator(".strength"), word);
    assert.deepEqual(await unmet.allTextContents(), rules, password);
  }
}

// A mail, a new password, and a link that is used up; then the keyboard alone.
export async function forgotten(page) {
  // Forgotten: a mail, a new password, and a link that is used up.
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.locator("#email").fill("no address");
  await press(page, "Send the link");
  await until(errorOf(page, "email"), "Enter a valid email address.");
  await look(page, "forgot");
  await picture(page, "forgot");
  await page.locator("#email").fill(second);
  await press(page, "Send the link");
  await says(page, "an email is on its way");
  const reset = await linkTo(second);
  await page.goto(`${base}/platform/set-password`);
  await says(page, "This link is incomplete.");
  await page.goto(base + reset);
  assert.equal(new URL(page.url()).search, "", "no key stays in the address bar");
  await page.locator("#new_password1").waitFor();
  assert.equal(await page.locator(".rules li:visible").count(), 3, "likeness is no promise of a page that knows no name");
  await look(page, "set-password");
  await page.locator("#new_password1").fill("12345678");
  await until(page.locator(".strength"), "very weak");
  await page.locator("#new_password2").fill("12345678");
  await press(page, "Set the password");
  await until(errorOf(page, "new_password1"), "entirely numeric");
  assert.equal(await errorOf(page, "new_password2").textContent(), "", "it is told once, at the first field");
  await picture(page, "set-password", true);
  await page.locator("#new_password1").fill(passwords[2]);
  await page.locator("#new_password2").fill(passwords[2]);
  await press(page, "Set the password");
  await page.waitForURL(`${base}/platform/login?done=reset`);
  await says(page, "Your new password is set.");
  await page.goto(base + reset);
  await isMet(page, page.locator(".summary.bad"), "This link is incomplete, has expired or has already been used.");
  assert.equal(await page.locator("form:not(.language):visible").count(), 0, "nothing is typed for a link that is used up");
  await page.getByRole("link", { name: "Ask for a new link" }).waitFor();

  // Sign in with the keyboard alone; a link may not lead away from here.
  await page.goto(`${base}/platform/login?next=//evil.example/`);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  for (let n = 0; (await page.evaluate(() => document.activeElement.id)) !== "username"; n += 1) {
    assert.ok(n < 10, "the user name is reached with the keyboard");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.type(username);
  await page.keyboard.press("Tab");
  await page.keyboard.type(passwords[2]);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");
}

// The words of the server, and what is switched off.
export async function refusals(page) {
  // Refusals that this walk cannot bring about by itself are told in the server's words too.
  const refused = async (path, status, detail, act) => {
    await page.route(`**${path}`, (route) => route.fulfill({ status, json: { detail } }));
    await act();
    await says(page, detail);
    assert.equal(await page.locator(".summary.bad").first().getAttribute("role"), "status");
    await page.unroute(`**${path}`);
  };
  await refused("/api/auth/logout/", 403, "CSRF Failed: CSRF token missing.", () => press(page, "Sign out"));
  assert.equal(page.url(), `${base}/platform/`, "who is still signed in is not told otherwise");
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
  const throttled = "Request was throttled. Expected available in 42 seconds.";
  await refused("/platform/api/login/", 429, throttled, () => press(page, "Sign in"));
  await refused("/platform/api/login/", 403, "MFA required for this user", () => press(page, "Sign in"));
  await page.route("**/platform/api/login/", (route) => route.fulfill({ status: 403, contentType: "text/html", body: "<h1>A proxy's" }));
  await press(page, "Sign in");
  await says(page, "That did not work.");
  await page.unroute("**/platform/api/login/");
  const results = [{ registration_enabled: false, password_forgotten_enabled: false, providers: [] }];
  await page.route("**/api/auth/providers/", (route) => route.fulfill({ json: { results } }));
  await page.reload();
  await page.waitForLoadState("networkidle");
  assert.equal(await page.locator("nav.links a:visible").count(), 0, "what is switched off is not offered");
  await page.unroute("**/api/auth/providers/");
  await signIn(page, passwords[2]);
}
