// Elements, forms and messages of all pages. Everything is inserted as text, never as markup.
import texts from "/platform/texts.js";

// Lists come bare or in pages.
export const rows = (data) => (Array.isArray(data) ? data : (data.results ?? data.factors ?? []));

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
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

// Only a path of this site: any other target is ignored.
export function next() {
  const wanted = parameter("next");
  return /^\/(?![/\\])[\w\-./?=&]*$/.test(wanted) ? wanted : "/platform/";
}

export function say(root, text, isBad = false) {
  const summary = root.querySelector(".summary");
  summary.classList.toggle("bad", isBad);
  summary.setAttribute("role", isBad ? "alert" : "status");
  summary.textContent = text;
}

export function clear(root) {
  say(root, "");
  for (const input of root.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of root.querySelectorAll(".field .error")) error.textContent = "";
}

// Messages of a field are shown beside it, others above the form; the first of them gets the focus.
export function complain(root, { data }) {
  const general = [];
  let first = null;
  for (const [name, said] of Object.entries(data)) {
    const message = [said].flat().map(String).join("\n");
    const input = root.querySelector(`form [name="${CSS.escape(name)}"]`);
    if (!input) {
      general.push(message);
      continue;
    }
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

// A form's button is disabled until this has run, and its method is POST. So a browser without the script sends
// nothing, and never puts a password into a URL.
export function form(root, submit) {
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

// A button that copies a text to the clipboard.
export function copies(button, text, root) {
  button.onclick = async () => {
    await navigator.clipboard.writeText(text);
    say(root, texts["recovery.copied"]);
  };
}

// The server would lead back without what the page's URL carried, so a script sets the cookie itself.
function language() {
  const made = document.querySelector("form.language");
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `django_language=${made.elements.language.value}; path=/; max-age=31449600; samesite=lax${secure}`;
    location.reload();
  });
}

// Where the person is going goes along to the other pages for people who are not signed in.
function along() {
  const query = new URLSearchParams({ next: parameter("next") });
  if (parameter("next")) for (const link of document.querySelectorAll("nav.links a")) link.search = query;
}

// Runs the function of this page; `main` names it.
export function start(pages) {
  language();
  along();
  const main = document.querySelector("main");
  return pages[main.dataset.page](main);
}
