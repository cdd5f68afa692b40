import { SingleBar } from 'cli-progress'

/** How far a long work is, drawn where somebody watches. */
export type ProgressBar = {
  /** @param total null while it is not known */
  show(progress: { done: number; total: number | null }, state: string): void
  /** Leaves the bar as it was last shown. */
  stop(): void
}

/** @param terminal undefined when nobody watches: then nothing is drawn */
export const progressBar = (terminal: NodeJS.WritableStream | undefined, unit: string): ProgressBar => {
  if (!terminal) return { show: () => undefined, stop: () => undefined }
  const bar = new SingleBar({
    stream: terminal,
    format: `{bar} {percentage}% {value}/{total} ${unit}  {state}  {eta_formatted}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    fps: 5,
    hideCursor: true,
  })
  let isStarted = false
  return {
    show: ({ done, total }, state) => {
      if (total === null) return
      if (!isStarted) bar.start(total, done, { state })
      isStarted = true
      bar.setTotal(total)
      bar.update(done, { state })
    },
    stop: () => {
      if (isStarted) bar.stop()
    },
  }
}
