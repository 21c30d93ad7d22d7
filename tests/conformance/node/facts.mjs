// Facts, counted; and the client that every noun is driven with.
import { randomUUID } from 'node:crypto';
import Cloudflare from 'cloudflare';
import * as operations from './operations.mjs';

const { SALLYPORT_ADMIN, SALLYPORT_ACCOUNT, SALLYPORT_API_TOKEN } = process.env;
export const account = SALLYPORT_ACCOUNT;
export const inAccount = { account_id: account };
// A zone that is not configured is taken for an account's id.
export const inZone = { zone_id: account };
export const both = [['account', inAccount], ['zone', inZone]];
export const nobody = '00000000-0000-4000-8000-000000000001';
export const counts = { passed: 0, failed: 0 };

export const client = (apiToken) =>
  // Without retries: a status that the SDK would hide by trying again is seen.
  new Cloudflare({ baseURL: `${SALLYPORT_ADMIN}/client/v4`, apiToken, maxRetries: 0 });
export const sdk = client(SALLYPORT_API_TOKEN);
export const access = sdk.zeroTrust.access;
operations.watch(sdk);

export const unique = (noun) => `${noun} ${randomUUID()}`;
export const uniqueHost = () => `${randomUUID().slice(0, 18)}.test`;

export function check(fact, holds) {
  counts[holds ? 'passed' : 'failed'] += 1;
  if (!holds) console.log(`FAILED: ${fact}`);
}

// What was given is what is shown; the order of an object's members does not matter.
export function checkShows(fact, shown, given) {
  for (const [field, value] of Object.entries(given)) {
    check(`${fact}: ${field} is ${JSON.stringify(value)} (got ${JSON.stringify(shown?.[field])})`, same(shown?.[field], value));
  }
}

function same(a, b) {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  const names = Object.keys(b);
  return Array.isArray(a) === Array.isArray(b) && names.length === Object.keys(a).length && names.every((name) => same(a[name], b[name]));
}

export async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

// The iterator asks for page after page until one is empty; `pages` takes further parameters of `list`.
export async function checkListed(fact, pages, wanted, key = 'id') {
  const every = (await all(pages({}))).map((found) => found[key]);
  check(`${fact}: the list ends and holds it once`, every.filter((it) => it === wanted).length === 1);
  const byOnes = (await all(pages({ per_page: 1 }))).map((found) => found[key]);
  check(`${fact}: pages of one hold the same`, same(byOnes.sort(), every.sort()));
}

export async function checkRaises(fact, kinds, call) {
  try {
    await call();
  } catch (caught) {
    const error = caught.errors?.[0];
    const isOne = [kinds].flat().some((kind) => caught instanceof kind);
    check(`${fact} (got ${caught})`, isOne && error?.code >= 1000 && error.message.length > 0);
    return error ?? {};
  }
  check(`${fact} (nothing was raised)`, false);
  return {};
}

export async function checkGone(fact, calls) {
  for (const [name, call] of Object.entries(calls)) {
    const error = await checkRaises(`${fact}: ${name} of what is deleted is 404`, Cloudflare.NotFoundError, call);
    check(`${fact}: ${name} says not_found`, error.message?.includes('not_found'));
  }
}
