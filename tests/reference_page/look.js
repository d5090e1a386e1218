// look.js BASE CHROMIUM DIRECTORY: opens the reference page as a person would. Fails when it does not show the whole
// document, when the console has an error, when anything leaves for another origin, or when trying out does not work.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [base, executablePath, pictures] = process.argv.slice(2);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
quiet.push("--disable-background-networking", "--disable-component-update");
const browser = await chromium.launch({ executablePath, args: quiet });
const context = await browser.newContext({ viewport: { width: 1280, height: 1400 } });
const page = await context.newPage();

const faults = [];
const requests = [];
page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
page.on("requestfailed", (request) => faults.push(`${request.url()}: ${request.failure().errorText}`));
// What leaves, seen before any policy of the page stops it.
context.on("request", (request) => requests.push(new URL(request.url())));
await page.addInitScript(() => {
  addEventListener("securitypolicyviolation", (v) => console.error(`${v.violatedDirective} refused ${v.blockedURI}`));
});

const block = (operation) => page.locator(`#operations-auth-${operation}`);

/** "Try it out", with this body, and what came back. */
async function tryOut(operation, body) {
  const here = block(operation);
  await here.locator(".opblock-summary-control").click();
  await here.locator(".try-out__btn").click();
  if (body) await here.locator("textarea.body-param__text").fill(JSON.stringify(body));
  await here.locator(".execute").click();
  const response = here.locator(".live-responses-table");
  const status = await response.locator("tbody .response-col_status").first().innerText();
  const text = await response.locator(".response-col_description .highlight-code code").first().innerText();
  return { status: status.trim().slice(0, 3), text };
}

try {
  await page.goto(`${base}/api-doc/`);
  await page.locator(".opblock").first().waitFor();
  const source = await (await fetch(`${base}/api/schema/?format=json`)).json();
  const documented = Object.values(source.paths).flatMap((path) => Object.values(path)).map((o) => o.operationId);
  const shown = await page.locator(".opblock-summary-operation-id").allInnerTexts();
  assert.deepEqual(shown.map((id) => id.replace(/\u200b/g, "")).sort(), documented.sort());
  assert.equal((await page.locator(".info h1").innerText()).split("\n")[0].trim().startsWith(source.info.title), true);
  assert.deepEqual(await page.locator(".servers option").allInnerTexts(), [base]);
  const schemas = await page.locator(".models .model-container").count();
  assert.equal(schemas, Object.keys(source.components.schemas).length);
  await page.screenshot({ path: `${pictures}/page.png` });

  // In the dark, text is lighter than its ground; and there is a way back.
  const lightness = () => page.evaluate(() => {
    const sum = (element, property) => {
      const channels = getComputedStyle(element)[property].match(/[\d.]+/g).slice(0, 3);
      return channels.map(Number).reduce((a, b) => a + b);
    };
    const title = document.querySelector(".info .title");
    return [sum(title, "color"), sum(document.documentElement, "backgroundColor")];
  });
  // The script follows the browser a moment later.
  await page.emulateMedia({ colorScheme: "dark" });
  await page.locator("html.dark-mode").waitFor({ state: "attached" });
  const [text, ground] = await lightness();
  assert.ok(text > 450 && ground < 150, `text ${text} on ${ground} in the dark`);
  await page.screenshot({ path: `${pictures}/dark.png` });
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("html:not(.dark-mode)").waitFor({ state: "attached" });
  assert.ok((await lightness())[0] < 300);
  assert.equal(await page.locator("header a").getAttribute("href"), "/platform/");

  const [username, password] = ["amy", "Zebra-Quartz-77"];
  const registered = await tryOut("auth_registration_create", { username, password1: password, password2: password });
  assert.equal(registered.status, "201", registered.text);
  // The session cookie came with it, and the script adds the CSRF token.
  const patched = await tryOut("auth_user_partial_update", { username, first_name: "Amy" });
  assert.equal(patched.status, "200", patched.text);
  assert.match(patched.text, /"first_name": "Amy"/);
  await block("auth_user_partial_update").scrollIntoViewIfNeeded();
  await page.screenshot({ path: `${pictures}/session.png` });

  await context.clearCookies();
  await page.locator(".auth-wrapper .authorize").first().click();
  const dialog = page.locator(".dialog-ux");
  const token = dialog.locator(".auth-container", { hasText: "tokenAuth" });
  await token.locator("input").fill(`Token ${JSON.parse(registered.text).key}`);
  await page.screenshot({ path: `${pictures}/authorize.png` });
  await token.locator("button.authorize").click();
  await dialog.locator(".btn-done").first().click();
  const told = await tryOut("auth_user_retrieve");
  assert.equal(told.status, "200", told.text);
  assert.match(told.text, /"username": "amy"/);

  assert.deepEqual(await page.evaluate(() => Object.keys(localStorage)), [], "no credential is kept");
  const foreign = requests.filter((url) => url.protocol !== "data:" && url.origin !== base);
  assert.deepEqual(foreign.map(String), [], "nothing goes elsewhere");
  assert.deepEqual(faults, []);
  console.log(
    `reference page: ${shown.length} operations and ${schemas} schemas shown, session and token tried out, ` +
      `${requests.length} requests, none to another origin, no console error`,
  );
} catch (error) {
  await page.screenshot({ path: `${pictures}/failed.png` });
  console.error(requests.map(String).join("\n"), faults.join("\n"));
  throw error;
} finally {
  await browser.close();
}
