import { type AcmeChoice, tlsYaml } from '../../shared/acme/template.ts';

/** What the commented files of a new bastion are made from. */
export interface TemplateValues {
  readonly name: string;
  readonly listenHost: string;
  readonly httpsPort: number;
  readonly publicUrl: string;
  readonly acme: AcmeChoice | undefined;
}

/** A text as a YAML scalar that nothing else can be meant by. */
function yamlText(text: string): string {
  return JSON.stringify(text);
}

export function bastionYaml(values: TemplateValues): string {
  return `# The customer's bastion: it decides who gets in, records everything, and can cut everything.
# Paths are relative to this file. Durations are written 30s, 5m, 8h; sizes 16 MiB.
role: bastion
name: ${yamlText(values.name)}
dataDir: data

# Where the page, the API and the agents' tunnels listen.
https:
  host: ${yamlText(values.listenHost)}
  port: ${values.httpsPort}
# The same, as agents and browsers reach it. It need not be reachable from the Internet.
publicUrl: ${values.publicUrl}

${tlsYaml(values.acme)}
# Who may do what. Change it with 'drawbridge policy apply', which checks it and tells live sessions.
policy: data/policy.yaml

# Tunnels to the vendor's proxy. Its address and key were pinned by 'drawbridge bastion join'.
proxy:
  tunnels: 2
# true: keep the tunnels while remote access is off, and refuse every stream in them.
keepTunnelWhenOff: false

# How to get out to the vendor's proxy, when not directly. Without 'proxy' the environment's https_proxy counts.
# egress:
#   proxy: http://user:password@proxy.example.com:3128
#   noProxy: [localhost, .internal]
#   caBundle: /etc/ssl/certs/company.pem

# Whose word counts about operators. proxy: the vendor's proxy. idp: only an identity provider, whose signature this
# bastion checks itself, so that a taken-over proxy can make up nobody; see docs/identity-provider.md.
trust: proxy
# idp:
#   - issuer: https://login.example.com/tenant
#     clientId: the vendor's application there
#     usernameClaim: preferred_username
#     groupsClaim: groups
#     maxLoginAge: 8h
#     keys: { maxAge: 24h }   # or { file: provider-keys.json } without a connection to the provider

# Where recordings go, if not to data/recordings, and whose private keys alone open them (drawbridge recordings keygen).
# recordings:
#   directory: /var/lib/drawbridge-recordings
#   encryptTo: [age1…]

# Hosts without an agent, whose sshd this bastion can reach. Let the key in data/ssh_client_ed25519_key.pub in there.
# hosts:
#   - name: legacy-1
#     address: { host: 10.0.0.7, port: 22 }
#     labels: { environment: production }

# level: fatal, error, warn, info, debug or trace; format: auto, pretty or json.
log:
  level: info
  format: auto
`;
}

export function policyYaml(): string {
  return `# Who may do what through this bastion. Whatever no role allows is refused.
#
# A role is for operators whose login with the vendor says one of its groups. To change this file in force:
#   drawbridge policy check policy.yaml && drawbridge policy apply policy.yaml
version: 1
roles:
  - name: support
    # Groups, as the vendor's proxy states them for an operator. One of them is enough.
    groups: [support]
    # Only operators who signed in with a second factor. Also possible: user_verification (finger, face or the PIN of
    # a security key) and trusted_device (approved by the vendor).
    require: { mfa: true }
    # Hosts by name, where * stands for any characters, and by labels (all of them must fit).
    hosts:
      names: ['*']
      # labels: { environment: production }
    # UNIX accounts. {{sub}} is the operator's own name, so that everybody has an account of their own.
    logins: ['{{sub}}']
    # What may be done: shell, exec (commands, scp -O, rsync, git), sftp (sftp, scp), agent_forwarding (ssh -A: programs
    # on the host may use the operator's SSH agent while the session lives).
    allow: [shell, exec, sftp]
    # Where ssh -L, -D and -W may lead, as seen from the host: host:port, with * and port ranges.
    forward: []
    # forward: ['localhost:5432', '*.internal:443', '10.0.0.7:8000-8099']
    # When the role counts, and what bounds it; every field is in docs/policy.md.
    # windows: [{ days: [mon, tue, wed, thu, fri], from: '08:00', to: '18:00', zone: Europe/Berlin }]
    # valid: { from: 2026-01-01, until: 2026-12-31 }
    # limits: { session: 8h, idle: 30m, sessions: 3, new_per_minute: 10, file_size: 1 GiB, transfers: both }
    # Where the host may listen for the operator (ssh -R): address:port on the host, * for every address or any port.
    # remote_forward: ['localhost:8000-8099']
`;
}
