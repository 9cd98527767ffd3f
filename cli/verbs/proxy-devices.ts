import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { formatTime } from '../format.ts';
import { callProxy, withProxyPlace } from '../proxy-administration.ts';
import type { PlaceOptions } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface DeviceOptions extends PlaceOptions {
  readonly json?: boolean;
}

const device = z.looseObject({
  id: z.string(),
  username: z.string(),
  name: z.string(),
  state: z.string(),
  enrolledAt: z.string(),
  lastUsedAt: z.string().optional(),
});

/** `drawbridge proxy device ls|approve|revoke`. They work with the proxy running and without. */
export function registerProxyDevices(proxy: Command, cli: Cli): void {
  const devices = proxy.command('device').description('Approve and revoke the devices that operators enrol.');
  const list = devices
    .command('ls')
    .alias('list')
    .description('List the devices and whether they are approved.')
    .option('--json', 'print them as JSON')
    .action(async (options: DeviceOptions) => {
      const found = await callProxy(cli, options, 'device.list', {}, z.array(device));
      if (options.json === true) return cli.terminal.json(found);
      const { styles } = cli.terminal;
      writeTable(
        cli.terminal,
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
    });
  examples(withProxyPlace(list), ['drawbridge proxy device ls']);
  const approve = devices
    .command('approve')
    .argument('<id>', 'id of the device, as `ls` lists it; compare it with what the operator sees')
    .description("Trust this device: passes name it, and a customer's policy may ask for that.")
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: DeviceOptions) => {
      const result = await callProxy(cli, options, 'device.approve', { id }, device);
      if (options.json === true) return cli.terminal.json(result);
      cli.terminal.line(
        `The device "${printable(result.name)}" of ${printable(result.username)} is approved.`,
      );
    });
  examples(withProxyPlace(approve), ['drawbridge proxy device approve d-0123456789abcdef']);
  const revoke = devices
    .command('revoke')
    .argument('<id>', 'id of the device, as `ls` lists it')
    .description('End the logins of a lost device for good, and cut what it has open.')
    .option('--json', 'print the result as JSON')
    .action(async (id: string, options: DeviceOptions) => {
      const result = await callProxy(
        cli,
        options,
        'device.revoke',
        { id },
        z.looseObject({ cut: z.number() }),
      );
      if (options.json === true) return cli.terminal.json(result);
      cli.terminal.line(`The device ${printable(id)} is revoked.`);
      if (result.cut > 0) cli.terminal.note(`Connections that were cut: ${result.cut}.`);
    });
  examples(withProxyPlace(revoke), ['drawbridge proxy device revoke d-0123456789abcdef']);
}
