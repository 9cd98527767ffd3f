import { DrawbridgeError } from '../../shared/errors.ts';

/** System account of a proxy, of a bastion, and of an agent that leads to the host's sshd. */
export const SERVICE_ACCOUNT = 'drawbridge';

/** What a unit file is made of. Paths are absolute. */
export interface UnitParts {
  readonly role: 'proxy' | 'bastion' | 'agent';
  readonly configPath: string;
  /** Folders that the role writes to. */
  readonly writable: readonly string[];
  /** The interpreter, and this command's entry file. */
  readonly command: readonly [node: string, entryPath: string];
  /** True for an agent that starts shells itself: it becomes other accounts, and must be root. */
  readonly startsShells: boolean;
  /** Of the systemd that reads the unit, if it is known. */
  readonly systemdVersion?: number;
}

/**
 * A role that says nothing for so long is started anew. As long as systemd gives its own services: a machine that was
 * paused for a snapshot, or that is starved for a minute, is no reason to end sessions.
 */
const WATCHDOG_S = 180;

/** The first systemd that can wait longer before each further start; the others complain about keys that they don't know. */
const GROWING_PAUSES_SINCE = 254;

const DESCRIPTIONS = {
  proxy: "Drawbridge proxy, the vendor's meeting point",
  bastion: "Drawbridge bastion, the customer's authority over remote access",
  agent: 'Drawbridge agent of this host',
} as const;

/** What keeps a process that needs nothing but its folders and the network to just those (systemd.exec(5)). */
const CONFINED = [
  `User=${SERVICE_ACCOUNT}`,
  `Group=${SERVICE_ACCOUNT}`,
  'NoNewPrivileges=yes',
  'AmbientCapabilities=CAP_NET_BIND_SERVICE',
  'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'ProtectControlGroups=yes',
  'ProtectProc=invisible',
  'ProcSubset=pid',
  'RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged @resources',
  // For the bastion's thread that indexes recordings. Anything else that is not allowed fails instead of killing the role.
  'SystemCallFilter=setpriority',
  'SystemCallErrorNumber=EPERM',
];

/** Shells of an agent must be able to do what their account may, sudo included; only the agent's own surroundings are kept. */
const FOR_SHELLS = [
  // It makes a control group for each connection, by which everything that was started in it can be found and ended.
  'Delegate=yes',
  'ProtectClock=yes',
  'ProtectKernelModules=yes',
  'SystemCallArchitectures=native',
];

/** Name of a role's unit. */
export function unitName(role: UnitParts['role']): string {
  return `drawbridge-${role}.service`;
}

/**
 * The systemd unit of a role. `MemoryDenyWriteExecute` is not there: V8 compiles at run time.
 * @throws `service.unusable_path` for a path that a unit can't hold or that the unit itself would hide
 */
export function renderUnit(parts: UnitParts): string {
  const { role, configPath, writable, command, startsShells, systemdVersion = 0 } = parts;
  requireUsablePaths([configPath, ...writable, ...command], startsShells);
  const lines = [
    '# Written by `drawbridge`. Changes of your own belong into a drop-in: systemctl edit',
    '[Unit]',
    `Description=${DESCRIPTIONS[role]}`,
    'Wants=network-online.target',
    'After=network-online.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=notify',
    // The notification is sent by a short-lived child.
    'NotifyAccess=all',
    `WatchdogSec=${WATCHDOG_S}`,
    `ExecStart=${command.join(' ')} ${role} start --config ${configPath}`,
    // By its control socket, so that `systemctl reload` fails with the fault that the file has. An agent has no socket.
    role === 'agent'
      ? 'ExecReload=/bin/kill -HUP $MAINPID'
      : `ExecReload=${command.join(' ')} ${role} reload --config ${configPath}`,
    'Restart=always',
    'RestartSec=2',
    ...(systemdVersion < GROWING_PAUSES_SINCE ? [] : ['RestartSteps=5', 'RestartMaxDelaySec=60']),
    'TimeoutStopSec=30',
    'KillMode=mixed',
    'LimitNOFILE=65536',
    'UMask=0077',
    ...(startsShells ? FOR_SHELLS : [...CONFINED, ...writable.map((path) => `ReadWritePaths=${path}`)]),
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
  return `${lines.join('\n')}\n`;
}

/** @throws `service.unusable_path` for a path that a unit can't hold or that the unit itself would hide */
export function requireUsablePaths(paths: readonly string[], startsShells: boolean): void {
  for (const path of paths) {
    if (/[\s"'\\%$]/.test(path)) throw unusable(path, 'It holds a character that a systemd unit can not.');
    if (!startsShells && /^\/(root|home|run\/user)\//.test(path))
      throw unusable(path, 'Services do not see home directories.');
  }
}

function unusable(path: string, why: string): DrawbridgeError {
  return new DrawbridgeError('service.unusable_path', `A service can't use ${path}. ${why}`, {
    hint: 'Install Node.js and Drawbridge for the whole system, and keep configuration and data in /etc or /var/lib.',
  });
}
