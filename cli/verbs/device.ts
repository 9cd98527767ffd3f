import { openHome } from '../../operator/home.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { writeFacts } from '../table.ts';
import { printable } from '../terminal.ts';

interface DeviceOptions {
  readonly home?: string;
  readonly name?: string;
  readonly json?: boolean;
}

const HOME_HELP = 'where the login is kept (env DRAWBRIDGE_HOME; ~/.drawbridge)';

/** `drawbridge device enroll|show|forget`. */
export const registerDevice: RegisterVerb = (program, cli) => {
  const device = program
    .command('device')
    .description('Make this machine known to the proxy; a customer may ask for an approved device.');
  const enroll = device
    .command('enroll')
    .description(
      "Make a key for this machine and enrol it for yourself. The proxy's administrator approves it; every later\n" +
        'login from here then proves it.',
    )
    .option('--name <name>', "what to call it (this machine's host name)")
    .option('--home <dir>', HOME_HELP)
    .option('--json', 'print the result as JSON')
    .action((options: DeviceOptions) => enrollDevice(cli, options));
  examples(enroll, ['drawbridge device enroll', 'drawbridge device enroll --name "laptop of alice"']);
  const show = device
    .command('show')
    .description('Say as what this machine is enrolled. Exit code 1 when it is not.')
    .option('--home <dir>', HOME_HELP)
    .option('--json', 'print it as JSON')
    .action((options: DeviceOptions) => showDevice(cli, options));
  examples(show, ['drawbridge device show']);
  const forget = device
    .command('forget')
    .description("Remove this machine's key. Tell the administrator of the proxy, who can revoke the device.")
    .option('--home <dir>', HOME_HELP)
    .action(async (options: DeviceOptions) => {
      const { forgetDevice } = await import('../../operator/device.ts');
      const was = await forgetDevice(openHome(options.home, cli.env));
      cli.terminal.line(was ? 'The key of this device is removed.' : 'No device was enrolled here.');
    });
  examples(forget, ['drawbridge device forget']);
};

async function enrollDevice(cli: Cli, options: DeviceOptions): Promise<void> {
  const { enrolDevice } = await import('../../operator/device.ts');
  const { id, name } = await enrolDevice(openHome(options.home, cli.env), cli.env, options.name);
  if (options.json === true) return cli.terminal.json({ id, name });
  cli.terminal.line(`This device is enrolled as ${printable(id)} (${printable(name)}).`);
  cli.terminal.note(
    `It counts once the administrator has approved it: drawbridge proxy device approve ${printable(id)}`,
  );
}

async function showDevice(cli: Cli, options: DeviceOptions): Promise<void> {
  const { readDevice } = await import('../../operator/device.ts');
  const device = await readDevice(openHome(options.home, cli.env));
  if (device === undefined) {
    cli.terminal.note('This device is not enrolled. Enrol it with `drawbridge device enroll`.');
    cli.exitWith(1);
    return;
  }
  const { id, name, proxyId } = device;
  if (options.json === true) return cli.terminal.json({ id, name, proxyId });
  writeFacts(cli.terminal, [
    ['Device', name],
    ['Id', id],
    ['Proxy', proxyId],
  ]);
}
