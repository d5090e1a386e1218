// Password fields: a button that shows the password, and the rules and strength of a new one.
import texts from "/platform/texts.js";
import { element } from "/platform/ui.js";

function showable(input) {
  const button = element("button", { type: "button", textContent: texts.show });
  button.append(element("span", { className: "sr", textContent: ` ${input.labels[0].textContent}` }));
  button.addEventListener("click", () => {
    const isHidden = input.type === "password";
    input.type = isHidden ? "text" : "password";
    button.firstChild.textContent = isHidden ? texts.hide : texts.show;
  });
  const box = element("div", { className: "box" });
  input.replaceWith(box);
  box.append(input, button);
}

// Django's rules, as far as a page can check them; the server decides.
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
  // Without a name on the page, similarity to it cannot be checked.
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

export function passwords() {
  for (const input of document.querySelectorAll("input[type=password]")) showable(input);
  for (const field of document.querySelectorAll("[data-strength]")) strength(field);
}
