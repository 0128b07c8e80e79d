// A provider that somebody else wrote, oidc-provider, with Cognito's /logout in front of its own end-session endpoint.
// Usage: node server.mjs FOLDER_OF_NODE_MODULES. It is told of its one client in a line of JSON, says in another where it
// is, and ends when there is nothing more to read.

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const load = (path) => import(pathToFileURL(`${process.argv[2]}/${path}`).href);
const { Provider } = await load("oidc-provider/lib/index.js");

const input = createInterface({ input: process.stdin });
const [line] = await once(input, "line");
const client = JSON.parse(line);

const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://localhost:${server.address().port}`; // to a browser another site than 127.0.0.1

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [client.callback_url],
      post_logout_redirect_uris: client.sign_out_urls,
    },
  ],
  // Only a revocation ends the tokens; the end of the browser's session does not.
  expiresWithSession: () => false,
  features: { revocation: { enabled: true } },
  issueRefreshToken: () => true,
  rotateRefreshToken: false,
});

// The logout endpoint as Amazon Cognito's Developer Guide describes it.
provider.use(async (ctx, next) => {
  if (ctx.path !== "/logout") {
    await next();
    return;
  }
  const { client_id: id, logout_uri: url } = ctx.query;
  const found = await provider.Client.find(id).catch(() => undefined);
  if (!found?.postLogoutRedirectUris.includes(url)) {
    ctx.status = 400;
    ctx.body = "An error was encountered with the requested page.";
    return;
  }
  const session = await provider.Session.get(ctx);
  await session.destroy();
  ctx.cookies.set(provider.cookieName("session"), null);
  ctx.redirect(url);
});

server.on("request", provider.callback());
process.stdout.write(`${JSON.stringify(issuer)}\n`);
await once(input, "close");
process.exit();
