// A provider of single sign-on for tests: oidc-provider, on loopback, with the people it is told of.
//
// What it is told is JSON in its first argument: { port, client, secret, back, home, people: { dana: { groups: [...] } } }.
// `PUT /people/dana` with claims changes what it says of somebody; it says nothing of who is none of them.

import { createServer } from "node:http";

import { Provider } from "oidc-provider";

const { port, client, secret, back, home, people } = JSON.parse(process.argv[2]);
const issuer = `http://localhost:${port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client,
      ...(secret ? { client_secret: secret } : { token_endpoint_auth_method: "none" }),
      redirect_uris: [back],
      post_logout_redirect_uris: [home],
      grant_types: ["authorization_code"],
      response_types: ["code"],
      backchannel_logout_uri: new URL("/v1/session/sign-on/logout", back).href,
      backchannel_logout_session_required: true,
    },
  ],
  // The recorder is on this machine, where a provider would not usually call anybody.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  scopes: ["openid", "profile", "email"],
  acrValues: ["phr", "mfa"],
  claims: { openid: ["sub", "acr", "amr"], profile: ["preferred_username", "groups"] },
  cookies: { keys: ["for tests"] },
  features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true, logoutSource: askToLeave } },
  interactions: { url: (_, interaction) => `/ask/${interaction.uid}` },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, preferred_username: nameOf(sub), ...people[nameOf(sub)] }) }),
  // Who signs in agrees to what the recorder asks for.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
});
// Its own name for somebody is not the name they go by.
function nameOf(sub) {
  return sub.replace("subject-of-", "");
}

function page(title, form) {
  return `<!doctype html><html lang="en"><title>${title}</title><main><h1>${title}</h1>${form}</main></html>`;
}

function askToLeave(ctx, form) {
  ctx.body = page("Sign out of Example ID", `${form}<button form="op.logoutForm" name="logout" value="yes">Sign out everywhere</button>`);
}

async function body(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}

const answer = provider.callback();
createServer(async (request, response) => {
  const [, first, name] = new URL(request.url, issuer).pathname.split("/");
  if (first === "people" && request.method === "PUT") {
    people[name] = JSON.parse(await body(request));
    response.end();
  } else if (first === "ask" && request.method === "POST") {
    const who = new URLSearchParams(await body(request));
    const known = who.has("enter") && people[who.get("name")];
    // How it has made sure of them is a part of what it was told of them.
    const { acr, amr } = known || {};
    const login = { accountId: `subject-of-${who.get("name")}`, ...(acr && { acr }), ...(amr && { amr }) };
    const result = known ? { login } : { error: "access_denied", error_description: "not let in" };
    await provider.interactionFinished(request, response, result);
  } else if (first === "ask") {
    response.setHeader("content-type", "text/html");
    response.end(page("Example ID", `<form method="post"><label>Who <input name="name"></label><button name="enter" value="1">Enter</button><button name="leave" value="1">Cancel</button></form>`));
  } else {
    answer(request, response);
  }
}).listen(port, "localhost", () => console.log(issuer));
