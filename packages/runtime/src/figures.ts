import type { Registry } from 'prom-client'

/** The value of one series at a moment. `rate`: by how much a counter has grown per second lately; gauges have none. */
export type Figure = { name: string; labels: Readonly<Record<string, string | number>>; value: number; rate?: number }

/** Over how long a rate is taken: long enough to be steady, short enough to be of now. */
const rateOverMs = 10_000

/**
 * Reads a service's own figures (`journey_…`) out of its registry, as `/metrics` shows them but for the buckets of histograms. The rates are
 * taken between this reading and the one before it that is about 10 s old; the first reading has none.
 */
export const createFigures = (registry: Registry, now: () => number = Date.now): (() => Promise<Figure[]>) => {
  const readings: { at: number; counters: ReadonlyMap<string, number> }[] = []
  return async () => {
    const at = now()
    const counters = new Map<string, number>()
    const figures: Figure[] = []
    while (readings.length > 1 && at - readings[1]!.at >= rateOverMs) readings.shift()
    const [before] = readings
    for (const metric of registry.getMetricsAsArray()) {
      if (!metric.name.startsWith('journey_')) continue
      const { type, values } = await (registry.getSingleMetric(metric.name)!.get() as Promise<unknown> as Promise<Read>)
      for (const { labels, value, metricName: name = metric.name } of values) {
        if (name.endsWith('_bucket') || !Number.isFinite(value)) continue
        const { service: _, ...own } = labels
        if (type === 'gauge' || type === 'summary') {
          figures.push({ name, labels: own, value })
          continue
        }
        const key = name + JSON.stringify(own)
        counters.set(key, value)
        const rate = before && (1000 * (value - (before.counters.get(key) ?? 0))) / Math.max(1, at - before.at)
        figures.push({ name, labels: own, value, ...(rate !== undefined && { rate: Math.round(rate * 100) / 100 }) })
      }
    }
    readings.push({ at, counters })
    return figures
  }
}

type Read = {
  /** Text at run time, though prom-client's types tell of an enumeration. */
  type: string
  values: { labels: Record<string, string | number>; value: number; metricName?: string }[]
}
