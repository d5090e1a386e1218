// walk.js: an account's life on the pages, as `run` says.
import assert from "node:assert/strict";
import { account, tokens } from "./account.js";
import { forgotten, refusals, register } from "./entering.js";
import { factors } from "./factors.js";
import { languages } from "./languages.js";
import { plain } from "./plain.js";
import { close, faults, person, seen } from "./tools.js";

const page = await person();
try {
  for (const part of [register, account, forgotten, refusals, tokens, factors, plain, languages]) await part(page);
  assert.deepEqual(faults, []);
  console.log(`pages: ${seen()}`);
} catch (error) {
  await page.screenshot({ path: "failed.png", fullPage: true });
  console.error(faults.join("\n"));
  throw error;
} finally {
  await close();
}
