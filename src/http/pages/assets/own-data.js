// One's own account as a whole: recent activity, a copy of all data, deletion.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { list, sweep } from "/platform/list.js";
import { busy, clear, complain, day, minute, tell } from "/platform/ui.js";

// The newest ones; the copy has all.
const shownEntries = 50;

export function activity(section) {
  const row = ({ last_at, event, client, detail, count }) => {
    const times = count > 1 ? ` × ${count}` : "";
    // An event of a later version has no text yet.
    const text = texts[`event.${event}`] ?? event.replaceAll("_", " ");
    const by = client === "operator" ? texts["activity.operator"] : client;
    const about = /^\d{4}-\d\d-\d\d$/.test(detail) ? day(detail) : detail;
    return { text: text + times, small: [minute(last_at), by, about].filter(Boolean).join(" · ") };
  };
  const pick = (data) => data.slice(0, shownEntries);
  return list(section, "/platform/api/activity/", texts["activity.none"], row, { pick }).shown;
}

export function ownData(section) {
  const [copy, end] = ["export", "delete"].map((id) => document.getElementById(id));
  copy.addEventListener("click", () => busy(copy, async () => {
    clear(section);
    const response = await api("GET", "/platform/api/export/");
    if (!response.ok) return complain(section, response);
    const file = new Blob([JSON.stringify(response.data, null, 2)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "account.json" });
    link.click();
    URL.revokeObjectURL(link.href);
    tell(section, texts["own.exported"]);
  }));
  sweep(end, end.closest("details"), "own.delete.ask", "/platform/api/delete/", () => location.assign("/platform/login?done=deleted"));
}
