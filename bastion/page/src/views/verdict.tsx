import type { Checked } from '../data/check-recording.ts';
import { Icon } from '../ui/icon.tsx';
import { Moment } from '../ui/time.tsx';

type Ended = Extract<Checked, { readonly kind: 'whole' | 'fault' }>;

/** What the check of a recording has found. */
export function Verdict({ checked }: { checked: Ended }) {
  return checked.kind === 'fault' ? <Fault message={checked.message} /> : <Whole checked={checked} />;
}

function Fault({ message }: { message: string }) {
  return (
    <div class="note note-bad" role="alert">
      <Icon name="alert" />
      <span>
        <strong>Not what was recorded.</strong> {message} Keep what is there, and compare with your last
        export (drawbridge audit verify).
      </span>
    </div>
  );
}

function Whole({ checked }: { checked: Extract<Checked, { readonly kind: 'whole' }> }) {
  const { found, bastionKey, witnessKey } = checked;
  const { witness } = found;
  return (
    <>
      <div class="note note-good" role="status">
        <Icon name="shield" />
        <span>
          <strong>Verified in this browser.</strong> These are the bytes that event {found.seq} of the audit
          log names, and a checkpoint over {found.size.toLocaleString()} events, signed by the bastion
          {witness !== undefined && (
            <>
              {' '}
              and counter-signed by {witness.name} on <Moment at={new Date(witness.atMs).toISOString()} />
            </>
          )}
          , covers it.
        </span>
      </div>
      {bastionKey === 'changed' && <Changed who="The bastion" />}
      {witnessKey === 'changed' && <Changed who="The witness" />}
      <dl class="keys-of-evidence">
        <div>
          <dt>Bastion's key</dt>
          <dd>
            <code>{found.key.fingerprint}</code>
          </dd>
        </div>
        {witness !== undefined && (
          <div>
            <dt>Witness's key</dt>
            <dd>
              <code>{witness.fingerprint}</code>
            </dd>
          </div>
        )}
        {found.awaitsWitness && (
          <div>
            <dt>Witness</dt>
            <dd>has not counter-signed this far yet</dd>
          </div>
        )}
      </dl>
    </>
  );
}

function Changed({ who }: { who: string }) {
  return (
    <div class="note note-warn" role="alert">
      <Icon name="alert" />
      <span>
        {who} signs with another key than when this browser saw it first. Compare its fingerprint under
        Settings with what you know.
      </span>
    </div>
  );
}
