// The page that manages second factors. A secret and a recovery code are shown as text, once.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { available, create, failure } from "/platform/passkeys.js";
import { list, sweep } from "/platform/list.js";
import { busy, clear, complain, copies, count, element, failed, form, minute, say, start, tell } from "/platform/ui.js";

const base = "/platform/api/factors/";

async function factors(root) {
  const [devices, keys, recovery] = ["devices", "passkeys", "recovery"].map((id) => document.getElementById(id));
  const [add, setup, renew, copy, codes] = ["add", "setup", "renew", "copy", "codes"].map((id) => document.getElementById(id));
  const details = ({ created, last_used }) => {
    const used = last_used ? `${texts["factors.used"]} ${minute(last_used)}` : texts["factors.unused"];
    return `${texts["factors.made"]} ${minute(created)}, ${used}`;
  };
  const remove = (path) => ({ label: texts["factors.remove"], path, done: texts["factors.removed"], asks: "factors.remove.ask" });
  const device = ({ id, name, ...times }) =>
    ({ text: name || texts["factors.unnamed"], small: details(times), actions: [remove(`${base}${id}/remove/`)] });
  const passkey = ({ id, name, ...times }) =>
    ({ text: name || texts["passkeys.unnamed"], small: details(times), actions: [remove(`${base}passkeys/${id}/remove/`)] });
  const shown = list(devices, base, texts["factors.none"], device, { after: refresh });
  const shownKeys = list(keys, base, texts["passkeys.none"], passkey, { pick: (data) => data.passkeys, after: refresh });
  async function overview() {
    const { ok, status, data } = await api("GET", base);
    if (status === 401 || status === 403) return location.replace("/platform/login?next=/platform/factors");
    if (!ok) return root.querySelector(".sections").replaceChildren(...failed({ data }, () => location.reload()));
    const hasFactor = data.factors.length + data.passkeys.length > 0;
    recovery.hidden = !hasFactor;
    document.getElementById("left").textContent = count("recovery.left", data.recovery_codes);
    say(root, data.required && !hasFactor ? texts["factors.required"] : "");
  }
  async function refresh() {
    await Promise.all([shown.show(), shownKeys.show(), overview()]);
  }
  function show(made) {
    codes.hidden = false;
    codes.querySelector("ul").replaceChildren(...made.map((code) => element("li", {}, element("code", { textContent: code }))));
    copies(copy, made.join("\n"), codes);
    tell(codes, texts["event.recovery_codes_made"]);
    codes.scrollIntoView({ block: "nearest" });
  }
  // The first factor comes with recovery codes, which need a look now.
  function added(section, { data }) {
    const { recovery_codes: made } = data;
    if (!made.length) return tell(section, texts["factors.added"]);
    show(made);
    say(section, texts["factors.added"]);
  }
  let started = {};
  add.addEventListener("click", () => busy(add, async () => {
    clear(devices);
    const response = await api("POST", `${base}totp/`);
    if (!response.ok) return complain(devices, response);
    started = response.data;
    document.getElementById("qr").src = `data:image/svg+xml,${encodeURIComponent(started.qr)}`;
    document.getElementById("secret").textContent = started.secret.match(/.{1,4}/g).join(" ");
    setup.hidden = false;
    document.getElementById("name").focus();
  }));
  form(setup.parentElement, async (body, made) => {
    const response = await api("POST", `${base}totp/confirm/`, { ...body, setup: started.setup });
    if (!response.ok) return complain(made, response);
    made.reset();
    setup.hidden = true;
    await refresh();
    added(devices, response);
  });
  form(keys, async (body, made) => {
    if (!available) return tell(made, texts["passkeys.missing"], true);
    const options = await api("POST", `${base}passkeys/`);
    if (!options.ok) return complain(made, options);
    const credential = await create(options.data).catch((error) => complain(made, failure(error)));
    if (!credential) return;
    const response = await api("POST", `${base}passkeys/confirm/`, { ...credential, ...body });
    if (!response.ok) return complain(made, response);
    made.reset();
    await refresh();
    added(keys, response);
  });
  sweep(renew, recovery, "recovery.renew.ask", "/platform/api/recovery-codes/", async ({ data }) => {
    await overview();
    show(data.recovery_codes);
  });
  await Promise.all([shown.shown, shownKeys.shown, overview()]);
  root.classList.remove("loading");
}

start({ factors });
