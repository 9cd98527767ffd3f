import { Icon } from '../ui/icon.tsx';
import type { PlayerSettings } from './terminal-player.tsx';

/** Pauses are cut to this, unless one wants them all. */
export const IDLE_LIMIT_S = 1;

const SPEEDS = [0.5, 1, 2, 4, 8] as const;

interface PlayerToolsProps {
  readonly settings: PlayerSettings;
  readonly onChange: (settings: PlayerSettings) => void;
  readonly onLink: () => void;
  /** Address of the recording. */
  readonly file: string;
}

/** What stands under a replay: speed, pauses, link, download, keys. */
export function PlayerTools({ settings, onChange, onLink, file }: PlayerToolsProps) {
  return (
    <>
      <div class="player-tools">
        <label class="inline">
          Speed
          <select
            value={String(settings.speed)}
            onChange={(event) => onChange({ ...settings, speed: Number(event.currentTarget.value) })}
          >
            {SPEEDS.map((speed) => (
              <option key={speed} value={String(speed)}>
                {speed}×
              </option>
            ))}
          </select>
        </label>
        <label class="inline">
          <input
            type="checkbox"
            checked={settings.idleLimitS !== undefined}
            onChange={(event) =>
              onChange({ ...settings, idleLimitS: event.currentTarget.checked ? IDLE_LIMIT_S : undefined })
            }
          />
          Skip pauses
        </label>
        <span class="grow" />
        <button type="button" class="small" onClick={onLink}>
          <Icon name="link" />
          Link to this moment
        </button>
        <a class="button small" href={file} download>
          <Icon name="download" />
          Download
        </a>
      </div>
      <p class="muted keys">
        <kbd>space</kbd> play or pause <kbd>←</kbd>
        <kbd>→</kbd> 5 s <kbd>[</kbd>
        <kbd>]</kbd> markers <kbd>,</kbd>
        <kbd>.</kbd> single steps <kbd>f</kbd> full screen
      </p>
    </>
  );
}
