import Table from 'cli-table3'
import pc from 'picocolors'

/** Where a verb writes; people see colours on a terminal alone. */
export type Output = {
  json: boolean
  colours: Colours
  line(text?: string): void
  /** Pretty on a terminal and in a pipe alike: programs do not mind, people may look. */
  value(value: unknown): void
}

export type Colours = ReturnType<typeof pc.createColors>

export const createOutput = (options: { json: boolean; colour: boolean; write: (text: string) => void }): Output => {
  const { json, colour, write } = options
  return {
    json,
    colours: pc.createColors(colour),
    line: (text = '') => write(`${text}\n`),
    value: (value) => write(`${JSON.stringify(value, undefined, 2)}\n`),
  }
}

/** Text from elsewhere without what a terminal would obey. */
export const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ')

/** A table without lines: a header, then a row a thing. */
export const tableOf = (colours: Colours, head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const table = new Table({ head: head.map((text) => colours.bold(text)), style, chars: noLines })
  table.push(...rows.map((row) => row.map(plain)))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

const style = { head: [], border: [], 'padding-left': 0, 'padding-right': 2 }
const noLines = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}

/** How a status or verdict looks. */
export const verdictIn = (colours: Colours, verdict: string): string => {
  if (['pass', 'completed', 'active', 'accepted'].includes(verdict)) return colours.green(verdict)
  if (['fail', 'failed', 'error', 'cancelled', 'rejected'].includes(verdict)) return colours.red(verdict)
  return colours.yellow(verdict)
}

/** A span in words: `0.4 s`, `2 min 5 s`, `3 h 10 min`, `2 d 4 h`. */
export const duration = (ms: number): string => {
  if (ms < 0) return '0 s'
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return two(seconds, 60, 'min', 's')
  if (seconds < 86_400) return two(Math.round(seconds / 60), 60, 'h', 'min')
  return two(Math.round(seconds / 3600), 24, 'd', 'h')
}

const two = (count: number, base: number, large: string, small: string): string =>
  count % base === 0 ? `${count / base} ${large}` : `${Math.floor(count / base)} ${large} ${count % base} ${small}`

/** A moment for people: their own time zone, seconds. */
export const moment = (instant: string | null): string => {
  if (instant === null) return '–'
  const at = new Date(instant)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${clock(instant)}`
}

/** The time of day alone. */
export const clock = (instant: string): string => {
  const at = new Date(instant)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, '0')).join(':')
}
