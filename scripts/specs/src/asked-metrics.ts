import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const infra = fileURLToPath(new URL('../../../infra', import.meta.url))
const read = (path: string): string => readFileSync(join(infra, path), 'utf8')

/** A metric that an alert or a panel asks for, and the labels by which it chooses or groups. */
export type Asked = { name: string; labels: string[] }

/** Every PromQL expression of the alerts and the dashboard. */
const expressions = (): string[] => {
  const alerts = parse(read('prometheus/alerts.yml')) as { groups: { rules: { expr: string }[] }[] }
  const { dashboard } = JSON.parse(read('grafana/journey-orchestrator-dashboard.json')) as {
    dashboard: { panels: { targets: { expr: string }[] }[] }
  }
  return [
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ]
}

/** What all of them ask for. A grouping counts for the metric that follows it; `le` is every histogram's. */
export const askedMetrics = (): Asked[] =>
  expressions().flatMap((expression) => {
    const metrics = [
      ...expression.matchAll(/(?:by \(([^)]*)\) \((?:\w+\()*)?\b((?:journey|rabbitmq)_\w+)(?:\{([^}]*)\})?/g),
    ]
    return metrics.map(([, grouped = '', name = '', chosen = '']) => ({
      name,
      labels: [
        ...grouped.split(/,\s*/),
        ...[...chosen.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
      ].filter((label) => label !== '' && label !== 'le'),
    }))
  })

/** What a page of metrics tells, by name: those of histograms under the names of their series. */
export const toldMetrics = (page: string): Map<string, Set<string>> => {
  const told = new Map<string, Set<string>>()
  for (const [, name = '', type = ''] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm))
    for (const ending of type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''])
      told.set(`${name}${ending}`, new Set())
  for (const [, name = '', labels = ''] of page.matchAll(/^(\w+)\{([^}]*)\} /gm))
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) told.get(name)?.add(label)
  return told
}
