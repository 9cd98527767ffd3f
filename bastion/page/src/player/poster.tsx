import type { ComponentChildren } from 'preact';
import { Icon } from '../ui/icon.tsx';

interface PosterProps {
  readonly action: string;
  readonly onOpen: () => void;
  readonly children: ComponentChildren;
}

/** What stands in a player's place until somebody asks for it: to look is audited, so it is never done unasked. */
export function Poster({ action, onOpen, children }: PosterProps) {
  return (
    <div class="poster">
      <button type="button" class="primary big" onClick={onOpen}>
        <Icon name="play" />
        {action}
      </button>
      <p>{children}</p>
    </div>
  );
}
