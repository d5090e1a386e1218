// One's own account as a whole: recent activity, a copy of all data, deletion.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { list } from "/platform/list.js";
import { busy, clear, complain, minute, say } from "/platform/ui.js";

// The newest ones; the copy has all.
const shownEntries = 20;

export function activity(section) {
  const shown = list(section, "/platform/api/activity/", texts["activity.none"], ({ last_at, event, client, detail, count }) => {
    const times = count > 1 ? ` × ${count}` : "";
    const small = [minute(last_at), client, detail].filter(Boolean).join(" · ");
    return { text: `${event.replaceAll("_", " ")}${times}`, small };
  }, (data) => data.slice(0, shownEntries));
  return shown.shown;
}

export function ownData(section) {
  const [copy, end] = ["export", "delete"].map((id) => document.getElementById(id));
  copy.addEventListener("click", () => busy(copy, async () => {
    clear(section);
    const answer = await api("GET", "/platform/api/export/");
    if (!answer.ok) return complain(section, answer);
    const file = new Blob([JSON.stringify(answer.data, null, 2)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "account.json" });
    link.click();
    URL.revokeObjectURL(link.href);
    say(section, texts["own.exported"]);
  }));
  end.addEventListener("click", () => busy(end, async () => {
    clear(section);
    const answer = await api("POST", "/platform/api/delete/");
    if (answer.ok) location.assign("/platform/login?done=deleted");
    else complain(section, answer);
  }));
}
