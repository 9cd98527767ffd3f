import { withBase } from '../data/base-path.ts';
import { Icon } from '../ui/icon.tsx';

/** Pauses are cut to this, unless one wants them all. */
export const IDLE_LIMIT_S = 1;

const SPEEDS = [0.5, 1, 2, 4, 8] as const;

interface PlayerToolsProps {
  readonly speed: number;
  readonly onSpeed: (speed: number) => void;
  readonly skipsPauses: boolean;
  readonly onSkipPauses: (skips: boolean) => void;
  readonly onLink: () => void;
  /** Address of the recording. */
  readonly file: string;
}

/** What stands under a replay: speed, pauses, link, download, keys. */
export function PlayerTools({ speed, onSpeed, skipsPauses, onSkipPauses, onLink, file }: PlayerToolsProps) {
  return (
    <>
      <div class="player-tools">
        <label class="inline">
          Speed
          <select value={String(speed)} onChange={(event) => onSpeed(Number(event.currentTarget.value))}>
            {SPEEDS.map((one) => (
              <option key={one} value={String(one)}>
                {one}×
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          <input
            type="checkbox"
            checked={skipsPauses}
            onChange={(event) => onSkipPauses(event.currentTarget.checked)}
          />
          Skip pauses
        </label>
        <span class="grow" />
        <span class="player-actions">
          <button type="button" class="small" onClick={onLink}>
            <Icon name="link" />
            Link to this moment
          </button>
          <a class="button small" href={withBase(file)} download>
            <Icon name="download" />
            Download
          </a>
        </span>
      </div>
      <p class="muted keys">
        <span>
          <kbd>space</kbd> play or pause
        </span>
        <span>
          <kbd>←</kbd>
          <kbd>→</kbd> 5 s
        </span>
        <span>
          <kbd>[</kbd>
          <kbd>]</kbd> markers
        </span>
        <span>
          <kbd>,</kbd>
          <kbd>.</kbd> single steps
        </span>
        <span>
          <kbd>f</kbd> full screen
        </span>
      </p>
    </>
  );
}
