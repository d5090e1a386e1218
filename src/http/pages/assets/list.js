// A list with buttons for each row, which is loaded again after each change.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { ask, busy, clear, complain, count, element, failed, rows, tell } from "/platform/ui.js";

// Rows before the fold.
const most = 5;

// `row` returns { text, title, icon, small, note, tags, actions } for an item; an action is { label, path, done, asks }.
// `pick` returns the items of a response. `loaded` is called with them, `after` once an action is done. `shown` resolves
// once the list is loaded.
export function list(section, path, none, row, { pick = rows, loaded = () => {}, after } = {}) {
  const target = section.querySelector(".rows");
  const show = async () => {
    const response = await api("GET", path);
    if (!response.ok) {
      const again = async () => {
        await show();
        section.querySelector(".summary").focus();
      };
      return target.replaceChildren(element("li", {}, ...failed(response, again)));
    }
    const items = pick(response.data);
    const isOpen = target.querySelector("details")?.open;
    const made = items.map((item) => rendered(item.id, row(item, items)));
    target.replaceChildren(...(made.length ? folded(made, isOpen) : [element("li", { className: "hint", textContent: none })]));
    loaded(items);
  };
  const rendered = (id, { text, title = "", icon = "", small = "", note = "", tags = [], actions = [] }) => {
    // A name can be in a script of any direction.
    const name = element("bdi", { textContent: text, title });
    const cell = element("div", { className: "text" }, icon, name, ...tags, element("small", { textContent: small }));
    if (note) cell.append(element("small", { textContent: note }));
    const made = element("li", {}, cell);
    if (id === undefined) return made;
    made.dataset.id = id;
    made.append(
      element("div", { className: "actions" }, ...actions.map((action) => button(id, text, action))),
      element("p", { className: "summary", role: "status", tabIndex: -1 }),
    );
    return made;
  };
  // `done` is the message after it; with `asks`, the text that is agreed to before.
  const button = (id, text, { label, path: to, done, asks }) => {
    const made = element("button", { type: "button", className: asks ? "danger" : "", textContent: label });
    made.append(element("span", { className: "sr", textContent: ` ${text}` }));
    made.addEventListener("click", () => busy(made, async () => {
      clear(section);
      if (asks && !(await ask(label, asks, text))) return;
      const response = await api("POST", to);
      if (!response.ok) return complain(made.closest("li"), response);
      await (after ?? show)();
      // At its row, if that is still there.
      tell(target.querySelector(`[data-id="${id}"]`) ?? section, done);
    }));
    return made;
  };
  return { shown: show(), show };
}

// The rows beyond the first few wait behind their number.
function folded(made, isOpen = false) {
  if (made.length <= most + 1) return made;
  const rest = made.splice(most);
  const summary = element("summary", { textContent: count("list.more", rest.length) });
  return [...made, element("li", { className: "more" }, element("details", { open: isOpen }, summary, element("ul", {}, ...rest)))];
}

// A button of a whole list, which asks first.
export function sweep(button, section, key, path, then) {
  button.addEventListener("click", () => busy(button, async () => {
    clear(section);
    if (!(await ask(button.textContent, key))) return;
    const response = await api("POST", path);
    if (response.ok) await then(response);
    else complain(section, response);
  }));
}
