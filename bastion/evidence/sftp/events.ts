/** How an operation ended: the server said yes, said no, or never answered. */
export type SftpResult = 'ok' | 'failed' | 'unfinished';

/** The name of a file as the client gave it: relative names are relative to the login's home. */
export interface SftpPath {
  /** As text; bytes that are no UTF-8 are shown as U+FFFD. At most {@link PATH_LIMIT_BYTES} of it. */
  readonly path: string;
  /** The same as Base64, when the text is not exact. */
  readonly pathBase64?: string;
  /** Length in bytes of a name that was cut. */
  readonly pathBytes?: number;
}

/** Contents of one file that went one way while it was open. */
export interface SftpTransferEvent extends SftpPath {
  readonly type: 'file.read' | 'file.written';
  readonly action: 'read' | 'write';
  readonly result: SftpResult;
  /** The server's error (SFTP status) when the result is `failed`. */
  readonly status?: number;
  readonly bytes: number;
  /**
   * True when the contents went in order without gap or repetition; then `sha256` is over them. Otherwise only the
   * count is known.
   */
  readonly sequential: boolean;
  /** SHA-256 (hexadecimal) of the bytes from `startOffset` on. */
  readonly sha256?: string;
  /** Where in the file the contents began: not 0 when a transfer was resumed. */
  readonly startOffset: number;
  /**
   * Of scp, the names that its sender gave, where only the host knows what became of them: `path` is the file, or the
   * folder that it is in, or all that the command asked for.
   */
  readonly sentAs?: string;
  /** Opened to append: each piece went to the end of the file, and `startOffset` is what the client took that for. */
  readonly append?: boolean;
}

/** An operation on names or attributes. */
export interface SftpChangeEvent extends SftpPath {
  readonly type: 'file.read' | 'file.written' | 'file.removed' | 'file.renamed';
  readonly action:
    | 'list'
    | 'mkdir'
    | 'symlink'
    | 'hardlink'
    | 'set-attributes'
    | 'copy'
    | 'remove'
    | 'rmdir'
    | 'rename';
  readonly result: SftpResult;
  readonly status?: number;
  /** New name of a rename, target of a link, source of a copy. */
  readonly other?: SftpPath;
}

/** From here on nothing is known but the channel's byte counts and hashes. Comes at most once, as the last event. */
export interface SftpGaveUpEvent {
  readonly type: 'observer.gave_up';
  readonly reason: string;
}

/** The client asked for what the rules of the transfer don't allow. Comes at most once, as the last event. */
export interface SftpRefusedEvent extends Partial<SftpPath> {
  readonly type: 'file.refused';
  readonly reason: string;
}

export type SftpEvent = SftpTransferEvent | SftpChangeEvent | SftpRefusedEvent | SftpGaveUpEvent;

/** Longest name that is kept: what Linux calls PATH_MAX. */
export const PATH_LIMIT_BYTES = 4096;

/** The name in `bytes`. */
export function describePath(bytes: Buffer): SftpPath {
  const kept = bytes.subarray(0, PATH_LIMIT_BYTES);
  const path = kept.toString('utf8');
  const exact = Buffer.from(path).equals(kept);
  return {
    path,
    ...(exact ? {} : { pathBase64: kept.toString('base64') }),
    ...(kept.length === bytes.length ? {} : { pathBytes: bytes.length }),
  };
}
