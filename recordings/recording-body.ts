import { CastFile } from './cast-file.ts';
import { aboutOf } from './cast-header.ts';
import { AgeBody } from './encryption/age-body.ts';
import { AgeCast } from './encryption/age-cast.ts';
import type { AgeRecipient } from './encryption/age-recipient.ts';
import type { CastHeader } from './format.ts';
import { openStoredCast, type StoredCast } from './stored-cast.ts';

/** An encrypted recording that is not larger is written anew when it is closed. */
const SMALL_LIMIT_BYTES = 64 * 1024;

/** The file of a recording, in the clear or encrypted, as the recorder writes it. */
export class RecordingBody {
  readonly file: CastFile;
  readonly #age: AgeBody | undefined;
  #contentBytes = 0;

  private constructor(file: CastFile, age: AgeBody | undefined) {
    this.file = file;
    this.#age = age;
  }

  /** Makes the file. @throws system errors, `recording.header_too_large` */
  static create(
    path: string,
    header: CastHeader,
    encryptTo: readonly AgeRecipient[] | undefined,
  ): RecordingBody {
    const age = encryptTo === undefined ? undefined : new AgeBody(encryptTo, aboutOf(header));
    const file = CastFile.create(path);
    try {
      if (age !== undefined) file.write(age.beginning);
      return new RecordingBody(file, age);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get isEncrypted(): boolean {
    return this.#age !== undefined;
  }

  /** Bytes of the asciicast up to the last commit: those of the file unless it is encrypted. */
  get contentBytes(): number {
    return this.#contentBytes;
  }

  write(lines: Buffer): void {
    this.file.write(this.#age?.seal(lines) ?? lines);
  }

  commit(): void {
    this.file.commit();
    this.#contentBytes = this.#age?.contentBytes ?? this.file.committedBytes;
  }

  /** Writes the last line of an encrypted recording, which makes a whole age file of it. Commit it. */
  writeEnd(line: string): void {
    if (this.#age !== undefined) this.file.write(this.#age.sealEnd(line));
  }

  /**
   * Writes a small encrypted recording anew with its last line, so that it stays small. False when it is not small, or
   * there was no room for a second file: then nothing has changed.
   */
  async replaceSmall(lastLine: string): Promise<boolean> {
    if (this.#age === undefined) return false;
    try {
      const written = this.file.read(this.#age.beginning.length, SMALL_LIMIT_BYTES);
      const whole = this.#age.small(written, lastLine);
      if (whole === undefined) return false;
      await this.file.replace(whole);
      return true;
    } catch {
      return false;
    }
  }

  /** Opens what is there so far, for those who watch it grow. */
  open(): Promise<StoredCast> {
    if (this.#age === undefined) return openStoredCast(this.file.path);
    // A copy: the recording may end, and forget its own, while the file is being opened.
    const fileKey = Buffer.from(this.#age.fileKey);
    return AgeCast.open(this.file.path, () => fileKey);
  }

  /** From now on only the recipients can read what was written. */
  forgetKeys(): void {
    this.#age?.forget();
  }
}
