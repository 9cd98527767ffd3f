// Tells Docker whether a proxy or bastion in this container can do its work: GET /readyz on its own port.
// Usage: node healthy.mjs [PORT]
import { request } from 'node:https';

const ANSWER_LIMIT_MS = 5_000;

const asked = request(
  // Whose certificate it is does not matter: the question never leaves this machine.
  { host: '127.0.0.1', port: Number(process.argv[2] ?? 443), path: '/readyz', rejectUnauthorized: false },
  (response) => process.exit(response.statusCode === 200 ? 0 : 1),
);
asked.setTimeout(ANSWER_LIMIT_MS, () => process.exit(1));
asked.once('error', () => process.exit(1));
asked.end();
