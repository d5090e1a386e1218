// API tokens: to list, to make and to revoke.
//
// `tools` are the helpers of script.js. A key is shown as text, once.
import texts from "/platform/texts.js";

export function tokens(section, { api, busy, clear, complain, day, form, list, minute, say }) {
  const base = "/platform/api/tokens/";
  const shown = list(section, base, texts["tokens.none"], ({ id, name, created, expires, last_seen }) => {
    const what = name || `${texts["tokens.unnamed"]} ${id}`;
    const seen = last_seen ? `${texts["tokens.seen"]} ${day(last_seen)}` : texts["tokens.never"];
    const small = `${texts["tokens.made"]} ${minute(created)}, ${texts["tokens.expires"]} ${day(expires)}, ${seen}`;
    return { what, small, does: [shown.does(texts["tokens.revoke"], what, `${base}${id}/revoke/`, texts["tokens.revoked"])] };
  });
  section.addEventListener("stale", shown.show);
  const made = document.getElementById("new-token");
  form(section, async (body, filled) => {
    const answer = await api("POST", base, body);
    if (!answer.ok) return complain(section, answer);
    filled.reset();
    document.getElementById("token-key").textContent = answer.data.key;
    made.hidden = false;
    document.getElementById("copy-token").onclick = async () => {
      await navigator.clipboard.writeText(answer.data.key);
      say(section, texts["recovery.copied"]);
    };
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
