// walk.js: an account's life on the pages, as `run` says. Writes the port of its mail server, reads the API's URL.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { simpleParser } from "mailparser";
import { chromium } from "playwright-core";
import { SMTPServer } from "smtp-server";
import { languages } from "./languages.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// A mail server that takes everything.
const mails = [];
const waiting = [];
const smtp = new SMTPServer({
  disabledCommands: ["AUTH", "STARTTLS"],
  async onData(stream, _, done) {
    const mail = await simpleParser(stream);
    done();
    const wanted = waiting.findIndex((wait) => wait.to === mail.to.text);
    if (wanted >= 0) waiting.splice(wanted, 1)[0].resolve(mail);
    else mails.push(mail);
  },
});
smtp.listen(0, "127.0.0.1");
await once(smtp.server, "listening");
console.log(smtp.server.address().port);
const [base] = await once(createInterface({ input: process.stdin }), "line");

function mailTo(to) {
  const here = mails.findIndex((mail) => mail.to.text === to);
  if (here >= 0) return Promise.resolve(mails.splice(here, 1)[0]);
  return new Promise((resolve, reject) => {
    waiting.push({ to, resolve });
    setTimeout(() => reject(new Error(`no mail to ${to}`)), 15000).unref();
  });
}

// The path of the link in a mail's text; its HTML has the same.
async function linkTo(to) {
  let mail, link;
  do {
    // A notice leads to the account page alone.
    mail = await mailTo(to);
    link = new URL(mail.text.match(/https?:\S+/)[0]);
  } while (link.pathname === "/platform/");
  assert.ok(mail.html.includes(link.href.replaceAll("&", "&#38;")), "the link is in the HTML as well");
  return link.pathname + link.search;
}

const quiet = "no-sandbox disable-gpu disable-quic no-first-run disable-sync disable-background-networking disable-component-update";
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: quiet.split(" ").map((flag) => `--${flag}`) });

const faults = [];
let requests = 0;
async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options });
  context.setDefaultTimeout(10000);
  context.on("request", (request) => {
    requests += 1;
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== base) faults.push(`a request to ${url.origin}`);
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    // That an answer was no success is the point of half this walk.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    if (message.type() === "error" && !isStatus) faults.push(`console: ${message.text()}`);
  });
  if (options.javaScriptEnabled !== false) {
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (v) => console.error(`${v.violatedDirective} refused ${v.blockedURI}`));
    });
  }
  return page;
}

let pictures = 0;
const shown = new Set(["sign-in", "register-errors", "account", "account-dark", "sign-in-phone"]);
// What is seen, or the whole card, which may be longer. Light files: they are in every clone.
async function picture(page, name, ofCard = false) {
  await page.mouse.move(0, 0);
  await (ofCard ? page.locator("main.card") : page).screenshot({ path: `${name}.png`, animations: "disabled" });
  pictures += 1;
  if (process.env.SCREENS && shown.has(name)) {
    mkdirSync(process.env.SCREENS, { recursive: true });
    copyFileSync(`${name}.png`, `${process.env.SCREENS}/${name}.png`);
  }
}

// How much of what is seen moved by itself while the page came up (Cumulative Layout Shift; below 0.1 is called good).
async function still(page, path) {
  await page.goto(base + path);
  await page.waitForLoadState("networkidle");
  const moved = await page.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
  }));
  assert.ok(moved < 0.02, `${path} moves by ${moved} while it comes up`);
}

// axe in light and in dark, and no sideways scrolling on the narrowest phone.
let looked = 0;
async function look(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    // Past the policy of the page, which lets in no script of ours.
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }); })()`);
    const bad = found.violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${name}, ${colorScheme}: ${v.id}: ${v.nodes.map((n) => n.target)}`), []);
  }
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 700 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 320, `${name} is ${wide} wide on a phone`);
  await page.setViewportSize(before);
  looked += 1;
}

const field = (page, label, scope = "main") => page.locator(scope).getByLabel(label, { exact: true });
const press = (page, name, scope = "main") => page.locator(scope).getByRole("button", { name, exact: true }).click();
const errorOf = (page, id) => page.locator(`#${id}-error`);
const says = (page, text, scope = "main") => page.locator(`${scope} .summary`, { hasText: text }).first().waitFor();

async function until(locator, text) {
  await locator.filter({ hasText: text }).waitFor();
}

const [username, email, second] = ["amy", "amy@example.com", "amy@work.example.com"];
const passwords = ["Zebra-Quartz-77", "Quagga-Topaz-88", "Lemur-Basalt-99"];

async function signIn(page, password) {
  await page.goto(`${base}/platform/login`);
  await field(page, "User name").fill(username);
  await field(page, "Password").fill(password);
  await press(page, "Sign in");
  await page.waitForURL(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");
}

// The code of an authenticator app, so many steps of 30 seconds from now (RFC 6238).
function code(secret, steps) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => alphabet.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + steps));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
  return String(number % 1000000).padStart(6, "0");
}

const page = await person();
try {
  // Register: each field's error, then the account.
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
  await until(errorOf(page, "username"), "Enter a valid username");
  await until(errorOf(page, "email"), "Enter a valid email address.");
  await until(errorOf(page, "password1"), "too short");
  await look(page, "register");
  await picture(page, "register-errors", true);
  await field(page, "User name").fill(username);
  await page.locator("#email").fill(email);
  await page.locator("#password1").fill(passwords[0]);
  await until(page.locator(".strength"), /good|strong/);
  await page.locator("#password2").fill("other");
  await press(page, "Create account");
  await says(page, "didn't match");
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
  for (const bad of [confirm, "/accounts/confirm-email/no-such-key/", "/accounts/confirm-email/100%/"]) {
    await page.goto(base + bad);
    await press(page, "Confirm");
    await says(page, "has expired or has already been used");
  }

  // Sign out and in.
  await page.goto(`${base}/platform/`);
  await until(page.locator("#emails .rows"), "Confirmed");
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
  await field(page, "User name").fill(username);
  await field(page, "Password").fill("wrong");
  await press(page, "Sign in");
  await says(page, "The user name or the password is wrong.");
  await press(page, "Show Password");
  assert.equal(await page.locator("#password").getAttribute("type"), "text");
  await signIn(page, passwords[0]);

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
  await look(page, "set-password");
  await page.locator("#new_password1").fill("12345678");
  await until(page.locator(".strength"), "very weak");
  await page.locator("#new_password2").fill("12345678");
  await press(page, "Set the password");
  await until(errorOf(page, "new_password2"), "entirely numeric");
  await picture(page, "set-password", true);
  await page.locator("#new_password1").fill(passwords[2]);
  await page.locator("#new_password2").fill(passwords[2]);
  await press(page, "Set the password");
  await page.waitForURL(`${base}/platform/login?done=reset`);
  await says(page, "Your new password is set.");
  await page.goto(base + reset);
  await page.locator("#new_password1").fill(passwords[0]);
  await page.locator("#new_password2").fill(passwords[0]);
  await press(page, "Set the password");
  await says(page, "This link is incomplete, has expired or has already been used.");
  assert.equal(await page.locator(".rules li").count(), 2, "likeness is no promise of a page that knows no name");

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

  // Refusals that this walk cannot bring about by itself are told in the server's words too.
  const refused = async (path, status, detail, act) => {
    await page.route(`**${path}`, (route) => route.fulfill({ status, json: { detail } }));
    await act();
    await says(page, detail);
    assert.equal(await page.locator(".summary.bad").first().getAttribute("role"), "alert");
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

  // A named token, shown once.
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

  // A second factor: a wrong code, the right one, recovery codes.
  await page.getByRole("link", { name: "Manage the second factor" }).click();
  await until(page.locator("#devices .rows"), "No authenticator app yet.");
  await press(page, "Add an authenticator app");
  await page.locator("#qr").waitFor();
  assert.ok(await page.locator("#qr").evaluate((image) => image.decode().then(() => image.naturalWidth > 100)), "the QR code is a picture");
  await look(page, "factor-setup");
  await picture(page, "factor-setup");
  const secret = (await page.locator("#secret").textContent()).replaceAll(" ", "");
  await page.locator("#name").fill("phone");
  await page.locator("#code").fill("12345");
  await press(page, "Add");
  await until(errorOf(page, "code"), "does not match");
  // Kept, since half a minute may end before it is tried again.
  const used = code(secret, 0);
  await page.locator("#code").fill(used);
  await page.keyboard.press("Enter");
  await until(page.locator("#devices .rows"), "phone");
  await page.locator("#codes li:nth-child(10)").waitFor();
  const recovery = await page.locator("#codes li").allTextContents();
  assert.equal(recovery.length, 10);
  await look(page, "recovery-codes");
  await picture(page, "recovery-codes");
  await page.getByRole("link", { name: "To your account" }).click();
  await until(page.locator("#sessions .rows"), "This one");
  await press(page, "Sign out");
  // Sign in with the code by the keyboard alone, then with a recovery code: the device is lost.
  const password = async () => {
    await page.waitForURL(`${base}/platform/login`);
    await field(page, "User name").fill(username);
    await field(page, "Password").fill(passwords[2]);
    await page.keyboard.press("Enter");
    await page.waitForURL(`${base}/platform/second-factor`);
    await page.waitForLoadState("networkidle");
  };
  await password();
  await look(page, "second-factor");
  await picture(page, "second-factor");
  assert.equal(await page.evaluate(() => document.activeElement.id), "code");
  await page.keyboard.type(used);
  await page.keyboard.press("Enter");
  await until(errorOf(page, "code"), "was used before");
  await page.locator("#code").fill(code(secret, 1));
  await page.keyboard.press("Enter");
  await page.waitForURL(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");
  await press(page, "Sign out");
  await password();
  await page.locator("#code").fill(recovery[0]);
  await page.keyboard.press("Enter");
  await page.waitForURL(`${base}/platform/`);
  await page.goto(`${base}/platform/factors`);
  await until(page.locator("#left"), "9");
  await press(page, "Make new recovery codes");
  await until(page.locator("#left"), "10");
  await press(page, "Remove phone");
  await says(page, "Removed.", "#devices");
  await until(page.locator("#devices .rows"), "No authenticator app yet.");
  await page.goto(`${base}/platform/second-factor`);
  await says(page, "This sign-in took too long.");
  await page.goto(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");

  const paths = ["login", "register", "reset-password", "set-password?uid=1&token=2", ""];
  for (const path of paths) await still(page, `/platform/${path}`);

  // A phone, and a browser without JavaScript.
  const phone = await person({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
  await phone.goto(`${base}/platform/login`);
  await picture(phone, "sign-in-phone");
  const plain = await person({ javaScriptEnabled: false });
  for (const [path, needs] of [
    ["login", "a user name and its password"],
    ["register", "typed twice"],
    ["reset-password", "to which a link is sent"],
    ["set-password", "typed twice"],
    ["", "through the API"],
    ["../accounts/confirm-email/no-such-key/", "/api/auth/registration/verify-email/"],
  ]) {
    await plain.goto(`${base}/platform/${path}`);
    await until(plain.locator("noscript .summary"), needs);
    await until(plain.locator("noscript .summary"), "JavaScript");
  }
  await picture(plain, "no-javascript");

  await languages({ person, look, picture, base }, { username, password: passwords[2] });

  // Nor does one whose script did not come put a password into an address.
  const cut = await person();
  await cut.route("**/*.js*", (route) => route.fulfill({ status: 200, contentType: "text/javascript", body: "" }));
  for (const without of [plain, cut]) {
    await without.goto(`${base}/platform/login`);
    await without.locator("#username").fill(username);
    await without.locator("#password").fill(passwords[0]);
    await without.locator("#password").press("Enter");
    await without.evaluate("0");
    assert.equal(without.url(), `${base}/platform/login`);
  }

  assert.deepEqual(faults, []);
  console.log(`pages: ${looked} looked at by axe in light and dark and at 320 px, ${pictures} pictures, ${requests} requests, none elsewhere`);
} catch (error) {
  await page.screenshot({ path: "failed.png", fullPage: true });
  console.error(faults.join("\n"));
  throw error;
} finally {
  await browser.close();
  smtp.close();
  process.stdin.destroy();
}
