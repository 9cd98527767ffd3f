import { writeWholeFile } from '../../shared/store/whole-file.ts';

/** `demo.json`: all that a program needs to use a running demo. Its fields are pinned. */
export interface DemoDocument {
  /** UNIX account that the agents serve. */
  readonly login: string;
  /** `web-1.acme`, as ssh names them. */
  readonly hosts: readonly string[];
  readonly identity: string;
  readonly knownHosts: string;
  readonly sshConfig: string;
  readonly jump: { readonly host: string; readonly port: number; readonly user: string };
  readonly proxy: {
    readonly url: string;
    readonly ca: string;
    readonly pid: number;
    readonly config: string;
    readonly dataDir: string;
  };
  readonly bastion: {
    readonly url: string;
    readonly ca: string;
    readonly pid: number;
    readonly config: string;
    readonly dataDir: string;
    readonly socket: string;
    readonly admin: { readonly username: string; readonly password: string; readonly totpSecret: string };
    /** What an sshd behind `--sshd` has to have among its authorized keys. */
    readonly sshClientKey: string;
  };
  readonly agents: readonly { readonly host: string; readonly pid: number; readonly config: string }[];
  readonly operator: { readonly username: string; readonly password: string; readonly totpSecret: string };
}

/** Writes the document, whole or not at all: whoever sees the file may start. */
export function writeDocument(path: string, document: DemoDocument): Promise<void> {
  return writeWholeFile(path, `${JSON.stringify(document, null, 2)}\n`);
}
