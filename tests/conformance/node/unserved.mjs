// What is not served is refused in the contract's envelope: the SDK raises what it would raise anywhere.
import Cloudflare from 'cloudflare';
import { access, all, both, check, checkRaises, inAccount, nobody, sdk } from './facts.mjs';
import { refused } from './operations.mjs';

export async function unserved() {
  for (const resource of [access.bookmarks, access.customPages, access.users]) {
    check('there are no people', (await all(resource.list(inAccount))).length === 0);
  }
  for (const [scope, within] of both) {
    check(`there are no identity providers (${scope})`, (await all(sdk.zeroTrust.identityProviders.list(within))).length === 0);
  }
  const filler = { ...inAccount, app_id: nobody, user_id: nobody, identity_provider_id: nobody, target_ids: [nobody], type: 'onetimepin', config: {} };
  for (const [operation, [resource, method]] of refused()) {
    // An id for each parameter before `params`, which holds the rest.
    const names = /\(([^)]*)\)/.exec(String(method))[1].split(',').map((it) => it.split('=')[0].trim());
    const given = [...names.slice(0, names.indexOf('params')).map(() => nobody), filler];
    await checkRaises(`${operation} is refused`, [Cloudflare.NotFoundError, Cloudflare.BadRequestError], async () => {
      const asked = resource[operation.split('.').at(-1)](...given);
      await (asked[Symbol.asyncIterator] ? all(asked) : asked);
    });
  }
}
