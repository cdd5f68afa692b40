import type { Retry } from '@journey/read-model'
import type { Family } from '@journey/runtime'
import type { Foreseen } from '../forecast/forecast.js'

/** What a process of its own is asked, one thing after another. */
export type Question =
  | { do: 'foresee_message'; retry: Retry }
  | { do: 'foresee_stream'; stream: string }
  | { do: 'free_stream'; stream: string }
  /** Whether it hears at all. */
  | { do: 'answer' }

/** What it says: that it is there, and then one answer to each question. */
export type Said =
  | { ready: true }
  | { foreseen: Foreseen }
  | { freed: true }
  | { here: true }
  | { fault: { family: Family; code: string; message: string } }
