// One noun after the other, in the account and, where both exist, in a zone: created, read back, listed to the end, changed,
// deleted, gone.
import http from 'node:http';
import Cloudflare from 'cloudflare';
import { access, account, all, both, check, checkGone, checkListed, checkRaises, checkShows, client, inAccount, nobody, sdk, unique, uniqueHost } from './facts.mjs';

const { BadRequestError, ConflictError, PermissionDeniedError, AuthenticationError } = Cloudflare;
const any = { name: 'any token', decision: 'non_identity', include: [{ any_valid_service_token: {} }] };

// `of`: what beside the id every call needs. Ends with what is deleted being gone.
async function live(fact, resource, within, given, changed, { of = within } = {}) {
  const made = await resource.create({ ...within, ...given });
  checkShows(fact, made, given);
  checkShows(`${fact} read back`, await resource.get(made.id, of), given);
  await checkListed(fact, (page) => resource.list({ ...within, ...page }), made.id);
  checkShows(`${fact} changed`, await resource.update(made.id, { ...of, ...changed }), changed);
  checkShows(`${fact} changed and read back`, await resource.get(made.id, of), changed);
  check(`${fact}: a deletion answers with its id`, (await resource.delete(made.id, of)).id === made.id);
  await checkGone(fact, {
    get: () => resource.get(made.id, of),
    update: () => resource.update(made.id, { ...of, ...changed }),
    delete: () => resource.delete(made.id, of),
  });
  return made;
}

export async function serviceTokens() {
  for (const [scope, within] of both) {
    const name = unique('token');
    await live(`service token (${scope})`, access.serviceTokens, within, { name, duration: '720h' }, { name: `${name} 2`, enabled: false });
  }
  const token = await access.serviceTokens.create({ ...inAccount, name: unique('token') });
  check('the secret is shown when it is created', token.client_secret.startsWith('spst_'));
  const rotated = await access.serviceTokens.rotate(token.id, inAccount);
  check('a rotation shows another', rotated.client_secret.startsWith('spst_') && rotated.client_secret !== token.client_secret);
  const refreshed = await access.serviceTokens.refresh(token.id, inAccount);
  check('a refresh shows none', refreshed.client_secret === undefined && refreshed.expires_at !== undefined);
  await access.serviceTokens.delete(token.id, inAccount);
  await checkGone('token', { rotate: () => access.serviceTokens.rotate(token.id, inAccount), refresh: () => access.serviceTokens.refresh(token.id, inAccount) });
}

export async function groups() {
  for (const [scope, within] of both) {
    const given = { name: unique('group'), include: [{ ip: { ip: '192.0.2.1' } }, { geo: { country_code: 'PT' } }], require: [{ everyone: {} }], exclude: [] };
    await live(`group (${scope})`, access.groups, within, given, { name: 'changed', include: [{ everyone: {} }], require: [] });
  }
  await checkRaises('a group that names no token there is is refused', BadRequestError, () =>
    access.groups.create({ ...inAccount, name: 'x', include: [{ service_token: { token_id: nobody } }] }));
}

export async function tags() {
  const [name, other] = [uniqueHost(), uniqueHost()];
  check('a tag is created', (await access.tags.create({ ...inAccount, name })).name === name);
  check('a tag is read back', (await access.tags.get(name, inAccount)).name === name);
  await checkListed('tag', (page) => access.tags.list({ ...inAccount, ...page }), name, 'name');
  check('a tag is renamed', (await access.tags.update(name, { ...inAccount, name: other })).name === other);
  check('a tag is deleted', (await access.tags.delete(other, inAccount)).name === other);
  await checkGone('tag', { get: () => access.tags.get(name, inAccount), delete: () => access.tags.delete(other, inAccount) });
}

export async function policies() {
  const given = { ...any, name: unique('policy'), require: [{ ip: { ip: '127.0.0.0/8' } }], exclude: [], session_duration: '2h' };
  await live('policy', access.policies, inAccount, given, { ...any, decision: 'deny', name: 'changed', require: [] });
  const policy = await access.policies.create({ ...inAccount, ...any });
  const app = await access.applications.create({ ...inAccount, type: 'self_hosted', domain: uniqueHost(), policies: [{ id: policy.id, precedence: 1 }] });
  check('the application shows the whole policy', app.policies[0].name === any.name && app.policies[0].reusable === true);
  await checkRaises('a policy in use is not deleted', ConflictError, () => access.policies.delete(policy.id, inAccount));
  await access.applications.delete(app.id, inAccount);
  await access.policies.delete(policy.id, inAccount);
}

export async function policyTests() {
  const { policyTests } = access.applications;
  const token = await access.serviceTokens.create({ ...inAccount, name: unique('token') });
  const named = { name: 'named', decision: 'non_identity', include: [{ service_token: { token_id: token.id } }] };
  const made = await policyTests.create({ ...inAccount, policies: [named] });
  check('a policy test begins', made.status === 'success');
  let done = await policyTests.get(made.id, inAccount);
  for (let asked = 0; asked < 100 && done.status === 'processing'; asked++) done = await policyTests.get(made.id, inAccount);
  checkShows('policy test', done, { status: 'complete', percent_users_processed: 100, users_approved: 1, users_errored: 0 });
  const approved = await all(policyTests.users.list(made.id, { ...inAccount, status: 'success' }));
  check('the token that a policy names gets in', approved.map((it) => it.id).join() === token.id);
  await checkListed('policy test', (page) => policyTests.users.list(made.id, { ...inAccount, ...page }), token.id);
  await checkRaises('a policy test of no policy is refused', BadRequestError, () => policyTests.create({ ...inAccount, policies: [] }));
  await access.serviceTokens.delete(token.id, inAccount);
}

export async function applications() {
  const apps = access.applications;
  for (const [scope, within] of both) {
    const domain = uniqueHost();
    const given = {
      type: 'self_hosted', name: unique('application'), domain, session_duration: '2h', service_auth_401_redirect: true,
      http_only_cookie_attribute: false, same_site_cookie_attribute: 'strict', app_launcher_visible: false, skip_interstitial: true,
      destinations: [{ type: 'public', uri: domain }, { type: 'public', uri: `${domain}/below` }], cors_headers: { allow_all_origins: true },
    };
    await live(`application (${scope})`, apps, within, given, { type: 'self_hosted', domain, name: 'changed', session_duration: '24h' });
    const app = await apps.create({ ...within, type: 'self_hosted', domain, policies: [any] });
    for (const query of [{ aud: app.aud }, { domain }]) {
      check(`it is found by ${Object.keys(query)}`, (await all(apps.list({ ...within, ...query }))).map((it) => it.id).join() === app.id);
    }
    const settings = { allow_iframe: true, skip_interstitial: true };
    checkShows(`settings (${scope})`, await apps.settings.update(app.id, { ...within, ...settings }), settings);
    checkShows(`one setting (${scope})`, await apps.settings.edit(app.id, { ...within, allow_iframe: false }), { allow_iframe: false, skip_interstitial: true });
    const judged = await apps.userPolicyChecks.list(app.id, within);
    check(`nobody is not admitted (${scope})`, judged.app_state.status === 'Failed');
    check(`revoking its sessions answers (${scope})`, (await apps.revokeTokens(app.id, within)) !== undefined);
    await ownPolicies(scope, within, app.id);
    await apps.delete(app.id, within);
  }
}

async function ownPolicies(scope, within, app_id) {
  const { policies } = access.applications;
  const [fact, of] = [`own policy (${scope})`, { ...within, app_id }];
  const first = await policies.create(app_id, { ...within, ...any, name: 'first', precedence: 7 });
  checkShows(fact, first, { ...any, name: 'first', precedence: 7, reusable: false });
  checkShows(fact, await policies.get(first.id, of), { name: 'first', precedence: 7 });
  await checkListed(fact, (page) => policies.list(app_id, { ...within, ...page }), first.id);
  const changed = { name: 'none', decision: 'deny', include: [{ everyone: {} }], precedence: 9 };
  checkShows(fact, await policies.update(first.id, { ...of, ...changed }), changed);
  check(`${fact}: a deletion answers with its id`, (await policies.delete(first.id, of)).id === first.id);
  await checkGone(fact, { get: () => policies.get(first.id, of), delete: () => policies.delete(first.id, of) });
}

// An authority is needed: SALLYPORT_AUTHORITY has one as PEM.
export async function certificates() {
  const { certificates } = access;
  for (const [scope, within] of both) {
    const [fact, host] = [`certificate (${scope})`, uniqueHost()];
    const given = { name: unique('certificate'), associated_hostnames: [host] };
    const made = await certificates.create({ ...within, ...given, certificate: process.env.SALLYPORT_AUTHORITY });
    checkShows(fact, made, given);
    checkShows(fact, await certificates.get(made.id, within), { ...given, fingerprint: made.fingerprint });
    await checkListed(fact, (page) => certificates.list({ ...within, ...page }), made.id);
    await checkRaises(`${fact}: with hostnames it is not deleted`, ConflictError, () => certificates.delete(made.id, within));
    checkShows(fact, await certificates.update(made.id, { ...within, associated_hostnames: [] }), { associated_hostnames: [] });
    check(`${fact}: a deletion answers with its id`, (await certificates.delete(made.id, within)).id === made.id);
    await checkGone(fact, { get: () => certificates.get(made.id, within), delete: () => certificates.delete(made.id, within) });
    const settings = [{ hostname: host, china_network: false, client_certificate_forwarding: true }];
    const isThere = (found) => found.some((it) => it.hostname === host && it.client_certificate_forwarding);
    check(`${fact}: settings are set`, isThere(await all(certificates.settings.update({ ...within, settings }))));
    check(`${fact}: settings are read back`, isThere(await all(certificates.settings.get(within))));
  }
}

export async function organization() {
  const { organizations } = sdk.zeroTrust;
  for (const [scope, within] of both) {
    const { name, auth_domain } = await organizations.list(within);
    checkShows(`organization (${scope})`, await organizations.create({ ...within, name, auth_domain }), { name, auth_domain });
    const changed = { session_duration: '8h', is_ui_read_only: false };
    checkShows(`organization (${scope})`, await organizations.update({ ...within, ...changed }), { ...changed, auth_domain });
    checkShows(`organization (${scope})`, await organizations.list(within), { ...changed, name });
    check(`nobody is revoked (${scope})`, (await organizations.revokeUsers({ ...within, email: 'somebody@example.test' })) === false);
  }
  const interval = { key_rotation_interval_days: 30 };
  checkShows('keys', await access.keys.update({ ...inAccount, ...interval }), interval);
  checkShows('keys', await access.keys.get(inAccount), interval);
  const rotated = await access.keys.rotate(inAccount, { query: { force: 'true' } });
  check('the next rotation is a month off', rotated.days_until_next_rotation >= 29);
}

export async function apiTokens() {
  const { tokens } = sdk.accounts;
  const [group] = await all(tokens.permissionGroups.list({ ...inAccount, name: 'Access: Service Tokens Read' }));
  check('a permission group is found', (await tokens.permissionGroups.get({ ...inAccount, name: group.name }))[0].id === group.id);
  const policies = [{ effect: 'allow', permission_groups: [{ id: group.id }], resources: { [`com.cloudflare.api.account.${account}`]: '*' } }];
  const made = await tokens.create({ ...inAccount, name: unique('api token'), policies });
  check('this API token is active', (await sdk.accounts.tokens.verify(inAccount)).status === 'active');
  const own = client(made.value);
  check('it verifies itself', (await own.accounts.tokens.verify(inAccount)).status === 'active');
  await checkRaises('it may do no more than it may', PermissionDeniedError, () => own.zeroTrust.access.groups.list(inAccount));
  check('an API token is read back', (await tokens.get(made.id, inAccount)).id === made.id);
  await checkListed('api token', (page) => tokens.list({ ...inAccount, ...page }), made.id);
  const rolled = await tokens.value.update(made.id, { ...inAccount, body: {} });
  check('a rolled API token is another one', rolled !== made.value);
  await checkRaises('the one before is 401', AuthenticationError, () => own.accounts.tokens.verify(inAccount));
  check('an API token is disabled', (await tokens.update(made.id, { ...inAccount, name: 'off', policies, status: 'disabled' })).status === 'disabled');
  check('an API token is deleted', (await tokens.delete(made.id, inAccount)).id === made.id);
  await checkGone('api token', { get: () => tokens.get(made.id, inAccount), delete: () => tokens.delete(made.id, inAccount) });
  // Up to now, so that what others do meanwhile moves no page.
  const entries = await all(sdk.auditLogs.list({ ...inAccount, per_page: 5, before: new Date().toISOString() }));
  const ids = new Set(entries.map((it) => it.id));
  check('the audit log ends, repeats nothing and holds the token', ids.size === entries.length && entries.some((it) => it.resource.id === made.id));
}

export async function alerting() {
  const { policies, destinations, availableAlerts, history } = sdk.alerting;
  const kind = 'expiring_service_token_alert';
  check('the alert is available', Object.values(await availableAlerts.list(inAccount)).flat().some((it) => it.type === kind));
  check('webhooks are eligible', Object.values(await destinations.eligible.get(inAccount)).flat().some((it) => it.type === 'webhook'));
  const listener = http.createServer((request, response) => request.resume().on('end', () => response.end())).listen(0, '127.0.0.1');
  await new Promise((done) => listener.on('listening', done));
  const url = `http://127.0.0.1:${listener.address().port}/hook`;
  const given = { name: unique('webhook'), url };
  const { webhooks } = destinations;
  const hook = await webhooks.create({ ...inAccount, ...given, secret: 'a shared secret' });
  checkShows('webhook', await webhooks.get(hook.id, inAccount), { ...given, type: 'generic' });
  check('the list holds it once', (await all(webhooks.list(inAccount))).filter((it) => it.id === hook.id).length === 1);
  check('an update answers with the id', (await webhooks.update(hook.id, { ...inAccount, ...given, name: 'x' })).id === hook.id);
  const policy = { name: unique('alert'), alert_type: kind, enabled: false, mechanisms: { webhooks: [{ id: hook.id }] } };
  const made = await policies.create({ ...inAccount, ...policy });
  checkShows('alert policy', await policies.get(made.id, inAccount), policy);
  check('the list holds it once', (await all(policies.list(inAccount))).filter((it) => it.id === made.id).length === 1);
  await policies.update(made.id, { ...inAccount, name: 'changed' });
  checkShows('alert policy', await policies.get(made.id, inAccount), { ...policy, name: 'changed' });
  check('the history is a list that ends', Array.isArray(await all(history.list({ ...inAccount, per_page: 1 }))));
  check('a deletion succeeds', (await policies.delete(made.id, inAccount)).success === true);
  await webhooks.delete(hook.id, inAccount);
  listener.close();
  await checkGone('webhook', { get: () => webhooks.get(hook.id, inAccount), delete: () => webhooks.delete(hook.id, inAccount) });
  await checkGone('alert policy', { get: () => policies.get(made.id, inAccount), delete: () => policies.delete(made.id, inAccount) });
}

export async function logs() {
  check('access requests are a list', Array.isArray(await access.logs.accessRequests.list({ ...inAccount, per_page: 1 })));
}
