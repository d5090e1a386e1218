// Elements, forms and messages of all pages. Everything is inserted as text, never as markup.
import texts from "/platform/texts.js";

// Lists come bare or in pages.
export const rows = (data) => (Array.isArray(data) ? data : (data.results ?? data.factors ?? []));

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// The first letter of a provider, for the eye alone.
export function badge(name) {
  const made = element("span", { className: "badge", textContent: [...name][0].toUpperCase() });
  made.setAttribute("aria-hidden", "true");
  return made;
}

export const tag = (text, kind = "") => element("span", { className: `tag ${kind}`, textContent: text });

// A sentence in the form for a number, and with the number in it.
const plural = new Intl.PluralRules(document.documentElement.lang);
export function count(key, number) {
  const forms = texts[key];
  const shown = number.toLocaleString(document.documentElement.lang);
  return (forms[plural.select(number)] ?? forms.other).replace("{count}", shown);
}

const date = (options) => (text) => new Date(text).toLocaleString(document.documentElement.lang, options);
export const day = date({ day: "numeric", month: "short", year: "numeric" });
export const minute = date({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

// Parameters of the page's own URL.
const query = new URLSearchParams(location.search);
export const parameter = (name) => query.get(name) ?? "";

// Only a path of a page of this site: any other target is ignored. The server has the same rule, and the reason.
export function next() {
  const wanted = parameter("next");
  if (!/^\/(?![/\\])[\w\-./?=&]*$/.test(wanted)) return "/platform/";
  const isPage = /^\/(?!api\/(?!auth\/social\/))/.test(new URL(wanted, location.origin).pathname);
  return isPage ? wanted : "/platform/";
}

// In the first summary of `root`, a live region that is in the page from the start.
export function say(root, text, isBad = false) {
  const summary = root.querySelector(".summary");
  summary.classList.toggle("bad", isBad);
  summary.textContent = text;
}

// The same for the result of an action: it gets the focus, so that it is in view and read.
export function tell(root, text, isBad = false) {
  say(root, text, isBad);
  root.querySelector(".summary").focus();
}

export function clear(root) {
  for (const summary of root.querySelectorAll(".summary")) summary.textContent = "";
  for (const input of root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of root.querySelectorAll(".field .error")) error.textContent = "";
}

// Messages of a field are shown beside it, others above the form; the first of them gets the focus.
export function complain(root, { data }) {
  const general = [];
  let first = null;
  for (const [name, said] of Object.entries(data)) {
    const message = [said].flat().map(String).join("\n");
    let input = root.querySelector(`form [name="${CSS.escape(name)}"]`);
    if (!input) {
      general.push(message);
      continue;
    }
    // The server puts what is wrong with a password at either field. Of two that agree, it is the first.
    const repeated = input.form.elements[input.dataset.repeats];
    if (repeated && input.value && input.value === repeated.value) input = repeated;
    input.setAttribute("aria-invalid", "true");
    document.getElementById(`${input.id}-error`).textContent = message;
    first ??= input;
  }
  if (!first || general.length) say(root, general.join("\n") || texts.failed, true);
  (first ?? root.querySelector(".summary")).focus();
}

// One request at a time: a second press while it runs does nothing.
export async function busy(button, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// Two passwords that differ: told at the second, before anything is sent.
function differ(root, made) {
  const again = made.querySelector("[data-repeats]");
  if (!again || again.value === made.elements[again.dataset.repeats].value) return false;
  complain(root, { data: { [again.name]: texts["passwords.differ"] } });
  return true;
}

// A form's button is disabled until this has run, and its method is POST. So a browser without the script sends
// nothing, and never puts a password into a URL.
export function form(root, submit) {
  const made = root.matches("form") ? root : root.querySelector("form");
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(made.querySelector("button:not([type])"), async () => {
      clear(root);
      if (!differ(root, made)) await submit(Object.fromEntries(new FormData(made)), made);
    });
  });
  made.querySelector("button:not([type])").disabled = false;
}

// The error of a failed load, with a button that tries again.
export function failed({ data }, again) {
  const button = element("button", { type: "button", textContent: texts.retry });
  button.addEventListener("click", () => busy(button, again));
  return [element("p", { className: "error", textContent: data.detail ?? texts.failed }), button];
}

// Shows a dialog until it is closed. The browser returns the focus. Resolves to the value that it was closed with.
export async function modal(dialog) {
  document.body.append(dialog);
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  dialog.remove();
  return dialog.returnValue;
}

// Asks before something that is not taken back by a second press. `name` stands in the text of `key`, which says what
// will happen. Returns whether to go on.
export async function ask(title, key, name = "") {
  const dialog = element("dialog", { className: "card" });
  dialog.setAttribute("aria-labelledby", "ask-title");
  dialog.setAttribute("aria-describedby", "ask-text");
  const [before, after = ""] = texts[key].split("{name}");
  const no = element("button", { autofocus: true, textContent: texts["prove.cancel"] });
  const yes = element("button", { className: "danger", value: "yes", textContent: title });
  dialog.append(
    element("h2", { id: "ask-title", textContent: title }),
    element("p", { id: "ask-text" }, before, element("bdi", { textContent: name }), after),
    element("form", { method: "dialog", className: "actions" }, yes, no),
  );
  return (await modal(dialog)) === "yes";
}

// A button that copies a text to the clipboard.
export function copies(button, text, root) {
  button.onclick = async () => {
    await navigator.clipboard.writeText(text);
    tell(root, texts["recovery.copied"]);
  };
}

// The server leads back without what the page's URL carried, so a script asks it and loads the page again. The
// cookie is set here too: the choice holds while the server cannot be reached.
function language() {
  const made = document.querySelector("form.language");
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(made));
    await fetch(made.action, { method: "POST", body, redirect: "manual" }).catch(() => {});
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `django_language=${made.elements.language.value}; path=/; max-age=31449600; samesite=lax${secure}`;
    location.reload();
  });
}

// Where the person is going goes along to the other pages for people who are not signed in.
function along() {
  const query = new URLSearchParams({ next: next() });
  if (parameter("next")) for (const link of document.querySelectorAll("nav.links a:not([href*='#'])")) link.search = query;
}

// Runs the function of this page; `main` names it.
export function start(pages) {
  language();
  along();
  const main = document.querySelector("main");
  return pages[main.dataset.page](main);
}
