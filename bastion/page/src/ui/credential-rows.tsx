import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { FormDialog } from './form-dialog.tsx';
import { useAction } from './use-action.ts';

/** A list of what somebody gets in with. Nothing is drawn where there is none. */
export function CredentialRows({ children }: { children: ComponentChildren }) {
  return (
    <div class="rows sign-in-rows">
      <ul>{children}</ul>
    </div>
  );
}

interface CredentialRowProps {
  readonly name: string;
  readonly about?: ComponentChildren;
  readonly used?: ComponentChildren;
  /** What can be done with it. */
  readonly children: ComponentChildren;
}

/** One of them: a token, a key, a sign-in. */
export function CredentialRow({ name, about, used, children }: CredentialRowProps) {
  return (
    <li class="row">
      <span class="strong figures">{name}</span>
      <span class="muted">{about}</span>
      <span class="muted">{used}</span>
      <span class="row-end">{children}</span>
    </li>
  );
}

interface TakeAwayProps {
  readonly word: string;
  /** What it is done to, for those who do not see the row. */
  readonly name: string;
  readonly onClick: () => void;
}

/** The button that takes one of them away. */
export function TakeAway({ word, name, onClick }: TakeAwayProps) {
  return (
    <button type="button" class="small" aria-label={`${word} ${name}`} onClick={onClick}>
      {word}
    </button>
  );
}

interface AskedTakeAwayProps {
  readonly word: string;
  readonly name: string;
  /** Takes it away, and lets the list know. */
  readonly take: () => Promise<void>;
  /** What comes of it. */
  readonly children: ComponentChildren;
}

/** The button that takes one of them away after a question, since nothing brings it back. */
export function AskedTakeAway({ word, name, take, children }: AskedTakeAwayProps) {
  const [asking, setAsking] = useState(false);
  const action = useAction(async () => {
    await take();
    setAsking(false);
  });
  return (
    <>
      <button type="button" class="small" aria-label={`${word} ${name}`} onClick={() => setAsking(true)}>
        {word}…
      </button>
      {asking && (
        <FormDialog
          title={`${word} ${name}?`}
          action={action}
          submit={word}
          cancel="Keep it"
          tone="danger"
          onClose={() => setAsking(false)}
        >
          <p>{children}</p>
        </FormDialog>
      )}
    </>
  );
}
