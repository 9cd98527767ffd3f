import type { Command } from 'commander';
import { z } from 'zod';
import type { Cli } from '../cli.ts';
import { formatTime } from '../format.ts';
import { addProxyVerb } from '../proxy-verb.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

const device = z.looseObject({
  id: z.string(),
  username: z.string(),
  name: z.string(),
  state: z.string(),
  enrolledAt: z.string(),
  lastUsedAt: z.string().optional(),
});

/** `drawbridge proxy device ls|approve|revoke`. */
export function registerProxyDevices(proxy: Command, cli: Cli): void {
  const { terminal } = cli;
  const devices = proxy.command('device').description('Approve and revoke the devices that operators enrol.');
  addProxyVerb(devices, cli, {
    name: 'ls',
    alias: 'list',
    about: 'List the devices and whether they are approved.',
    examples: ['drawbridge proxy device ls'],
    method: 'device.list',
    answer: z.array(device),
    show: (found) => showDevices(cli, found),
  });
  addProxyVerb(devices, cli, {
    name: 'approve',
    arguments: [['<id>', 'id of the device, as `ls` lists it; compare it with what the operator sees']],
    about: "Trust this device: passes name it, and a customer's policy may ask for that.",
    examples: ['drawbridge proxy device approve d-0123456789abcdef'],
    method: 'device.approve',
    params: ([id = '']) => ({ id }),
    answer: device,
    show: ({ name, username }) =>
      terminal.line(`The device "${printable(name)}" of ${printable(username)} is approved.`),
  });
  addProxyVerb(devices, cli, {
    name: 'revoke',
    arguments: [['<id>', 'id of the device, as `ls` lists it']],
    about: 'End the logins of a lost device for good, and cut what it has open.',
    examples: ['drawbridge proxy device revoke d-0123456789abcdef'],
    method: 'device.revoke',
    params: ([id = '']) => ({ id }),
    answer: z.looseObject({ cut: z.number() }),
    show: ({ cut }, [id = '']) => {
      terminal.line(`The device ${printable(id)} is revoked.`);
      if (cut > 0) terminal.note(`Connections that were cut: ${cut}.`);
    },
  });
}

function showDevices({ terminal }: Cli, found: readonly z.infer<typeof device>[]): void {
  const { styles } = terminal;
  writeTable(
    terminal,
    found,
    [
      { heading: 'ID', value: (row) => row.id },
      { heading: 'USER', value: (row) => row.username },
      {
        heading: 'STATE',
        value: (row) => row.state,
        paint: (text, row) => (row.state === 'approved' ? styles.good(text) : styles.bad(text)),
      },
      { heading: 'ENROLLED', value: (row) => formatTime(row.enrolledAt) },
      {
        heading: 'LAST LOGIN',
        value: (row) => (row.lastUsedAt === undefined ? 'never' : formatTime(row.lastUsedAt)),
      },
      { heading: 'NAME', value: (row) => row.name },
    ],
    'No device is enrolled. Operators enrol theirs with `drawbridge device enroll`.',
  );
}
