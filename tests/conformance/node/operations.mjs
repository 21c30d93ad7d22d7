// What the SDK offers for service authentication, and what of it was called: per account and, where both are asked for, per zone.
import { APIResource } from 'cloudflare/core/resource';

// No counterpart here; the answer says so.
const unserved = [
  'access.aiControls.', 'access.applications.cas.', 'access.gatewayCA.',
  'access.IdPFederationGrants.', 'access.infrastructure.', 'access.logs.scim.', 'access.samlCertificates.', 'organizations.doh.',
  'alerting.destinations.pagerduty.', 'alerting.silences.',
];
// Lists that are empty, and nothing else.
const people = ['access.bookmarks.', 'access.customPages.', 'access.users.', 'identityProviders.'];

const called = new Set();
export const offered = new Map();

// Counts every call from here on.
export function watch(sdk) {
  const nouns = {
    access: sdk.zeroTrust.access, organizations: sdk.zeroTrust.organizations, identityProviders: sdk.zeroTrust.identityProviders,
    alerting: sdk.alerting, tokens: sdk.accounts.tokens, auditLogs: sdk.auditLogs,
  };
  for (const [name, resource] of Object.entries(nouns)) watchOne(name, resource);
}

function watchOne(path, resource) {
  for (let kind = Object.getPrototypeOf(resource); kind !== APIResource.prototype && kind !== Object.prototype; kind = Object.getPrototypeOf(kind)) {
    for (const name of Object.getOwnPropertyNames(kind).filter((it) => it !== 'constructor')) {
      const operation = `${path}.${name}`;
      const method = kind[name];
      offered.set(operation, [resource, method]);
      resource[name] = function (...given) {
        const isZone = given.some((it) => it?.zone_id);
        called.add(operation);
        if (isZone) called.add(`${operation} (zone)`);
        return method.apply(this, given);
      };
    }
  }
  for (const [name, below] of Object.entries(resource)) {
    if (below instanceof APIResource) watchOne(`${path}.${name}`, below);
  }
}

const isRefused = (operation) =>
  unserved.some((it) => operation.startsWith(it)) || (people.some((it) => operation.startsWith(it)) && !people.some((it) => operation === `${it}list`));

export const refused = () => [...offered].filter(([operation]) => isRefused(operation));
export const missed = () => [...offered.keys()].filter((operation) => !called.has(operation)).sort();

export function totals() {
  const served = [...called].filter((operation) => !isRefused(operation.split(' ')[0]));
  return [served.length, [...called].length - served.length];
}
