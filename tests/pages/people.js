// people.js: who walks, and how they sign in.
import { base, field, press, until } from "./tools.js";

export const [username, email, second] = ["amy", "amy@example.com", "amy@work.example.com"];
export const passwords = ["Zebra-Quartz-77", "Quagga-Topaz-88", "Lemur-Basalt-99"];

export async function signIn(page, password) {
  await page.goto(`${base}/platform/login`);
  await field(page, "User name or e-mail address").fill(username);
  await field(page, "Password").fill(password);
  await press(page, "Sign in");
  await page.waitForURL(`${base}/platform/`);
  await until(page.locator("#sessions .rows"), "This one");
}
