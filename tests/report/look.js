// look.js CHROMIUM DIRECTORY: opens DIRECTORY/report.html as a reader would. Fails when search, the severities or the
// themes do not work, when the page asks for anything from outside, or when the console has an error.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const [executablePath, folder] = process.argv.slice(2);
const address = pathToFileURL(`${folder}/report.html`).href;
const findings = JSON.parse(await readFile(`${folder}/report.json`, "utf8"));
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
quiet.push("--disable-background-networking", "--disable-component-update");
const browser = await chromium.launch({ executablePath, args: quiet });

const faults = [];
async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 1000 }, ...options });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && faults.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("dialog", () => faults.push("a text of the document was run"));
  context.on("request", (request) => request.url() !== address && faults.push(`asked for ${request.url()}`));
  await page.goto(address);
  return page;
}
const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
const visible = (page) => page.locator(".finding:visible").count();

try {
  const page = await open({ colorScheme: "light" });
  assert.equal(await page.locator("h1").innerText(), "This change breaks clients");
  assert.equal(await visible(page), findings.length + 1, "each finding, and the accepted one");
  assert.match(await page.locator(".note").innerText(), /matches no finding/);
  await page.screenshot({ path: `${folder}/light.png`, fullPage: true });

  // Search, by several words in any order; severities; both together.
  await page.keyboard.press("/");
  await page.keyboard.type("born Pet");
  const born = findings.filter((one) => one.place.includes("born")).length;
  assert.equal(await visible(page) >= born && born > 0, true);
  for (const text of await page.locator(".finding:visible").allTextContents()) assert.match(text, /born/i);
  assert.match(await page.locator("#shown").innerText(), /^\d+ of \d+ findings shown$/);
  await page.locator("#search").fill("there is no such text");
  assert.equal(await visible(page), 0);
  assert.equal(await page.locator(".group:visible").count(), 0);
  await page.locator("#search").fill("");
  const harmless = findings.filter((one) => one.severity === "compatible").length;
  await page.locator('input[value="compatible"]').uncheck();
  assert.equal(await visible(page), findings.length + 1 - harmless);
  await page.locator('input[value="compatible"]').check();

  // A finding opens, and leads to its rule.
  const first = page.locator(".finding").first();
  await first.locator("summary").click();
  await page.screenshot({ path: `${folder}/open.png` });
  await first.locator("a").click();
  // The browser tells the page of its new address a moment later.
  await page.locator(".rules details[open]").first().waitFor();
  assert.equal(await page.locator(".rules details[open]").count(), 1);

  // Light and dark: by the system, and by the button against it.
  const light = await background(page);
  await page.locator("#theme").click();
  const dark = await background(page);
  assert.notEqual(light, dark);
  const system = await open({ colorScheme: "dark" });
  assert.equal(await background(system), dark);
  await system.screenshot({ path: `${folder}/dark.png` });
  await system.locator("#theme").click();
  assert.equal(await background(system), light);

  // Without scripts everything is there to read; on a narrow screen nothing is wider than it.
  const plain = await open({ javaScriptEnabled: false });
  assert.equal(await visible(plain), findings.length + 1);
  const narrow = await open({ viewport: { width: 360, height: 800 } });
  const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  assert.equal(await narrow.evaluate(overflow), 0);
  await narrow.screenshot({ path: `${folder}/narrow.png` });
  assert.deepEqual(faults, []);
  console.log(`report: ${findings.length} findings, searched, filtered, light and dark`);
} finally {
  await browser.close();
}
