// Writes metrics in Prometheus' text format (exposition format 0.0.4) and in OpenMetrics 1.0 with prom-client, a
// hundred samples at a time: prom-client writes a whole registry in one step, in which the event loop stands still.
import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import { printable } from '../protocol/printable.ts';

export type Format = 'text' | 'openmetrics';

export type Labels = Readonly<Record<string, string | number>>;

/** A metric with its samples, which are made while they are written. */
export interface Family {
  /** The name of the samples; that of a counter ends with `_total`. */
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  /** Samples with different labels, but all with the same label names. Samples with equal labels become one sample. */
  samples: Iterable<readonly [labels: Labels, value: number | bigint]>;
}

/** The most samples of a step, which takes about a millisecond. */
const STEP = 100;
const OPENMETRICS_END = '# EOF\n';

/** Returns a metric with one sample. */
export function one(type: Family['type'], name: string, help: string, value: number | bigint): Family {
  return { name, type, help, samples: [[{}, value]] };
}

export function contentType(format: Format): string {
  return format === 'text' ? Registry.PROMETHEUS_CONTENT_TYPE : Registry.OPENMETRICS_CONTENT_TYPE;
}

/** Returns the text in pieces of at most STEP samples. Every sample also has the labels `common`. */
export async function* expose(families: Iterable<Family>, format: Format, common: Labels): AsyncIterable<string> {
  for (const family of families) {
    let first = true;
    for (const samples of steps(family.samples)) {
      const text = await write(family, samples, format, common);
      yield first ? text : text.replace(/^# HELP .*\n# TYPE .*\n/, '');
      first = false;
    }
  }
  if (format === 'openmetrics') yield OPENMETRICS_END;
}

/** Groups samples by STEP. Returns one empty group if there are no samples. */
function* steps(samples: Family['samples']): Iterable<[Labels, number | bigint][]> {
  let step: [Labels, number | bigint][] = [];
  let any = false;
  for (const [labels, value] of samples) {
    step.push([labels, value]);
    if (step.length < STEP) continue;
    yield step;
    any = true;
    step = [];
  }
  if (step.length > 0 || !any) yield step;
}

async function write(
  { name, type, help }: Family,
  samples: readonly [Labels, number | bigint][],
  format: Format,
  common: Labels,
): Promise<string> {
  const registry = new Registry<OpenMetricsContentType>();
  if (format === 'openmetrics') registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  registry.setDefaultLabels(common);
  // prom-client adds a sample to a metric without label names. So a metric without samples gets a label name here.
  const labelNames = samples.length === 0 ? ['none'] : Object.keys(samples[0]![0]);
  const settings = { name, help, labelNames, registers: [registry as Registry<never>] };
  if (type === 'counter') {
    const counter = new Counter(settings);
    for (const [labels, value] of samples) counter.inc(inPrintable(labels), Number(value));
  } else {
    const gauge = new Gauge(settings);
    for (const [labels, value] of samples) gauge.set(inPrintable(labels), Number(value));
  }
  const text = await registry.metrics();
  return text.endsWith(OPENMETRICS_END) ? text.slice(0, -OPENMETRICS_END.length) : text;
}

function inPrintable(labels: Labels): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, typeof value === 'string' ? printable(value) : value]),
  );
}
