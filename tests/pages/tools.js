// tools.js: the browser, the mail server and the checks of the walk. Writes the port of the mail server, reads the URL of the API.
import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { simpleParser } from "mailparser";
import { chromium } from "playwright-core";
import { SMTPServer } from "smtp-server";

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
export const [base] = await once(createInterface({ input: process.stdin }), "line");

function mailTo(to) {
  const here = mails.findIndex((mail) => mail.to.text === to);
  if (here >= 0) return Promise.resolve(mails.splice(here, 1)[0]);
  return new Promise((resolve, reject) => {
    waiting.push({ to, resolve });
    setTimeout(() => reject(new Error(`no mail to ${to}`)), 15000).unref();
  });
}

// The path of the link in a mail's text; its HTML has the same.
export async function linkTo(to) {
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

export const faults = [];
// Requests go there alone.
const own = new Set([base]);
export const allow = (origin) => own.add(origin);
let requests = 0;
export async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 900 }, ...options });
  context.setDefaultTimeout(10000);
  context.on("request", (request) => {
    requests += 1;
    const url = new URL(request.url());
    if (url.protocol !== "data:" && !own.has(url.origin)) faults.push(`a request to ${url.origin}`);
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    // That a response was no success is the point of half this walk.
    const isStatus = message.text().startsWith("Failed to load resource: the server responded with a status of 4");
    const isAborted = message.text().endsWith("net::ERR_FAILED");
    if (message.type() === "error" && !isStatus && !isAborted) faults.push(`console: ${message.text()}`);
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
export async function picture(page, name, ofCard = false) {
  await page.mouse.move(0, 0);
  await (ofCard ? page.locator("main.card") : page).screenshot({ path: `${name}.png`, animations: "disabled" });
  pictures += 1;
  if (process.env.SCREENS && shown.has(name)) {
    mkdirSync(process.env.SCREENS, { recursive: true });
    copyFileSync(`${name}.png`, `${process.env.SCREENS}/${name}.png`);
  }
}

// How much of what is seen moved by itself while the page came up (Cumulative Layout Shift; below 0.1 is called good).
export async function still(page, path) {
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
export async function look(page, name) {
  for (const media of [{ colorScheme: "dark" }, { forcedColors: "active" }, { colorScheme: "light", forcedColors: "none" }]) {
    await page.emulateMedia({ ...media, reducedMotion: "reduce" });
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0, `${name} moves`);
    // Forced colours are the browser's own.
    // Past the policy of the page, which lets in no script of ours.
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"], rules: { "color-contrast": { enabled: ${!media.forcedColors || media.forcedColors === "none"} } } }); })()`);
    const bad = found.violations.filter((v) => ["serious", "critical", "moderate"].includes(v.impact));
    assert.deepEqual(bad.map((v) => `${name}, ${JSON.stringify(media)}: ${v.id}: ${v.nodes.map((n) => n.target)}`), []);
  }
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 700 });
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok((await wide()) <= 320, `${name} is ${await wide()} wide on a phone`);
  await page.setViewportSize({ width: 640, height: 700 });
  await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
  assert.ok((await wide()) <= 640, `${name} is ${await wide()} wide with text of twice the size`);
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
  await page.setViewportSize(before);
  looked += 1;
}

export const field = (page, label, scope = "main") => page.locator(scope).getByLabel(label, { exact: true });
export const press = (page, name, scope = "main") => page.locator(scope).getByRole("button", { name, exact: true }).click();
export const errorOf = (page, id) => page.locator(`#${id}-error`);
export const says = (page, text, scope = "main") => page.locator(`${scope} .summary`, { hasText: text }).first().waitFor();

export async function until(locator, text) {
  await locator.filter({ hasText: text }).waitFor();
}

// Replies to a question of the page: what it says, and its button.
export async function agree(page, text, name) {
  const dialog = page.locator("dialog");
  await until(dialog, text);
  await dialog.getByRole("button", { name, exact: true }).click();
}

// A message is where the eye is: it has the focus, and is in view.
export async function isMet(page, locator, text) {
  await until(locator, text);
  const [focused, inView] = await locator.filter({ hasText: text }).evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect();
    return [element === document.activeElement, top >= 0 && bottom <= innerHeight];
  });
  assert.deepEqual([focused, inView], [true, true], `${text} has the focus and is in view`);
}

// What pages load, compressed; the texts of one language.
export async function weigh() {
  const page = await person();
  const sizes = new Map();
  page.on("requestfinished", async (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith("/api/") || pathname.startsWith("/platform/api/")) return;
    // Once it is loaded, it comes from the browser's cache.
    sizes.set(pathname, Math.max(sizes.get(pathname) ?? 0, (await request.sizes()).responseBodySize));
  });
  for (const path of ["login", "register", "reset-password", "set-password", "second-factor", "factors", "", "../accounts/confirm-email/a/"]) {
    await page.goto(`${base}/platform/${path}`);
    await page.waitForLoadState("networkidle");
  }
  await page.context().close();
  const sum = [...sizes.values()].reduce((a, b) => a + b, 0);
  assert.ok(sizes.size > 20 && sum > 20000 && sum < 60000, `${sizes.size} files, ${sum} bytes`);
  return sum;
}

// How far the walk came; ends the browser and the mail server.
export const seen = () =>
  `${looked} looked at by axe in light, dark and forced colours, at 320 px and with text of twice the size, ${pictures} pictures, ${requests} requests, none elsewhere`;

export async function close() {
  await browser.close();
  smtp.close();
  process.stdin.destroy();
}
