import type { ServiceReport } from '@journey/read-model'
import type { Figure } from '@journey/runtime'

type Labels = Readonly<Record<string, string | number>>

/** The series of a name, of all instances, whose labels are at least these. */
export const seriesOf = (reports: readonly ServiceReport[], name: string, labels: Labels = {}): Figure[] =>
  reports.flatMap(({ figures }) =>
    figures.filter(
      (one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
    ),
  )

/** Their sum; 0 for none. */
export const summed = (reports: readonly ServiceReport[], name: string, labels?: Labels): number =>
  seriesOf(reports, name, labels).reduce((sum, { value }) => sum + value, 0)

/** The largest of them, if there are any. */
export const worst = (reports: readonly ServiceReport[], name: string, labels?: Labels): number | undefined => {
  const values = seriesOf(reports, name, labels).map(({ value }) => value)
  return values.length === 0 ? undefined : Math.max(...values)
}
