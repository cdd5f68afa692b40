import type { Part } from '@journey/runtime'

/** Parts that start side by side and stop side by side; when one fails to start, those started are stopped by `stop()`. */
export const together = (name: string, parts: readonly Part[]): Part => ({
  name,
  start: async () => void (await Promise.all(parts.map((part) => part.start()))),
  stop: async () => void (await Promise.all(parts.map((part) => part.stop()))),
})
