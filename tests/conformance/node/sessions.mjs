// Session JWTs, validated by other people's libraries against the key set that the gateway serves.
//
// Environment:
//   SALLYPORT_GATEWAY  a gateway, such as http://127.0.0.1:8787
//   SALLYPORT_ISSUER   the team domain's URL, which is https://<team>.cloudflareaccess.com
//   SALLYPORT_AUD      the application's audience tag
//   SALLYPORT_SESSION  a session of the application, from an exchange at the gateway
//   SALLYPORT_METADATA what the gateway says of the application to everybody, signed with the key of sessions
//   SALLYPORT_ENDED    a session of another application that has expired, and SALLYPORT_ENDED_AUD: that one's audience tag
//
// Every library is to accept the first and to refuse the expired one, one that was altered, the first for another audience, and
// the metadata.
import http from 'node:http';
import accessPlugin from '@cloudflare/pages-plugin-cloudflare-access';
import { cloudflareAccess } from '@hono/cloudflare-access';
import { Hono } from 'hono';
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';

const { SALLYPORT_GATEWAY: gateway, SALLYPORT_ISSUER: issuer, SALLYPORT_AUD: aud, SALLYPORT_SESSION: session, SALLYPORT_METADATA: metadata, SALLYPORT_ENDED: ended, SALLYPORT_ENDED_AUD: endedAud } = process.env;
const otherAud = '0'.repeat(64);
const counts = { passed: 0, failed: 0 };
let asked = 0;

function check(fact, holds) {
  counts[holds ? 'passed' : 'failed'] += 1;
  if (!holds) console.log(`FAILED: ${fact}`);
}

// Stands in for name resolution and TLS alone: the team domain is the gateway. jose takes a fetch of one's own; the other two have
// no setting for it (hono has no setting for the address either), so the global one is replaced.
function atGateway(input) {
  const url = new URL(input.url ?? input);
  if (url.origin !== issuer) throw new Error(`asked elsewhere: ${url}`);
  asked += 1;
  return new Promise((done, failed) => {
    const request = http.get(gateway + url.pathname, { headers: { host: url.host } }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part)).on('end', () => done(new Response(Buffer.concat(parts), { status: answer.statusCode })));
    });
    request.on('error', failed);
  });
}
globalThis.fetch = async (input) => atGateway(input);

// One character in the middle of one part, so that no padding hides it.
function altered(part) {
  const parts = session.split('.');
  const at = Math.floor(parts[part].length / 2);
  parts[part] = parts[part].slice(0, at) + (parts[part][at] === 'A' ? 'B' : 'A') + parts[part].slice(at + 1);
  return parts.join('.');
}
const claimed = (claims) => {
  const [head, body, signature] = session.split('.');
  const changed = { ...JSON.parse(Buffer.from(body, 'base64url')), ...claims };
  return [head, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
};

const wrong = { 'an altered signature': [altered(2), aud], 'altered claims': [claimed({ common_name: 'somebody else' }), aud],
  'a prolonged one': [claimed({ exp: 4102444800 }), aud], 'an expired one': [ended, endedAud], 'another audience': [session, otherAud],
  'the metadata': [metadata, aud] };

async function validates(library, isAccepted) {
  check(`${library}: a session is valid`, await isAccepted(session, aud));
  for (const [what, [jwt, audience]] of Object.entries(wrong)) {
    check(`${library}: ${what} is refused`, !(await isAccepted(jwt, audience)));
  }
}

const keys = createRemoteJWKSet(new URL('/cdn-cgi/access/certs', issuer), { [customFetch]: async (url) => atGateway(url) });
await validates('jose', async (jwt, audience) => {
  try {
    const { payload } = await jwtVerify(jwt, keys, { issuer, audience });
    return payload.type === 'app' && payload.sub === '';
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
});
for (const [jwt, audience, code] of [[ended, endedAud, 'ERR_JWT_EXPIRED'], [session, otherAud, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
  [altered(2), aud, 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED']]) {
  const refused = await jwtVerify(jwt, keys, { issuer, audience }).catch((error) => error.code);
  check(`jose says ${code} (got ${refused})`, refused === code);
}

// The plugin is a middleware of Pages Functions; with a session it goes on, without one it sends to the login page.
await validates('pages-plugin-cloudflare-access', async (jwt, audience) => {
  const plugin = accessPlugin({ domain: issuer, aud: audience });
  const request = new Request('https://app.example.test/x?y=1', { headers: { 'Cf-Access-Jwt-Assertion': jwt } });
  const data = {};
  const next = async () => new Response('inside', { status: 200 });
  const answer = await plugin({ request, data, next, env: {}, params: {}, functionPath: '', waitUntil: () => {}, passThroughOnException: () => {}, pluginArgs: { domain: issuer, aud: audience } });
  const isInside = answer.status === 200;
  if (!isInside) check('the plugin sends to the team domain', answer.headers.get('location').startsWith(`${issuer}/cdn-cgi/access/login/`));
  return isInside;
});

for (const [where, headers] of Object.entries({ header: (jwt) => ({ 'cf-access-jwt-assertion': jwt }), cookie: (jwt) => ({ cookie: `CF_Authorization=${jwt}` }) })) {
  await validates(`hono cloudflare-access (${where})`, async (jwt, audience) => {
    const app = new Hono();
    app.use('*', cloudflareAccess(new URL(issuer).hostname.split('.')[0], audience));
    app.get('/', (context) => context.text(context.get('accessPayload').common_name));
    return (await app.request('/', { headers: headers(jwt) })).status === 200;
  });
}
// Whoever checks as little as a library allows: no issuer, no type.
const said = await jwtVerify(metadata, keys, { audience: aud }).catch((error) => error.code);
check(`jose takes metadata for nothing that is valid (got ${said})`, said === 'ERR_JWT_EXPIRED');
check('the key set came from the gateway', asked >= 4);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
