// Calls that may need a recent proof of the account's owner, and the buttons of sign-in providers.
import texts, { fill } from "/platform/texts.js";
import { available, failure, get } from "/platform/passkeys.js";
import { csrfToken, send } from "/platform/request.js";
import { badge, busy, complain, element, form, modal, rows } from "/platform/ui.js";

const reauthentication = "/platform/api/reauthenticate/";

// Like `send`. If the server requires a recent proof, asks for it and repeats the request.
export async function api(method, path, body) {
  const response = await send(method, path, body);
  // What was open when the session ended leads to sign-in, and back.
  if (response.status === 401 && method !== "GET" && document.querySelector("main.wide")) {
    location.assign(`/platform/login?done=ended&next=${location.pathname}`);
  }
  return response.needsProof && (await prove()) ? send(method, path, body) : response;
}

// What `GET providers/` says about this server.
export async function about() {
  const { data } = await send("GET", "/api/auth/providers/");
  return rows(data)[0] ?? data;
}

// A dialog that asks for the password or a code, or leads an account without either to its provider. Returns whether
// the owner was authenticated.
export async function prove() {
  const { ok, data: owner } = await send("GET", reauthentication);
  // Without a session there is nothing to prove, and the next request says so.
  if (!ok || owner.recent) return true;
  const dialog = element("dialog", { className: "card" });
  dialog.setAttribute("aria-labelledby", "prove-title");
  const summary = element("p", { className: "summary", role: "status", tabIndex: -1 });
  const cancel = element("button", { type: "button", textContent: texts["prove.cancel"] });
  cancel.addEventListener("click", () => dialog.close());
  dialog.append(element("h2", { id: "prove-title", textContent: texts["prove.title"] }), summary);
  if (owner.password || owner.code) {
    proofForm(dialog, owner, cancel);
  } else {
    const hint = element("p", { className: "hint", textContent: texts["prove.provider"] });
    dialog.append(hint, element("div", { className: "providers" }));
    const [{ data: linked }, { providers = [] }] = await Promise.all([send("GET", "/api/auth/social/"), about()]);
    const ids = new Set(rows(linked).map(({ provider }) => provider));
    providerButtons(dialog, providers.filter(({ id }) => ids.has(id)), "login");
    dialog.append(element("div", { className: "actions" }, cancel));
  }
  return (await modal(dialog)) === "proved";
}

function proofForm(dialog, owner, cancel) {
  const [name, type, autocomplete, label, hint] = owner.password
    ? ["password", "password", "current-password", texts["field.password"], texts["prove.password"]]
    : ["code", "text", "one-time-code", texts["field.code"], texts["prove.code"]];
  const input = element("input", { id: `prove-${name}`, name, type, autocomplete, required: true });
  input.setAttribute("aria-describedby", `${input.id}-error`);
  const submit = element("button", { className: "primary", textContent: texts["prove.submit"] });
  dialog.append(
    element("form", { method: "post", noValidate: true },
      element("p", { className: "hint", textContent: hint }),
      element("div", { className: "field" },
        element("label", { htmlFor: input.id, textContent: label }),
        input,
        element("p", { className: "error", id: `${input.id}-error` }),
      ),
      element("div", { className: "actions" }, submit, ...passkeyButton(dialog, owner), cancel),
    ),
  );
  form(dialog, async (body) => {
    const response = await send("POST", reauthentication, body);
    if (response.ok) dialog.close("proved");
    else complain(dialog, response);
  });
}

// For an account with a passkey, in a browser that can use it.
function passkeyButton(dialog, owner) {
  if (!owner.passkey || !available) return [];
  const button = element("button", { type: "button", textContent: texts["passkeys.use"] });
  button.addEventListener("click", () => busy(button, async () => {
    const { data } = await send("GET", reauthentication);
    const body = await get(data.passkey).catch((error) => complain(dialog, failure(error)));
    const response = body && (await send("POST", reauthentication, body));
    if (response?.ok) dialog.close("proved");
    else if (response) complain(dialog, response);
  }));
  return [button];
}

// Starting a sign-in changes something, so each button is a form with POST. Connecting needs a recent proof first.
export function providerButtons(root, list, kind) {
  const target = root.querySelector(".providers");
  for (const provider of list) {
    const url = provider[kind];
    if (!provider.configured || !url) continue;
    const name = provider.display_name || provider.name;
    const label = kind === "connect" ? fill("links.connect", name) : fill("links.signin", name);
    const sent = element("form", { method: "post", action: new URL(url, location).pathname },
      element("input", { type: "hidden", name: "csrfmiddlewaretoken", value: csrfToken() }),
      element("button", {}, badge(name), label),
    );
    if (kind === "connect") {
      sent.addEventListener("submit", (event) => {
        event.preventDefault();
        busy(sent.querySelector("button"), async () => {
          if (await prove()) sent.submit();
        });
      });
    }
    target.append(sent);
  }
  target.hidden = !target.children.length;
}
