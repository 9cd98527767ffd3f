import type { Settings } from '../../../web/api.ts';
import { Moment } from '../ui/time.tsx';

type Failure = NonNullable<NonNullable<Settings['directory']>['lastFailure']>;

/** What the commonest reasons mean; the rest are codes that the documents explain. */
const REASON_WORDS: Readonly<Record<string, string>> = {
  provider_no_role: 'none of their groups has a role here',
  provider_method_missing: 'the directory did not say that a second factor was used',
  provider_denied: 'the directory itself refused',
  provider_wrong_state: 'it was begun in another browser, used before, or too old',
  provider_wrong_nonce: 'the answer belongs to another sign-in',
  provider_wrong_issuer: 'the answer came from another directory',
  too_many_attempts: 'too many tries from one address',
};

/** Why nobody came in by the directory the last time that somebody did not. */
export function DirectoryFailure({ failure: { reason, at } }: { failure: Failure }) {
  const words = REASON_WORDS[reason];
  return (
    <>
      <Moment at={at} />: {words} <code>{words === undefined ? reason : `(${reason})`}</code>
    </>
  );
}
