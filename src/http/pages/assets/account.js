// The account page: profile, addresses, password and providers. Sessions, tokens and activity have files of their own.
import texts, { fill } from "/platform/texts.js";
import { about, api, providerButtons } from "/platform/api.js";
import { list } from "/platform/list.js";
import { activity, ownData } from "/platform/own-data.js";
import { passwords } from "/platform/passwords.js";
import { sessions } from "/platform/sessions.js";
import { tokens } from "/platform/tokens.js";
import { badge, busy, complain, failed, form, parameter, say, start, tag, tell } from "/platform/ui.js";

async function home(root) {
  const user = await api("GET", "/api/auth/user/");
  if (user.status === 401) return location.replace("/platform/login");
  // The server may require a second factor before anything else.
  const { data: second } = user.status === 403 ? await api("GET", "/platform/api/factors/") : {};
  if (second?.required && !second.factors.length && !second.passkeys.length) return location.replace("/platform/factors");
  if (!user.ok) return root.querySelector(".sections").replaceChildren(...failed(user, () => location.reload()));
  if (parameter("done") === "register") {
    say(root, texts["home.welcome"]);
    history.replaceState(null, "", location.pathname);
  }
  if (parameter("done") === "connect") {
    say(root.querySelector("#links"), texts["links.connected"]);
    history.replaceState(null, "", location.pathname);
  }
  const out = document.getElementById("signout");
  out.addEventListener("click", () => busy(out, async () => {
    const response = await api("POST", "/api/auth/logout/");
    if (response.ok) location.assign("/platform/login");
    else complain(root, response);
  }));
  const sections = Object.fromEntries([...root.querySelectorAll("section")].map((section) => [section.id, section]));
  profile(sections.profile, user.data);
  password(sections.password, sections);
  ownData(sections["own-data"]);
  await Promise.allSettled([
    groups(),
    emails(sections.emails, user.data),
    links(sections.links),
    sessions(sections.sessions),
    tokens(sections.tokens),
    activity(sections.activity),
  ]);
  root.classList.remove("loading");
  // The section in the address has moved meanwhile.
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function profile(section, user) {
  const fields = ["username", "first_name", "last_name"];
  for (const name of fields) document.getElementById(name).value = user[name] ?? "";
  form(section, async (body, made) => {
    // Only changed fields: an unchanged username must not count as taken.
    const changed = Object.fromEntries(Object.entries(body).filter(([name, value]) => value !== user[name]));
    const response = await api("PATCH", "/api/auth/user/", changed);
    if (!response.ok) return complain(made, response);
    Object.assign(user, response.data);
    tell(made, texts["profile.done"]);
  });
}

// Only an operator or a provider changes them.
async function groups() {
  const { ok, data } = await api("GET", "/api/user/me/");
  if (!ok || !data.groups.length) return;
  const line = document.getElementById("groups");
  line.textContent = fill("profile.groups", data.groups.map(({ name }) => name).join(", "));
  line.hidden = false;
}

function emails(section, user) {
  const base = "/api/auth/emails/";
  const row = ({ id, email, verified, primary }, all) => {
    const tags = [verified ? tag(texts["emails.verified"], "good") : tag(texts["emails.unverified"], "bad")];
    if (primary) tags.unshift(tag(texts["emails.primary"]));
    const actions = [];
    if (!verified) actions.push({ label: texts["emails.verify"], path: `${base}${id}/verify/`, done: `${texts["emails.sent"]} ${email}.` });
    if (verified && !primary) actions.push({ label: texts["emails.make_primary"], path: `${base}${id}/primary/`, done: texts["profile.done"] });
    const isLast = verified && all.filter((other) => other.verified).length === 1;
    const note = isLast ? texts["emails.last"] : primary && all.length > 1 ? texts["emails.keep"] : "";
    const remove = { label: texts["emails.remove"], path: `/platform/api/emails/${id}/remove/`, done: texts["factors.removed"] };
    if (!note) actions.push({ ...remove, asks: "emails.remove.ask" });
    return { text: email, tags, actions, note };
  };
  const shown = list(section, base, texts["emails.none"], row);
  form(section, async ({ email }, made) => {
    const added = await api("POST", base, { email, user: user.pk });
    if (!added.ok) return complain(made, added);
    const sent = await api("POST", `${base}${added.data.id}/verify/`);
    made.reset();
    await shown.show();
    if (!sent.ok) return complain(made, sent);
    tell(made, `${texts["emails.added"]} ${added.data.email}.`);
  });
  return shown.shown;
}

function password(section, sections) {
  form(section, async (body, made) => {
    const response = await api("POST", "/platform/api/password/", body);
    if (!response.ok) return complain(made, response);
    made.reset();
    tell(made, texts["password.done"]);
    sections.sessions.dispatchEvent(new Event("stale"));
    sections.tokens.dispatchEvent(new Event("stale"));
  });
}

async function links(section) {
  const { providers = [] } = await about();
  const names = Object.fromEntries(providers.map(({ id, display_name, name }) => [id, display_name || name]));
  const row = ({ id, provider, uid }) => {
    const [text, path] = [names[provider] ?? provider, `/api/auth/social/${id}/disconnect/`];
    const end = { label: texts["links.disconnect"], path, done: texts["links.disconnected"], asks: "links.disconnect.ask" };
    return { icon: badge(text), text, small: uid, actions: [end] };
  };
  const { shown } = list(section, "/api/auth/social/", texts["links.none"], row);
  providerButtons(section, providers, "connect");
  await shown;
}

passwords();
start({ home });
