// factors.js: a second factor set up, used, lost and removed.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { passwords, username } from "./people.js";
import { agree, base, errorOf, field, look, picture, press, says, until } from "./tools.js";

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

// A wrong code, the right one, recovery codes.
export async function factors(page) {
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
    await field(page, "User name or e-mail address").fill(username);
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
  await agree(page, "The earlier ones stop working.", "Make new recovery codes");
  await until(page.locator("#left"), "10");
  await press(page, "Remove phone");
  await agree(page, "It no longer signs you in.", "Remove");
  await says(page, "Removed.", "#devices");
  await until(page.locator("#devices .rows"), "No authenticator app yet.");
  await page.goto(`${base}/platform/second-factor`);
  await says(page, "This sign-in took too long.");
  await page.goto(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");
}
