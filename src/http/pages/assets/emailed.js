// The pages of emailed links: asking for one, a new password, a confirmed address.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { passwords } from "/platform/passwords.js";
import { complain, form, next, parameter, start, tell } from "/platform/ui.js";

function forgot(root) {
  form(root, async (body, made) => {
    const sent = parameter("next") ? { ...body, next: next() } : body;
    const response = await api("POST", "/platform/api/links/reset/", sent);
    if (!response.ok) return complain(root, response);
    made.reset();
    tell(root, texts["forgot.done"]);
  });
}

// Nothing is left to be sent, and why.
function over(root, text, isBad = false) {
  root.querySelector("form").hidden = true;
  for (const hint of root.querySelectorAll(":scope > .hint")) hint.hidden = true;
  tell(root, text, isBad);
}

// The state of a link, before anything is typed. Looking uses nothing up.
async function looked(root, kind, values, act) {
  const { ok, data } = await api("GET", `/platform/api/links/${kind}/?${new URLSearchParams(values)}`);
  if (ok) act(data.state, data.next);
  root.classList.remove("loading");
}

// The key is removed from the address bar, so that it is not shown, shared or kept in the history.
function reset(root) {
  // They stay in the state of the page, for a reload in another language.
  const sent = { uid: parameter("uid"), token: parameter("token"), next: parameter("next") };
  const { uid, token, next: sealed = "" } = history.state ?? sent;
  history.replaceState({ uid, token, next: sealed }, "", location.pathname);
  const onwards = new URLSearchParams();
  if (!uid || !token) {
    root.classList.remove("loading");
    return over(root, texts["reset.broken"], true);
  }
  form(root, async (body) => {
    const response = await api("POST", "/api/auth/password/reset/confirm/", { ...body, uid, token });
    if (response.ok) return location.assign(`/platform/login?${new URLSearchParams([["done", "reset"], ...onwards])}`);
    // "Invalid value" of fields that the page does not show means that the link is invalid.
    if (response.data.uid || response.data.token) over(root, texts["reset.bad"], true);
    else complain(root, response);
  });
  return looked(root, "reset", { uid, token, next: sealed }, (state, next) => {
    if (next) onwards.set("next", next);
    root.querySelector("nav.links a").search = onwards;
    if (state !== "good") over(root, texts["reset.bad"], true);
  });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// The key stays in the address bar, for a reload: it confirms an address once and gives access to nothing.
function confirm(root) {
  const key = decoded(location.pathname.split("/").at(-2));
  const show = (state) => {
    if (state === "used") over(root, texts["confirm.done"]);
    if (state === "bad") over(root, texts["confirm.bad"], true);
  };
  form(root, async () => {
    const response = await api("POST", "/api/auth/registration/verify-email/", { key });
    if (response.ok) over(root, texts["confirm.done"]);
    // Used meanwhile, perhaps by a second press elsewhere.
    else if (response.status === 404) await looked(root, "confirm", { key }, show);
    else complain(root, response);
  });
  return looked(root, "confirm", { key }, show);
}

passwords();
start({ forgot, reset, confirm });
