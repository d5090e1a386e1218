// walk.js: people come through a provider, as `run` says.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { client, start } from "./provider.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const work = mkdtempSync(join(tmpdir(), "social-"));

// The provider has to know where it sends people back to before the server is there.
async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

const port = await freePort();
const base = `http://127.0.0.1:${port}`;
const provider = await start(`${base}/accounts/company/login/callback/`);
const settings = {
  SITE_URL: base,
  DB_NAME: join(work, "auth.sqlite3"),
  LOGIN_ENABLE_REG: "true",
  LOGIN_MAIL_REQUIRED: "true",
  LOGIN_ENABLE_SSO: "true",
  LOGIN_ENABLE_SSO_REG: "true",
  SSO_PROVIDERS: "company",
  SSO_PRIVATE_NETWORKS: "127.0.0.0/8,::1",
  SSO_COMPANY_NAME: "Company",
  SSO_COMPANY_ISSUER: provider.issuer,
  SSO_COMPANY_CLIENT_ID: client.id,
  SSO_COMPANY_CLIENT_SECRET: client.secret,
  RATE_LIMITS: "off",
  JSON_LOG: "true",
};
const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`INVENTREE_${key}`, value]));
const server = spawn(process.env.BINARY, ["serve", "--bind", `127.0.0.1:${port}`], { env, stdio: ["ignore", "ignore", "pipe"] });
let log = "";
server.stderr.on("data", (text) => { log += text; });
server.stderr.pipe(createWriteStream("server.log"));
process.on("exit", () => { server.kill(); rmSync(work, { recursive: true, force: true }); });
while (!log.includes('"listening"')) {
  assert.equal(server.exitCode, null, log);
  await new Promise((resolve) => setTimeout(resolve, 50));
}

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
quiet.push("--disable-background-networking", "--disable-component-update");
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: quiet });
const faults = [];

async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options });
  context.setDefaultTimeout(10000);
  const page = await context.newPage();
  page.on("pageerror", (error) => { if (page.url().startsWith(base)) faults.push(`script: ${error.message}`); });
  page.on("console", (message) => {
    const isOurs = message.type() === "error" && page.url().startsWith(base);
    if (isOurs && !message.text().includes("responded with a status of 4") && !message.text().includes("of 502")) {
      faults.push(`console: ${message.text()}`);
    }
  });
  return page;
}

let looked = 0;
async function look(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }); })()`);
    const bad = found.violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${name}, ${colorScheme}: ${v.id}: ${v.nodes.map((n) => n.target)}`), []);
  }
  await page.screenshot({ path: `${name}.png`, animations: "disabled" });
  looked += 1;
}

const press = (page, name) => page.getByRole("button", { name }).click();
const failure = (page, text) => page.locator(".summary.bad", { hasText: text }).waitFor();
const links = (page) => page.locator("#links .rows");
// It is asked first.
async function disconnect(page) {
  await press(page, "Disconnect Company");
  await page.locator("dialog", { hasText: "You can no longer sign in through it." }).getByRole("button", { name: "Disconnect" }).click();
}
const user = async (page) => (await page.request.get(`${base}/api/auth/user/`)).json();
const isOut = async (page) => assert.equal((await page.request.get(`${base}/api/auth/user/`)).status(), 401);

// At the provider: its own pages for a name, any password, and consent. It remembers who has been there.
async function atProvider(page, name) {
  await page.waitForURL((url) => url.origin === provider.issuer && url.pathname.startsWith("/interaction/"));
  if (await page.locator("input[name=login]").count()) {
    await page.fill("input[name=login]", name);
    await page.fill("input[name=password]", "x");
    await page.click("button[type=submit]");
  }
  await page.waitForURL((url) => url.origin === base || url.pathname.startsWith("/interaction/"));
  if (page.url().startsWith(provider.issuer)) await page.click("button[type=submit]");
}

async function begin(page, path = "/platform/login", button = "Sign in with Company") {
  await page.goto(base + path);
  await press(page, button);
}

async function home(page) {
  await page.waitForURL(`${base}/platform/**`);
  await page.locator("main:not(.loading)").waitFor();
}

async function signOut(page) {
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
}

// Somebody new, whose provider knows all that is needed.
const amy = await person();
await begin(amy);
await atProvider(amy, "amy");
await home(amy);
assert.deepEqual(await user(amy), { pk: 1, username: "amy", email: "amy@example.com", first_name: "Amy", last_name: "Pond" });
await links(amy).filter({ hasText: "company" }).waitFor();
await look(amy, "account");
// The only way in stays.
await disconnect(amy);
await failure(amy, "This is the only way into your account.");
await signOut(amy);
await isOut(amy);
// Again: the provider remembers, and asks nothing.
await begin(amy);
await home(amy);
assert.equal((await user(amy)).pk, 1);

// The account page shows the groups that an operator gave; before that, no line about them.
const groups = amy.locator("#groups");
assert.ok(await groups.isHidden());
for (const name of ["Stock keepers", "Admins"]) {
  execFileSync(process.env.BINARY, ["group", "add", name], { env });
  execFileSync(process.env.BINARY, ["user", "groups", "amy", "--add", name], { env });
}
await amy.reload();
await groups.filter({ hasText: "Your groups: Stock keepers, Admins" }).waitFor();

// Somebody whose provider knows too little: the form, each error, an account.
const bob = await person();
await bob.request.post(`${base}/api/auth/registration/`, {
  data: { username: "taken", email: "taken@example.com", password1: "Zebra-Quartz-77", password2: "Zebra-Quartz-77" },
});
await bob.context().clearCookies();
await begin(bob);
await atProvider(bob, "bob");
await bob.waitForURL(`${base}/accounts/social/signup/`);
assert.equal(await bob.getByLabel("User name").inputValue(), "taken2");
await look(bob, "sign-up");
await bob.getByLabel("User name").fill("taken");
await press(bob, "Create account");
await bob.locator("#username-error", { hasText: "A user with that username already exists." }).waitFor();
await bob.locator("#email-error", { hasText: "This field may not be blank." }).waitFor();
await look(bob, "sign-up-errors");
await bob.getByLabel("User name").fill("bob");
await bob.getByLabel("E-mail address").fill("bob@example.com");
await press(bob, "Create account");
await home(bob);
assert.equal((await user(bob)).username, "bob");

// Somebody with an account here: connect, sign in, disconnect, no way in, connect again, sign in again.
const rory = await person();
await rory.request.post(`${base}/api/auth/registration/`, {
  data: { username: "rory", email: "rory@example.com", password1: "Zebra-Quartz-77", password2: "Zebra-Quartz-77" },
});
for (const round of [1, 2]) {
  await begin(rory, "/platform/", "Connect Company");
  if (round === 1) await atProvider(rory, "river");
  await home(rory);
  await rory.locator("#links .summary", { hasText: "Connected." }).waitFor();
  await links(rory).filter({ hasText: "river" }).waitFor();
  const { pk } = await user(rory);
  await signOut(rory);
  await begin(rory);
  await home(rory);
  assert.equal((await user(rory)).pk, pk, "the same account");
  if (round === 2) break;
  await disconnect(rory);
  await links(rory).filter({ hasText: "No provider is linked to this account." }).waitFor();
}

// What does not go through, each once, with the provider as it is.
const stranger = await person();
// The way back, held before the server sees it: as the browser goes, hop by hop, with its cookies.
async function caught(page, name) {
  const door = `${base}/api/auth/social/company/login/`;
  const hidden = (text, field) => text.match(new RegExp(`name="${field}" value="([^"]*)"`))[1];
  const form = { csrfmiddlewaretoken: hidden(await (await page.request.get(door)).text(), "csrfmiddlewaretoken") };
  const leaving = await (await page.request.post(door, { form })).text();
  let url = leaving.match(/content="0; url=([^"]*)"/)[1].replaceAll("&#38;", "&");
  for (let hop = 0; hop < 12; hop += 1) {
    if (url.startsWith(`${base}/accounts/company/login/callback/`)) return new URL(url);
    let response = await page.request.get(url, { maxRedirects: 0 });
    if (response.ok()) {
      const prompt = hidden(await response.text(), "prompt");
      response = await page.request.post(url, { form: { prompt, login: name, password: "x" }, maxRedirects: 0 });
    }
    url = new URL(response.headers().location, url).href;
  }
  throw new Error(`lost at ${url}`);
}
const refusals = [];
async function refused(page, url, text) {
  await page.goto(url.href);
  await failure(page, text);
  await isOut(page);
  refusals.push(text);
}
const mallory = await person();
const stolen = await caught(mallory, "amy");
const own = await caught(stranger, "bob");
assert.ok(own.searchParams.get("iss") === provider.issuer, "the provider names itself");
const other = new URL(own);
other.searchParams.set("state", stolen.searchParams.get("state"));
await refused(stranger, other, "This sign-in was not started in this browser");
const fresh = await caught(stranger, "bob");
const injected = new URL(fresh);
injected.searchParams.set("code", stolen.searchParams.get("code"));
await refused(stranger, injected, "Company rejected this sign-in.");
const nameless = await caught(stranger, "bob");
nameless.searchParams.delete("iss");
await refused(stranger, nameless, "The response of Company failed verification.");
const renamed = await caught(stranger, "bob");
renamed.searchParams.set("iss", "https://other.example.com");
await refused(stranger, renamed, "The response of Company failed verification.");
const good = await caught(stranger, "bob");
await stranger.goto(good.href);
await stranger.waitForURL(`${base}/platform/`);
await signOut(stranger);
await refused(stranger, good, "This sign-in was not started in this browser");
await look(stranger, "refused");

// Somebody changes their mind at the provider.
const shy = await person();
await begin(shy);
await shy.waitForURL((url) => url.pathname.startsWith("/interaction/"));
await shy.getByRole("link", { name: /cancel/i }).click();
await failure(shy, "The provider ended the sign-in (access_denied).");

// Without JavaScript the way has a page of its own.
const plain = await person({ javaScriptEnabled: false });
await plain.goto(`${base}/api/auth/social/company/login/`);
await press(plain, "Continue to Company");
await atProvider(plain, "amy");
await plain.waitForURL(`${base}/platform/`);
assert.equal((await user(plain)).pk, 1);

// The provider is gone, and somebody is on the way back.
const late = await person();
const waiting = await caught(late, "amy");
provider.stop();
await refused(late, waiting, "Company isn't responding.");

await browser.close();
const lines = log.trim().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
const why = lines.filter((line) => line.why).map((line) => line.why);
for (const secret of [client.secret, stolen.searchParams.get("code"), good.searchParams.get("state")]) {
  assert.ok(!log.includes(secret), "a secret stands in the log");
}
assert.deepEqual(faults, []);
console.log(`${refusals.length} refusals, each with its line in the log:\n  ${why.join("\n  ")}`);
console.log(`${looked} pages looked at in light and dark; signed up, connected and signed in through ${provider.issuer}`);
process.exit(0);
