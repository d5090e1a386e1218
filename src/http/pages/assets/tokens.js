// API tokens: list, create, revoke. A key is shown as text, once.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { list } from "/platform/list.js";
import { busy, clear, complain, copies, day, form, minute, say } from "/platform/ui.js";

export function tokens(section) {
  const base = "/platform/api/tokens/";
  const shown = list(section, base, texts["tokens.none"], ({ id, name, created, expires, last_seen }) => {
    const text = name || `${texts["tokens.unnamed"]} ${id}`;
    const seen = last_seen ? `${texts["tokens.seen"]} ${day(last_seen)}` : texts["tokens.never"];
    const small = `${texts["tokens.made"]} ${minute(created)}, ${texts["tokens.expires"]} ${day(expires)}, ${seen}`;
    return { text, small, actions: [shown.action(texts["tokens.revoke"], text, `${base}${id}/revoke/`, texts["tokens.revoked"])] };
  });
  section.addEventListener("stale", shown.show);
  const made = document.getElementById("new-token");
  form(section, async (body, filled) => {
    const answer = await api("POST", base, body);
    if (!answer.ok) return complain(section, answer);
    filled.reset();
    document.getElementById("token-key").textContent = answer.data.key;
    copies(document.getElementById("copy-token"), answer.data.key, section);
    made.hidden = false;
    await shown.show();
    say(section, texts["tokens.created"]);
    section.querySelector(".summary").focus();
  });
  const all = document.getElementById("revoke-all");
  all.addEventListener("click", () => busy(all, async () => {
    clear(section);
    const answer = await api("POST", `${base}revoke-all/`);
    if (!answer.ok) return complain(section, answer);
    made.hidden = true;
    await shown.show();
    say(section, texts["tokens.revoked"]);
  }));
  return shown.shown;
}
