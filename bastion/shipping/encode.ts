import { createHmac } from 'node:crypto';
import { canonicalJson } from '../../shared/audit/canonical-json.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';

/** Whose events they are. */
export interface ShippedFrom {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly platformId?: string;
}

/** Facility 13 (log audit), severities of RFC 5424. */
const FACILITY = 13;
const NOTICE = 5;
const WARNING = 4;

/** Severity numbers of OpenTelemetry's log data model. */
const OTLP_INFO = 9;
const OTLP_WARN = 13;

/** One event a line, as it is stored: whoever has the lines can check hashes and links. */
export function jsonLines(events: readonly AuditEvent[]): Buffer {
  return Buffer.from(events.map((event) => `${canonicalJson(event)}\n`).join(''));
}

/**
 * RFC 5424 messages, each behind its length (RFC 5425, octet counting). The message is the event as JSON, and the
 * structured data what receivers filter by.
 */
export function syslogFrames(events: readonly AuditEvent[], from: ShippedFrom): Buffer {
  const frames = events.map((event) => {
    const priority = FACILITY * 8 + (isRefusal(event) ? WARNING : NOTICE);
    const data = `[drawbridge@32473 seq="${event.seq}" type="${sdValue(event.type)}" actor="${sdValue(event.actor)}"]`;
    const header = `<${priority}>1 ${event.time} ${headerText(from.name, 255)} drawbridge ${process.pid} ${headerText(event.type, 32)}`;
    const message = Buffer.from(`${header} ${data} \uFEFF${canonicalJson(event)}`);
    return Buffer.concat([Buffer.from(`${message.length} `), message]);
  });
  return Buffer.concat(frames);
}

/** An `ExportLogsServiceRequest` in OTLP's JSON encoding. */
export function otlpLogs(events: readonly AuditEvent[], from: ShippedFrom): Buffer {
  const resource = {
    'service.name': 'drawbridge-bastion',
    'service.instance.id': from.id,
    'service.version': from.version,
    'drawbridge.bastion': from.name,
    ...(from.platformId === undefined ? {} : { 'platform.id': from.platformId }),
  };
  const logRecords = events.map((event) => ({
    timeUnixNano: `${BigInt(Date.parse(event.time)) * 1_000_000n}`,
    severityNumber: isRefusal(event) ? OTLP_WARN : OTLP_INFO,
    severityText: isRefusal(event) ? 'WARN' : 'INFO',
    body: { stringValue: canonicalJson(event) },
    attributes: attributesOf({
      'event.name': event.type,
      'log.record.uid': event.id,
      'drawbridge.seq': event.seq,
      'drawbridge.actor': event.actor,
      ...(event.session === undefined ? {} : { 'drawbridge.session': event.session }),
      ...(event.operator === undefined ? {} : { 'drawbridge.operator': event.operator }),
      ...(event.host === undefined ? {} : { 'drawbridge.host': event.host }),
    }),
  }));
  const scopeLogs = [{ scope: { name: 'drawbridge.audit', version: from.version }, logRecords }];
  return Buffer.from(
    JSON.stringify({ resourceLogs: [{ resource: { attributes: attributesOf(resource) }, scopeLogs }] }),
  );
}

/** A webhook's body. */
export function webhookBody(events: readonly AuditEvent[], from: ShippedFrom): Buffer {
  return Buffer.from(
    JSON.stringify({ type: 'audit.events', bastion: { id: from.id, name: from.name }, events }),
  );
}

/**
 * The headers by which a receiver knows that a body is ours and fresh (Standard Webhooks, version 1): HMAC-SHA256 over
 * id, time and body.
 */
export function webhookHeaders(
  id: string,
  atMs: number,
  body: Buffer,
  secret: Buffer,
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000));
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function isRefusal({ type }: AuditEvent): boolean {
  return type.endsWith('.refused') || type.endsWith('.duplicated');
}

function attributesOf(values: Readonly<Record<string, string | number>>) {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}

/** Header fields are printable ASCII without spaces. */
function headerText(text: string, limit: number): string {
  const plain = text.replace(/[^\x21-\x7e]/g, '?').slice(0, limit);
  return plain === '' ? '-' : plain;
}

/** Values of structured data escape three characters (RFC 5424, 6.3.3). */
function sdValue(text: string): string {
  return text.replace(/[\\"\]]/g, (character) => `\\${character}`);
}
