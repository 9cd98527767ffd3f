import type { Database } from '../../shared/store/database.ts';

/** How far each destination has the log. */
export const SHIPPING_MIGRATION = `
  CREATE TABLE ship_cursors (
    destination TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
  ) STRICT;
`;

/** Where shipping goes on after a restart, by destination, in `bastion.db`. */
export class ShipCursors {
  readonly #database: Pick<Database, 'run' | 'get'>;

  constructor(database: Pick<Database, 'run' | 'get'>) {
    this.#database = database;
  }

  /** Number of the last event that the destination has; 0 when it has none. */
  async read(destination: string): Promise<number> {
    const row = await this.#database.get<{ seq: number }>(
      'SELECT seq FROM ship_cursors WHERE destination = ?',
      [destination],
    );
    return row?.seq ?? 0;
  }

  async write(destination: string, seq: number): Promise<void> {
    await this.#database.run('INSERT OR REPLACE INTO ship_cursors (destination, seq) VALUES (?, ?)', [
      destination,
      seq,
    ]);
  }
}
