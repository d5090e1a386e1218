// languages.js: the pages in a second language, and the choice of a third, with and without scripts.
import assert from "node:assert/strict";
import { passwords, second as email, username } from "./people.js";
import { base, look, person, picture } from "./tools.js";

const title = (page) => page.locator("h1").textContent();

export async function languages() {
  const account = { username, password: passwords[2] };
  const german = await person({ locale: "de-DE" });
  await german.goto(`${base}/platform/login`);
  assert.equal(await german.locator("html").getAttribute("lang"), "de");
  assert.equal(await title(german), "Anmelden");
  await german.getByLabel("Benutzername oder E-Mail-Adresse", { exact: true }).fill(account.username);
  await german.getByLabel("Passwort", { exact: true }).fill(account.password);
  await look(german, "sign-in-german");
  await german.getByRole("button", { name: "Anmelden", exact: true }).click();
  await german.waitForURL(`${base}/platform/`);
  const sessions = german.locator("#sessions .rows");
  await sessions.filter({ hasText: "Diese" }).waitFor();
  // As Intl writes a month in German.
  const [day] = await german.evaluate(() => [new Date().toLocaleString("de", { day: "numeric", month: "short" })]);
  assert.ok((await sessions.textContent()).includes(day), `${await sessions.textContent()} has ${day}`);
  // What is asked, what happened, and what the server says of a password.
  await german.locator("#activity .rows", { hasText: "Angemeldet" }).waitFor();
  await german.locator("#activity summary", { hasText: /^\d+ weitere zeigen$/ }).waitFor();
  await german.locator("#emails .rows", { hasText: "Ihre letzte bestätigte Adresse lässt sich nicht entfernen" }).waitFor();
  await german.getByRole("button", { name: "Alle anderen beenden" }).click();
  await german.locator("dialog", { hasText: "Diese Browser werden sofort abgemeldet." }).getByRole("button", { name: "Abbrechen" }).click();
  await german.locator("#new_password1").fill("sunshine");
  await german.locator("#new_password1-rules li:not(.met)", { hasText: "ist kein häufiges oder veröffentlichtes" }).waitFor();
  await german.locator("#new_password2").fill("anders");
  await german.getByRole("button", { name: "Passwort ändern" }).click();
  await german.locator("#new_password2-error", { hasText: "Die beiden Passwörter sind verschieden." }).waitFor();
  await german.locator("#new_password1").fill("");
  await german.locator("#new_password2").fill("");
  await german.locator("#emails input").fill(email);
  await german.locator("#emails form button").click();
  await german.locator("#emails .summary", { hasText: "Ihr Konto hat diese Adresse bereits." }).waitFor();
  await german.locator("#token-name").fill("Sicherung");
  await german.locator("#token-days").fill("400");
  await german.locator("#tokens form button").click();
  await german.locator("#token-days-error", { hasText: "Geben Sie eine Zahl von 1 bis 365 ein." }).waitFor();
  await german.locator("#token-days").fill("30");
  await german.locator("#tokens form button").click();
  await german.getByRole("button", { name: "Widerrufen Sicherung" }).click();
  const dialog = german.locator("dialog", { hasText: "Sicherung widerrufen? Programme, die" });
  await dialog.getByRole("button", { name: "Widerrufen" }).click();
  await german.locator("#tokens > .summary", { hasText: "Widerrufen." }).waitFor();
  await look(german, "account-german");
  await german.evaluate(() => scrollTo(0, 0));
  await picture(german, "account-german");

  // A link that is no good.
  await german.goto(`${base}/accounts/confirm-email/no-such-key/`);
  await german.locator(".summary.bad", { hasText: "abgelaufen" }).waitFor();
  await german.goto(`${base}/platform/set-password?uid=1&token=2`);
  await german.locator(".summary.bad", { hasText: "abgelaufen" }).waitFor();

  // The choice at the foot of the page comes before the browser's, and survives a link's values.
  await german.goto(`${base}/platform/set-password?uid=1&token=2`);
  await german.locator("#language").selectOption("fr");
  await german.locator("form.language button").click();
  await german.locator("html[lang=fr]").waitFor();
  assert.equal(await title(german), "Choisir un nouveau mot de passe");
  await german.locator(".summary.bad", { hasText: "a expiré ou a déjà été utilisé" }).waitFor();
  await german.goto(`${base}/platform/`);
  await german.locator("#sessions .rows", { hasText: "Celle-ci" }).waitFor();

  // A session that ends while its page is open leads to sign-in, and back.
  const ended = await person();
  await ended.goto(`${base}/platform/login`);
  await ended.getByLabel("User name or e-mail address", { exact: true }).fill(account.username);
  await ended.getByLabel("Password", { exact: true }).fill(account.password);
  await ended.keyboard.press("Enter");
  await ended.locator("#sessions .rows", { hasText: "This one" }).waitFor();
  await ended.context().clearCookies();
  await ended.locator("#profile form button").click();
  await ended.locator(".summary", { hasText: "Your session has ended." }).waitFor();
  assert.equal(new URL(ended.url()).searchParams.get("next"), "/platform/");

  const plain = await person({ javaScriptEnabled: false, locale: "cs-CZ" });
  await plain.goto(`${base}/platform/register`);
  assert.equal(await title(plain), "Vytvořit účet");
  await plain.locator("#language").selectOption("ja");
  await plain.locator("form.language button").click();
  await plain.locator("html[lang=ja]").waitFor();
  assert.equal(plain.url(), `${base}/platform/register`);
  assert.equal(await title(plain), "アカウントを作成");
}
