// Browser sessions of the account: where it is signed in.
import texts from "/platform/texts.js";
import { list, sweep } from "/platform/list.js";
import { minute, tag, tell } from "/platform/ui.js";

const base = "/platform/api/sessions/";

export function sessions(section) {
  const others = document.getElementById("end-others");
  const row = ({ id, current, created, last_seen, client, browser, user_agent }) => {
    const text = browser || user_agent || texts["sessions.unknown"];
    const seen = last_seen ? `, ${texts["sessions.seen"]} ${minute(last_seen)}` : "";
    const small = `${texts["sessions.since"]} ${minute(created)}${seen}${client ? ` · ${client}` : ""}`;
    const end = { label: texts["sessions.end"], path: `${base}${id}/end/`, done: texts["sessions.ended"] };
    const shown = { text, title: user_agent, small };
    return current ? { ...shown, tags: [tag(texts["sessions.current"], "good")] } : { ...shown, actions: [end] };
  };
  const shown = list(section, base, "", row, { loaded: (items) => (others.hidden = items.length < 2) });
  section.addEventListener("stale", shown.show);
  sweep(others, section, "sessions.end_others.ask", `${base}end-others/`, async () => {
    await shown.show();
    tell(section, texts["sessions.ended"]);
  });
  return shown.shown;
}
