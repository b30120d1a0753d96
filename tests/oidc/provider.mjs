// A real OpenID provider on loopback, driven by its own login forms: `node provider.mjs '{"proconnect": false}'`.
// Says {"issuer": …} once it listens.  A line on its standard input, "rotate", gives it other keys.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from '../../web/node_modules/oidc-provider/lib/index.js';

// The library tells developers of its defaults there; what we say is alone on standard output.
console.info = console.error;

const { proconnect, clients } = JSON.parse(process.argv[2]);

const people = {
  ada: {
    email: 'ada@example.org',
    email_verified: true,
    name: 'Ada Lovelace',
    given_name: 'Ada',
    usual_name: 'de Lovelace',
  },
  bob: { email: 'bob@example.org', email_verified: false, name: 'Bob' },
};

// What ProConnect takes; with anything else it answers Y000400.
const taken = new Set([
  'client_id', 'acr_values', 'claims', 'response_type', 'response_mode', 'nonce', 'login_hint', 'siret_hint',
  'state', 'redirect_uri', 'scope', 'prompt', 'idp_hint', 'code_challenge', 'code_challenge_method',
]);

function keys() {
  const mark = { use: 'sig' };
  const pairs = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ];
  return pairs.map(({ privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), ...mark, kid: randomUUID() }));
}

function started(issuer) {
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: keys() },
    cookies: { keys: ['of a test'] },
    pkce: { required: () => !proconnect },
    acrValues: ['eidas1', 'eidas2'],
    claims: proconnect
      ? { email: ['email'], given_name: ['given_name'], usual_name: ['usual_name'] }
      : { email: ['email', 'email_verified'], profile: ['name'] },
    scopes: ['openid'],
    ...(proconnect ? { clientAuthMethods: ['client_secret_post'] } : {}),
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'ES256', 'HS256'],
      userinfoSigningAlgValues: ['RS256', 'ES256', 'HS256'],
    },
    features: { jwtUserinfo: { enabled: proconnect }, claimsParameter: { enabled: true } },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
  });
  return provider.callback();
}

let answer;
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://provider');
  const unknown = [...url.searchParams.keys()].filter((name) => !taken.has(name));
  if (proconnect && url.pathname === '/auth' && unknown.length > 0) {
    response.writeHead(400, { 'Content-Type': 'text/plain' }).end('Y000400 : Bad Request Exception');
  } else {
    answer(request, response);
  }
});

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  answer = started(issuer);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      if (line === 'rotate') {
        answer = started(issuer);
        console.log(JSON.stringify({ done: line }));
      }
    })
    .on('close', () => process.exit());
  console.log(JSON.stringify({ issuer }));
});
