// Another service that is given one of our access tokens: it knows our address and uses jose, nothing of ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base64url, createRemoteJWKSet, decodeProtectedHeader, errors, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { kraliki } from '../lib/settings.mjs';

const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', kraliki.url));
const expected = { issuer: 'kraliki', audience: 'kraliki', typ: 'at+jwt', algorithms: ['EdDSA'], requiredClaims: ['sub', 'email', 'role', 'org', 'sid', 'jti', 'exp', 'iat', 'nbf'] };

async function post(path, body, token) {
  const answer = await fetch(new URL(path, kraliki.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path} answered ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

const signIn = () => post('/api/v1/auth/login', { email: kraliki.user, password: kraliki.password, token_transport: 'body' });

const me = token => fetch(new URL('/api/v1/auth/me', kraliki.url), { headers: { authorization: `Bearer ${token}` } });

test('an access token is verified with the published keys', async () => {
  const { access_token: token, user } = await signIn();
  const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
  assert.equal(protectedHeader.alg, 'EdDSA');
  assert.equal(payload.sub, user.id);
  assert.equal(payload.email, kraliki.user);
  assert.equal(payload.role, 'admin');
  assert.equal(payload.org, user.organisation_id);
  assert.equal(payload.exp - payload.iat, 15 * 60);
  assert.match(protectedHeader.kid, /^[\w-]{43}$/);
});

test('a refreshed token is another one of the same sign-in', async () => {
  const first = await signIn();
  const second = await post('/api/v1/auth/refresh', { refresh_token: first.refresh_token });
  const [a, b] = await Promise.all([first, second].map(answer => jwtVerify(answer.access_token, keys, expected)));
  assert.equal(a.payload.sid, b.payload.sid);
  assert.notEqual(a.payload.jti, b.payload.jti);
});

test('a tampered token is refused by jose and by the server', async () => {
  const { access_token: token } = await signIn();
  const [header, payload, signature] = token.split('.');
  const claims = JSON.parse(new TextDecoder().decode(base64url.decode(payload)));
  const tampered = `${header}.${base64url.encode(JSON.stringify({ ...claims, role: 'owner' }))}.${signature}`;
  await assert.rejects(jwtVerify(tampered, keys, expected), errors.JWSSignatureVerificationFailed);
  assert.equal((await me(tampered)).status, 401);
  assert.equal((await me(token)).status, 200);
});

test('a token that jose has signed with another key is refused by the server', async () => {
  const { access_token: token } = await signIn();
  const { payload, protectedHeader } = await jwtVerify(token, keys, expected);
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const forge = header => new SignJWT(payload).setProtectedHeader({ ...protectedHeader, ...header }).sign(privateKey);
  assert.equal((await me(await forge({}))).status, 401);
  assert.equal((await me(await forge({ kid: 'theirs', jwk: await exportJWK(publicKey) }))).status, 401);
  const { kid } = decodeProtectedHeader(token);
  const { keys: [published] } = await (await fetch(new URL('/.well-known/jwks.json', kraliki.url))).json();
  assert.equal(published.kid, kid);
  const confused = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(base64url.decode(published.x));
  assert.equal((await me(confused)).status, 401);
});

test('a token of an ended sign-in still verifies elsewhere, but the server refuses it', async () => {
  const { access_token: token } = await signIn();
  await post('/api/v1/auth/logout', {}, token);
  await jwtVerify(token, keys, expected);
  const answer = await me(token);
  assert.equal(answer.status, 401);
  assert.equal((await answer.json()).code, 'token_revoked');
});
