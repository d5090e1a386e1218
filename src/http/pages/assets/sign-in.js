// The pages for people who are not signed in.
import texts from "/platform/texts.js";
import { about, api, providerButtons } from "/platform/api.js";
import { available, failure, get } from "/platform/passkeys.js";
import { passwords } from "/platform/passwords.js";
import { busy, clear, complain, element, form, next, parameter, say, start } from "/platform/ui.js";

// Providers, and on to where the person was going.
function others(root, providers) {
  providerButtons(root, providers, "login");
  for (const made of root.querySelectorAll(".providers form")) {
    made.append(element("input", { type: "hidden", name: "next", value: next() }));
  }
  root.querySelector(".or").hidden = !root.querySelector(".providers form, #passkey:not([hidden])");
}

// Signed in: on to where the person was going, by way of the page about a leaked password if it was one.
function arrive({ leaked }, target) {
  const warning = `/platform/leaked-password?${new URLSearchParams({ next: target })}`;
  location.assign(leaked ? warning : target);
}

async function login(root) {
  passkey(root);
  const done = { reset: "reset.done", deleted: "own.deleted", unconfirmed: "register.confirm", ended: "login.ended" }[parameter("done")];
  if (done) say(root, texts[done]);
  form(root, async (body) => {
    const response = await api("POST", "/platform/api/login/", body);
    if (!response.ok) complain(root, response);
    else if (response.data.second_factor) location.assign(`/platform/second-factor${location.search}`);
    else arrive(response.data, next());
  });
  const { registration_enabled, password_forgotten_enabled, providers = [] } = await about();
  if (registration_enabled === false) root.querySelector('[href="/platform/register"]').hidden = true;
  if (password_forgotten_enabled === false) root.querySelector('[href="/platform/reset-password"]').hidden = true;
  others(root, providers);
}

// A passkey alone: offered among the names that the browser fills in, and by a button.
async function passkey(root) {
  const button = document.getElementById("passkey");
  if (!button) return;
  if (!available) return void (button.hidden = true);
  const path = "/platform/api/passkey/";
  const done = async (body) => {
    const response = await api("POST", path, body);
    if (response.ok) location.assign(next());
    else complain(root, response);
    return response.ok;
  };
  let waiting = new AbortController();
  button.addEventListener("click", () => busy(button, async () => {
    waiting.abort();
    clear(root);
    const { ok, data } = await api("GET", path);
    if (!ok) return complain(root, { data });
    await get(data).then(done, (error) => complain(root, failure(error)));
  }));
  button.disabled = false;
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  // A challenge is good for five minutes: a new one each four.
  while (!waiting.signal.aborted) {
    const { ok, data } = await api("GET", path);
    if (!ok || waiting.signal.aborted) return;
    const pause = new AbortController();
    const timer = setTimeout(() => pause.abort(), 240000);
    const signal = AbortSignal.any([waiting.signal, pause.signal]);
    const body = await get(data, { mediation: "conditional", signal }).catch(() => undefined);
    clearTimeout(timer);
    // Signed in, this page goes on for a moment: it must not ask again.
    if (body && (await done(body))) return;
    if (!body && !pause.signal.aborted) return;
  }
}

async function secondStep(root) {
  const path = "/platform/api/second-factor/";
  const button = document.getElementById("passkey");
  const finished = (response) => {
    if (response.ok) arrive(response.data, response.data.next || next());
    else if (response.status === 404) say(root, texts["second.over"], true);
    else complain(root, response);
  };
  form(root, async (body) => {
    const response = await api("POST", path, body);
    finished(response);
  });
  root.querySelector("#code").focus();
  const { ok, status, data } = await api("GET", path);
  if (!ok) say(root, status === 404 ? texts["second.over"] : (data.detail ?? texts.failed), true);
  root.querySelector("#remembering").hidden = !data.remember;
  button.hidden = !data.passkey || !available;
  button.addEventListener("click", () => busy(button, async () => {
    clear(root);
    // Each challenge is good once.
    const { data: current } = await api("GET", path);
    if (!current.passkey) return say(root, texts["second.over"], true);
    const remember = root.querySelector("#remember").checked ? "yes" : "";
    const body = await get(current.passkey).catch((error) => complain(root, failure(error)));
    if (body) finished(await api("POST", path, { ...body, remember }));
  }));
}

async function register(root) {
  form(root, async (body) => {
    if (!body.email) delete body.email;
    const response = await api("POST", "/platform/api/register/", body);
    if (!response.ok) return complain(root, response);
    const first = `/platform/login?${new URLSearchParams({ done: "unconfirmed", next: next() })}`;
    if (response.data.unconfirmed) location.assign(first);
    else location.assign(parameter("next") ? next() : "/platform/?done=register");
  });
  const { registration_enabled, sso_registration, providers = [] } = await about();
  if (registration_enabled === false) say(root, texts["register.closed"], true);
  others(root, sso_registration ? providers : []);
}

const leaked = (root) => void (root.querySelector("#next").href = next());

passwords();
start({ login, second: secondStep, register, leaked });
