import { readFile } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';

/** The text of a file that somebody named; `-` is standard input. @throws `usage.file` */
export async function readGivenFile(file: string): Promise<string> {
  try {
    return await readFile(file === '-' ? '/dev/stdin' : file, 'utf8');
  } catch (error) {
    const why = systemCodeOf(error) ?? 'unknown';
    throw new DrawbridgeError('usage.file', `The file ${file} can't be read (${why}).`, { cause: error });
  }
}
