// site.js: the pages as one site: sign-in by address and on to where one was going, providers, the look of an operator,
// the mailbox of the demonstration, and paths that lead nowhere. In English and in German.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { passwords, second } from "./people.js";
import { allow, base, field, linkTo, look, person, picture, press } from "./tools.js";

const english = {
  locale: "en-GB", name: "User name or e-mail address", password: "Password", signIn: "Sign in", register: "Create an account", or: "or",
  missing: "Page not found", back: "To your account", provider: "Sign in with Demo Provider", onward: "Continue to Demo Provider",
  demoProvider: "Demo provider", choose: "Continue as Robin Example", factors: "Second factor", help: "Help:", mails: "Emails", from: "From",
};
const german = {
  locale: "de-DE", name: "Benutzername oder E-Mail-Adresse", password: "Passwort", signIn: "Anmelden", register: "Konto erstellen", or: "oder",
  missing: "Seite nicht gefunden", back: "Zu Ihrem Konto", provider: "Mit Demo Provider anmelden", onward: "Weiter zu Demo Provider",
  demoProvider: "Anmeldedienst zum Ausprobieren", choose: "Weiter als Robin Example", factors: "Zweiter Faktor", help: "Hilfe:", mails: "E-Mails", from: "Von",
};

const title = (page) => page.locator("h1").textContent();

// A demonstration in an operator's look: its URL, and its end.
async function demonstration() {
  const folder = mkdtempSync(`${process.cwd()}/look-`);
  writeFileSync(`${folder}/logo.svg`, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 2 4 0l4 2v4L4 8 0 6z" fill="#7a1f5f"/></svg>');
  const look = { INVENTREE_PRODUCT_NAME: "Stock room", INVENTREE_SUPPORT_CONTACT: "help@example.com", INVENTREE_BRAND_COLOR: "#7a1f5f" };
  const more = { INVENTREE_FOOTER: "Example Ltd,Imprint=https://example.com/imprint", INVENTREE_CUSTOMIZE_DIR: folder };
  const demo = spawn(process.env.BINARY, ["serve", "--demo", "--bind", "127.0.0.1:0"], { env: { ...process.env, ...look, ...more }, stdio: ["ignore", "pipe", "ignore"] });
  const end = async () => {
    demo.kill();
    if (demo.exitCode === null) await once(demo, "exit");
    rmSync(folder, { recursive: true });
  };
  for await (const line of createInterface({ input: demo.stdout })) {
    const found = line.match(/open +(\S+)\/platform\/$/);
    if (found) return { url: found[1], end };
  }
  throw new Error("the demonstration did not start");
}

async function wayIn(words) {
  // The address stands for the name, and next survives another page on the way.
  const page = await person({ locale: words.locale });
  await page.goto(`${base}/platform/register?next=/platform/factors`);
  await page.locator("nav.links a").click();
  await page.waitForURL(`${base}/platform/login?next=*`);
  await field(page, words.name).fill(second);
  await field(page, words.password).fill(passwords[2]);
  await press(page, words.signIn);
  await page.waitForURL(`${base}/platform/factors`);
  assert.equal(await title(page), words.factors);
  // Signed in already.
  for (const path of ["login", "register", "login?next=//example.net/"]) {
    await page.goto(`${base}/platform/${path}`);
    assert.equal(page.url(), `${base}/platform/`, path);
  }
  await page.goto(`${base}/platform//factors/`);
  assert.equal(page.url(), `${base}/platform/factors`);

  const response = await page.goto(`${base}/platform/no-such-page`);
  assert.equal(response.status(), 404);
  assert.equal(await title(page), words.missing);
  await look(page, `missing, ${words.locale}`);
  await picture(page, `missing-${words.locale}`);
  await page.getByRole("link", { name: words.back }).click();
  await page.waitForURL(`${base}/platform/`);
}

// A forgotten password on the way to a page, and a word about one that has leaked.
async function throughReset() {
  const page = await person({ locale: english.locale });
  await page.goto(`${base}/platform/login?next=/platform/factors`);
  await page.locator('nav.links a[href*="/platform/reset-password"]').click();
  await page.waitForURL(`${base}/platform/reset-password?next=*`);
  await page.locator("#email").fill(second);
  await page.locator("button.primary").click();
  await page.goto(base + await linkTo(second));
  await page.locator("#new_password1").fill(passwords[2]);
  await page.locator("#new_password2").fill(passwords[2]);
  await page.locator("button.primary").click();
  await page.waitForURL(`${base}/platform/login?done=reset&next=*`);
  await page.route("**/platform/api/login/", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { leaked: true } });
  });
  await field(page, english.name).fill(second);
  await field(page, english.password).fill(passwords[2]);
  await press(page, english.signIn);
  await page.getByText("This password is in a list of leaked passwords. Change it.").waitFor();
  await look(page, "leaked password");
  await picture(page, "leaked-password");
  assert.equal(await page.locator("nav.links a").first().getAttribute("href"), "/platform/#password");
  await page.getByRole("link", { name: "Continue" }).click();
  await page.waitForURL(`${base}/platform/factors`);
}

async function atTheDemo(words, url) {
  const page = await person({ locale: words.locale });
  await page.goto(`${url}/platform/login?next=/platform/factors`);
  await page.getByRole("link", { name: words.register }).click();
  await page.getByRole("button", { name: words.provider }).waitFor();
  assert.equal(await page.locator(".or").textContent(), words.or);
  // The operator's look.
  assert.ok((await page.title()).includes("Stock room"), await page.title());
  assert.ok(await page.locator("img.logo").evaluate((logo) => logo.complete && logo.naturalWidth > 0), "the logo is shown");
  assert.equal(await page.locator("button.primary").first().evaluate((button) => getComputedStyle(button).backgroundColor), "rgb(122, 31, 95)");
  assert.ok((await page.locator("ul.foot").textContent()).includes(words.help));
  await look(page, `register with a provider, ${words.locale}`);
  await picture(page, `register-provider-${words.locale}`);
  await press(page, words.provider);
  await page.locator("main.demo-provider").waitFor();
  assert.equal(await title(page), words.demoProvider);
  await look(page, `demo provider, ${words.locale}`);
  await picture(page, `demo-provider-${words.locale}`);
  await press(page, words.choose);
  await page.waitForURL(`${url}/platform/factors`);
  assert.equal(await title(page), words.factors);

  await page.locator(".banner a").click();
  await page.waitForURL(`${url}/platform/demo/mails/`);
  assert.equal(await title(page), words.mails);
  await look(page, `mailbox, ${words.locale}`);
  await picture(page, `mailbox-${words.locale}`);

  // Without a script, from the page of the provider to the account.
  const plain = await person({ locale: words.locale, javaScriptEnabled: false });
  await plain.goto(`${url}/api/auth/social/demo/login/`);
  await press(plain, words.onward);
  await plain.locator("main.demo-provider").waitFor();
  await press(plain, words.choose);
  await plain.waitForURL(`${url}/platform/`);
}

export async function site() {
  const { url, end } = await demonstration();
  allow(url);
  try {
    await throughReset();
    for (const words of [english, german]) {
      await wayIn(words);
      await atTheDemo(words, url);
    }
  } finally {
    await end();
  }
}
