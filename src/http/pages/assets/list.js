// A list with buttons for each row, which is loaded again after each change.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { busy, clear, complain, element, rows, say } from "/platform/ui.js";

// `pick` returns the items of an answer. `row` returns { text, small, tags, actions } for an item. `shown` resolves once the list is loaded.
export function list(section, path, none, row, pick = rows) {
  const target = section.querySelector(".rows");
  const show = async () => {
    const answer = await api("GET", path);
    if (!answer.ok) {
      target.replaceChildren(element("li", { className: "error", textContent: answer.data.detail ?? texts.failed }));
      return;
    }
    const items = pick(answer.data).map((item) => {
      const { text, small = "", tags = [], actions = [] } = row(item);
      // A name can be in a script of any direction.
      const shown = element("bdi", { textContent: text });
      const cell = element("div", { className: "text" }, shown, ...tags, element("small", { textContent: small }));
      return element("li", {}, cell, element("div", { className: "actions" }, ...actions));
    });
    target.replaceChildren(...(items.length ? items : [element("li", { className: "hint", textContent: none })]));
  };
  // A button of a row: its label, the row's name for screen readers, the path to POST to, the message after it.
  const action = (label, about, path, done, after = show) => {
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
  return { shown: show(), show, action };
}
