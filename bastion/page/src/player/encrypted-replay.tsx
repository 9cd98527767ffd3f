import { useEffect, useRef, useState } from 'preact/hooks';
import { usePage } from '../data/context.ts';
import { Icon } from '../ui/icon.tsx';
import { KeyForm } from './key-form.tsx';
import { castForPlayer } from './line-ends.ts';
import { ReplayPlayer, type ReplaySubject } from './replay-player.tsx';
import { wholeCast } from './replay-source.ts';

/** A recording that only the private key opens: asked for here, and used in this browser alone. */
export function EncryptedReplay(subject: ReplaySubject) {
  const { api } = usePage();
  const { file } = subject;
  const [opened, setOpened] = useState<{ data: string; isWhole: boolean } | undefined>(undefined);
  const [error, setError] = useState<Error | undefined>(undefined);
  const [isBusy, setBusy] = useState(false);
  const bytes = useRef<Uint8Array | undefined>(undefined);
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(), []);
  const open = async (key: string) => {
    const { openEncryptedCast } = await import('./encrypted-cast.ts');
    bytes.current ??= await api.bytes(file, leaving.current.signal);
    const { cast, isWhole } = await openEncryptedCast(bytes.current, key);
    setOpened({ data: castForPlayer(cast), isWhole });
  };
  const onKey = (key: string) => {
    setBusy(true);
    setError(undefined);
    open(key)
      .catch(setError)
      .finally(() => setBusy(false));
  };
  if (opened === undefined) return <KeyForm error={error} isBusy={isBusy} onKey={onKey} />;
  return (
    <>
      {!opened.isWhole && (
        <p class="note" role="status">
          <Icon name="alert" />
          The bastion was stopped during this session: the recording ends where it stopped.
        </p>
      )}
      <OpenedReplay subject={subject} data={opened.data} />
    </>
  );
}

function OpenedReplay({ subject, data }: { readonly subject: ReplaySubject; readonly data: string }) {
  // A new source would start the player anew.
  const [source] = useState(() => wholeCast(data));
  return <ReplayPlayer {...subject} source={source} />;
}
