import { messageOf } from '@journey/runtime'

/** One step of a start, told as it goes. `detail` says what was reached, or why it failed, or what takes so long. */
export type Step = { name: string; state: 'started' | 'done' | 'failed'; detail: string; ms: number }
export type OnStep = (step: Step) => void

/** Runs one step and tells how it went; `note` tells of something slow on the way. */
export const createSteps =
  (onStep: OnStep) =>
  async (name: string, work: (note: (detail: string) => void) => Promise<string>): Promise<void> => {
    const begun = performance.now()
    const tell = (state: Step['state'], detail: string) =>
      onStep({ name, state, detail, ms: Math.round(performance.now() - begun) })
    tell('started', '')
    try {
      tell('done', await work((detail) => tell('started', detail)))
    } catch (error) {
      tell('failed', messageOf(error))
      throw error
    }
  }
