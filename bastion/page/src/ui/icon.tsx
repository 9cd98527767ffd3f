/** 20 × 20 outlines, drawn for this page. */
const PATHS = {
  gate: 'M3 16.5h14M5 16.5V7l10 4v5.5M5 4.6v.01',
  terminal: 'M3 4.5h14v11H3zM6 8l2.2 2L6 12M10 12.5h4',
  list: 'M7 5.5h10M7 10h10M7 14.5h10M3.5 5.5v.01M3.5 10v.01M3.5 14.5v.01',
  server: 'M3.5 4h13v5h-13zM3.5 11h13v5h-13zM6.5 6.5v.01M6.5 13.5v.01',
  shield: 'M10 3l6 2v4.5c0 3.6-2.5 6.3-6 7.5-3.5-1.2-6-3.9-6-7.5V5zM7.5 10l1.8 1.8 3.2-3.4',
  hand: 'M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4.200l2.800 1.600',
  person: 'M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 17c.6-3 3-4.5 6-4.5s5.400 1.500 6 4.500',
  alert: 'M10 3.500 17.500 16.500h-15zM10 8.500v3.500M10 14.200v.010',
  search: 'M9 14.500a5.500 5.500 0 1 0 0-11 5.500 5.500 0 0 0 0 11zM13 13l4 4',
  download: 'M10 3.500v9M6.500 9.500l3.500 3.500 3.500-3.500M4 16.500h12',
  copy: 'M7.500 7.500h9v9h-9zM4.500 12.500h-1v-9h9v1',
  play: 'M6.500 4.500v11l9-5.500z',
  check: 'M4 10.500l4 4 8-9',
  cross: 'M5 5l10 10M15 5L5 15',
  link: 'M8.500 11.500l3-3M9 6l1.500-1.500a3.500 3.500 0 0 1 5 5L14 11M11 14l-1.500 1.500a3.500 3.500 0 0 1-5-5L6 9',
  key: 'M12.500 10.500a3.500 3.500 0 1 0-3.300-2.300L4 13.400V16h2.600v-1.800h1.800v-1.800l1.800-1.800a3.500 3.500 0 0 0 2.300-.100zM13.300 6.700v.010',
  settings: 'M3.500 6h6M13.500 6h3M3.500 14h3M10.500 14h6M11.500 4v4M8.500 12v4',
  leave: 'M8 3.500h-4v13h4M12.500 6.500L16 10l-3.500 3.500M16 10H8',
  chevron: 'M7.500 5l5 5-5 5',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
