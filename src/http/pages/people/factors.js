// Second factors: the second step of a sign-in, and the page that manages them.
//
// `tools` are the helpers of script.js. A secret and a recovery code are shown as text, once.
import texts from "/platform/texts.js";

const step = "/platform/api/second-factor/";
const base = "/platform/api/factors/";

export async function secondStep(root, { api, complain, form, next, say }) {
  form(root, async (body) => {
    const answer = await api("POST", step, body);
    if (answer.ok) location.assign(answer.data.next || next());
    else if (answer.status === 404) say(root, texts["second.over"], true);
    else complain(root, answer);
  });
  root.querySelector("#code").focus();
  const { ok, status, data } = await api("GET", step);
  if (!ok) say(root, status === 404 ? texts["second.over"] : (data.detail ?? texts.failed), true);
  root.querySelector("#remembering").hidden = !data.remember;
}

export async function managed(root, { api, busy, clear, complain, element, form, list, minute, say }) {
  const [devices, recovery] = ["devices", "recovery"].map((id) => document.getElementById(id));
  const [add, setup, renew, copy, codes] = ["add", "setup", "renew", "copy", "codes"].map((id) => document.getElementById(id));
  const rows = (path, none, row) => list(devices, path, none, row);
  const shown = rows(base, texts["factors.none"], ({ id, name, created, last_used }) => {
    const what = name || texts["factors.unnamed"];
    const used = last_used ? `${texts["factors.used"]} ${minute(last_used)}` : texts["factors.unused"];
    const small = `${texts["factors.made"]} ${minute(created)}, ${used}`;
    return { what, small, does: [shown.does(texts["factors.remove"], what, `${base}${id}/remove/`, texts["factors.removed"], refresh)] };
  });
  async function overview() {
    const { ok, status, data } = await api("GET", base);
    if (status === 401 || status === 403) return location.replace("/platform/login?next=/platform/factors");
    if (!ok) return say(root, data.detail ?? texts.failed, true);
    recovery.hidden = !data.factors.length;
    document.getElementById("left").textContent = data.recovery_codes;
    say(root, data.required && !data.factors.length ? texts["factors.required"] : "");
  }
  async function refresh() {
    await Promise.all([shown.show(), overview()]);
  }
  function show(made) {
    if (!made.length) return;
    codes.hidden = false;
    codes.querySelector("ul").replaceChildren(...made.map((code) => element("li", {}, element("code", { textContent: code }))));
    copy.onclick = async () => {
      await navigator.clipboard.writeText(made.join("\n"));
      say(recovery, texts["recovery.copied"]);
    };
  }
  let started = {};
  add.addEventListener("click", () => busy(add, async () => {
    clear(devices);
    const answer = await api("POST", `${base}totp/`);
    if (!answer.ok) return complain(devices, answer);
    started = answer.data;
    document.getElementById("qr").src = `data:image/svg+xml,${encodeURIComponent(started.qr)}`;
    document.getElementById("secret").textContent = started.secret.match(/.{1,4}/g).join(" ");
    setup.hidden = false;
    document.getElementById("name").focus();
  }));
  form(setup.parentElement, async (body, made) => {
    const answer = await api("POST", `${base}totp/confirm/`, { ...body, setup: started.setup });
    if (!answer.ok) return complain(devices, answer);
    made.reset();
    setup.hidden = true;
    await refresh();
    show(answer.data.recovery_codes);
    say(devices, texts["factors.added"]);
    devices.querySelector(".summary").focus();
  });
  renew.addEventListener("click", () => busy(renew, async () => {
    clear(recovery);
    const answer = await api("POST", "/platform/api/recovery-codes/");
    if (!answer.ok) return complain(recovery, answer);
    await overview();
    show(answer.data.recovery_codes);
  }));
  await Promise.all([shown.shown, overview()]);
}
