import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/**
 * The metrics of one app, with the label `service`. Asking for a name again returns the same metric, so that two parts of
 * an app may count the same thing. Names: `muster_<what>_<unit>`, counters end in `_total`.
 */
export class Metrics {
  private readonly registry = new Registry();

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
  }

  counter<Label extends string = never>(
    name: string,
    help: string,
    labels: readonly Label[] = [],
  ): Counter<Label> {
    return (
      this.existing(name, Counter<Label>) ?? new Counter({ ...this.declared(name, help), labelNames: labels })
    );
  }

  gauge<Label extends string = never>(
    name: string,
    help: string,
    labels: readonly Label[] = [],
  ): Gauge<Label> {
    return (
      this.existing(name, Gauge<Label>) ?? new Gauge({ ...this.declared(name, help), labelNames: labels })
    );
  }

  /** A gauge that is asked for its value when the page is. A `read` that fails leaves it out of the page. */
  gaugeOf(name: string, help: string, read: () => Promise<number>): void {
    new Gauge({
      ...this.declared(name, help),
      async collect() {
        try {
          this.set(await read());
        } catch {
          this.remove();
        }
      },
    });
  }

  /** `buckets` in the unit of the name; default: 1 ms to 10 s, in seconds. */
  histogram<Label extends string = never>(
    name: string,
    help: string,
    labels: readonly Label[] = [],
    buckets: readonly number[] = SECONDS,
  ): Histogram<Label> {
    return (
      this.existing(name, Histogram<Label>) ??
      new Histogram({ ...this.declared(name, help), labelNames: labels, buckets: [...buckets] })
    );
  }

  /** Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  private declared(name: string, help: string): { name: string; help: string; registers: Registry[] } {
    return { name, help, registers: [this.registry] };
  }

  private existing<M>(name: string, kind: new (...args: never[]) => M): M | undefined {
    const found: unknown = this.registry.getSingleMetric(name);
    if (found === undefined || found instanceof kind) return found;
    throw new Error(`metric ${name} exists as another kind`);
  }
}

/** Several pages as one: each metric is declared once, with the samples of all. They stay apart by their label `service`. */
export const joinPages = (pages: readonly string[]): string => {
  const metrics = new Map<string, { readonly declared: Map<string, string>; readonly samples: string[] }>();
  for (const page of pages) {
    let current: string[] = [];
    for (const line of page.split('\n')) {
      const [, kind, name] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (kind === undefined || name === undefined) {
        if (line !== '' && !line.startsWith('#')) current.push(line);
        continue;
      }
      const metric = metrics.get(name) ?? { declared: new Map<string, string>(), samples: [] };
      metrics.set(name, metric);
      metric.declared.set(kind, metric.declared.get(kind) ?? line);
      current = metric.samples;
    }
  }
  const written = [...metrics.values()].flatMap(({ declared, samples }) => [
    ...declared.values(),
    ...samples,
  ]);
  return `${written.join('\n')}\n`;
};

export const createMetrics = (service: string): Metrics => new Metrics(service);

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
