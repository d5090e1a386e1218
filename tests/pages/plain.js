// plain.js: pages that stay still, a phone, and browsers without JavaScript.
import assert from "node:assert/strict";
import { passwords, username } from "./people.js";
import { base, person, picture, still, until } from "./tools.js";

// As those without a script see them.
export async function plain(page) {
  const paths = ["login", "register", "reset-password", "set-password?uid=1&token=2", ""];
  for (const path of paths) await still(page, `/platform/${path}`);

  // A phone, and a browser without JavaScript.
  const phone = await person({ viewport: { width: 360, height: 800 }, colorScheme: "dark" });
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
}
