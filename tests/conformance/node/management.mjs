// Every operation of the official TypeScript SDK that is served here.
//
// Environment: SALLYPORT_ADMIN, SALLYPORT_ACCOUNT (also used as a zone's), SALLYPORT_API_TOKEN, SALLYPORT_AUTHORITY: a
// certificate authority as PEM. What the SDK offers is read off the SDK itself: an operation that is neither called nor known
// as not served fails the run. Exit code 0 only when nothing failed.
import { check, counts } from './facts.mjs';
import * as nouns from './nouns.mjs';
import { missed, totals } from './operations.mjs';
import { unserved } from './unserved.mjs';

for (const [name, stage] of Object.entries({ ...nouns, unserved })) {
  // One broken stage must not hide the others.
  await stage().catch((error) => check(`${name} goes through (got ${error.stack})`, false));
}
for (const operation of missed()) check(`${operation} is called`, false);
const [served, refused] = totals();
console.log(`${served} operations served, ${refused} refused as they should be`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
