import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';

/**
 * The metrics of one app, with the label `service`. Asking for a name again returns the same metric, so that two parts of
 * an app may count the same thing. Names: `muster_<what>_<unit>`, counters end in `_total`.
 */
export class Metrics {
  private readonly registry = new Registry();

  constructor(service: string) {
    this.registry.setDefaultLabels({ service });
    collectDefaultMetrics({ register: this.registry });
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

  get contentType(): string {
    return this.registry.contentType;
  }

  /** Prometheus text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** The same as `text`, before it is written out. */
  values(): Promise<MetricObjectWithValues<MetricValue<string>>[]> {
    return this.registry.getMetricsAsJSON();
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

/** Metrics of several apps on one page; they stay apart by their label `service`. */
export const aggregateMetrics = (
  many: readonly Pick<Metrics, 'values'>[],
): Pick<Metrics, 'contentType' | 'text' | 'values'> => {
  const aggregate = async (): Promise<Registry> =>
    AggregatorRegistry.aggregate(await Promise.all(many.map((one) => one.values())));
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    text: async () => (await aggregate()).metrics(),
    values: async () => (await aggregate()).getMetricsAsJSON(),
  };
};

export const createMetrics = (service: string): Metrics => new Metrics(service);

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
