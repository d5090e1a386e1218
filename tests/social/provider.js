// provider.js: an OpenID provider for `walk.js`, with people whose login name is their subject.
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const client = { id: "inventree", secret: "a-secret-of+the/client" };

const people = {
  amy: { email: "amy@example.com", email_verified: true, preferred_username: "amy", given_name: "Amy", family_name: "Pond" },
  bob: { preferred_username: "taken" },
  river: { email: "rory@example.com", email_verified: true, preferred_username: "river" },
};

// On localhost, while the server is on 127.0.0.1: another site, as a provider is.
export async function start(redirect) {
  const server = createServer((request, response) => handle(request, response));
  let handle = (_, response) => response.end();
  server.listen(0, "localhost");
  await once(server, "listening");
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: [redirect],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    }],
    pkce: { required: () => true, methods: ["S256"] },
    claims: { email: ["email", "email_verified"], profile: ["preferred_username", "given_name", "family_name"] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    cookies: { keys: ["of this walk"] },
  });
  handle = provider.callback();
  return { issuer, stop: () => { server.closeAllConnections(); server.close(); } };
}
