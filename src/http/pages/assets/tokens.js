// API tokens: list, create, revoke. A key is shown as text, once.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { list, sweep } from "/platform/list.js";
import { complain, copies, day, form, minute, tell } from "/platform/ui.js";

export function tokens(section) {
  const base = "/platform/api/tokens/";
  const [made, all] = ["new-token", "revoke-all"].map((id) => document.getElementById(id));
  const row = ({ id, name, created, expires, last_seen }) => {
    const text = name || `${texts["tokens.unnamed"]} ${id}`;
    const seen = last_seen ? `${texts["tokens.seen"]} ${day(last_seen)}` : texts["tokens.never"];
    const small = `${texts["tokens.made"]} ${minute(created)}, ${texts["tokens.expires"]} ${day(expires)}, ${seen}`;
    const revoke = { label: texts["tokens.revoke"], path: `${base}${id}/revoke/`, done: texts["tokens.revoked"], asks: "tokens.revoke.ask" };
    return { text, small, actions: [revoke] };
  };
  const shown = list(section, base, texts["tokens.none"], row, { loaded: (items) => (all.hidden = !items.length) });
  section.addEventListener("stale", shown.show);
  form(section, async (body, filled) => {
    const response = await api("POST", base, body);
    if (!response.ok) return complain(filled, response);
    filled.reset();
    document.getElementById("token-key").textContent = response.data.key;
    copies(document.getElementById("copy-token"), response.data.key, made);
    made.hidden = false;
    await shown.show();
    tell(made, texts["tokens.created"]);
    made.scrollIntoView({ block: "nearest" });
  });
  sweep(all, section, "tokens.revoke_all.ask", `${base}revoke-all/`, async () => {
    made.hidden = true;
    await shown.show();
    tell(section, texts["tokens.revoked"]);
  });
  return shown.shown;
}
