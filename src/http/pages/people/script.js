// The people's pages: forms and lists on top of the API, and nothing that the API does not do.
//
// What the server says is shown in its own words, as text and never as markup: beside its field, or above the form.
import texts from "/platform/texts.js";
import { managed, secondStep } from "/platform/factors.js";
import { tokens } from "/platform/tokens.js";

const page = document.querySelector("main").dataset.page;
const reauthentication = "/platform/api/reauthenticate/";

// A reset key is taken out of the address bar, and so out of what is shown, shared and remembered. A confirmation key
// stays, for a reload: all it does is what its mail asked for, once.
const query = new URLSearchParams(location.search);
const take = (name) => query.get(name) ?? "";

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(name + "="));
  return found ? found.slice(name.length + 1) : "";
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Answers { ok, status, data }; status 0 is a server that cannot be reached. What needs a proof of who the owner is asks
// for it, and goes on once it was given.
async function api(method, path, body) {
  const answer = await send(method, path, body);
  return answer.needsProof && (await prove()) ? send(method, path, body) : answer;
}

async function send(method, path, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
    const text = await response.text();
    let data = {};
    try {
      data = text ? JSON.parse(text) : {};
    } catch {
      // Not from this server, perhaps from a proxy before it: its status says enough.
    }
    const needed = response.headers.get("WWW-Authenticate") ?? "";
    const needsProof = response.status === 403 && needed.includes("insufficient_user_authentication");
    return { ok: response.ok, status: response.status, data, needsProof };
  } catch {
    return { ok: false, status: 0, data: { detail: texts.offline } };
  }
}

// A dialog that asks for the password again, or leads an account without one to its provider; whether it was proved.
async function prove() {
  const { ok, data: owner } = await send("GET", reauthentication);
  // Without a session there is nothing to prove, and what is tried next says so.
  if (!ok || owner.recent) return true;
  const dialog = element("dialog", { className: "card" });
  dialog.setAttribute("aria-labelledby", "prove-title");
  const summary = element("p", { className: "summary", tabIndex: -1 });
  const cancel = element("button", { type: "button", textContent: texts["prove.cancel"] });
  cancel.addEventListener("click", () => dialog.close());
  dialog.append(element("h2", { id: "prove-title", textContent: texts["prove.title"] }), summary);
  if (owner.password || owner.code) {
    const [name, type, autocomplete, label, hint] = owner.password
      ? ["password", "password", "current-password", texts["field.password"], texts["prove.password"]]
      : ["code", "text", "one-time-code", texts["field.code"], texts["prove.code"]];
    const input = element("input", { id: `prove-${name}`, name, type, autocomplete, required: true });
    input.setAttribute("aria-describedby", `${input.id}-error`);
    const field = element("div", { className: "field" },
      element("label", { htmlFor: input.id, textContent: label }),
      input,
      element("p", { className: "error", id: `${input.id}-error` }),
    );
    const proof = element("form", { method: "post", noValidate: true },
      element("p", { className: "hint", textContent: hint }),
      field,
      element("div", { className: "does" }, element("button", { className: "primary", textContent: texts["prove.submit"] }), cancel),
    );
    dialog.append(proof);
    document.body.append(dialog);
    form(dialog, async (body) => {
      const answer = await send("POST", reauthentication, body);
      if (answer.ok) dialog.close("proved");
      else complain(dialog, answer);
    });
  } else {
    dialog.append(element("p", { className: "hint", textContent: texts["prove.provider"] }), element("div", { className: "providers" }));
    document.body.append(dialog);
    const [{ data: linked }, { data: about }] = await Promise.all([send("GET", "/api/auth/social/"), send("GET", "/api/auth/providers/")]);
    const ids = new Set(rows(linked).map(({ provider }) => provider));
    const known = ((rows(about)[0] ?? about).providers ?? []).filter(({ id }) => ids.has(id));
    providerButtons(dialog, known, "login", texts["links.signin"]);
    dialog.append(element("div", { className: "does" }, cancel));
  }
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  dialog.remove();
  return dialog.returnValue === "proved";
}

// Lists come bare or in pages.
const rows = (data) => (Array.isArray(data) ? data : (data.results ?? data.factors ?? []));

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(root, text, isBad = false) {
  const summary = root.querySelector(".summary");
  summary.classList.toggle("bad", isBad);
  summary.setAttribute("role", isBad ? "alert" : "status");
  summary.textContent = text;
}

function clear(root) {
  say(root, "");
  for (const input of root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of root.querySelectorAll(".field .error")) error.textContent = "";
}

// Beside its field whatever has one, the rest above; focus goes to the first of them.
function complain(root, { data }) {
  const general = [];
  let first = null;
  for (const [name, said] of Object.entries(data)) {
    const words = [said].flat().map(String).join("\n");
    const input = root.querySelector(`form [name="${CSS.escape(name)}"]`);
    if (!input) {
      general.push(words);
      continue;
    }
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-error`).textContent = words;
    first ??= input;
  }
  if (!first || general.length) say(root, general.join("\n") || texts.failed, true);
  (first ?? root.querySelector(".summary")).focus();
}

// One request at a time: a second press while it runs does nothing.
async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// Until this has run, the form's button is off and its method is POST, so that a browser without the script sends
// nothing by itself, and never puts what was typed into an address.
function form(root, submit) {
  const made = root.querySelector("form");
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(made.querySelector("button:not([type])"), async () => {
      clear(root);
      await submit(Object.fromEntries(new FormData(made)), made);
    });
  });
  made.querySelector("button:not([type])").disabled = false;
}

function showable(input) {
  const button = element("button", { type: "button", textContent: texts.show });
  const name = element("span", { className: "sr", textContent: ` ${input.labels[0].textContent}` });
  button.append(name);
  button.addEventListener("click", () => {
    const isHidden = input.type === "password";
    input.type = isHidden ? "text" : "password";
    button.firstChild.textContent = isHidden ? texts.hide : texts.show;
  });
  const box = element("div", { className: "box" });
  input.replaceWith(box);
  box.append(input, button);
}

// Django's rules, as far as a page can see them; the server judges.
const rules = {
  length: (password) => password.length >= 8,
  digits: (password) => /\D/.test(password),
  similar: (password, about) => !about.some((word) => password.toLowerCase().includes(word)),
};

function estimate(password, about) {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z\d]/].filter((kind) => kind.test(password)).length;
  const bits = new Set(password).size * (1 + kinds * 0.75);
  const met = Object.values(rules).every((rule) => rule(password, about));
  return met ? Math.min(4, 1 + Math.floor(bits / 12)) : 0;
}

function strength(field) {
  const input = field.querySelector("input");
  const list = element("ul", { className: "rules", id: `${input.id}-rules`, ariaLabel: texts["rules.title"] });
  input.setAttribute("aria-describedby", `${list.id} ${input.getAttribute("aria-describedby")}`);
  // A page that knows no name can promise nothing about likeness to one.
  const known = ["username", "email", "first_name", "last_name"].map((id) => document.getElementById(id)).filter(Boolean);
  const seen = Object.keys(rules).filter((name) => name !== "similar" || known.length);
  const marks = seen.map((name) => {
    const state = element("span", { className: "sr" });
    const item = element("li", {}, texts[`rules.${name}`], state);
    list.append(item);
    return [name, item, state];
  });
  const meter = element("meter", { min: 0, max: 4, low: 2, high: 3, optimum: 4, value: 0, ariaLabel: texts.strength });
  const word = element("span", { ariaLive: "polite" });
  const line = element("p", { className: "strength" }, meter, word);
  field.append(line, list);
  const update = () => {
    const about = known.flatMap((other) => other.value.toLowerCase().split(/\W+/)).filter((text) => text.length > 3);
    for (const [name, item, state] of marks) {
      const isMet = input.value !== "" && rules[name](input.value, about);
      item.classList.toggle("met", isMet);
      state.textContent = `: ${isMet ? texts["rules.met"] : texts["rules.open"]}`;
    }
    const score = estimate(input.value, about);
    meter.value = input.value ? score : 0;
    word.textContent = input.value ? texts[`strength.${score}`] : "";
  };
  input.addEventListener("input", update);
  input.form.addEventListener("reset", () => setTimeout(update));
  update();
}

// For who is nobody yet: the server holds a form's token against the cookie, whoever made the two.
function csrfToken() {
  if (!cookie("csrftoken")) {
    const letters = Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => (byte % 36).toString(36));
    document.cookie = `csrftoken=${letters.join("")}; path=/; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
  }
  return cookie("csrftoken");
}

// A way to a provider is a POST: it changes something. Connecting one needs a proof first.
function providerButtons(root, list, kind, label) {
  const target = root.querySelector(".providers");
  for (const provider of list) {
    const way = provider[kind];
    if (!provider.configured || !way) continue;
    const sent = element("form", { method: "post", action: new URL(way, location).pathname });
    sent.append(
      element("input", { type: "hidden", name: "csrfmiddlewaretoken", value: csrfToken() }),
      element("button", { textContent: `${label} ${provider.display_name || provider.name}` }),
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

// Only a path of this site: what else a link may ask for is not followed.
function next() {
  const wanted = take("next");
  return /^\/(?![/\\])[\w\-./?=&]*$/.test(wanted) ? wanted : "/platform/";
}

const tools = { api, busy, clear, complain, day: (at) => day(at), element, form, list: (...args) => list(...args), minute: (at) => minute(at), next, say };

const pages = {
  second: (root) => secondStep(root, tools),
  factors: (root) => managed(root, tools),

  async login(root) {
    const done = { reset: "reset.done", unconfirmed: "register.confirm" }[take("done")];
    if (done) say(root, texts[done]);
    form(root, async (body) => {
      const answer = await api("POST", "/platform/api/login/", body);
      if (!answer.ok) complain(root, answer);
      else if (answer.data.second_factor) location.assign(`/platform/second-factor${location.search}`);
      else location.assign(next());
    });
    const { data } = await api("GET", "/api/auth/providers/");
    const about = rows(data)[0] ?? data;
    if (about.registration_enabled === false) root.querySelector('[href="/platform/register"]').hidden = true;
    if (about.password_forgotten_enabled === false) root.querySelector('[href="/platform/reset-password"]').hidden = true;
    providerButtons(root, about.providers ?? [], "login", texts["links.signin"]);
  },

  async register(root) {
    form(root, async (body) => {
      if (!body.email) delete body.email;
      const answer = await api("POST", "/platform/api/register/", body);
      if (answer.ok) location.assign("/platform/?done=register");
      else complain(root, answer);
    });
    const { data } = await api("GET", "/api/auth/providers/");
    const about = rows(data)[0] ?? data;
    if (about.registration_enabled === false) say(root, texts["register.closed"], true);
  },

  forgot(root) {
    form(root, async (body, made) => {
      const answer = await api("POST", "/api/auth/password/reset/", body);
      if (!answer.ok) return complain(root, answer);
      made.reset();
      say(root, texts["forgot.done"]);
      root.querySelector(".summary").focus();
    });
  },

  reset(root) {
    const [uid, token] = [take("uid"), take("token")];
    if (!uid || !token) say(root, texts["reset.broken"], true);
    history.replaceState(null, "", location.pathname);
    form(root, async (body) => {
      const answer = await api("POST", "/api/auth/password/reset/confirm/", { ...body, uid, token });
      if (answer.ok) return location.assign("/platform/login?done=reset");
      // "Invalid value" of fields that nobody sees: what is wrong is the link.
      const isOfLink = answer.data.uid || answer.data.token;
      complain(root, isOfLink ? { data: { detail: texts["reset.bad"] } } : answer);
    });
  },

  confirm(root) {
    const key = decoded(location.pathname.split("/").at(-2));
    form(root, async (_, made) => {
      const answer = await api("POST", "/api/auth/registration/verify-email/", { key });
      if (answer.ok) {
        made.hidden = true;
        root.querySelector(".hint").hidden = true;
        say(root, texts["confirm.done"]);
      } else {
        const words = answer.status === 404 ? texts["confirm.bad"] : Object.values(answer.data).flat().join("\n");
        say(root, words, true);
      }
      root.querySelector(".summary").focus();
    });
  },

  async home(root) {
    const user = await api("GET", "/api/auth/user/");
    if (user.status === 401) {
      // An account that was just made and opens nothing waits for its confirmation.
      return location.replace(take("done") === "register" ? "/platform/login?done=unconfirmed" : "/platform/login");
    }
    // What this server requires before anything else.
    const { data: second } = user.status === 403 ? await api("GET", "/platform/api/factors/") : {};
    if (second?.required && !second.factors.length) return location.replace("/platform/factors");
    if (!user.ok) return say(root, user.data.detail ?? texts.failed, true);
    if (take("done") === "register") {
      say(root, texts["home.welcome"]);
      history.replaceState(null, "", location.pathname);
    }
    if (take("done") === "connect") {
      say(root.querySelector("#links"), texts["links.connected"]);
      history.replaceState(null, "", location.pathname);
    }
    const out = document.getElementById("signout");
    out.addEventListener("click", () => busy(out, async () => {
      const answer = await api("POST", "/api/auth/logout/");
      if (answer.ok) location.assign("/platform/login");
      else complain(root, answer);
    }));
    const sections = Object.fromEntries([...root.querySelectorAll("section")].map((section) => [section.id, section]));
    profile(sections.profile, user.data);
    password(sections.password, sections);
    const lists = [emails(sections.emails, user.data), links(sections.links), sessions(sections.sessions), tokens(sections.tokens, tools)];
    await Promise.allSettled(lists);
    root.classList.remove("loading");
  },
};

// A list that is asked for again after each change. `row` answers [text, small text, tags, buttons].
function list(section, path, none, row) {
  const target = section.querySelector(".rows");
  const show = async () => {
    const answer = await api("GET", path);
    if (!answer.ok) {
      target.replaceChildren(element("li", { className: "error", textContent: answer.data.detail ?? texts.failed }));
      return;
    }
    const items = rows(answer.data).map((item) => {
      const { what, small, tags = [], does = [] } = row(item);
      const text = element("div", { className: "what" }, what, ...tags, element("small", { textContent: small ?? "" }));
      return element("li", {}, text, element("div", { className: "does" }, ...does));
    });
    target.replaceChildren(...(items.length ? items : [element("li", { className: "hint", textContent: none })]));
  };
  const shown = show();
  // A button of a row: what it is called, what it is about, what it asks for, what is said then.
  const does = (label, about, path, done, after = show) => {
    const button = element("button", { type: "button", textContent: label });
    button.append(element("span", { className: "sr", textContent: ` ${about}` }));
    button.addEventListener("click", () => busy(button, async () => {
      clear(section);
      const answer = await api("POST", path);
      if (!answer.ok) return complain(section, answer);
      await after();
      say(section, done);
      section.querySelector(".summary").focus();
    }));
    return button;
  };
  return { shown, show, does };
}

const tag = (text, kind = "") => element("span", { className: `tag ${kind}`, textContent: text });
const day = (text) => new Date(text).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
const minute = (text) => new Date(text).toLocaleString("en", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

function profile(section, user) {
  const fields = ["username", "first_name", "last_name"];
  for (const name of fields) document.getElementById(name).value = user[name] ?? "";
  form(section, async (body) => {
    // Only what was changed: one's own name is none that is taken.
    const changed = Object.fromEntries(Object.entries(body).filter(([name, value]) => value !== user[name]));
    const answer = await api("PATCH", "/api/auth/user/", changed);
    if (!answer.ok) return complain(section, answer);
    Object.assign(user, answer.data);
    say(section, texts["profile.done"]);
  });
}

function emails(section, user) {
  const base = "/api/auth/emails/";
  const shown = list(section, base, texts["emails.none"], ({ id, email, verified, primary }) => {
    const tags = [verified ? tag(texts["emails.verified"], "good") : tag(texts["emails.unverified"], "bad")];
    if (primary) tags.unshift(tag(texts["emails.primary"]));
    const does = [];
    if (!verified) does.push(shown.does(texts["emails.verify"], email, `${base}${id}/verify/`, `${texts["emails.sent"]} ${email}.`));
    if (!primary) does.push(shown.does(texts["emails.make_primary"], email, `${base}${id}/primary/`, texts["profile.done"]));
    does.push(shown.does(texts["emails.remove"], email, `${base}${id}/remove/`, texts["profile.done"]));
    return { what: email, tags, does };
  });
  form(section, async ({ email }, made) => {
    const added = await api("POST", base, { email, user: user.pk });
    if (!added.ok) return complain(section, added);
    const sent = await api("POST", `${base}${added.data.id}/verify/`);
    made.reset();
    await shown.show();
    if (!sent.ok) return complain(section, sent);
    say(section, `${texts["emails.added"]} ${added.data.email}.`);
  });
  return shown.shown;
}

function password(section, sections) {
  form(section, async (body, made) => {
    // Who came in through a provider may have none; whether it may be left out is the server's to say.
    if (!body.old_password) delete body.old_password;
    const answer = await api("POST", "/api/auth/password/change/", body);
    if (!answer.ok) return complain(section, answer);
    made.reset();
    say(section, texts["password.done"]);
    section.querySelector(".summary").focus();
    sections.sessions.dispatchEvent(new Event("stale"));
    sections.tokens.dispatchEvent(new Event("stale"));
  });
}

async function links(section) {
  const shown = list(section, "/api/auth/social/", texts["links.none"], ({ id, provider, uid }) => ({
    what: provider,
    small: uid,
    does: [shown.does(texts["links.disconnect"], provider, `/api/auth/social/${id}/disconnect/`, texts["profile.done"])],
  }));
  const { data } = await api("GET", "/api/auth/providers/");
  const about = rows(data)[0] ?? data;
  providerButtons(section, about.providers ?? [], "connect", texts["links.connect"]);
  await shown.shown;
}

function sessions(section) {
  const base = "/platform/api/sessions/";
  const shown = list(section, base, "", ({ id, current, created, expires, user_agent }) => {
    const what = browser(user_agent);
    const small = `${texts["sessions.since"]} ${minute(created)}, ${texts["sessions.until"]} ${day(expires)}`;
    if (current) return { what, small, tags: [tag(texts["sessions.current"], "good")] };
    return { what, small, does: [shown.does(texts["sessions.end"], `${what}, ${small}`, `${base}${id}/end/`, texts["sessions.ended"])] };
  });
  section.addEventListener("stale", shown.show);
  const others = document.getElementById("end-others");
  others.addEventListener("click", () => busy(others, async () => {
    clear(section);
    const answer = await api("POST", `${base}end-others/`);
    if (!answer.ok) return complain(section, answer);
    await shown.show();
    say(section, texts["sessions.ended"]);
  }));
  return shown.shown;
}

// "Firefox · Linux" for what both say of themselves in a hundred characters.
function browser(agent) {
  const names = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const of = (table) => table.find(([part]) => agent.includes(part))?.[1];
  return [of(names), of(systems)].filter(Boolean).join(" · ") || agent || texts["sessions.unknown"];
}

for (const input of document.querySelectorAll("input[type=password]")) showable(input);
for (const field of document.querySelectorAll("[data-strength]")) strength(field);
pages[page](document.querySelector("main"));
