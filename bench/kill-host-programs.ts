import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a program on a host has seen of its end. Times are milliseconds since the Unix epoch. */
export interface HostProgramEnd {
  /** When the last byte of its operator came in; 0 when none did. */
  readonly lastInputMs: number;
  /** When it was hung up on, or lost its output. */
  readonly endMs: number;
}

/**
 * A small program (perl, which every Debian has) that notes when its last input came and when it was ended. `flood`
 * writes as fast as it can once it is told to, `listen` only reads. The note is written a while later: two hundred of them
 * would keep each other from hearing of their end.
 */
const PROGRAM = `use strict; use Time::HiRes qw(time);
my ($mode, $path, $go) = @ARGV; my $last = 0; my $done = 0;
sub note { return if $done; $done = 1; my $end = time; select(undef, undef, undef, 1); open(my $f, '>', "$path.part"); printf $f '{"lastInputMs":%.3f,"endMs":%.3f}', $last * 1000, $end * 1000; close $f; rename "$path.part", $path; exit 0; }
$SIG{HUP} = \\&note; $SIG{PIPE} = \\&note; $SIG{TERM} = \\&note;
syswrite(STDOUT, "ready\\n");
if ($mode eq 'flood') { select(undef, undef, undef, 0.2) until -e $go; my $block = ('drawbridge 0123456789 ' x 370) . "\\n"; while (1) { defined(syswrite(STDOUT, $block)) or note(); } }
while (1) { my $n = sysread(STDIN, my $b, 4096); note() unless $n; $last = time; }
`;

/** The programs on the hosts of a benchmark. */
export class HostPrograms {
  readonly #dir: string;
  readonly #script: string;
  readonly #goPath: string;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#script = join(dir, 'program.pl');
    this.#goPath = join(dir, 'go');
  }

  static async prepare(dir: string): Promise<HostPrograms> {
    await mkdir(join(dir, 'ends'), { recursive: true });
    const programs = new HostPrograms(dir);
    await writeFile(programs.#script, PROGRAM);
    return programs;
  }

  /** The command line of session number `number`. */
  command(mode: 'flood' | 'listen', number: number): string {
    return `exec perl ${this.#script} ${mode} ${join(this.#dir, 'ends', `${mode}-${number}.json`)} ${this.#goPath}`;
  }

  /** Lets the floods begin: sessions are opened before, since a busy machine opens them slowly. */
  start(): Promise<void> {
    return writeFile(this.#goPath, '');
  }

  /** What the programs that have ended until now have noted. */
  async ends(): Promise<readonly HostProgramEnd[]> {
    const folder = join(this.#dir, 'ends');
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    return Promise.all(
      names.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as HostProgramEnd),
    );
  }
}
