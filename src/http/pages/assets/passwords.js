// Password fields: a button that shows the password, and the rules and strength of a new one.
import texts from "/platform/texts.js";
import { send } from "/platform/request.js";
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

// After the last key.
const pause = 250;

// The server judges: its rules, and its estimate.
function strength(field) {
  const input = field.querySelector("input");
  const [meter, word] = field.querySelector(".strength").children;
  const marks = [...field.querySelectorAll("[data-rule]")];
  const known = ["username", "email", "first_name", "last_name"].map((id) => document.getElementById(id)).filter(Boolean);
  const show = ({ broken, score = 0 }) => {
    for (const mark of marks) {
      const isMet = Boolean(broken) && !broken.includes(mark.dataset.rule);
      mark.classList.toggle("met", isMet);
      mark.lastChild.textContent = `: ${isMet ? texts["rules.met"] : texts["rules.open"]}`;
    }
    meter.value = score;
    word.textContent = broken ? texts[`strength.${score}`] : "";
  };
  let timer;
  const update = () => {
    clearTimeout(timer);
    if (!input.value) return show({});
    timer = setTimeout(async () => {
      const password = input.value;
      const about = Object.fromEntries(known.map(({ id, value }) => [id, value]));
      const { ok, data } = await send("POST", "/platform/api/strength/", { password, ...about });
      if (ok && password === input.value) show(data);
    }, pause);
  };
  for (const each of [input, ...known]) each.addEventListener("input", update);
  input.form.addEventListener("reset", () => setTimeout(update));
  update();
}

export function passwords() {
  for (const input of document.querySelectorAll("input[type=password]")) showable(input);
  for (const field of document.querySelectorAll("[data-strength]")) strength(field);
}
