// Requests to this server, with the CSRF token of its cookie.
import texts from "/platform/texts.js";

function cookie(name) {
  const found = document.cookie.split("; ").find((pair) => pair.startsWith(name + "="));
  return found ? found.slice(name.length + 1) : "";
}

// Double submit: the server compares a form's token with the cookie. A page without the cookie makes both.
export function csrfToken() {
  if (!cookie("csrftoken")) {
    const letters = Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => (byte % 36).toString(36));
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `csrftoken=${letters.join("")}; path=/; samesite=lax${secure}`;
  }
  return cookie("csrftoken");
}

// Returns { ok, status, data, needsProof }; status 0 means that the server cannot be reached.
export async function send(method, path, body) {
  const headers = { Accept: "application/json", "Accept-Language": document.documentElement.lang, Prefer: "wording=people" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
    const text = await response.text();
    let data = {};
    try {
      data = text ? JSON.parse(text) : {};
    } catch {
      // Not from this server, perhaps from a proxy in front of it: the status is enough.
    }
    const needed = response.headers.get("WWW-Authenticate") ?? "";
    const needsProof = response.status === 403 && needed.includes("insufficient_user_authentication");
    return { ok: response.ok, status: response.status, data, needsProof };
  } catch {
    return { ok: false, status: 0, data: { detail: texts.offline } };
  }
}
