import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const COPIED_SHOWN_MS = 2_000;

/** A line to paste elsewhere, and a button that copies it. */
export function CopyLine({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  const code = useRef<HTMLElement>(null);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = () => {
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => {
        if (code.current !== null) window.getSelection()?.selectAllChildren(code.current);
      },
    );
  };
  return (
    <div class="copy-line">
      <code ref={code}>{text}</code>
      <button type="button" class="small" onClick={copy} aria-label={`Copy ${label}`}>
        <Icon name={copied ? 'check' : 'copy'} />
        <span aria-live="polite">{copied ? 'Copied' : 'Copy'}</span>
      </button>
    </div>
  );
}
