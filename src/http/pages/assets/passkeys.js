// Passkeys: WebAuthn between the browser and the server. Bytes travel as base64url.
import texts from "/platform/texts.js";

export const available = Boolean(globalThis.PublicKeyCredential && navigator.credentials?.get);

// As long as the server accepts a challenge.
const timeout = 300000;

const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const encode = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
const descriptors = (ids) => ids.map((id) => ({ type: "public-key", id: decode(id) }));

// The body that adds a new passkey. Throws if the browser or the user ends it.
export async function create(options) {
  const { id, response } = await navigator.credentials.create({
    publicKey: {
      challenge: decode(options.challenge),
      rp: { id: options.rp_id, name: options.rp_id },
      user: { id: decode(options.user.id), name: options.user.name, displayName: options.user.name },
      pubKeyCredParams: options.algorithms.map((alg) => ({ type: "public-key", alg })),
      excludeCredentials: descriptors(options.credentials),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
      attestation: "none",
      timeout,
    },
  });
  const [client_data, authenticator_data] = [response.clientDataJSON, response.getAuthenticatorData()].map(encode);
  return { state: options.state, id, client_data, authenticator_data };
}

// The body that proves a passkey. `more` may have `mediation` and `signal`.
export async function get(options, more = {}) {
  const { id, response } = await navigator.credentials.get({
    publicKey: {
      challenge: decode(options.challenge),
      rpId: options.rp_id,
      allowCredentials: descriptors(options.credentials),
      userVerification: "required",
      timeout,
    },
    ...more,
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  const [client_data, authenticator_data, signed] = [clientDataJSON, authenticatorData, signature].map(encode);
  const user_handle = userHandle ? encode(userHandle) : "";
  return { state: options.state, id, client_data, authenticator_data, signature: signed, user_handle };
}

// The error of the two functions above, in the shape of a response.
export function failure(error) {
  const known = { InvalidStateError: "passkeys.twice", NotAllowedError: "passkeys.ended" }[error.name];
  return { data: { detail: texts[known ?? "passkeys.failed"] } };
}
