// walk.js: an account's life on the pages, as `run` says.
import assert from "node:assert/strict";
import { account, leave, lists, tokens } from "./account.js";
import { forgotten, refusals, register } from "./entering.js";
import { factors } from "./factors.js";
import { languages } from "./languages.js";
import { plain } from "./plain.js";
import { site } from "./site.js";
import { close, faults, person, seen, weigh } from "./tools.js";

const page = await person();
try {
  for (const part of [register, account, forgotten, refusals, tokens, lists, factors, plain, languages, site, leave]) await part(page);
  const weight = await weigh();
  assert.deepEqual(faults, []);
  console.log(`pages: ${seen()}, ${weight} bytes compressed`);
} catch (error) {
  await page.screenshot({ path: "failed.png", fullPage: true });
  console.error(faults.join("\n"));
  throw error;
} finally {
  await close();
}
