// The page that manages second factors. A secret and a recovery code are shown as text, once.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { available, create, failure } from "/platform/passkeys.js";
import { list } from "/platform/list.js";
import { busy, clear, complain, copies, count, element, form, minute, say, start } from "/platform/ui.js";

const base = "/platform/api/factors/";

async function factors(root) {
  const [devices, keys, recovery] = ["devices", "passkeys", "recovery"].map((id) => document.getElementById(id));
  const [add, setup, renew, copy, codes] = ["add", "setup", "renew", "copy", "codes"].map((id) => document.getElementById(id));
  const details = ({ created, last_used }) => {
    const used = last_used ? `${texts["factors.used"]} ${minute(last_used)}` : texts["factors.unused"];
    return `${texts["factors.made"]} ${minute(created)}, ${used}`;
  };
  const shown = list(devices, base, texts["factors.none"], ({ id, name, ...times }) => {
    const text = name || texts["factors.unnamed"];
    const small = details(times);
    const remove = shown.action(texts["factors.remove"], text, `${base}${id}/remove/`, texts["factors.removed"], refresh);
    return { text, small, actions: [remove] };
  });
  const shownKeys = list(keys, base, texts["passkeys.none"], ({ id, name, ...times }) => {
    const text = name || texts["passkeys.unnamed"];
    const path = `${base}passkeys/${id}/remove/`;
    const remove = shownKeys.action(texts["factors.remove"], text, path, texts["factors.removed"], refresh);
    return { text, small: details(times), actions: [remove] };
  }, (data) => data.passkeys);
  async function overview() {
    const { ok, status, data } = await api("GET", base);
    if (status === 401 || status === 403) return location.replace("/platform/login?next=/platform/factors");
    if (!ok) return say(root, data.detail ?? texts.failed, true);
    const hasFactor = data.factors.length + data.passkeys.length > 0;
    recovery.hidden = !hasFactor;
    document.getElementById("left").textContent = count("recovery.left", data.recovery_codes);
    say(root, data.required && !hasFactor ? texts["factors.required"] : "");
  }
  async function refresh() {
    await Promise.all([shown.show(), shownKeys.show(), overview()]);
  }
  function show(made) {
    if (!made.length) return;
    codes.hidden = false;
    codes.querySelector("ul").replaceChildren(...made.map((code) => element("li", {}, element("code", { textContent: code }))));
    copies(copy, made.join("\n"), recovery);
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
  form(keys, async (body, made) => {
    if (!available) return say(keys, texts["passkeys.missing"], true);
    const options = await api("POST", `${base}passkeys/`);
    if (!options.ok) return complain(keys, options);
    const credential = await create(options.data).catch((error) => complain(keys, failure(error)));
    if (!credential) return;
    const answer = await api("POST", `${base}passkeys/confirm/`, { ...credential, ...body });
    if (!answer.ok) return complain(keys, answer);
    made.reset();
    await refresh();
    show(answer.data.recovery_codes);
    say(keys, texts["factors.added"]);
    keys.querySelector(".summary").focus();
  });
  renew.addEventListener("click", () => busy(renew, async () => {
    clear(recovery);
    const answer = await api("POST", "/platform/api/recovery-codes/");
    if (!answer.ok) return complain(recovery, answer);
    await overview();
    show(answer.data.recovery_codes);
  }));
  await Promise.all([shown.shown, shownKeys.shown, overview()]);
}

start({ factors });
