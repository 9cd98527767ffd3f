import type { PolicyRole } from './schema.ts';

/** What bounds a session that a policy allows. What is left out is not bounded by the policy. */
export interface PolicyLimits {
  /** Longest time from its start. */
  readonly sessionMs?: number;
  /** Longest time in which nothing moves. A forward or a transfer in which bytes move is not idle. */
  readonly idleMs?: number;
  /** Sessions of the operator at once, over all hosts. */
  readonly sessions?: number;
  /** Sessions at once of all operators together. */
  readonly sessionsTotal?: number;
  /** New sessions of the operator in any minute. */
  readonly newPerMinute?: number;
  /** Largest file that may be transferred. */
  readonly fileSizeBytes?: number;
  /** Which way files may go: `up` to the host, `down` to the operator. */
  readonly transfers: TransferDirections;
}

export interface TransferDirections {
  readonly up: boolean;
  readonly down: boolean;
}

/** Limits that are numbers: more is wider, and none is widest. */
type NumericLimit = Exclude<keyof PolicyLimits, 'transfers'>;

const NUMERIC: readonly NumericLimit[] = [
  'sessionMs',
  'idleMs',
  'sessions',
  'sessionsTotal',
  'newPerMinute',
  'fileSizeBytes',
];

/** The limits as a role has them. */
export function limitsOf(role: Pick<PolicyRole, 'limits'>): PolicyLimits {
  const { limits } = role;
  return {
    ...defined({
      sessionMs: limits?.session,
      idleMs: limits?.idle,
      sessions: limits?.sessions,
      sessionsTotal: limits?.sessions_total,
      newPerMinute: limits?.new_per_minute,
      fileSizeBytes: limits?.file_size,
    }),
    transfers: directionsOf(limits?.transfers ?? 'both'),
  };
}

/**
 * The limits where several roles allow the same: of each limit the widest, so that to be in one more group never takes
 * anything away. `all` must not be empty.
 */
export function widestLimits(all: readonly PolicyLimits[]): PolicyLimits {
  return combine(
    all,
    (values) => (values.includes(undefined) ? undefined : Math.max(...values.filter(isNumber))),
    {
      up: all.some(({ transfers }) => transfers.up),
      down: all.some(({ transfers }) => transfers.down),
    },
  );
}

/** The limits that hold when all of `all` have to: what bounds a session in which several things go on. */
export function strictestLimits(all: readonly PolicyLimits[]): PolicyLimits {
  return combine(
    all,
    (values) => {
      const numbers = values.filter(isNumber);
      return numbers.length === 0 ? undefined : Math.min(...numbers);
    },
    {
      up: all.every(({ transfers }) => transfers.up),
      down: all.every(({ transfers }) => transfers.down),
    },
  );
}

function combine(
  all: readonly PolicyLimits[],
  pick: (values: readonly (number | undefined)[]) => number | undefined,
  transfers: TransferDirections,
): PolicyLimits {
  const picked: Partial<Record<NumericLimit, number | undefined>> = {};
  for (const key of NUMERIC) picked[key] = pick(all.map((limits) => limits[key]));
  return { ...defined(picked), transfers };
}

function defined(
  limits: Partial<Record<NumericLimit, number | undefined>>,
): Partial<Record<NumericLimit, number>> {
  const kept: Partial<Record<NumericLimit, number>> = {};
  for (const key of NUMERIC) {
    const value = limits[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept;
}

function directionsOf(transfers: 'up' | 'down' | 'both' | 'none'): TransferDirections {
  return {
    up: transfers === 'up' || transfers === 'both',
    down: transfers === 'down' || transfers === 'both',
  };
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined;
}
