// The account page: profile, addresses, password, providers, sessions and tokens.
import texts, { fill } from "/platform/texts.js";
import { about, api, providerButtons } from "/platform/api.js";
import { list } from "/platform/list.js";
import { activity, ownData } from "/platform/own-data.js";
import { passwords } from "/platform/passwords.js";
import { tokens } from "/platform/tokens.js";
import { busy, clear, complain, form, minute, parameter, say, start, tag } from "/platform/ui.js";

async function home(root) {
  const user = await api("GET", "/api/auth/user/");
  if (user.status === 401) {
    // A new account without a session must confirm its address first.
    return location.replace(parameter("done") === "register" ? "/platform/login?done=unconfirmed" : "/platform/login");
  }
  // The server may require a second factor before anything else.
  const { data: second } = user.status === 403 ? await api("GET", "/platform/api/factors/") : {};
  if (second?.required && !second.factors.length && !second.passkeys.length) return location.replace("/platform/factors");
  if (!user.ok) return say(root, user.data.detail ?? texts.failed, true);
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
    const answer = await api("POST", "/api/auth/logout/");
    if (answer.ok) location.assign("/platform/login");
    else complain(root, answer);
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
}

function profile(section, user) {
  const fields = ["username", "first_name", "last_name"];
  for (const name of fields) document.getElementById(name).value = user[name] ?? "";
  form(section, async (body) => {
    // Only changed fields: an unchanged username must not count as taken.
    const changed = Object.fromEntries(Object.entries(body).filter(([name, value]) => value !== user[name]));
    const answer = await api("PATCH", "/api/auth/user/", changed);
    if (!answer.ok) return complain(section, answer);
    Object.assign(user, answer.data);
    say(section, texts["profile.done"]);
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
  const shown = list(section, base, texts["emails.none"], ({ id, email, verified, primary }) => {
    const tags = [verified ? tag(texts["emails.verified"], "good") : tag(texts["emails.unverified"], "bad")];
    if (primary) tags.unshift(tag(texts["emails.primary"]));
    const actions = [];
    const sent = `${texts["emails.sent"]} ${email}.`;
    if (!verified) actions.push(shown.action(texts["emails.verify"], email, `${base}${id}/verify/`, sent));
    if (!primary) actions.push(shown.action(texts["emails.make_primary"], email, `${base}${id}/primary/`, texts["profile.done"]));
    actions.push(shown.action(texts["emails.remove"], email, `${base}${id}/remove/`, texts["profile.done"]));
    return { text: email, tags, actions };
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
    const answer = await api("POST", "/platform/api/password/", body);
    if (!answer.ok) return complain(section, answer);
    made.reset();
    say(section, texts["password.done"]);
    section.querySelector(".summary").focus();
    sections.sessions.dispatchEvent(new Event("stale"));
    sections.tokens.dispatchEvent(new Event("stale"));
  });
}

async function links(section) {
  const shown = list(section, "/api/auth/social/", texts["links.none"], ({ id, provider, uid }) => {
    const path = `/api/auth/social/${id}/disconnect/`;
    const actions = [shown.action(texts["links.disconnect"], provider, path, texts["profile.done"])];
    return { text: provider, small: uid, actions };
  });
  const { providers = [] } = await about();
  providerButtons(section, providers, "connect");
  await shown.shown;
}

function sessions(section) {
  const base = "/platform/api/sessions/";
  const shown = list(section, base, "", ({ id, current, created, last_seen, client, user_agent }) => {
    const text = browser(user_agent);
    const seen = last_seen ? `, ${texts["sessions.seen"]} ${minute(last_seen)}` : "";
    const small = `${texts["sessions.since"]} ${minute(created)}${seen}${client ? ` · ${client}` : ""}`;
    if (current) return { text, small, tags: [tag(texts["sessions.current"], "good")] };
    const end = shown.action(texts["sessions.end"], `${text}, ${small}`, `${base}${id}/end/`, texts["sessions.ended"]);
    return { text, small, actions: [end] };
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

// "Firefox on Linux", from the User-Agent header.
function browser(agent) {
  const names = [["Edg/", "Edge"], ["OPR/", "Opera"], ["Firefox/", "Firefox"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]];
  const systems = [["Android", "Android"], ["iPhone", "iPhone"], ["iPad", "iPad"], ["Windows", "Windows"], ["Mac OS", "macOS"], ["Linux", "Linux"]];
  const of = (table) => table.find(([part]) => agent.includes(part))?.[1];
  const [name, system] = [of(names), of(systems)];
  if (!name || !system) return name || system || agent || texts["sessions.unknown"];
  return texts["sessions.browser"].replace("{browser}", name).replace("{system}", system);
}

passwords();
start({ home });
