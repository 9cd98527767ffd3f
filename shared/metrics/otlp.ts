import { type Family, parseExposition, type Sample } from './exposition.ts';

/** Who pushes, and since when it counts. */
export interface PushedFrom {
  readonly role: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly platformId?: string;
  /** When the role's counters were at 0, in milliseconds since the epoch. */
  readonly startedAtMs: number;
}

/** OTLP's word for sums since the start. */
const CUMULATIVE = 2;
const NS_PER_MS = 1_000_000n;

/** Prometheus' text as the JSON of an OTLP metrics export request (OTLP 1.x over HTTP). */
export function otlpMetrics(text: string, from: PushedFrom, nowMs: number): Buffer {
  const moment = { startTimeUnixNano: nanos(from.startedAtMs), timeUnixNano: nanos(nowMs) };
  const resource = {
    'service.name': 'drawbridge',
    'service.instance.id': from.id,
    'service.version': from.version,
    'drawbridge.role': from.role,
    'drawbridge.name': from.name,
    ...(from.platformId === undefined ? {} : { 'platform.id': from.platformId }),
  };
  const metrics = parseExposition(text).flatMap((family) => metricOf(family, moment));
  const scopeMetrics = [{ scope: { name: 'drawbridge', version: from.version }, metrics }];
  return Buffer.from(
    JSON.stringify({ resourceMetrics: [{ resource: { attributes: attributesOf(resource) }, scopeMetrics }] }),
  );
}

interface Moment {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

function metricOf(family: Family, moment: Moment): object[] {
  const { name, help: description, type } = family;
  const plain = (family.samples.get('') ?? []).filter(({ value }) => Number.isFinite(value));
  const dataPoints = plain.map(({ labels, value }) => ({
    attributes: attributesOf(labels),
    ...moment,
    asDouble: value,
  }));
  if (type === 'histogram') {
    return [
      {
        name,
        description,
        histogram: { aggregationTemporality: CUMULATIVE, dataPoints: histogramPoints(family, moment) },
      },
    ];
  }
  if (dataPoints.length === 0) return [];
  return type === 'counter'
    ? [{ name, description, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }]
    : [{ name, description, gauge: { dataPoints } }];
}

/** Prometheus counts in each bucket what the smaller ones have too; OTLP does not. */
function histogramPoints(family: Family, moment: Moment): object[] {
  const sums = family.samples.get('_sum') ?? [];
  return (family.samples.get('_count') ?? []).map((count) => {
    const buckets = (family.samples.get('_bucket') ?? [])
      .filter((bucket) => isSameSeries(bucket, count))
      .map(({ labels, value }) => ({ bound: Number(labels['le']?.replace('+Inf', 'Infinity')), value }))
      .sort((a, b) => a.bound - b.bound);
    return {
      attributes: attributesOf(count.labels),
      ...moment,
      count: String(count.value),
      sum: sums.find((sum) => isSameSeries(sum, count))?.value ?? 0,
      bucketCounts: buckets.map(({ value }, at) => String(value - (buckets[at - 1]?.value ?? 0))),
      explicitBounds: buckets.map(({ bound }) => bound).filter((bound) => Number.isFinite(bound)),
    };
  });
}

function isSameSeries(one: Sample, other: Sample): boolean {
  const key = ({ labels }: Sample) =>
    JSON.stringify(
      Object.entries(labels)
        .filter(([name]) => name !== 'le')
        .sort(([a], [b]) => a.localeCompare(b)),
    );
  return key(one) === key(other);
}

function attributesOf(values: Readonly<Record<string, string>>): object[] {
  return Object.entries(values).map(([key, stringValue]) => ({ key, value: { stringValue } }));
}

function nanos(ms: number): string {
  return String(BigInt(Math.round(ms)) * NS_PER_MS);
}
