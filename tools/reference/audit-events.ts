import { AUDIT_EVENT_TYPES, type AuditEventType } from '../../shared/audit/event.ts';

const HEAD = `# Audit events

Every type of event that the audit logs of bastion and proxy hold; \`npm run docs\` writes this page from the list in the
code. Types are dotted: a thing and what happened to it. They do not change their meaning between versions.

Each event has \`seq\` (its place), \`id\`, \`time\` (ISO 8601, UTC), \`type\`, \`actor\`, \`prev\` and \`hash\` (the chain), and, where
they apply, \`operator\`, \`session\`, \`host\`, \`login\`, \`source\` (an address) and \`channel\` (a number in the session). The
**actor** is \`operator:alice\`, \`admin:carol\`, \`agent:web-1\`, \`bastion:acme\`, \`proxy:central\`, \`local:root\` (somebody on that
machine, by the control socket), \`token:…\`, or \`system\`. Events of a refusal hold \`reason\` or \`code\`.

\`drawbridge audit ls --type TYPE\`, \`GET /api/audit?type=TYPE\` and the page filter by type. How the log proves that nothing was
changed is in [evidence.md](../evidence.md).
`;

const BASTION = 'bastion';
const PROXY = 'proxy';
const BOTH = 'bastion, proxy';

/** What each event says, and in which log it is. The type makes a new event without a line a fault of compilation. */
const EVENTS: Readonly<Record<AuditEventType, readonly [where: string, meaning: string, fields: string]>> = {
  'access.turned_on': [BASTION, 'Remote access was turned on.', '`reason`, `until`, `outsideWindows`'],
  'access.turned_off': [
    BASTION,
    'Remote access was turned off: by a person, by its time running out, or because what is stored was removed, changed or unreadable.',
    '`reason`; `at` and `late` when it was turned off without the bastion',
  ],
  'operator.admitted': [
    BOTH,
    'An operator was let in: at the proxy to a bastion, at the bastion to a host.',
    '`pass`, `groups`, `amr`, `device`, `vouchedBy`, `fingerprint`, `client`',
  ],
  'operator.refused': [BOTH, 'An operator was not let in.', '`reason`, `code`, `by`, `fingerprint`'],
  'operator.signed_in': [
    PROXY,
    'An operator signed in.',
    '`by`, `amr`, `fingerprint`, `expiresAt`, `device`',
  ],
  'operator.signed_out': [PROXY, 'An operator gave a login back.', '`fingerprint`'],
  'operator.locked': [BASTION, 'The customer has locked an operator out.', '`reason`'],
  'operator.unlocked': [BASTION, 'The customer lets a locked operator in again.', ''],
  'session.started': [BASTION, 'An operator has a session on a host.', '`pass`'],
  'session.ended': [
    BASTION,
    'It is over.',
    '`code`, `reason`, `by`, `bytesIn`, `bytesOut`, `channels`; `interrupted` after a crash',
  ],
  'exec.started': [BASTION, 'A command is about to run.', '`command`, `pty`, `keepsStdin`'],
  'exec.ended': [
    BASTION,
    'It has ended.',
    '`code` or `signal`, byte counts and digests, `stdinKept`, `problem`',
  ],
  'shell.started': [BASTION, 'A shell is about to start.', '`pty`, `agentForwarding`'],
  'shell.ended': [BASTION, 'It has ended.', '`code` or `signal`, byte counts and digests, `problem`'],
  'file.read': [
    BASTION,
    'A file or folder was read by SFTP, or by `scp -O`.',
    '`action`, `path`, `sentAs`, `result`, `bytes`, `sha256`, `sequential`',
  ],
  'file.written': [
    BASTION,
    'A file was written or changed by SFTP, or by `scp -O`: then `sentAs` is the name that its sender gave.',
    '`action`, `path`, `sentAs`, `result`, `bytes`, `sha256`, `sequential`',
  ],
  'file.removed': [BASTION, 'A file or folder was removed by SFTP.', '`action`, `path`, `result`'],
  'file.renamed': [BASTION, 'A file was renamed by SFTP.', '`path`, `other`, `result`'],
  'file.refused': [BASTION, 'A transfer was refused by the limits of the policy.', '`path`, `reason`'],
  'forward.opened': [BASTION, 'A port forward was opened.', '`destination`'],
  'forward.closed': [BASTION, 'It was closed.', '`destination`, byte counts and digests, `problem`'],
  'forward.refused': [BOTH, 'A port forward was refused.', '`destination`, `reason`'],
  'listener.opened': [BASTION, 'A host listens for the operator (`ssh -R`).', '`destination`'],
  'listener.closed': [BASTION, 'It listens no more.', '`destination`, `problem`'],
  'channel.refused': [BOTH, 'Something else that a client asked for was refused.', '`kind`, `reason`'],
  'agent.joined': [BASTION, 'An agent was enrolled.', '`agent`, `kid`, `target`'],
  'agent.connected': [BASTION, 'An agent has connected.', '`agent`'],
  'agent.disconnected': [BASTION, 'An agent has gone.', '`agent`, `reason`'],
  'agent.refused': [BASTION, 'Somebody who wanted to be an agent was refused.', '`reason`, `agent`'],
  'agent.revoked': [BASTION, 'A host was revoked.', '`agent`'],
  'agent.duplicated': [
    BASTION,
    "Two processes dial with one agent's key: a copied machine, or a stolen key.",
    '`sign`, `sources`',
  ],
  'agent.host_key_rotated': [
    BASTION,
    'An agent has stated a new SSH host key, signed with its identity key.',
    '`from`, `to`',
  ],
  'bastion.host_key_rotated': [
    PROXY,
    'A bastion has stated a new SSH host key, signed with its identity key.',
    '`from`, `to`',
  ],
  'agent.key_rotated': [BASTION, 'An agent has proved a new key.', '`from`, `to`'],
  'bastion.joined': [PROXY, 'A bastion was enrolled.', '`bastion`, `bastionId`, `sshHostKey`'],
  'bastion.refused': [PROXY, 'Somebody who wanted to be a bastion was refused.', '`reason`'],
  'bastion.revoked': [PROXY, 'A bastion was revoked.', '`bastion`, `bastionId`'],
  'bastion.duplicated': [PROXY, "Two processes dial with one bastion's key.", '`sign`, `sources`'],
  'bastion.key_rotated': [PROXY, 'A bastion has proved a new key.', '`from`, `to`'],
  'proxy.key_rotated': [BASTION, 'The proxy has proved a new key.', '`from`, `to`, `fromKey`, `toKey`'],
  'key.rotated': [
    BOTH,
    "The log's own role has a new key; events behind it are signed with that.",
    '`from`, `to`, `succession`',
  ],
  'host.key_pinned': [
    BASTION,
    "A host's SSH key was seen first and pinned, or forgotten.",
    '`fingerprint`, `forgotten`',
  ],
  'tunnel.connected': [BOTH, 'A tunnel between bastion and proxy stands.', ''],
  'tunnel.disconnected': [BOTH, 'It is down.', '`reason`'],
  'admin.signed_in': [
    BASTION,
    'An administrator signed in on the page.',
    '`by`; by the directory `role`, `vouchedBy`',
  ],
  'admin.signed_out': [BASTION, 'An administrator signed out.', ''],
  'admin.refused': [BASTION, 'A sign-in on the page was refused.', '`reason`, `by`'],
  'user.added': [
    BOTH,
    'An administrator (bastion) or an operator (proxy) was added.',
    '`username` or `user`, `role`, `groups`',
  ],
  'user.changed': [
    BOTH,
    'Rights, keys or factors of one were changed, or an API token revoked.',
    '`change` and what it needs',
  ],
  'device.enrolled': [PROXY, 'An operator has enrolled a device.', '`device`, `name`'],
  'device.approved': [PROXY, 'A device is trusted from now on.', '`device`'],
  'device.revoked': [PROXY, 'A device is trusted no more.', '`device`'],
  'token.created': [BOTH, 'A join token or an API token was made.', '`kid`, `expiresAt`, `name`, `kind`'],
  'recording.viewed': [BASTION, 'Somebody looked at a recording, or fetched it.', '`how`'],
  'recording.closed': [
    BASTION,
    'A recording is complete.',
    '`path`, `sha256`, `sizeBytes`, `durationMs`, `complete`, `gapMs` (may be missing after a power cut)',
  ],
  'recording.grew': [
    BASTION,
    'The digest of a recording so far, while it grows.',
    '`path`, `sha256`, `sizeBytes`',
  ],
  'recording.searched': [BASTION, 'Somebody searched in recordings.', '`words`'],
  'recording.held': [BASTION, "A session's recordings are on legal hold.", '`reason`'],
  'recording.released': [BASTION, 'They are on hold no more.', '`reason`'],
  'recording.deleted': [
    BASTION,
    'A recording was deleted, by a person or by age or size.',
    '`path`, `sha256`, `reason`',
  ],
  'audit.end_differed': [
    BOTH,
    'When it was opened, the log did not end as its writer had left it: somebody else has added, cut or changed something.',
    '`finding`, `signedSeq`, `foundSeq`, `message`',
  ],
  'audit.exported': [BASTION, 'Somebody exported the log.', '`events`'],
  'policy.changed': [BASTION, 'Another policy is in force.', '`version`, `sha256`, `message`, `difference`'],
  'approval.requested': [BASTION, 'An operator waits for the customer.', '`action`, `needed`, `waitMs`'],
  'approval.granted': [
    BASTION,
    'Somebody of the customer has approved.',
    '`forMs`, `approvals`, `needed`, `complete`, `grant`',
  ],
  'approval.refused': [BASTION, 'Somebody of the customer has refused.', '`message`'],
  'approval.denied': [BASTION, 'Somebody wanted to approve who may not.', '`reason`'],
  'approval.expired': [BASTION, 'Nobody answered in time, or a grant is over.', '`grant`'],
  'approval.withdrawn': [BASTION, 'The operator waits no more.', ''],
  'approval.revoked': [BASTION, 'A grant was taken back.', '`grant`, `message`'],
  'checkpoint.signed': [BOTH, 'The log up to here is sealed by a signature.', '`size`, `root`, `note`'],
  'witness.started': [PROXY, "The proxy has taken up the witness of a bastion's log.", '`epoch`, `size`'],
  'witness.refused': [
    BOTH,
    'A checkpoint does not fit what the witness saw before.',
    '`reason`, `message`, `size`, `note`',
  ],
  'witness.resumed': [BOTH, 'Checkpoints fit again.', '`size`'],
  'witness.reset': [
    PROXY,
    'An administrator lets a log begin anew.',
    '`reason`, `epoch`, `lastSize`, `lastRoot`',
  ],
  'config.reloaded': [BOTH, 'The configuration was read anew while the role ran.', '`keys`'],
  'bastion.started': [BASTION, 'The bastion runs.', '`version`, `bastion`, `bootId`, `encryptTo`'],
  'bastion.recovered': [BASTION, 'It has closed what a crash had left open.', '`sessions`, `gapMs`'],
  'bastion.restored': [BASTION, 'It was restored from a backup.', ''],
  'bastion.stopped': [BASTION, 'It was stopped in order.', ''],
  'proxy.started': [PROXY, 'The proxy runs.', '`proxy`'],
  'proxy.restored': [PROXY, 'It was restored from a backup.', '`madeAt`'],
  'proxy.stopped': [PROXY, 'It was stopped in order.', '`reason`'],
};

/** The reference of the audit events as Markdown. */
export function auditEventReference(): string {
  const rows = AUDIT_EVENT_TYPES.map((type) => {
    const [where, meaning, fields] = EVENTS[type];
    return `| \`${type}\` | ${where} | ${meaning} | ${fields} |`;
  });
  return `${HEAD}\n| type | log of | meaning | further fields |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
}
