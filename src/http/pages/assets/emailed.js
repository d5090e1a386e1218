// The pages of emailed links: asking for one, a new password, a confirmed address.
import texts from "/platform/texts.js";
import { api } from "/platform/api.js";
import { passwords } from "/platform/passwords.js";
import { complain, form, parameter, say, start } from "/platform/ui.js";

function forgot(root) {
  form(root, async (body, made) => {
    const answer = await api("POST", "/api/auth/password/reset/", body);
    if (!answer.ok) return complain(root, answer);
    made.reset();
    say(root, texts["forgot.done"]);
    root.querySelector(".summary").focus();
  });
}

// The key is removed from the address bar, so that it is not shown, shared or kept in the history.
function reset(root) {
  // They stay in the state of the page, for a reload in another language.
  const { uid, token } = history.state ?? { uid: parameter("uid"), token: parameter("token") };
  if (!uid || !token) say(root, texts["reset.broken"], true);
  history.replaceState({ uid, token }, "", location.pathname);
  form(root, async (body) => {
    const answer = await api("POST", "/api/auth/password/reset/confirm/", { ...body, uid, token });
    if (answer.ok) return location.assign("/platform/login?done=reset");
    // "Invalid value" of fields that the page does not show means that the link is invalid.
    const isOfLink = answer.data.uid || answer.data.token;
    complain(root, isOfLink ? { data: { detail: texts["reset.bad"] } } : answer);
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
  form(root, async (_, made) => {
    const answer = await api("POST", "/api/auth/registration/verify-email/", { key });
    if (answer.ok) {
      made.hidden = true;
      root.querySelector(".hint").hidden = true;
      say(root, texts["confirm.done"]);
    } else {
      const message = answer.status === 404 ? texts["confirm.bad"] : Object.values(answer.data).flat().join("\n");
      say(root, message, true);
    }
    root.querySelector(".summary").focus();
  });
}

passwords();
start({ forgot, reset, confirm });
