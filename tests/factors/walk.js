// walk.js PART: second factors in the browser, as `run` says. BASE, BINARY and DATABASE are in the environment.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { BASE: base, BINARY: binary, DATABASE: database } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: quiet });
const faults = [];
const password = "Zebra-Quartz-77";
let pictures = 0;

// A browser with an authenticator of its own, unlocked by a fingerprint.
async function person({ verified = true } = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 1100 } });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  // A virtual authenticator responds to the autofill of a sign-in page at once; some steps begin without it.
  await page.addInitScript(() => {
    if (localStorage.getItem("plain")) PublicKeyCredential.isConditionalMediationAvailable = async () => false;
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  const devtools = await context.newCDPSession(page);
  await devtools.send("WebAuthn.enable");
  const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: verified, automaticPresenceSimulation: true,
    },
  });
  return { page, devtools, authenticatorId };
}

async function look(page, name) {
  for (const colorScheme of ["dark", "light"]) {
    await page.emulateMedia({ colorScheme });
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }); })()`);
    const bad = found.violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${name}, ${colorScheme}: ${v.id}: ${v.nodes.map((n) => n.target)}`), []);
  }
  await page.screenshot({ path: `${name}.png`, fullPage: true, animations: "disabled" });
  pictures += 1;
}

const press = (page, name, scope = "main") => page.locator(scope).getByRole("button", { name, exact: true }).click();
const says = (page, text, scope = "main") => page.locator(`${scope} .summary`, { hasText: text }).first().waitFor();
const home = (page) => page.waitForURL(`${base}/platform/`);
// The stranger: a code of the secret that the page shows, some steps from now.
function code(secret, steps) {
  const at = new Date(Date.now() + steps * 30000).toISOString().replace("T", " ").slice(0, 19);
  return execFileSync("oathtool", ["--totp", "--base32", `--now=${at} UTC`, secret], { encoding: "utf8" }).trim();
}

async function register(page, username) {
  await page.goto(`${base}/platform/register`);
  await page.locator("#username").fill(username);
  await page.locator("#password1").fill(password);
  await page.locator("#password2").fill(password);
  await press(page, "Create account").catch(() => page.locator("form button.primary").click());
}

async function firstStep(page, username) {
  await page.goto(`${base}/platform/login`);
  await page.locator("#username").fill(username);
  await page.locator("#password").fill(password);
  await page.locator("#password").press("Enter");
}

async function signOut(page) {
  await page.goto(`${base}/platform/`);
  await press(page, "Sign out");
  await page.waitForURL(`${base}/platform/login`);
}

async function addPasskey(page, name) {
  await page.goto(`${base}/platform/factors`);
  await page.locator("#passkey-name").fill(name);
  await page.locator("#passkey-name").press("Enter");
  await says(page, "Added.", "#passkeys");
}

async function addDevice(page) {
  await page.goto(`${base}/platform/factors`);
  await press(page, "Add an authenticator app");
  await page.locator("#qr").waitFor();
  const secret = (await page.locator("#secret").textContent()).replaceAll(" ", "");
  await page.locator("#name").fill("phone");
  await page.locator("#code").fill(code(secret, 0));
  await page.locator("#code").press("Enter");
  await says(page, "Added.", "#devices");
  return secret;
}

const parts = {
  async life() {
    const { page, devtools, authenticatorId } = await person();
    await register(page, "amy");
    await home(page);

    // A passkey, with the keyboard alone from its name on.
    await addPasskey(page, "laptop");
    const recovery = await page.locator("#codes code").allTextContents();
    assert.equal(recovery.length, 10);
    await look(page, "passkeys");
    const { credentials } = await devtools.send("WebAuthn.getCredentials", { authenticatorId });
    assert.deepEqual([credentials.length, credentials[0].rpId, credentials[0].isResidentCredential], [1, "localhost", true]);
    await page.locator("#passkey-name").fill("twice");
    await page.locator("#passkey-name").press("Enter");
    await says(page, "has a passkey of your account already", "#passkeys");

    // The passkey alone: among the names that the browser fills in, and by its button.
    await page.goto(`${base}/platform/`);
    await press(page, "Sign out");
    await page.waitForURL(`${base}/platform/login`);
    await home(page);
    await page.evaluate(() => localStorage.setItem("plain", "yes"));
    await signOut(page);
    await look(page, "sign-in");
    await page.locator("#passkey").focus();
    await page.keyboard.press("Enter");
    await home(page);

    // After the password.
    await signOut(page);
    await devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: false });
    await firstStep(page, "amy");
    await page.waitForURL(`${base}/platform/second-factor`);
    await look(page, "second-step");
    await press(page, "Use a passkey");
    await says(page, "was not used");
    assert.ok(page.url().includes("second-factor"), "no sign-in without the fingerprint");
    await devtools.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified: true });
    await press(page, "Use a passkey");
    await home(page);

    // An authenticator app, whose codes oathtool makes.
    const secret = await addDevice(page);
    await look(page, "factors");
    const other = (await person()).page;
    await firstStep(other, "amy");
    await other.locator("#code").fill(code(secret, 1));
    await other.locator("#code").press("Enter");
    await home(other);

    // The phone and the laptop are lost: a browser without the passkey, and a recovery code.
    const lost = (await person()).page;
    await firstStep(lost, "amy");
    await lost.locator("#code").fill(recovery[0]);
    await lost.locator("#code").press("Enter");
    await home(lost);

    // The operator lets her in.
    const listed = execFileSync(binary, ["user", "factors", "amy", "--database", database], { encoding: "utf8" });
    assert.ok(listed.includes("passkey") && listed.includes("totp"), listed);
    execFileSync(binary, ["user", "reset-factors", "amy", "--database", database]);
    const again = (await person()).page;
    await firstStep(again, "amy");
    await home(again);
    await page.goto(`${base}/platform/factors`);
    await page.locator("#passkeys .rows", { hasText: "No passkey yet." }).waitFor();
  },

  async enforced() {
    const { page } = await person();
    await register(page, "amy");
    await page.waitForURL(`${base}/platform/factors`);
    await says(page, "requires a second factor");
    await look(page, "enforced");
    await page.locator("#passkey-name").press("Enter");
    await says(page, "Added.", "#passkeys");
    await page.goto(`${base}/platform/`);
    await page.locator("#sessions .rows", { hasText: "This one" }).waitFor();
    await press(page, "Sign out");
  },
};

try {
  await parts[process.argv[2]]();
  assert.deepEqual(faults, []);
  console.log(`factors, ${process.argv[2]}: ${pictures} pages clean in axe, Chromium's authenticator and oathtool agree`);
} catch (error) {
  console.error(faults.join("\n"));
  const pages = browser.contexts().flatMap((context) => context.pages());
  // A picture that fails too must not hide the error.
  const pictured = pages.map((page, number) => page.screenshot({ path: `failed-${number}.png`, fullPage: true }));
  await Promise.allSettled(pictured);
  throw error;
} finally {
  await browser.close();
}
