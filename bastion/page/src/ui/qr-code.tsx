import { useEffect, useState } from 'preact/hooks';

/** Light modules around the code, which scanners want. */
const BORDER = 2;

/** A QR code: always dark on white, whatever the theme is, since not every scanner reads it the other way. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<{ readonly path: string; readonly size: number } | undefined>(undefined);
  useEffect(() => {
    let gone = false;
    const draw = async () => {
      const { encode } = await import('uqr');
      const { data, size } = encode(text, { border: BORDER });
      const path = data
        .flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : '')))
        .join('');
      if (!gone) setCode({ path, size });
    };
    // Without the drawing there is still the text beside it.
    draw().catch(() => undefined);
    return () => {
      gone = true;
    };
  }, [text]);
  if (code === undefined) return <span class="qr-code" aria-hidden="true" />;
  return (
    <svg class="qr-code" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label}>
      <path d={code.path} />
    </svg>
  );
}
